"""The named converters of mapping tables: one wire form ⇄ one canonical form, each with its schema fragment.

Rules of this file:

* A converter is two pure functions. ``read`` raises ``Wrong`` for what the wire may not hold; ``write`` raises it for
  what the wire cannot say.
* ``exact``: every value that ``read`` takes is written back letter for letter. What is not exact (an ISO time with any
  offset) is kept beside the canonical value by the mapping, so nothing is lost on the way back to the same format.
* Vietnam's wall time is +07:00 without seasons (since 1975); the portal's ``yyyyMMddHHmmss`` carries no zone marker.
* Texts arrive here in NFC and free of characters that XML cannot carry: ``schemas.strict_json`` and ``schemas.wire`` have seen to that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal

import msgspec

from schemas.codes import IN_TEXT
from schemas.tax import moment

_AHEAD = timedelta(hours=7)
VIETNAM = timezone(_AHEAD, "Asia/Ho_Chi_Minh")

Gives = Literal["text", "integer", "moment", "boolean", "amounts"]
MAX_INTEGER = 2**63 - 1


class Wrong(Exception):  # noqa: N818 - reads as what it is
    """A value breaks its converter's rule. Carries a code and the rule, never the value."""

    def __init__(self, code: str, rule: str) -> None:
        super().__init__(f"{code} {rule}")
        self.code = code
        self.rule = rule


class Converter(msgspec.Struct, frozen=True, kw_only=True):
    """``gives``: what the canonical side holds. ``wire``: JSON Schema of the wire form.

    ``usual``: of a converter that is not exact, tells the spelling that ``write`` gives, without writing it.
    """

    name: str
    read: Callable[[Any], Any]
    write: Callable[[Any], Any]
    gives: Gives
    wire: dict[str, Any]
    exact: bool = True
    usual: Callable[[str], bool] | None = None


def _same(value: Any) -> Any:  # noqa: ANN401 - the identity has no type of its own
    return value


def _to_payment(lines: list[dict[str, Any]]) -> str | None:
    """Write amounts as OpenCPS takes a demand for payment: JSON in a form, one amount for all; ``None`` where no amount is known.

    ``requestPayment`` 2: pay what is due (``ProcessActionTerm``); whole đồng in digits (``createPaymentFile`` of the published server).
    """
    amounts = [line["amount"] for line in lines if line.get("amount") is not None]
    if not amounts:
        return None
    named = (line.get("item_name") or line.get("name") or line.get("notice") for line in lines)
    note = "; ".join(dict.fromkeys(filter(None, named)))
    told = {"requestPayment": 2, "feeAmount": str(sum(amounts)), **({"paymentNote": note} if note else {})}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def _unread(_value: object) -> Any:  # noqa: ANN401 - never returns
    raise Wrong("HUB-SCH-002", "written only")


def _text(value: object) -> str:
    if type(value) is not str:
        raise Wrong("HUB-SCH-002", "text")
    return value


def _integer(value: object) -> int:
    if type(value) is not int or not 0 <= value <= MAX_INTEGER:
        raise Wrong("HUB-SCH-002", "whole number, 0 to 2^63-1")
    return value


def _from_digits(value: object) -> int:
    """Whole numbers as text: no sign, no leading zero, no separators, so that the way back is the same text."""
    if (
        type(value) is not str
        or not (value.isascii() and value.isdigit())
        or (value[0] == "0" and value != "0")
    ):
        raise Wrong("HUB-SCH-002", "digits without leading zero or separators")
    number = int(value[:20])
    if number > MAX_INTEGER:
        raise Wrong("HUB-SCH-002", "at most 2^63-1")
    return number


def _boolean(value: object) -> bool:
    if type(value) is not bool:
        raise Wrong("HUB-SCH-002", "true or false")
    return value


_TITLE = {"True": True, "False": False}
_LOWER = {"true": True, "false": False}
_XS = {"true": True, "1": True, "false": False, "0": False}


def _word(words: dict[str, bool], rule: str) -> Callable[[Any], bool]:
    def read(value: object) -> bool:
        found = words.get(value) if type(value) is str else None
        if found is None:
            raise Wrong("HUB-SCH-002", rule)
        return found

    return read


