"""Deadlines in working hours, as offices count them (Vietnam time). Pure; the days themselves are ``schemas.workdays``.

* Eight working hours are one working day. What comes in after the office has closed counts from the next working day's
  opening, before it opened from the opening, over lunch from the afternoon's opening.
* A moment at the end of a span *is* the beginning of the next one: due at the end of Tuesday reads Wednesday 07:00. So a
  deadline is always a moment at which somebody works, and ``between`` undoes ``due``.
* Procedures that count calendar days: ``due_in_days``, optionally not counting public holidays.
* After a supplement: the old deadline, moved by the calendar days that the applicant took less one, then on to the next
  working day.
* A deadline that reaches into a year whose days off are not announced is provisional, and names the year.

Times that come in are aware; those that go out are in UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from schemas.workdays import Workdays

VIETNAM = timezone(timedelta(hours=7), "+07")
_DAY = timedelta(days=1)


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """``calendar``: the version it was computed by. ``provisional``: years it rests on that are not announced yet."""

    at: datetime
    calendar: str
    provisional: tuple[int, ...] = ()


def due(days: Workdays, received: datetime, hours: float) -> Due:
    """Return when ``hours`` working hours after ``received`` have passed. Raises ``ValueError`` outside the known years."""
    left = timedelta(hours=hours)
    for opens, closes in _open(days, received.astimezone(VIETNAM)):
        if left < closes - opens:
            return _due(days, received, opens + left)
        left -= closes - opens
    raise AssertionError("the calendar ends with ValueError")


def due_in_days(days: Workdays, received: datetime, count: int, *, holidays_count: bool = True) -> Due:
    """Return the moment ``count`` calendar days after ``received``; it may fall on a day on which nobody works."""
    at = _in_office_hours(days, received.astimezone(VIETNAM))
    left = count
    while left > 0:
        at += _DAY
        left -= int(holidays_count or not _holiday(days, at.date()))
    return _due(days, received, at)


def after_supplement(days: Workdays, old: datetime, asked: datetime, answered: datetime) -> Due:
    """Return the deadline after the applicant has supplied what was asked for. Never before ``old``'s own day."""
    taken = (answered.astimezone(VIETNAM).date() - asked.astimezone(VIETNAM).date()).days
    at = old.astimezone(VIETNAM) + (max(taken, 0) - 1) * _DAY
    return _due(days, min(asked, old), _next_working_day(days, at))


def between(days: Workdays, start: datetime, end: datetime) -> timedelta:
    """Return the working time from ``start`` until ``end``; nothing when ``end`` is not later."""
    until, total = end.astimezone(VIETNAM), timedelta()
    for opens, closes in _open(days, start.astimezone(VIETNAM)):
        if opens >= until:
            break
        total += min(closes, until) - opens
    return total


def works_on(days: Workdays, day: date) -> bool:
    return days.year(day.year).works(day)


def _due(days: Workdays, since: datetime, at: datetime) -> Due:
    years = range(since.astimezone(VIETNAM).year, at.year + 1)
    return Due(
        at=at.astimezone(UTC),
        calendar=days.version,
        provisional=tuple(year for year in years if not days.year(year).published),
    )


def _open(days: Workdays, start: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Every span of office hours from ``start`` on, the first one cut."""
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    while True:
        for span in days.spans if works_on(days, midnight.date()) else ():
            opens, closes = (midnight + timedelta(minutes=minute) for minute in span)
            if closes > start:
                yield max(opens, start), closes
        midnight += _DAY


def _in_office_hours(days: Workdays, at: datetime) -> datetime:
    """The same moment, or the next opening by the clock alone, whatever day it is."""
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    for span in days.spans:
        opens, closes = (midnight + timedelta(minutes=minute) for minute in span)
        if at < closes:
            return max(at, opens)
    return midnight + _DAY + timedelta(minutes=days.spans[0].opens)


def _holiday(days: Workdays, day: date) -> bool:
    told = days.year(day.year).days.get(day)
    return told is not None and not told.works


def _next_working_day(days: Workdays, at: datetime) -> datetime:
    at += _DAY
    while not works_on(days, at.date()):
        at += _DAY
    return at
