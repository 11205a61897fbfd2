"""What the examples under ``wire/<family>/<case>`` mean to the rooms and desks: every file of a case means the same, ``meaning.json``.

A case holds the published sample or our own, and its legal variations: order, prefixes, forms of dates, empty or absent, one or many.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec.structs import replace

from connectors.contract import Delivered, Parcel, Sealed
from connectors.desks import Call, Say, Says, Standing
from connectors.dvcqg.desk import Desk as Portal
from connectors.edxml import replies as axis
from connectors.gip.client import connect as gip
from connectors.lgsp.desk import Desk as Lgsp
from connectors.line import Line
from connectors.mapi.desk import Desk as Mapi
from connectors.national_portal.replies import ROWS as REPLIES
from connectors.national_portal.replies import hear, known, session_in
from connectors.national_portal.settings import Lookup
from connectors.national_portal_g2 import replies as g2
from connectors.replies import Row, classify
from connectors.rest.client import connect as rest
from connectors.rest.settings import Settings as Rest
from connectors.simulators.desk import Journal, Said
from connectors.simulators.server import Server
from connectors.small import Settle
from connectors.soap_desk.desk import Desk as SoapService
from connectors.soap_desk.names import NS
from connectors.transport import Http
from connectors.vbdlis.desk import Desk as Vbdlis
from schemas.dossier import to_json
from schemas.library import BUILTIN
from schemas.mapping import Shelf, load
from schemas.tax import notices
from tests.contract.room import REACH, SECRET, now, shows
from tests.contract.room_gip import parcel_of, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from connectors.contract import Connector, Outcome
    from connectors.desks import Desk
    from connectors.desks import Message as Told
    from connectors.national_portal.replies import Heard as PortalSaid
    from connectors.simulators.desk import Call as Came

ROOT = Path(__file__).resolve().parents[2]
WIRE = Path(__file__).parent / "wire"
CODE = "000.00.15.H47-190412-0007"
HEARD = datetime(2019, 4, 12, 9, 30, tzinfo=UTC)
CALLS = load(BUILTIN / "mappings" / "vbdlis.desk-1.toml")
FORMATS = Shelf(BUILTIN / "mappings")
ADDRESSES = {
    "SyncDocument": "/Document/SyncDocument",
    "UpdateDocumentTraces": "/Document/UpdateDocumentTraces",
    "Statistic": "/Statistic",
    "Vote": "/Vote",
}
ANSWERS = load(BUILTIN / "mappings" / "gip.data-1.toml")


class Canned:
    """A partner that answers everything with the same bytes."""

    def __init__(self, body: bytes, media_type: str) -> None:
        self.journal, self._said = Journal(None, now), Said(body=body, media_type=media_type)

    def name(self, _: Came) -> str:
        return ""

    def answer(self, _: Came) -> Said:
        return self._said

    refusal = answer

    def expire(self) -> None: ...

    def secrets(self) -> tuple[str, ...]:
        return ()


def meaning(family: str, case: str, raw: bytes) -> Any:
    return MEANINGS[family](case, raw)


class Heard(NamedTuple):
    """A desk, the format of what it makes of calls, and where a case is sent."""

    desk: Desk
    ref: str
    path: Callable[[str], str]


def messages(family: str, case: str, raw: bytes) -> list[Told]:
    """What a desk makes of a call about dossiers that nobody knew."""
    listener = LISTENERS[family]
    said = listener.desk.read(Call(path=listener.path(case.partition("-")[0]), body=raw, at=HEARD))
    each = said.each if isinstance(said, Says) else (said,)
    return [message for one in each if isinstance(one, Say) for message in one.messages(Standing())]


def _called(case: str, raw: bytes) -> Any:
    (message,) = messages("vbdlis.desk", case, raw)
    return _plain(CALLS.read(message.body, "dat-dai", message.key, "000.00.06.H47"))


def _heard_at(family: str) -> Callable[[str, bytes], Any]:
    """The same in the hub's words."""

    def heard(case: str, raw: bytes) -> Any:
        mapping = FORMATS[LISTENERS[family].ref]
        told = messages(family, case, raw)
        assert told
        return [_plain(mapping.read(each.body, "sender", each.key, "000.00.00.H47")) for each in told]

    return heard


def _asked_of_our_service(case: str, raw: bytes) -> Any:
    """What a request of the published contract wishes; a package says its own boundary in its first line."""
    media = "text/xml; charset=utf-8"
    if raw.startswith(b"--"):
        boundary = raw.partition(b"\r\n")[0].decode().removeprefix("--")
        media = f'multipart/related; type="application/xop+xml"; boundary="{boundary}"'
    action = f'"{NS}/{case.partition("-")[0]}"'
    wish = SoapService().read(
        Call(path="/v1", body=raw, headers={"soapaction": action, "content-type": media})
    )
    if isinstance(wish, Settle) and wish.at:
        wish = replace(wish, at=wish.at.astimezone(UTC))
    if not isinstance(wish, Say):
        told = json.loads(msgspec.json.encode(replace(wish, write=None)))
        return {name: value for name, value in told.items() if value}
    (message,) = wish.messages(Standing())
    files = [
        {"name": each.name, "media_type": each.media_type, "sha256": each.sha256} for each in wish.encloses
    ]
    said = json.loads(msgspec.json.encode(replace(message, body=b"")))
    return {**said, "body": message.body.decode(), "files": files}


