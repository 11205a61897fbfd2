"""The desk for one-stop systems that report to the national portal: it answers as the portal's first generation does.

``…/login`` gives a session for the name and secret of one of the hub's API clients. Every other address takes the calls: which
ones the client uses is its own configuration. A call says who calls in its body (``session``) and what it wants in
``service``; ``dstcode`` and ``madonvi`` say nothing that the credentials do not say. Facts: docs/explanation/national-portal.md.

Answers are ``{error_code, message, result}`` with status 200, refusals too: the published client throws the body of any other
status away and would never learn why. Its code is a number, and 0 stands for *durable* alone.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from connectors.desks import (
    Accepted,
    Answered,
    Ask,
    Errand,
    Listing,
    Login,
    Look,
    Refused,
    Reply,
    Say,
    Says,
    Shown,
    Stands,
    Token,
)
from connectors.mapi import sharing
from connectors.mapi.published import PUBLISHED, published
from connectors.mapi.records import (
    CODES,
    MOST,
    Envelope,
    LoginCall,
    Progress,
    Record,
    code_of,
    listed,
    read,
    text,
)
from connectors.mapi.telling import RECORD, STEP, stepped, told
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.desks import Call, Message, Result, Standing, Told, Wish

LOGIN = "/login"
SESSION = "/session"
SERVICES = (
    "DongBoHoSoMC, CapNhatTienDoHoSoMC, DongBoHoiDap, DongBoKetQuaHoiDapGuiTuDVCQG, DongBoDanhGia, DongBoTrangThaiHoSo, "
    "TraCuuHoSo, TraCuuTechID, LayThuTuc, LayDanhSach…, LayDanhMuc…"
)
DONE = "Thành công"
"""Some clients look for these words, whatever the code."""
LAPSED = "Phiên làm việc đã hết hạn hoặc không hợp lệ. Hãy đăng nhập lại."
WANTS_LOGIN, NOT_LET_IN, WRONG, NOT_NOW = 1, 2, 3, -1
"""``error_code`` of a refusal: log in again, cannot be logged in, to be mended, to be tried again. 0 is success."""
OWN = {"/At": "/NgayTiepNhan", "/Kind": "/TrangThaiHoSo", "/State": "/TrangThaiHoSo"}


class Desk:
    """``connectors.desks.Desk`` for this protocol."""

    stands = Stands.BODY

    def errand(self, method: str, path: str, _headers: Mapping[str, str]) -> Errand | None:
        if method != "POST":
            return None
        return Errand.LOGIN if path.rstrip("/").endswith(LOGIN) else Errand.SAY

    def login(self, call: Call) -> Login:
        said = read(call.body, LoginCall)
        for name in ("username", "password"):
            if not text(getattr(said, name)):
                raise refuse("HUB-AUT-016", f"/{name}", rule="required")
        return Login(client=text(said.username), secret=text(said.password))

    def shows(self, call: Call) -> Shown:
        return Shown(secret=text(read(call.body, Envelope).session), place=SESSION)

    def read(self, call: Call) -> Wish:
        said = read(call.body, Envelope)
        match text(said.service):
            case "TraCuuHoSo":
                return Ask(about=code_of(said.mahoso, "/mahoso"))
            case "DongBoHoSoMC":
                return Says(each=_dossiers(_some(said.data)))
            case "CapNhatTienDoHoSoMC":
                return Says(each=_steps(_some(said.data)))
            case "LayThuTuc":
                code = code_of(said.procedure, "/maTTHC")
                return Look(what=Listing.RECORD, code=code, write=sharing.record)
            case service if service in PUBLISHED:
                return published(service, call.body, call.at) or sharing.NOTHING
            case service if service in sharing.LISTS:
                return sharing.LISTS[service]
            case _:
                raise refuse("HUB-INT-005", "/service", rule=SERVICES)

    def write(self, result: Result) -> Reply:
        match result:
            case Refused():
                return _refused(result)
            case Accepted():
                return _json(0, DONE, result=[])
            case Answered(about=about, standing=standing):
                found = [{"MAHOSO": about, "TRANGTHAIHOSO": CODES[standing.state]}] if standing.state else []
                return _json(0, DONE, result=found)
            case Token(token=token):
                return _json(0, DONE, session=token)
            case _:
                return _json(NOT_NOW, "")


def _some(data: msgspec.Raw) -> list[bytes]:
    found = listed(data)
    if not found:
        raise refuse("HUB-SCH-003", "/data", rule="required")
    if len(found) > MOST:
        raise refuse("HUB-LIM-001", "/data", rule=f"at most {MOST} records")
    return found


def _dossiers(records: list[bytes]) -> tuple[Say, ...]:
    """Each record is told by what is known of its dossier; one dossier twice in a call would be told by the same past."""
    found: dict[str, Say] = {}
    for number, body in enumerate(records):
        place = f"/data/{number}"
        record = read(body, Record, place)
        code = code_of(record.code, f"{place}/MaHoSo")
        if code in found:
            raise refuse("HUB-SCH-005", f"{place}/MaHoSo", rule="each dossier once in a call")

        def messages(
            standing: Standing, record: Record = record, body: bytes = body, place: str = place
        ) -> tuple[Message, ...]:
            return told(record, body, standing, place)

        found[code] = Say(about=code, messages=messages)
    return tuple(found.values())


def _steps(records: list[bytes]) -> tuple[Say, ...]:
    by_dossier: dict[str, list[tuple[Progress, bytes]]] = {}
    for number, body in enumerate(records):
        place = f"/data/{number}"
        step = read(body, Progress, place)
        by_dossier.setdefault(code_of(step.code, f"{place}/MaHoSo"), []).append((step, body))

    def say(code: str, steps: list[tuple[Progress, bytes]]) -> Say:
        return Say(about=code, messages=lambda standing: stepped(steps, standing, "/data"))

    return tuple(say(code, steps) for code, steps in by_dossier.items())


def _refused(refused: Refused) -> Reply:
    first = refused.problems[0]
    code = _code(refused, first)
    lines = [LAPSED if code == WANTS_LOGIN else "", *map(_line, refused.problems), refused.advice]
    status = refused.status if first.code == "HUB-INT-003" else HTTPStatus.OK
    return _json(code, "\n".join(filter(None, [*lines, f"X-Request-Id: {refused.request}"])), status=status)


def _code(refused: Refused, first: Told) -> int:
    if first.code.startswith("HUB-AUT-") and refused.wait is None:
        return WANTS_LOGIN if first.place == SESSION else NOT_LET_IN
    again = refused.wait is not None or refused.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return NOT_NOW if again else WRONG


def _line(problem: Told) -> str:
    """A place as the client knows it: without the desk's envelope."""
    place = OWN.get(problem.place, problem.place)
    for name in (RECORD, STEP):
        place = place.removeprefix(f"/{name}")
    where = " ".join(filter(None, (place, f"({problem.rule})" if problem.rule else "")))
    return f"{problem.code}: {problem.title}" + (f" · {where}" if where else "")


def _json(code: int, message: str, *, status: int = HTTPStatus.OK, **more: object) -> Reply:
    body = msgspec.json.encode({"error_code": code, "message": message, **more})
    return Reply(body=body, status=int(status))
