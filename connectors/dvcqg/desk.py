"""The desk for the national portal, which calls the province: online dossiers, tax notices about land and the receipts for them.

The last part of an address says what the call is for; what an adapter puts before it does not matter. A call says who calls in
its body (``SecurityKey``), or as a bearer token where it has none there. Facts: docs/explanation/national-portal.md.

Answers are ``{error_code, message}`` with status 200, and the message is what the portal's own words are where they are known:
*401 Unauthorized - Error Security Code*, *không tồn tại mã hồ sơ*. ``error_code`` is a number: 0 stands for *durable* alone, and
every refusal is -1. It has to be: the answer to the payment query means *due* by 1 and *nothing to pay* by 0.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from connectors.desks import Accepted, Ask, Errand, Refused, Reply, Say, Says, Shown, Stands
from connectors.dvcqg import payment, telling
from connectors.dvcqg.records import (
    announced,
    code_of,
    envelope,
    is_notice,
    receipt,
    record,
    records,
    text,
)
from connectors.parting import Words, parted
from schemas.problems import refuse
from schemas.tax import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from connectors.contract import Enclosed
    from connectors.desks import Call, Message, Result, Standing, Told, Wish
    from connectors.dvcqg.records import Receipt, Record
    from schemas.tax import Notices

DOSSIER, TAX, PROMOTION, PAYMENT = "nhanhsdvcqg", "nhantbthuedvcqg", "addtthckhuyenmai", "dptracuuthanhtoanhs"
ADDRESSES = frozenset({DOSSIER, TAX, PROMOTION, PAYMENT})
FILE = "downloadfile"
UID = 36
"""Characters of a document's id in an address."""
KEY = "/SecurityKey"
FILES = Words(files="TaiLieuNop", name="TenTepDinhKem")
DONE = "Thành công"
NO_KEY, NO_DOSSIER = "401 Unauthorized - Error Security Code", "không tồn tại mã hồ sơ"
REFUSED = -1
BEARER = "bearer "


class Desk:
    """``connectors.desks.Desk`` for this protocol."""

    stands = Stands.BODY

    def errand(self, method: str, path: str, _headers: Mapping[str, str]) -> Errand | None:
        if method in {"GET", "HEAD"} and _is_file(path):
            return Errand.FILE
        return Errand.SAY if method == "POST" and _address(path) in ADDRESSES else None

    def login(self, call: Call) -> None:
        del call

    def shows(self, call: Call) -> Shown:
        said = text(envelope(call.body).key)
        head = call.headers.get("authorization", "")
        if not said and head.lower().startswith(BEARER):
            said = head[len(BEARER) :].strip()
        return Shown(secret=said, place=KEY)

    def read(self, call: Call) -> Wish:
        match _address(call.path):
            case "nhanhsdvcqg":
                return Says(each=_dossiers(records(call.body)))
            case "nhantbthuedvcqg":
                return _tax(call.body)
            case "dptracuuthanhtoanhs":
                return Ask(
                    about=code_of(envelope(call.body).dossier, "/MaHoSo"), owed=True, write=_paying(call.at)
                )
            case other:
                raise refuse("HUB-INT-005", other, rule=f"{DOSSIER}, {TAX}, {PAYMENT}")

    def write(self, result: Result) -> Reply:
        match result:
            case Refused():
                return _refused(result)
            case Accepted(ids=ids):
                return _json(0, f"{DONE}: {', '.join(ids)}")
            case _:
                return _json(REFUSED, "")


def _paying(at: datetime) -> Callable[[Result], Reply]:
    return lambda result: payment.answer(result, at)


def _is_file(path: str) -> bool:
    *_, name, uid = ("", *path.split("/"))
    return name == FILE and len(uid) == UID


def _address(path: str) -> str:
    return path.rstrip(" /").rpartition("/")[2].lower()


def _dossiers(found: list[bytes]) -> tuple[Say, ...]:
    says: dict[str, Say] = {}
    for number, whole in enumerate(found):
        place = "/Data" if len(found) == 1 else f"/Data/{number}"
        body, files = parted(whole, FILES)
        one = record(body, place)
        code = code_of(one.code, f"{place}/MaHoSo")
        if code in says:
            raise refuse("HUB-SCH-005", f"{place}/MaHoSo", rule="each dossier once in a call")
        says[code] = _dossier(code, one, body, files, place)
    return tuple(says.values())


def _dossier(code: str, one: Record, body: bytes, files: tuple[Enclosed, ...], place: str) -> Say:
    def messages(standing: Standing) -> tuple[Message, ...]:
        return telling.handed_in(one, body, standing, place)

    return Say(about=code, messages=messages, encloses=files)


def _tax(body: bytes) -> Says:
    call = envelope(body)
    found = records(body)
    if len(found) != 1:
        raise refuse("HUB-SCH-002", "/Data", rule="record")
    if not is_notice(found[0]):
        return Says(each=(_receipt(receipt(found[0])),))
    notices, file = announced(found[0])
    return Says(each=tuple(_notice(one, file, text(call.date)) for one in notices))


def _notice(notices: Notices, file: Enclosed | None, date: str) -> Say:
    def messages(_standing: Standing) -> tuple[Message, ...]:
        return telling.announced(notices, file, moment(date) if date else None)

    return Say(about=notices.dossier, messages=messages, encloses=(file,) if file else ())


def _receipt(said: Receipt) -> Say:
    return Say(about=said.dossier, messages=lambda standing: telling.paid(said, standing))


def _refused(refused: Refused) -> Reply:
    first = refused.problems[0]
    lines = [
        _words(refused, first),
        *map(_line, refused.problems),
        refused.advice,
        f"X-Request-Id: {refused.request}",
    ]
    status = refused.status if first.code == "HUB-INT-003" else HTTPStatus.OK
    return _json(REFUSED, "\n".join(filter(None, lines)), status)


def _words(refused: Refused, first: Told) -> str:
    """The portal's own words, where it has some."""
    if refused.wait is None and first.code.startswith("HUB-AUT-"):
        return NO_KEY
    return NO_DOSSIER if first.code == "HUB-DOS-002" else ""


def _line(problem: Told) -> str:
    """A place as the client knows it: without the desk's envelope."""
    place = problem.place
    for name in (telling.RECORD, telling.NOTICE, telling.RECEIPT):
        place = place.removeprefix(f"/{name}")
    where = " ".join(filter(None, (place, f"({problem.rule})" if problem.rule else "")))
    return f"{problem.code}: {problem.title}" + (f" · {where}" if where else "")


def _json(code: int, message: str, status: int = HTTPStatus.OK) -> Reply:
    body = msgspec.json.encode({"error_code": code, "message": message})
    return Reply(body=body, status=int(status))
