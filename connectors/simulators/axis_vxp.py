"""The document axis as VXP's clients speak to it: ``POST …/{call}``, headers that begin with ``XroadVnpt-``, answers ``{status, ErrorCode, ErrorDesc, …}``.

What a call says stands in its JSON body or, as the axis's own Java client has it, in further ``XroadVnpt-`` headers; ``insists`` takes one of the two
alone. ``getEdoc`` answers the file, or JSON with it in base64 as that client wants it (``wraps``). Codes other than ``0`` are this simulator's own.
"""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from connectors.simulators.axis_box import DONE, FAIL, LEAVE, MARK, PROCESSING, REGISTER, SEND, Agency
from connectors.simulators.axis_papers import EDOC, STATUS, faults, is_agency, read
from connectors.simulators.axis_proof import PREFIX, VIETNAM, Unproved, hashed, named, prove
from connectors.simulators.desk import Said, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from connectors.simulators.axis_box import Box, Letter
    from connectors.simulators.desk import Call

LIST, FETCH, SENT = "getReceivedEdocList", "getEdoc", "getSentEdocList"
AGENCIES, UNITS = "getAgenciesList", "getSynchronizeUnit"
SERVICE, KINDS = "eDoc", (EDOC, STATUS)
HEADERS, BODY = "headers", "body"
NO, STRANGER, UNKNOWN, BAD = "-3", "-1", "-2", "-4"
MARKS = {"done": DONE, "fail": FAIL, "processing": PROCESSING}
METADATA = ("from", "to", "servicetype", "messagetype")
"""What stands in a sending's headers, by one source under these names alone."""
DAYS = ("%Y/%m/%d", "%d/%m/%Y", "%Y-%m-%d", "%Y/%m/%d %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S")
"""How a client may write ``fromDate`` and ``toDate``: nobody says."""
PATIENCE = timedelta(minutes=15)


class _No(Exception):  # noqa: N818 - becomes an answer
    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Ways(NamedTuple):
    """``mixes``: a list of what lies ready holds documents and status messages, whatever it is asked for."""

    insists: str = ""
    wraps: bool = False
    mixes: bool = False