def _plain(message: Any) -> Any:
    """Without what a format keeps for itself, and without the key, which is of the bytes."""
    return json.loads(to_json(replace(message, extensions={}, key="")))


def _noticed(_: str, raw: bytes) -> Any:
    return json.loads(msgspec.json.encode(notices(raw)))


def _answered(_: str, raw: bytes) -> Any:
    outcome = asyncio.run(_told("gip", Canned(raw, "text/xml; charset=utf-8")))
    if not isinstance(outcome, Delivered) or outcome.answer is None:
        return {"outcome": type(outcome).__name__}
    message = ANSWERS.read(outcome.answer.body, "thue", outcome.answer.key, "000.00.48.G12")
    return {"outcome": "Delivered", "reference": outcome.reference, "message": _plain(message)}


def _replied(_: str, raw: bytes) -> Any:
    outcome = asyncio.run(_told("vbdlis", Canned(raw, "application/json; charset=utf-8")))
    return {"outcome": type(outcome).__name__}


def _by_the_portal(_: str, raw: bytes) -> Any:
    rows = tuple(Row.model_validate(row) for row in _portal_file()["replies"])
    return {"action": classify(_portal_said(raw).reply, rows, REPLIES).action}


class OnTheAxis(NamedTuple):
    """An answer of the axis with status 200."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = {}
    arrived_at: datetime = HEARD

    @property
    def media_type(self) -> str:
        return _media(self.body)


def _by_the_axis(_: str, raw: bytes) -> Any:
    return {"done": axis.read(OnTheAxis(raw)).good}


def _by_generation_2(_: str, raw: bytes) -> Any:
    said = g2.hear(200, _media(raw), raw, {}, HEARD).reply
    return {"action": classify(said, g2.room_rows(("0", "200"))).action}


def _media(raw: bytes) -> str:
    """A gateway's page is HTML whatever it says."""
    return "text/html" if raw.startswith(b"<") else "application/json"


def _let_in(_: str, raw: bytes) -> Any:
    return {"session": session_in(_portal_said(raw))}


def _looked_up(_: str, raw: bytes) -> Any:
    records = known(_portal_said(raw), Lookup(), CODE)
    return {"records": None if records is None else list(records)}


def _portal_said(raw: bytes) -> PortalSaid:
    """An answer with status 200, as all of the portal's are."""
    return hear(200, _media(raw), raw)


def _portal_file() -> Any:
    file = ROOT / "examples" / "partners" / "dvcqg.toml"
    return tomllib.loads(file.read_text("utf-8"))["receives"]


async def _told(partner: str, desk: Canned) -> Outcome:
    server = Server(desk)
    address = f"http://127.0.0.1:{await server.start()}"
    with tempfile.TemporaryDirectory() as folder:
        connector, parcel = PARTNERS[partner](address, Path(folder))
        try:
            return await connector.deliver(parcel)
        finally:
            await connector.close()
            await server.stop()


def _tax(address: str, folder: Path) -> tuple[Connector, Parcel]:
    told = settings(address, folder)
    http = Http(told, clock=now)
    return gip(told, Line(http, shows(told, http))), parcel_of(told, CODE, 1)


def _land(address: str, folder: Path) -> tuple[Connector, Parcel]:
    (folder / "code.txt").write_text(SECRET, "utf-8")
    receives = tomllib.loads((ROOT / "examples" / "desks" / "dat-dai-vbdlis.toml").read_text("utf-8"))[
        "receives"
    ]
    file = {**receives["rest"]["auth"], "secret_file": folder / "code.txt"}
    told = Rest.model_validate({**receives["rest"], **REACH, "base_url": address, "auth": file})
    rows = tuple(Row.model_validate(row) for row in receives["replies"])
    http = Http(told, clock=now)
    sealed = Sealed(payload=b"{}", media_type="application/json")
    return rest(told, Line(http, shows(told, http)), rows), Parcel(
        key="k", operation="tiepnhan", sealed=sealed, dossier=CODE
    )


PARTNERS: dict[str, Callable[[str, Path], tuple[Connector, Parcel]]] = {"gip": _tax, "vbdlis": _land}
LISTENERS = {
    "vbdlis.desk": Heard(Vbdlis(), "vbdlis.desk@1", "/{}/code".format),
    "dvcqg.tax": Heard(Portal(), "dvcqg.calls@1", lambda _: "/nhantbthuedvcqg"),
    "dvcqg.calls": Heard(Portal(), "dvcqg.calls@1", "/{}".format),
    "opencps.lgsp": Heard(Lgsp(), "opencps.lgsp@1", ADDRESSES.__getitem__),
    "opencps.mapi": Heard(Mapi(), "dvcqg.mapi@1", lambda _: "/mapi/g"),
}
MEANINGS: dict[str, Callable[[str, bytes], Any]] = {
    "vbdlis.desk": _called,
    "vbdlis.replies": _replied,
    "gip.answers": _answered,
    "portal.replies": _by_the_portal,
    "portal.replies-g2": _by_generation_2,
    "portal.logins": _let_in,
    "axis.replies": _by_the_axis,
    "portal.lookups": _looked_up,
    "tax.notices": _noticed,
    "dvcqg.tax": _heard_at("dvcqg.tax"),
    "dvcqg.calls": _heard_at("dvcqg.calls"),
    "soap.desk": _asked_of_our_service,
    "opencps.lgsp": _heard_at("opencps.lgsp"),
    "opencps.mapi": _heard_at("opencps.mapi"),
}