def _to_title(value: bool) -> str:  # noqa: FBT001 - a converter takes one value
    return "True" if value else "False"


def _to_lower(value: bool) -> str:  # noqa: FBT001 - a converter takes one value
    return "true" if value else "false"


def _moment(text: str, rule: str) -> datetime:
    """Into UTC. A day or hour that the calendar does not have is an impossible date."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Wrong("HUB-SCH-007", rule) from None


def _from_wall(value: object) -> datetime:
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


def _to_wall(moment: datetime) -> str:
    return _local(moment).replace("-", "").replace(":", "").replace("T", "")


_ISO_SHAPE = (19, 10)  # the least length, and where the T stands


def _from_iso(value: object) -> datetime:
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


def _to_iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _from_xs_datetime(value: object) -> datetime:
    """``xs:dateTime``; one without a zone is Vietnam's wall time (the mapping keeps how it was written)."""
    least, t = _ISO_SHAPE
    if type(value) is not str or len(value) < least or value[t] != "T":
        raise Wrong("HUB-SCH-002", "xs:dateTime")
    if _usual_xs_datetime(value):
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


def _usual_xs_datetime(value: str) -> bool:
    return len(value) == 25 and value.endswith("+07:00") and value[11:13] != "24"  # noqa: PLR2004 - YYYY-MM-DDThh:mm:ss+07:00


def _to_xs_datetime(moment: datetime) -> str:
    return _local(moment) + "+07:00"


def _from_xs_date(value: object) -> datetime:
    """``xs:date``: the first second of that day in Vietnam. A zone behind it, which Java's bindings write, makes no other day of it."""
    found = _XS_DATE.fullmatch(value) if type(value) is str else None
    if found is None:
        raise Wrong("HUB-SCH-002", "xs:date")
    return _moment(found[1] + "T00:00:00+07:00", "xs:date")


_XS_DATE = re.compile(r"(\d{4}-\d\d-\d\d)(?:Z|[+-]\d\d:\d\d)?", re.ASCII)


def _usual_xs_date(value: str) -> bool:
    return len(value) == 10  # noqa: PLR2004 - YYYY-MM-DD


def _to_xs_date(moment: datetime) -> str:
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


def _from_edxml_day(value: object) -> datetime:
    """A day of QCVN 102:2016, ``yyyy/MM/dd``: its first second in Vietnam."""
    day, rest = _day(value, "yyyy/MM/dd")
    if rest:
        raise Wrong("HUB-SCH-002", "yyyy/MM/dd")
    return _moment(f"{day}T00:00:00+07:00", "yyyy/MM/dd")


def _from_edxml_due(value: object) -> datetime:
    """Read the last day of a term: its last second in Vietnam."""
    return _from_edxml_day(value) + timedelta(days=1, seconds=-1)


def _to_edxml_day(moment: datetime) -> str:
    return _local(moment)[:10].replace("-", "/")


def _from_edxml_time(value: object) -> datetime:
    """Read ``yyyy/MM/dd HH:mm:ss`` in Vietnam; a day alone is its first second."""
    day, rest = _day(value, "yyyy/MM/dd HH:mm:ss")
    clock = _CLOCK.fullmatch(rest)
    if rest and clock is None:
        raise Wrong("HUB-SCH-002", "yyyy/MM/dd HH:mm:ss")
    return _moment(f"{day}T{clock[1] if clock else '00:00:00'}+07:00", "yyyy/MM/dd HH:mm:ss")


def _to_edxml_time(moment: datetime) -> str:
    return _local(moment).replace("-", "/").replace("T", " ")


def _dossier_code_in(value: object) -> str:
    """Return the one dossier code that stands in a text: a letter names its dossier in its subject."""
    found = set(IN_TEXT.findall(_text(value)))
    if len(found) != 1:
        raise Wrong("HUB-SCH-002", "one dossier code in the text")
    return str(found.pop())


def _about(code: str) -> str:
    return f"V/v hồ sơ {code}"


def _dossier_code_or_whole(value: object) -> str:
    """Return the dossier code in a document's id where there is one, else the id itself."""
    found = set(IN_TEXT.findall(_text(value)))
    return str(found.pop()) if len(found) == 1 else _text(value)