class Vxp:
    """``codes``: what callers showed to prove themselves."""

    def __init__(self, box: Box, secret: str, ways: Ways, clock: Callable[[], datetime]) -> None:
        self._box, self._secret, self._ways, self._clock = box, secret, ways, clock
        self.codes: set[str] = set()
        self._does: Mapping[str, Callable[[Call, Mapping[str, Any], Mapping[str, str]], Said]] = {
            LIST: self._list,
            FETCH: self._fetch,
            SENT: self._sent,
            SEND: self._send,
            MARK: self._mark,
            AGENCIES: self._agencies,
            UNITS: self._agencies,
            REGISTER: self._register,
            LEAVE: self._leave,
        }

    @staticmethod
    def name(call: Call) -> str:
        return call.path.rpartition("/")[2]

    def answer(self, call: Call) -> Said:
        does = self._does.get(self.name(call))
        if does is None or call.method != "POST":
            return Said(body=b"Not Found", status=404, media_type="text/plain")
        self.codes.add(named(call).get("hash-header", "-"))
        try:
            signed = prove(call, self._secret, self._clock(), PATIENCE)
        except Unproved as error:
            return _no(STRANGER, str(error), 401)
        try:
            return does(call, self._asked(call, signed), signed)
        except _No as no:
            return _no(no.code, str(no))

    def refusal(self, call: Call) -> Said:
        return _no(NO, f"Không thực hiện được {self.name(call)}")

    def wanted(self, call: Call) -> str:
        """Return the number of the document that a call is about."""
        try:
            asked = {**named(call), **_json(call)}
        except _No:
            return ""
        return str(asked.get("docId") or asked.get("docid") or "")

    def _asked(self, call: Call, signed: Mapping[str, str]) -> dict[str, Any]:
        """Put together what the call says. What both say must be the same."""
        heads = {name: value for name, value in signed.items() if name != "content-type"}
        if self._ways.insists != HEADERS and self.name(call) == SEND:
            heads = {name: call.headers[name] for name in METADATA if name in call.headers} | heads
        said = {} if self._ways.insists == HEADERS else _json(call)
        if self._ways.insists == BODY and self.name(call) != SEND:
            heads = {}
        for name, value in said.items():
            if name.lower() in heads and heads[name.lower()] != str(value):
                raise _No(BAD, f"{name} nói hai điều khác nhau")
        return {**heads, **{name.lower(): value for name, value in said.items()}}

    def _list(self, _: Call, asked: Mapping[str, Any], __: Mapping[str, str]) -> Said:
        kinds = KINDS if self._ways.mixes and _kind(asked) else (_kind(asked),)
        found = [one for kind in kinds for one in self._box.waiting(kind) if _within(one, asked)]
        return _yes(data=[_received(one, self._box.unit) for one in found])

    def _fetch(self, _: Call, asked: Mapping[str, Any], __: Mapping[str, str]) -> Said:
        letter = self._box.letter(_needs(asked, "docid"))
        if letter is None:
            raise _No(UNKNOWN, "Không có văn bản này")
        if self._ways.wraps:
            return _yes(data=base64.b64encode(letter.body).decode())
        return Said(body=letter.body, media_type="application/xml; charset=utf-8")

    def _sent(self, _: Call, asked: Mapping[str, Any], __: Mapping[str, str]) -> Said:
        kind, number = _kind(asked), asked.get("docid", "")
        found = [
            one
            for one in self._box.sent.values()
            if one.paper.kind == kind and number in {"", one.number} and _within(one, asked)
        ]
        return _yes(data=[row for one in found for row in _rows(one)])

    def _send(self, call: Call, asked: Mapping[str, Any], signed: Mapping[str, str]) -> Said:
        if not call.headers.get("content-type", "").startswith("application/octet-stream"):
            raise _No(BAD, "Content-Type phải là application/octet-stream")
        if not hashed(signed, call.body):
            raise _No(BAD, "SHA-256 của nội dung không có trong các tiêu đề đã ký")
        if not is_agency(_needs(asked, "from")):
            raise _No(BAD, "from không phải mã định danh")
        number = _taken(self._box, call.body, _kind(asked), _addressees(asked))
        return _yes(DocId=number)

    def _mark(self, _: Call, asked: Mapping[str, Any], __: Mapping[str, str]) -> Said:
        state = MARKS.get(_needs(asked, "status"))
        if state is None:
            raise _No(BAD, f"status là một trong {', '.join(MARKS)}")
        number = _needs(asked, "docid")
        if not self._box.mark(number, state):
            raise _No(UNKNOWN, "Không có văn bản này")
        return _yes()

    def _agencies(self, _: Call, __: Mapping[str, Any], ___: Mapping[str, str]) -> Said:
        return _yes(
            data=[
                {"id": one.code, "code": one.code, "name": one.name, "pid": one.parent, "mail": ""}
                for one in self._box.agencies.values()
            ]
        )

    def _register(self, _: Call, asked: Mapping[str, Any], __: Mapping[str, str]) -> Said:
        code, name = _needs(asked, "code"), _needs(asked, "name")
        if not is_agency(code):
            raise _No(BAD, "code không phải mã định danh")
        self._box.register(Agency(code=code, name=name, parent=str(asked.get("pcode") or "")))
        return _yes()

    def _leave(self, _: Call, asked: Mapping[str, Any], __: Mapping[str, str]) -> Said:
        if not self._box.leave(_needs(asked, "agencycode")):
            raise _No(UNKNOWN, "Không có đơn vị này")
        return _yes()


