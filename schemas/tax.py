"""The tax office's own way of writing: dates in five forms, lists that are a record when they hold one, notices about a dossier. Pure.

One conversation holds ``MM-dd-yyyy``, ``dd-MMM-yyyy HH:mm:ss``, ``yyyy-MM-dd HH:mm:ss.0``, ``dd-MM-yyyy`` and ``yyyyMMddHHmmss``. All are
Vietnam's wall time. Which of day and month comes first where both could be is the field's matter; nothing is ever ordered by them.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import msgspec

from schemas.problems import refuse
from schemas.strict_xml import parse_xml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml import etree

VIETNAM = timezone(timedelta(hours=7))
MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
DIGITS = 19
"""Of the longest number within 63 bits."""
_CLOCK = r"(?:[ T](?P<H>\d{1,2}):(?P<M>\d\d)(?::(?P<S>\d\d)(?:\.\d{1,9})?)?)?"
FORMS = tuple(
    re.compile(form, re.ASCII)
    for form in (
        r"(?P<y>\d{4})(?P<m>\d\d)(?P<d>\d\d)(?:(?P<H>\d\d)(?P<M>\d\d)(?P<S>\d\d))?",
        r"(?P<y>\d{4})[-/](?P<m>\d{1,2})[-/](?P<d>\d{1,2})" + _CLOCK,
        r"(?P<d>\d{1,2})-(?P<name>[A-Za-z]{3})-(?P<y>\d{4})" + _CLOCK,
        r"(?P<one>\d{1,2})[-/](?P<two>\d{1,2})[-/](?P<y>\d{4})" + _CLOCK,
    )
)
"""Each form; ``one`` and ``two`` are day and month, in the field's order."""


def moment(text: str, *, month_first: bool = False) -> datetime | None:
    """Read a date in any of the forms, in UTC; ``None``: it is none, or no day of the calendar.

    Where the field's order makes no date and the other one does, the other one is meant.
    """
    found = next((match for form in FORMS if (match := form.fullmatch(text.strip()))), None)
    if found is None:
        return None
    said = found.groupdict()
    if "one" not in said:
        month = said["m"] if "name" not in said else str(MONTHS.get(said["name"].lower(), 0))
        return _made(said, month, said["d"])
    order = (said["one"], said["two"]) if month_first else (said["two"], said["one"])
    return _made(said, *order) or _made(said, *order[::-1])


def _made(said: dict[str, str | None], month: str | None, day: str | None) -> datetime | None:
    hour, minute, second = (int(said[part] or 0) for part in "HMS")
    year = int(said["y"] or 0)
    try:
        wall = datetime(year, int(month or 0), int(day or 0), hour, minute, second, tzinfo=VIETNAM)
        return wall.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def each(value: object) -> list[Any]:
    """Return what is meant as a list: conversions from XML to JSON make a record of a list with one element, and nothing of none."""
    if value is None or value == "":
        return []
    return value if isinstance(value, list) else [value]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One notice. ``amount``: in đồng. What was not said is empty or ``None``."""

    payer: str = ""
    notice: str = ""
    at: datetime | None = None
    item: str = ""
    amount: int | None = None


class Notices(msgspec.Struct, frozen=True, kw_only=True):
    """All notices about one dossier."""

    dossier: str
    lines: tuple[Line, ...]


def notices(raw: bytes) -> tuple[Notices, ...]:
    """Read ``/DATA/BODY/ROW_LIST`` of a file of tax notices. Raises ``Refusal`` HUB-SCH-* for what is no such file."""
    root = parse_xml(raw)
    rows = [row for body in _named(root, "BODY") for row in _named(body, "ROW_LIST")]
    if _name(root) != "DATA" or not rows:
        raise refuse("HUB-SCH-009", "/DATA/BODY/ROW_LIST", rule="DATA, BODY, ROW_LIST")
    found = tuple(Notices(dossier=_text(row, "MA_HSO"), lines=tuple(_lines(row))) for row in rows)
    for number, one in enumerate(found):
        if not one.dossier or not one.lines:
            missing = "LIST" if one.dossier else "MA_HSO"
            raise refuse("HUB-SCH-003", f"/DATA/BODY/ROW_LIST/{number}/{missing}", rule="required")
    return found


def _lines(row: etree._Element) -> Iterator[Line]:
    for number, one in enumerate(_named(row, "LIST")):
        place = f"/DATA/BODY/ROW_LIST/LIST/{number}"
        at, amount = _text(one, "NGAY_QUYET_DINH"), _text(one, "SO_TIEN")
        if at and moment(at) is None:
            raise refuse("HUB-SCH-007", f"{place}/NGAY_QUYET_DINH", rule="dd-MM-yyyy")
        if amount and not (amount.isascii() and amount.isdecimal()):
            raise refuse("HUB-SCH-002", f"{place}/SO_TIEN", rule="digits without leading zero or separators")
        if len(amount) > DIGITS:
            raise refuse("HUB-SCH-002", f"{place}/SO_TIEN", rule="a number within 63 bits")
        yield Line(
            payer=_text(one, "MA_SO_THUE"),
            notice=_text(one, "SO_QUYET_DINH"),
            at=moment(at),
            item=_text(one, "TEN_TIEUMUC"),
            amount=int(amount) if amount else None,
        )


def _named(element: etree._Element, name: str) -> Iterator[etree._Element]:
    return (child for child in element if _name(child) == name)


def _name(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _text(element: etree._Element, name: str) -> str:
    return next(((child.text or "").strip() for child in _named(element, name)), "")
