"""Moments as signatures write them (xsd:dateTime), and whether they are right now."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from schemas.problems import refuse

_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")


def read(text: str, place: str) -> datetime:
    """Read a moment with its zone. Raises HUB-SIG-005."""
    found = _MOMENT.fullmatch(text.strip())
    try:
        if found:
            day, fraction, zone = found.groups()
            whole = datetime.fromisoformat(day + ("+00:00" if zone == "Z" else zone))
            return (whole + timedelta(seconds=float(fraction or 0))).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise refuse("HUB-SIG-005", place, rule="xs:dateTime with its zone")


def write(moment: datetime) -> str:
    """UTC with milliseconds: what every WS-Security library reads."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def check(made: datetime, now: datetime, *, skew: timedelta, max_age: timedelta | None, place: str) -> None:
    """Raises HUB-SIG-012 for a moment to come, HUB-SIG-011 for one that is too long ago."""
    if made - now > skew:
        raise refuse("HUB-SIG-012", place, rule=f"at most {_seconds(skew)} s ahead of the hub's clock")
    if max_age is not None and now - made > max_age + skew:
        raise refuse("HUB-SIG-011", place, rule=f"at most {_seconds(max_age)} s old")


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