def _taken(box: Box, body: bytes, kind: str, to: Iterable[str] | None) -> str:
    """Check what is sent and keep it. ``to``: the addressees that the call names beside the document. Raises ``_No``."""
    if wrong := faults(body):
        raise _No(BAD, "; ".join(wrong))
    paper = read(body)
    if paper.kind != kind:
        raise _No(BAD, f"gói tin là {paper.kind}, không phải {kind}")
    if to is not None and set(to) != set(paper.to):
        raise _No(BAD, "to khác với nơi nhận trong gói tin")
    return box.send(paper, body)


def _addressees(asked: Mapping[str, Any]) -> list[str]:
    try:
        return msgspec.json.decode(_needs(asked, "to"), type=list[str])
    except msgspec.MsgspecError as error:
        raise _No(BAD, "to phải là một danh sách JSON") from error


def _json(call: Call) -> dict[str, Any]:
    """An empty body says nothing, and neither does a file."""
    if not call.body.strip() or "json" not in call.headers.get("content-type", ""):
        return {}
    try:
        return msgspec.json.decode(call.body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _No(BAD, "Nội dung không phải JSON") from error


def _needs(asked: Mapping[str, Any], name: str) -> str:
    value = asked.get(name)
    if not isinstance(value, str) or not value:
        raise _No(BAD, f"Thiếu {name}")
    return value


def _kind(asked: Mapping[str, Any]) -> str:
    if _needs(asked, "servicetype") != SERVICE:
        raise _No(BAD, f"servicetype phải là {SERVICE}")
    kind = _needs(asked, "messagetype")
    if kind not in KINDS:
        raise _No(BAD, f"messagetype là một trong {', '.join(KINDS)}")
    return kind


def _within(letter: Letter, asked: Mapping[str, Any]) -> bool:
    day = letter.at.astimezone(VIETNAM).date()
    first, last = _day(asked, "fromdate"), _day(asked, "todate")
    return (first is None or first.date() <= day) and (last is None or day <= last.date())


def _day(asked: Mapping[str, Any], name: str) -> datetime | None:
    text = asked.get(name) or ""
    for form in DAYS if text else ():
        try:
            return datetime.strptime(str(text), form)  # noqa: DTZ007 - a day on Vietnam's calendar
        except ValueError:
            continue
    if text:
        raise _No(BAD, f"{name} không phải ngày")
    return None


def _received(letter: Letter, unit: str) -> dict[str, str]:
    return {
        "docId": letter.number,
        "serviceType": SERVICE,
        "messageType": letter.paper.kind,
        "created_time": _time(letter.at),
        "updated_time": _time(letter.changed),
        "from": letter.paper.sender,
        "to": unit,
        "status": letter.state,
        "status_desc": letter.state.capitalize(),
    }


def _rows(letter: Letter) -> list[dict[str, str]]:
    """One for each addressee."""
    paper = letter.paper
    return [
        {
            "serviceType": SERVICE,
            "messageType": paper.kind,
            "senderDocId": letter.number,
            "receiverDocId": letter.number,
            "fromCode": paper.sender,
            "toCode": to,
            "title": paper.title,
            "notation": paper.code,
            "sentTime": _time(letter.at),
            "receivedTime": "",
            "sendStatus": DONE,
            "sendStatusDesc": "Đã gửi",
            "receiveStatus": letter.state,
            "receiveStatusDesc": letter.state.capitalize(),
        }
        for to in paper.to
    ]


def _time(at: datetime) -> str:
    return f"{at.astimezone(VIETNAM):%Y/%m/%d %H:%M:%S}"


def _yes(**more: object) -> Said:
    return say({"status": "OK", "ErrorCode": "0", "ErrorDesc": "Thành công", **more})


def _no(code: str, text: str, status: int = 200) -> Said:
    return say({"status": "FAIL", "ErrorCode": code, "ErrorDesc": text}, status)


__all__ = ["BODY", "FETCH", "HEADERS", "LIST", "PREFIX", "SENT", "Vxp"]
