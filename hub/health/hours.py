"""When a partner may be sent to: its declared hours, in Vietnam time, evaluated to windows. Pure.

``"mon-fri 07:00-11:30 13:30-17:00"``: days (one, a range, or several with commas), then spans of the day. Several lines add
up. With the office's calendar nothing is open on a public holiday, and a make-up day is open like a Friday, because it is
a Friday's work that it makes up for. A window that has begun is never cut for what is under way: it only stops claims.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hub.deadlines.calendar import VIETNAM
from schemas.workdays import Span, spans

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from schemas.workdays import Workdays

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
RULE = 'hours as "mon-fri 07:00-11:30 13:30-17:00" or "sat,sun 00:00-24:00"'
LONGEST_LOOK = 60
"""Days that are looked ahead for an opening; Tết closes for ten."""

_FRIDAY = 4
_DAY = timedelta(days=1)

Week = tuple[tuple[Span, ...], ...]
"""Spans for Monday to Sunday."""


class Window(NamedTuple):
    """Open from ``opens`` until before ``closes``."""

    opens: datetime
    closes: datetime


class Hours(msgspec.Struct, frozen=True, kw_only=True):
    """``office``: public holidays and make-up days count."""

    week: Week
    office: bool = False


def read(lines: Sequence[str]) -> Week:
    """Read the declared lines. Raises ``ValueError`` with the rule that is broken."""
    week: list[tuple[Span, ...]] = [()] * len(DAYS)
    for line in lines:
        words = line.lower().split()
        if len(words) < 2:  # noqa: PLR2004 - days, and at least one span
            raise ValueError(RULE)
        for day in _days(words[0]):
            week[day] = _added(week[day], words[1:])
    return tuple(week)


def office(days: Workdays) -> Week:
    """The office's own hours, Monday to Friday."""
    return tuple(days.spans if day <= _FRIDAY else () for day in range(len(DAYS)))


def _added(had: tuple[Span, ...], more: list[str]) -> tuple[Span, ...]:
    found = sorted((*had, *spans(more)))
    if any(late.opens < early.closes for early, late in pairwise(found)):
        raise ValueError("hours that do not overlap")
    return tuple(found)


def _days(text: str) -> Iterator[int]:
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise ValueError(RULE)
        begin, end = DAYS.index(first), DAYS.index(last if dash else first)
        yield from (day % len(DAYS) for day in range(begin, end + 1 + len(DAYS) * (end < begin)))


def window(hours: Hours, days: Workdays, now: datetime) -> Window:
    """Return the window that is open now (as of today), or the next one. Spans that touch, also over midnight, are one window.

    When nothing opens within ``LONGEST_LOOK`` days the window is empty and lies at the end of that time: look again then.
    """
    found: Window | None = None
    midnight = now.astimezone(VIETNAM).replace(hour=0, minute=0, second=0, microsecond=0)
    for number in range(LONGEST_LOOK):
        start = midnight + number * _DAY
        for span in _open_on(hours, days, start.date()):
            opens, closes = (start + timedelta(minutes=minute) for minute in span)
            if found is not None and opens > found.closes:
                return found
            if found is not None:
                found = Window(found.opens, closes.astimezone(UTC))
            elif closes > now:
                found = Window(opens.astimezone(UTC), closes.astimezone(UTC))
    end = (midnight + LONGEST_LOOK * _DAY).astimezone(UTC)
    return found or Window(end, end)


def _open_on(hours: Hours, days: Workdays, day: date) -> tuple[Span, ...]:
    told = days.year(day.year).days.get(day) if hours.office else None
    if told is None:
        return hours.week[day.weekday()]
    return hours.week[min(day.weekday(), _FRIDAY)] if told.works else ()
