"""The desk for the land administration system, which calls the one-stop at ``…/<call>/<security code>``.

Each call is one thing that happened to a dossier and is answered ``{"Result": 1 | 0, "Message": …}``. The status line says the same as
``Result``, so that a client believes the right thing whichever of them it reads; 200 and 1 stand for *durable* alone.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from connectors.desks import Accepted, Errand, Refused, Reply, Say, Shown, Stands
from connectors.vbdlis.records import DATES, UNTAKEN, read
from connectors.vbdlis.telling import told
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.desks import Call, Result, Told

_NAMES = {name.lower(): name for name in (*DATES, *UNTAKEN)}
_OWN = {"/At": "date", "/Ends": "TrangThaiKetThuc", "/Files": "LinkFile"}
"""What the desk concluded, by what from."""


class Desk:
    """``connectors.desks.Desk`` for this protocol."""

    stands = Stands.ADDRESS

    def errand(self, method: str, path: str, _headers: Mapping[str, str]) -> Errand | None:
        return Errand.SAY if method == "POST" and _service(path) in _NAMES else None

    def login(self, call: Call) -> None:
        del call

    def shows(self, call: Call) -> Shown:
        _, _, code = call.path.removeprefix("/").partition("/")
        if not code.rstrip("/"):
            raise refuse("HUB-AUT-001", "address", rule="…/<call>/<security code>")
        return Shown(secret=code.rstrip("/"), place="address")

    def read(self, call: Call) -> Say:
        service = _NAMES[_service(call.path)]
        if service in UNTAKEN:
            raise refuse("HUB-MAP-005", f"/{service}", rule="SoBienNhan")
        said = read(service, call.body)
        return Say(
            about=said.code,
            messages=lambda standing: (told(service, said, call.body, call.at, standing),),
        )

    def write(self, result: Result) -> Reply:
        if isinstance(result, Accepted):
            return _reply(1, ", ".join(result.ids), HTTPStatus.OK)
        if isinstance(result, Refused):
            lines = [*map(_line, result.problems), result.advice, f"X-Request-Id: {result.request}"]
            return _reply(0, "\n".join(filter(None, lines)), result.status)
        return _reply(0, "", HTTPStatus.NOT_FOUND)  # a token: this protocol has none


def _service(path: str) -> str:
    """Return the call that an address means; its own server looks at no case."""
    return path.removeprefix("/").partition("/")[0].lower()


def _line(problem: Told) -> str:
    """A place as the client knows it: without the desk's envelope."""
    place = next((said for own, said in _OWN.items() if problem.place.startswith(own)), problem.place)
    for name in DATES:
        place = place.removeprefix(f"/{name}/")
    where = " ".join(filter(None, (place.removeprefix("/"), f"({problem.rule})" if problem.rule else "")))
    return f"{problem.code}: {problem.title}" + (f" · {where}" if where else "")


def _reply(result: int, message: str, status: int) -> Reply:
    return Reply(body=msgspec.json.encode({"Result": result, "Message": message}), status=status)