_WALL_MARKED = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?)(Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII)


def _from_marked_wall(value: object) -> datetime:
    """ISO time of a clock in Vietnam whose ``Z`` is a letter and no zone; an offset in digits is believed."""
    found = _WALL_MARKED.fullmatch(value) if type(value) is str else None
    if found is None:
        raise Wrong("HUB-SCH-002", "date-time, ISO 8601")
    wall, mark = found.groups()
    return _moment(wall + ("+07:00" if mark in {None, "Z"} else mark), "date-time, ISO 8601")


def _to_marked_wall(moment: datetime) -> str:
    return _local(moment) + ".000Z"


def _from_utc(value: object) -> datetime:
    """ISO time of a clock in UTC; no mark and ``Z`` mean the same, an offset in digits is believed."""
    found = _WALL_MARKED.fullmatch(value) if type(value) is str else None
    if found is None:
        raise Wrong("HUB-SCH-002", "date-time, ISO 8601")
    wall, mark = found.groups()
    return _moment(wall + ("+00:00" if mark in {None, "Z"} else mark), "date-time, ISO 8601")


def _to_bare_wall(moment: datetime) -> str:
    return _local(moment) + ".000"


_SPACED = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)", re.ASCII)


def _from_spaced_wall(value: object) -> datetime:
    found = _SPACED.fullmatch(value) if type(value) is str else None
    if found is None:
        raise Wrong("HUB-SCH-002", "yyyy-MM-dd HH:mm:ss")
    return _moment(f"{found[1]}T{found[2]}+07:00", "yyyy-MM-dd HH:mm:ss")


def _to_spaced_wall(moment: datetime) -> str:
    return _local(moment).replace("T", " ")


def _from_tax_date(value: object) -> datetime:
    found = moment(value) if type(value) is str else None
    if found is None:
        raise Wrong("HUB-SCH-007", "yyyy-MM-dd HH:mm:ss.0")
    return found


def _to_tax_date(at: datetime) -> str:
    return _local(at).replace("T", " ") + ".0"


def _from_number(value: object) -> str:
    """An id or a code that some write as a number and others as text."""
    if type(value) is int:
        return str(value)
    return _text(value)


def _to_number(text: str) -> int | str:
    return int(text) if _NUMBER.fullmatch(text) else text


