"""``DATA`` messages of the tax gateway: written in canonical XML, wrapped in CDATA inside SOAP, and read back. Pure.

``HEADER``'s elements stand in a fixed order and are all there, empty or not. A real gateway leaves ``ERROR_CODE`` empty where all went
well; ``00`` means the same. Answers name dates in several forms; none is believed for more than what it is the date of.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

import msgspec

from schemas.problems import Refusal, refuse
from schemas.strict_xml import parse_xml
from schemas.tax import VIETNAM, moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from lxml import etree

    from connectors.gip.settings import Settings

HEADER = (
    "VERSION", "SENDER_CODE", "SENDER_NAME", "RECEIVER_CODE", "RECEIVER_NAME", "TRAN_CODE", "MSG_ID", "MSG_REFID", "ID_LINK",
    "SEND_DATE", "ORIGINAL_CODE", "ORIGINAL_NAME", "ORIGINAL_DATE", "ERROR_CODE", "ERROR_DESC", "SPARE1", "SPARE2", "SPARE3",
)  # fmt: skip
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
DIGITS = 7
PAYER = ("MA_SO_THUE", "TT_NNT")
"""What stands beside a payer's notices and is about each of them."""
GOOD = frozenset({"", "0", "00"})
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def question(settings: Settings, row: Mapping[str, Any]) -> bytes:
    """Write what is asked, without the number that only a transfer gives it; exclusive C14N as it stands.

    ``row``: texts by name, or more of the same by name, as gateways want them that ask for ``TRUYVAN/MA_HS``. Raises ``Refusal`` HUB-MAP-003.
    """
    said = {
        "VERSION": settings.version,
        "SENDER_CODE": settings.sender,
        "SENDER_NAME": settings.sender_name,
        "RECEIVER_CODE": settings.receiver,
        "RECEIVER_NAME": settings.receiver_name,
        "TRAN_CODE": settings.transaction,
        "ORIGINAL_CODE": settings.sender,
    }
    header = "".join(_element(name, said.get(name, "")) for name in HEADER)
    body = _inside(row)
    return (
        f"<DATA><HEADER>{header}</HEADER><BODY><ROW>{body}</ROW></BODY><SECURITY></SECURITY></DATA>".encode()
    )


def _inside(row: Mapping[str, Any]) -> str:
    return "".join(map(_field, row, row.values()))


def _field(name: str, value: object) -> str:
    if isinstance(value, dict):
        return f"<{name}>{_inside(value)}</{name}>"
    if not isinstance(value, str):
        raise refuse("HUB-MAP-003", f"/{name}", rule="text in each field")
    return _element(name, value)


def message_id(settings: Settings, number: int, at: datetime) -> str:
    """Sender, day, and seven digits of the transfer's own number."""
    return f"{settings.sender}{at.astimezone(VIETNAM):%Y%m%d}{number % 10**DIGITS:0{DIGITS}d}"


def numbered(payload: bytes, name: str, at: datetime) -> bytes:
    """Put ``MSG_ID`` and ``SEND_DATE`` into what ``question`` wrote."""
    local = at.astimezone(VIETNAM)
    sent = f"{local:%d}-{MONTHS[local.month - 1]}-{local:%Y %H:%M:%S}"
    for element, value in (("MSG_ID", name), ("SEND_DATE", sent)):
        payload = payload.replace(f"<{element}></{element}>".encode(), _element(element, value).encode(), 1)
    return payload


def wrapped(settings: Settings, data: bytes) -> bytes:
    """Put a message into its call. Canonical XML never holds what ends a CDATA section."""
    name = "gip:in_msg" if settings.qualified else "in_msg"
    before = (
        f'<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="{SOAP}" xmlns:gip="{settings.namespace}">'
        f"<soap:Body><gip:xuLyTruyVanMsg><{name}><![CDATA["
    )
    after = f"]]></{name}></gip:xuLyTruyVanMsg></soap:Body></soap:Envelope>"
    return before.encode() + data + after.encode()


def unwrapped(raw: bytes) -> bytes | None:
    """Return the message inside an answer, in whatever namespaces; ``None``: there is none, or it is a Fault."""
    try:
        envelope = parse_xml(raw)
    except Refusal:
        return None
    if envelope.tag != f"{{{SOAP}}}Envelope":
        return None
    found = [
        each
        for body in _children(envelope, "Body")
        for reply in _children(body, "xuLyTruyVanMsgResponse")
        for each in _children(reply, "return")
    ]
    return (found[0].text or "").strip().encode() if len(found) == 1 else None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """``state``, ``state_text``: ``TRANGTHAI`` and its words. ``rows``: each notice as it stands, empty elements left out."""

    transaction: str
    id: str
    about: str
    error: str
    error_text: str
    type: str
    state: str = ""
    state_text: str = ""
    rows: tuple[dict[str, str], ...] = ()


def answer(data: bytes) -> Answer | None:
    """Read an answer; ``None``: it is none. One element or many of each list; the payer of a list goes into its rows."""
    try:
        root = parse_xml(data)
    except Refusal:
        return None
    header = next(_children(root, "HEADER"), None)
    if _name(root) != "DATA" or header is None:
        return None
    row = next(
        (row for body in _children(root, "BODY") for row in _children(body, "ROW")),
        root.makeelement("ROW", {}),
    )
    tax = next(_children(row, "SOTHUE"), row)
    return Answer(
        transaction=_text(header, "TRAN_CODE"),
        id=_text(header, "MSG_ID"),
        about=_text(header, "MSG_REFID"),
        error=_text(header, "ERROR_CODE"),
        error_text=_text(header, "ERROR_DESC"),
        type=_text(row, "TYPE"),
        state=_text(tax, "TRANGTHAI"),
        state_text=_text(tax, "MOTA_TRANGTHAI"),
        rows=tuple(_rows(tax)),
    )


def decided(rows: tuple[dict[str, str], ...]) -> datetime | None:
    """Return the day of the last decision among notices; ``None``: none of them has one that can be read."""
    found = [at for row in rows if (at := moment(row.get("NGAY_QUYET_DINH", ""))) is not None]
    return max(found, default=None)


def spelled(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _rows(tax: etree._Element) -> Iterator[dict[str, str]]:
    for payer in _children(tax, "TONG_TIEN"):
        shared = {name: _text(payer, name) for name in PAYER}
        for row in _children(payer, "ROW_SOTHUE"):
            said = {_name(each): (each.text or "").strip() for each in row if isinstance(each.tag, str)}
            yield {name: value for name, value in {**shared, **said}.items() if value}


def _element(name: str, value: str) -> str:
    text = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#xD;")
    return f"<{name}>{text}</{name}>"


def _children(element: etree._Element, name: str) -> Iterator[etree._Element]:
    return (child for child in element if isinstance(child.tag, str) and _name(child) == name)


def _name(element: etree._Element) -> str:
    tag: Any = element.tag
    return str(tag).rpartition("}")[2]


def _text(element: etree._Element, name: str) -> str:
    return next(((child.text or "").strip() for child in _children(element, name)), "")
