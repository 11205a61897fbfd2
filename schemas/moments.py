"""Dates and times on the wire ⇄ moments in UTC, one pair of functions a spelling. Vietnam's wall time is +07:00 without seasons
(since 1975). Who reads raises ``Wrong`` for what the wire may not hold; who writes raises it for what the wire cannot say.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from schemas import tax
from schemas.problems import Wrong

_AHEAD = timedelta(hours=7)
VIETNAM = timezone(_AHEAD, "Asia/Ho_Chi_Minh")


def _moment(text: str, rule: str) -> datetime:
    """Into UTC. A day or hour that the calendar does not have is an impossible date."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Wrong("HUB-SCH-007", rule) from None


def from_wall(value: object) -> datetime:
    if type(value) is not str or len(value) != 14 or not (value.isascii() and value.isdigit()):  # noqa: PLR2004 - yyyyMMddHHmmss
        raise Wrong("HUB-SCH-002", "yyyyMMddHHmmss")
    try:
        return datetime.fromisoformat(f"{value[:8]}T{value[8:]}+00:00") - _AHEAD
    except (ValueError, OverflowError):
        raise Wrong("HUB-SCH-007", "yyyyMMddHHmmss") from None


def _local(moment: datetime) -> str:
    """Vietnam's wall time in ISO form, to the second; fractions of a second are cut."""
    try:
        local = moment + _AHEAD if moment.tzinfo is UTC else moment.astimezone(VIETNAM)
        return local.isoformat()[:19]
    except OverflowError:
        raise Wrong("HUB-MAP-004", "a date of this calendar") from None


def to_wall(moment: datetime) -> str:
    return _local(moment).replace("-", "").replace(":", "").replace("T", "")


_ISO_SHAPE = (19, 10)  # the least length, and where the T stands


def from_iso(value: object) -> datetime:
    """``YYYY-MM-DDThh:mm:ss[.ffffff](Z|±hh:mm)``. Without an offset it is not a moment: refused."""
    least, t = _ISO_SHAPE
    if (
        type(value) is not str
        or len(value) <= least
        or value[t] != "T"
        or value[4] != "-"
        or value[13] != ":"
    ):
        raise Wrong("HUB-SCH-002", "date-time with offset, RFC 3339")
    if value[-1] != "Z" and value[-6] not in "+-":
        raise Wrong("HUB-SCH-002", "date-time with offset, RFC 3339")
    return _moment(value, "date-time, RFC 3339")


def to_iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def from_xs_datetime(value: object) -> datetime:
    """``xs:dateTime``; one without a zone is Vietnam's wall time (the mapping keeps how it was written)."""
    least, t = _ISO_SHAPE
    if type(value) is not str or len(value) < least or value[t] != "T":
        raise Wrong("HUB-SCH-002", "xs:dateTime")
    if usual_xs_datetime(value):
        try:
            return datetime.fromisoformat(value[:19] + "+00:00") - _AHEAD
        except (ValueError, OverflowError):
            raise Wrong("HUB-SCH-007", "xs:dateTime") from None
    zoned = value[-1] == "Z" or value[-6] in "+-"
    whole = value if zoned else value + "+07:00"
    return _day_after(whole) if value[11:19] == _END_OF_DAY else _moment(whole, "xs:dateTime")


_END_OF_DAY = "24:00:00"


def _day_after(value: str) -> datetime:
    """A day's end is the first moment of the next (XML Schema 1.0 part 2, 3.2.7)."""
    begins = _moment(value.replace(_END_OF_DAY, "00:00:00"), "xs:dateTime")
    try:
        return begins + timedelta(days=1)
    except OverflowError:
        raise Wrong("HUB-SCH-007", "xs:dateTime") from None


def usual_xs_datetime(value: str) -> bool:
    return len(value) == 25 and value.endswith("+07:00") and value[11:13] != "24"  # noqa: PLR2004 - YYYY-MM-DDThh:mm:ss+07:00


def to_xs_datetime(moment: datetime) -> str:
    return _local(moment) + "+07:00"


def from_xs_date(value: object) -> datetime:
    """``xs:date``: the first second of that day in Vietnam. A zone behind it, which Java's bindings write, makes no other day of it."""
    found = _XS_DATE.fullmatch(value) if type(value) is str else None
    if found is None:
        raise Wrong("HUB-SCH-002", "xs:date")
    return _moment(found[1] + "T00:00:00+07:00", "xs:date")


_XS_DATE = re.compile(r"(\d{4}-\d\d-\d\d)(?:Z|[+-]\d\d:\d\d)?", re.ASCII)


def usual_xs_date(value: str) -> bool:
    return len(value) == 10  # noqa: PLR2004 - YYYY-MM-DD


def to_xs_date(moment: datetime) -> str:
    return _local(moment)[:10]