_NUMBER = re.compile(r"0|[1-9]\d{0,17}", re.ASCII)
_STRING = {"type": "string"}
_ALL = (
    Converter(name="text", read=_text, write=_same, gives="text", wire=_STRING),
    Converter(
        name="integer",
        read=_integer,
        write=_same,
        gives="integer",
        wire={"type": "integer", "minimum": 0, "maximum": MAX_INTEGER},
    ),
    Converter(
        name="digits",
        read=_from_digits,
        write=str,
        gives="integer",
        wire={"type": "string", "pattern": "^(0|[1-9][0-9]{0,18})$"},
    ),
    Converter(
        name="vnd",
        read=_from_digits,
        write=str,
        gives="integer",
        wire={"type": "string", "pattern": "^(0|[1-9][0-9]{0,18})$"},
    ),
    Converter(name="payment", read=_unread, write=_to_payment, gives="amounts", wire={"type": "string"}),
    Converter(name="boolean", read=_boolean, write=_same, gives="boolean", wire={"type": "boolean"}),
    Converter(
        name="True/False",
        read=_word(_TITLE, "True or False"),
        write=_to_title,
        gives="boolean",
        wire={"type": "string", "enum": ["True", "False"]},
    ),
    Converter(
        name="true/false",
        read=_word(_LOWER, "true or false"),
        write=_to_lower,
        gives="boolean",
        wire={"type": "string", "enum": ["true", "false"]},
    ),
    Converter(
        name="xs:boolean",
        read=_word(_XS, "xs:boolean"),
        write=_to_lower,
        gives="boolean",
        wire=_STRING,
        exact=False,
    ),
    Converter(
        name="yyyyMMddHHmmss",
        read=_from_wall,
        write=_to_wall,
        gives="moment",
        wire={"type": "string", "pattern": "^[0-9]{14}$"},
    ),
    Converter(name="iso", read=_from_iso, write=_to_iso, gives="moment", wire=_STRING, exact=False),
    Converter(
        name="xs:dateTime",
        read=_from_xs_datetime,
        write=_to_xs_datetime,
        gives="moment",
        wire=_STRING,
        exact=False,
        usual=_usual_xs_datetime,
    ),
    Converter(
        name="yyyy/MM/dd",
        read=_from_edxml_day,
        write=_to_edxml_day,
        gives="moment",
        wire=_STRING,
        exact=False,
    ),
    Converter(
        name="yyyy/MM/dd, its end",
        read=_from_edxml_due,
        write=_to_edxml_day,
        gives="moment",
        wire=_STRING,
        exact=False,
    ),
    Converter(
        name="yyyy/MM/dd HH:mm:ss",
        read=_from_edxml_time,
        write=_to_edxml_time,
        gives="moment",
        wire=_STRING,
        exact=False,
    ),
    Converter(
        name="dossier code in a text",
        read=_dossier_code_in,
        write=_about,
        gives="text",
        wire=_STRING,
        exact=False,
    ),
    Converter(
        name="dossier code in an id",
        read=_dossier_code_or_whole,
        write=_same,
        gives="text",
        wire=_STRING,
        exact=False,
    ),
    Converter(
        name="iso:wall",
        read=_from_marked_wall,
        write=_to_marked_wall,
        gives="moment",
        wire=_STRING,
        exact=False,
    ),
    Converter(name="iso:utc", read=_from_utc, write=_to_iso, gives="moment", wire=_STRING, exact=False),
    Converter(
        name="yyyy-MM-ddTHH:mm:ss.fff",
        read=_from_marked_wall,
        write=_to_bare_wall,
        gives="moment",
        wire=_STRING,
        exact=False,
    ),
    Converter(
        name="yyyy-MM-dd HH:mm:ss",
        read=_from_spaced_wall,
        write=_to_spaced_wall,
        gives="moment",
        wire={"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$"},
    ),
    Converter(
        name="tax date",
        read=_from_tax_date,
        write=_to_tax_date,
        gives="moment",
        wire=_STRING,
        exact=False,
    ),
    Converter(
        name="number",
        read=_from_number,
        write=_to_number,
        gives="text",
        wire={"type": ["integer", "string"]},
        exact=False,
    ),
    Converter(name="anything", read=_same, write=_same, gives="text", wire={}),
    Converter(
        name="xs:date",
        read=_from_xs_date,
        write=_to_xs_date,
        gives="moment",
        wire=_STRING,
        exact=False,
        usual=_usual_xs_date,
    ),
)
CONVERTERS: dict[str, Converter] = {converter.name: converter for converter in _ALL}


def spelled(code: str, *, number: bool) -> int | str:
    """Return a code as its format writes it. Raises ``ValueError`` for a number that is none."""
    if number and not _NUMBER.fullmatch(code):
        raise ValueError(f"{code} is no number")
    return int(code) if number else code


def codes(name: str, table: dict[str, str], *, back: bool = True, numbers: bool = False) -> Converter:
    """Build the converter of a code table, external → canonical, one to one. ``numbers``: the codes are whole numbers on the wire.

    Raises ``ValueError`` when two external codes mean the same and there is a way ``back``: it would have to choose.
    """
    known = {spelled(external, number=numbers): canonical for external, canonical in table.items()}
    reverse = {canonical: external for external, canonical in known.items()}
    if back and len(reverse) != len(table):
        raise ValueError(f"codes.{name}: two codes with one meaning")
    rule = f"codes.{name}"

    def read(value: object) -> str:
        found = known.get(value) if type(value) is (int if numbers else str) else None
        if found is None:
            raise Wrong("HUB-MAP-001", rule)
        return found

    def write(value: str) -> int | str:
        found = reverse.get(value)
        if found is None:
            raise Wrong("HUB-MAP-002", rule)
        return found

    wire = {"type": "integer"} if numbers else _STRING
    return Converter(name=rule, read=read, write=write, gives="text", wire=wire)
