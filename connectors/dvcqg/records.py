"""What the desk itself must know of the portal's calls; the rest is the mapping's.

Each is ``{SecurityKey, Service, IsUpdating, Data}``; where ``Data`` is left out its fields stand beside the key. What the portal
counts as one it may write as one or as a list of one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any

import msgspec

from connectors.contract import Enclosed
from schemas.problems import refuse
from schemas.tax import Notices, each, notices
from schemas.text import NOT_XML

LONGEST = 200
"""Characters of a dossier's code: it is asked for in the store before the message is judged."""
MOST = 100
"""Dossiers of one call."""
ENVELOPE = frozenset({"SecurityKey", "Service", "service", "IsUpdating", "isUpdating", "Ngay"})
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
PAID = "1"
"""``TrangThaiThanhToan`` of money that came; no other value is known."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """One call; ``data`` as it came."""

    key: Any = msgspec.field(name="SecurityKey", default="")
    data: msgspec.Raw = msgspec.field(name="Data", default=msgspec.Raw(b""))
    date: Any = msgspec.field(name="Ngay", default="")
    dossier: Any = msgspec.field(name="MaHoSo", default="")


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A dossier that somebody handed in at the portal."""

    code: Any = msgspec.field(name="MaHoSo", default="")
    submitted: Any = msgspec.field(name="NgayNopHoSo", default="")
    received: Any = msgspec.field(name="NgayTiepNhan", default="")


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """One payment of a receipt. ``at``: yyyyMMddHHmmss."""

    content: str
    at: str
    notice: str
    amount: str


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    dossier: str
    payer: str
    link: str
    payments: tuple[Payment, ...]


def envelope(body: bytes) -> Envelope:
    """Raises ``Refusal`` HUB-SCH-001 for what is no JSON, -002 for what is no object."""
    try:
        body.decode()
        return msgspec.json.decode(body, type=Envelope)
    except msgspec.ValidationError:
        raise refuse("HUB-SCH-002", rule="record") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise refuse("HUB-SCH-001", rule="RFC 8259") from None


def records(body: bytes) -> list[bytes]:
    """The records of a call, as they came; those that stand beside the key without the key."""
    data = bytes(envelope(body).data)
    try:
        data = data or _beside(body)
        found = msgspec.json.decode(data, type=list[msgspec.Raw]) if data[:1] == b"[" else [data]
    except UNREADABLE:
        raise refuse("HUB-SCH-002", "/Data", rule="record") from None
    if not found:
        raise refuse("HUB-SCH-003", "/Data", rule="required")
    if len(found) > MOST:
        raise refuse("HUB-LIM-001", "/Data", rule=f"at most {MOST} records")
    return [bytes(one) for one in found]


def _beside(body: bytes) -> bytes:
    beside = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    return msgspec.json.encode({name: raw for name, raw in beside.items() if name not in ENVELOPE})


def record(body: bytes, place: str) -> Record:
    try:
        return msgspec.json.decode(body, type=Record)
    except UNREADABLE:
        raise refuse("HUB-SCH-002", place, rule="record") from None


def announced(body: bytes) -> tuple[tuple[Notices, ...], Enclosed | None]:
    """Read a file of tax notices: what it says, and itself where it speaks of one dossier alone. Raises ``Refusal`` HUB-SCH-*."""
    written = _dict(body).get("FileThongBaoThue")
    if not isinstance(written, str) or not written:
        raise refuse("HUB-SCH-003", "/Data/FileThongBaoThue", rule="required")
    try:
        raw = base64.b64decode("".join(written.split()), validate=True)
    except (binascii.Error, ValueError):
        raise refuse("HUB-SCH-002", "/Data/FileThongBaoThue", rule="base64 (RFC 4648)") from None
    found = notices(raw)
    if len(found) > MOST:
        raise refuse("HUB-LIM-001", "/Data/FileThongBaoThue", rule=f"at most {MOST} records")
    return found, enclosed(raw) if len(found) == 1 else None


def enclosed(raw: bytes) -> Enclosed:
    return Enclosed(
        sha256=hashlib.sha256(raw).hexdigest(),
        content=raw,
        media_type="application/xml",
        name="thong-bao-thue.xml",
        place="/Data/FileThongBaoThue",
    )


def receipt(body: bytes) -> Receipt:
    """Raises ``Refusal`` HUB-SCH-*, HUB-MAP-001 for what says anything but that the money came."""
    said = _dict(body)
    payments = tuple(map(_payment, each(said.get("ThongTinThanhToan"))))
    if not payments:
        raise refuse("HUB-SCH-003", "/Data/ThongTinThanhToan", rule="required")
    return Receipt(
        dossier=code_of(said.get("MaHoSo"), "/Data/MaHoSo"),
        payer=text(said.get("MaSoThue")),
        link=text(said.get("UrlFileChungTu")),
        payments=payments,
    )


def is_notice(body: bytes) -> bool:
    return "FileThongBaoThue" in _dict(body)


def _payment(value: object) -> Payment:
    place = "/Data/ThongTinThanhToan"
    said = value if isinstance(value, dict) else {}
    if text(said.get("TrangThaiThanhToan")) != PAID:
        raise refuse("HUB-MAP-001", f"{place}/TrangThaiThanhToan", rule=PAID)
    at = text(said.get("ThoiGianThanhToan"))
    if not at:
        raise refuse("HUB-SCH-003", f"{place}/ThoiGianThanhToan", rule="required")
    return Payment(
        content=text(said.get("NoiDungThanhToan")),
        at=at,
        notice=text(said.get("MaThongBaoThue")),
        amount=_amount(said.get("SoTien"), f"{place}/SoTien"),
    )


def _amount(value: object, place: str) -> str:
    """A whole number of đồng; a client that counts in floating point writes ``.0`` behind it."""
    said = str(int(value)) if isinstance(value, float) and value.is_integer() else text(value)
    if said and not (said.isascii() and said.isdecimal()):
        raise refuse("HUB-SCH-002", place, rule="digits without leading zero or separators")
    return said


def _dict(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except UNREADABLE:
        raise refuse("HUB-SCH-002", "/Data", rule="record") from None


def code_of(value: object, place: str) -> str:
    """Raises ``Refusal`` HUB-SCH-003, -002: a dossier has a code."""
    code = text(value)
    if not code:
        raise refuse("HUB-SCH-003", place, rule="required")
    if len(code) > LONGEST or NOT_XML.search(code):
        raise refuse("HUB-SCH-002", place, rule=f"length 1 to {LONGEST}")
    return code


def text(value: object) -> str:
    """A number or a text, as text; anything else says nothing."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return ""
    return str(value).strip()
