"""The portal's lists, in upper case, read into what a partner publishes. Pure. Source: docs/explanation/national-portal.md §14."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from connectors.catalogues import MOST, Agency, Field, Procedure
from connectors.dictionaries import text
from connectors.replies import at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from connectors.national_portal.replies import Heard

HOURS_A_DAY = 8
PUBLIC = "1"


def listed(heard: Heard) -> tuple[Mapping[str, Any], ...] | None:
    """Return a list's records; ``None`` when the answer holds none, or is none. A province's connector may answer with the bare list."""
    result = _result(heard)
    if isinstance(result, dict):
        result = [result]
    if not isinstance(result, list) or not 0 < len(result) <= MOST:
        return None
    return tuple(result) if all(isinstance(each, dict) for each in result) else None


def is_empty(heard: Heard) -> bool:
    """Whether the answer holds a list, and nothing in it."""
    return bool(_result(heard) == [])


def codes(records: Sequence[Mapping[str, Any]]) -> tuple[str, ...] | None:
    """Return the procedures' codes, each once; ``None`` when one has none."""
    found = [text(each, "MATTHC") for each in records]
    return tuple(dict.fromkeys(found)) if all(found) else None


def procedure(record: Mapping[str, Any]) -> Procedure | None:
    """Read one ``LayThuTuc``; ``None`` without a code or name."""
    code, name = text(record, "MATTHC"), text(record, "TENTTHC")
    if not code or not name:
        return None
    fields = [found for each in _many(record, "LINHVUCTHUCHIEN") if (found := field(each))]
    hours = [_hours(time) for way in _many(record, "CACHTHUCTHUCHIEN") for time in _many(way, "THOIGIAN")]
    state = text(record, "TRANGTHAI")
    return Procedure(
        code=code,
        name=name,
        field=fields[0] if fields else None,
        hours=max((each for each in hours if each), default=None) if None not in hours else None,
        agencies=tuple(unit for each in _many(record, "COQUANTHUCHIEN") if (unit := text(each, "MADONVI"))),
        public=state in {"", PUBLIC},
        record=msgspec.json.encode(record),
    )


def field(record: Mapping[str, Any]) -> Field | None:
    code, name = text(record, "MALINHVUC"), text(record, "TENLINHVUC")
    return Field(code=code, name=name) if code and name else None


def agency(record: Mapping[str, Any], levels: Mapping[str, str]) -> Agency | None:
    code, name = text(record, "MADONVI"), text(record, "TENDONVI")
    return (
        Agency(code=code, name=name, level=levels.get(text(record, "CAPDONVI"), ""))
        if code and name
        else None
    )


def _hours(record: Mapping[str, Any]) -> int | None:
    """Working hours: a day has eight. ``None``: in a unit that is not known, and a part of a list that cannot be read is no maximum."""
    number, unit = text(record, "THOIGIANGIAIQUYET"), text(record, "DONVITINH").casefold()
    if not number.isascii() or not number.isdigit() or len(number) > 5:  # noqa: PLR2004 - more than anybody waits
        return None
    if unit.startswith("giờ"):
        return int(number)
    return int(number) * HOURS_A_DAY if unit.startswith("ngày") else None


def _many(record: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    """Entries of a list; one entry may stand without its list."""
    value = record.get(name)
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, dict):
            yield each


def _result(heard: Heard) -> Any:  # noqa: ANN401 - whatever the answer holds
    return heard.document if isinstance(heard.document, list) else at(heard.document, "/result")
