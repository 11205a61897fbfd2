"""What the desk itself must know of a call and of the records in it; the rest is the mapping's.

Readers are lenient where clients differ: a code may be a number or a text, a field that is absent says what an empty one says.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from schemas.dossier import State
from schemas.problems import refuse
from schemas.text import NOT_XML

LONGEST = 200
"""Characters of a dossier's code: it is asked for in the store before the message is judged."""
MOST = 100
"""Records of one call. Clients send one, or what an officer ticked."""
STATES = {
    "1": State.SUBMITTED,
    "2": State.ACCEPTED,
    "3": State.REFUSED,
    "4": State.PROCESSING,
    "5": State.SUPPLEMENT,
    "6": State.DUTY,
    "7": State.WITHDRAWN,
    "8": State.STOPPED,
    "9": State.FINISHED,
    "10": State.RETURNED,
}
"""``TrangThaiHoSo`` and ``TrangThai``."""
CODES = {state: code for code, state in STATES.items()}
_SENT_AT = re.compile(rb'([?&])t=\d{13}(?:&|(?="))')


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """One call. ``isUpdating`` is not read: the hub knows by itself whether it knows a dossier."""

    session: Any = ""
    service: Any = ""
    data: msgspec.Raw = msgspec.Raw(b"[]")
    mahoso: Any = ""
    procedure: Any = msgspec.field(name="maTTHC", default="")


class LoginCall(msgspec.Struct, frozen=True, kw_only=True):
    username: Any = ""
    password: Any = ""


class Supplement(msgspec.Struct, frozen=True, kw_only=True):
    requested: Any = msgspec.field(name="NgayBoSung", default="")


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Where a dossier stands, as the client tells it."""

    code: Any = msgspec.field(name="MaHoSo", default="")
    state: Any = msgspec.field(name="TrangThaiHoSo", default="")
    submitted: Any = msgspec.field(name="NgayNopHoSo", default="")
    received: Any = msgspec.field(name="NgayTiepNhan", default="")
    refused: Any = msgspec.field(name="NgayTuChoi", default="")
    finished: Any = msgspec.field(name="NgayKetThucXuLy", default="")
    returned: Any = msgspec.field(name="NgayTra", default="")
    supplements: list[Supplement] = msgspec.field(name="DanhSachHoSoBoSung", default_factory=list)


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """One step, with its moment."""

    code: Any = msgspec.field(name="MaHoSo", default="")
    state: Any = msgspec.field(name="TrangThai", default="")


Model = TypeVar("Model", "Envelope", "LoginCall", "Record", "Progress")


def listed(data: msgspec.Raw) -> list[bytes]:
    """Part what a call brings into its records; one that stands by itself is a list of one. Raises ``Refusal`` HUB-SCH-002."""
    raw = bytes(data).strip()
    if raw[:1] == b"{":
        return [raw]
    try:
        return [bytes(each) for each in msgspec.json.decode(raw, type=list[msgspec.Raw] | None) or ()]
    except msgspec.ValidationError:
        raise refuse("HUB-SCH-002", "/data", rule="mapi") from None


def read(body: bytes, model: type[Model], place: str = "") -> Model:
    """Raises ``Refusal`` HUB-SCH-001 for what is no JSON, -002 for what has another shape. ``place``: where it stands."""
    try:
        return msgspec.json.decode(body, type=model)
    except msgspec.ValidationError as error:
        _, _, where = str(error).partition(" - at `$")
        inside = where.rstrip("`").replace(".", "/").replace("[", "/").replace("]", "")
        raise refuse("HUB-SCH-002", f"{place}{inside}", rule="mapi") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise refuse("HUB-SCH-001", rule="RFC 8259") from None


def code_of(value: object, place: str) -> str:
    """Raises ``Refusal`` HUB-SCH-003, -002: a dossier has a code."""
    code = text(value)
    if not code:
        raise refuse("HUB-SCH-003", place, rule="required")
    if len(code) > LONGEST or NOT_XML.search(code):
        raise refuse("HUB-SCH-002", place, rule=f"length 1 to {LONGEST}")
    return code


def state_of(value: object, place: str) -> State:
    """Raises ``Refusal`` HUB-MAP-001, HUB-SCH-003."""
    said = text(value)
    if not said:
        raise refuse("HUB-SCH-003", place, rule="required")
    if said not in STATES:
        raise refuse("HUB-MAP-001", place, rule="1 … 10")
    return STATES[said]


def text(value: object) -> str:
    """A number or a text, as text; anything else says nothing."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return ""
    return str(value).strip()


def lasting(record: bytes) -> bytes:
    """Leave out of its links when they were written: the published client writes that into each, so that no record is ever said
    twice in the same bytes.
    """
    return _SENT_AT.sub(rb"\1", record)