_DAY = re.compile(
    r"(?P<y>\d{4})[/-](?P<m>\d\d)[/-](?P<d>\d\d)|(?P<D>\d\d)[/-](?P<M>\d\d)[/-](?P<Y>\d{4})", re.ASCII
)


_CLOCK = re.compile(r"[ T](\d\d:\d\d:\d\d)(?:\.\d+)?", re.ASCII)


def _day(value: object, rule: str) -> tuple[str, str]:
    """Return the day as YYYY-MM-DD and what follows it. Documents in the field write it from either end."""
    text = value.strip() if isinstance(value, str) else ""
    found = _DAY.match(text)
    if found is None:
        raise Wrong("HUB-SCH-002", rule)
    year, month, day = found.group("y", "m", "d") if found["y"] else found.group("Y", "M", "D")
    return f"{year}-{month}-{day}", text[found.end() :]


def from_edxml_day(value: object) -> datetime:
    """A day of QCVN 102:2016, ``yyyy/MM/dd``: its first second in Vietnam."""
    day, rest = _day(value, "yyyy/MM/dd")
    if rest:
        raise Wrong("HUB-SCH-002", "yyyy/MM/dd")
    return _moment(f"{day}T00:00:00+07:00", "yyyy/MM/dd")


def from_edxml_due(value: object) -> datetime:
    """Read the last day of a term: its last second in Vietnam."""
    return from_edxml_day(value) + timedelta(days=1, seconds=-1)


def to_edxml_day(moment: datetime) -> str:
    return _local(moment)[:10].replace("-", "/")


def from_edxml_time(value: object) -> datetime:
    """Read ``yyyy/MM/dd HH:mm:ss`` in Vietnam; a day alone is its first second."""
    day, rest = _day(value, "yyyy/MM/dd HH:mm:ss")
    clock = _CLOCK.fullmatch(rest)
    if rest and clock is None:
        raise Wrong("HUB-SCH-002", "yyyy/MM/dd HH:mm:ss")
    return _moment(f"{day}T{clock[1] if clock else '00:00:00'}+07:00", "yyyy/MM/dd HH:mm:ss")


def to_edxml_time(moment: datetime) -> str:
    return _local(moment).replace("-", "/").replace("T", " ")


_WALL_MARKED = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?)(Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII)


def from_marked_wall(value: object) -> datetime:
    """ISO time of a clock in Vietnam whose ``Z`` is a letter and no zone; an offset in digits is believed."""
    found = _WALL_MARKED.fullmatch(value) if type(value) is str else None
    if found is None:
        raise Wrong("HUB-SCH-002", "date-time, ISO 8601")
    wall, mark = found.groups()
    return _moment(wall + ("+07:00" if mark in {None, "Z"} else mark), "date-time, ISO 8601")


def to_marked_wall(moment: datetime) -> str:
    return _local(moment) + ".000Z"


def from_utc(value: object) -> datetime:
    """ISO time of a clock in UTC; no mark and ``Z`` mean the same, an offset in digits is believed."""
    found = _WALL_MARKED.fullmatch(value) if type(value) is str else None
    if found is None:
        raise Wrong("HUB-SCH-002", "date-time, ISO 8601")
    wall, mark = found.groups()
    return _moment(wall + ("+00:00" if mark in {None, "Z"} else mark), "date-time, ISO 8601")


def to_bare_wall(moment: datetime) -> str:
    return _local(moment) + ".000"


_SPACED = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)", re.ASCII)


def from_spaced_wall(value: object) -> datetime:
    found = _SPACED.fullmatch(value) if type(value) is str else None
    if found is None:
        raise Wrong("HUB-SCH-002", "yyyy-MM-dd HH:mm:ss")
    return _moment(f"{found[1]}T{found[2]}+07:00", "yyyy-MM-dd HH:mm:ss")


def to_spaced_wall(moment: datetime) -> str:
    return _local(moment).replace("T", " ")


def from_tax_date(value: object) -> datetime:
    found = tax.moment(value) if type(value) is str else None
    if found is None:
        raise Wrong("HUB-SCH-007", "yyyy-MM-dd HH:mm:ss.0")
    return found


def to_tax_date(at: datetime) -> str:
    return _local(at).replace("T", " ") + ".0"


def from_milliseconds(value: object) -> datetime:
    """Milliseconds since 1970-01-01 00:00 UTC, as digits: how Java's clocks count."""
    if type(value) is not str or not _MILLISECONDS.fullmatch(value):
        raise Wrong("HUB-SCH-002", "milliseconds since 1970, digits")
    return _EPOCH + timedelta(milliseconds=int(value))


def to_milliseconds(moment: datetime) -> str:
    """Fractions of a millisecond are cut; what was before 1970 has no such number."""
    count = (moment - _EPOCH) // timedelta(milliseconds=1)
    if count < 0:
        raise Wrong("HUB-MAP-004", "milliseconds since 1970, digits")
    return str(count)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS = re.compile(r"0|[1-9]\d{0,13}", re.ASCII)
