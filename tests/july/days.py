"""Working days of 2017 and hours inside them, as a clerk counts them with a printed calendar; shares nothing with the hub's.

Days off: the announcements for 2017 (Tết 26 January – 1 February, 6 April, 30 April with Tuesday 2 May in its place, 1 May).
Office hours 07:00–11:30 and 13:30–17:00. All moments here are Vietnam's wall time, with its zone.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone

VIETNAM = timezone(timedelta(hours=7), "+07")
DAY = timedelta(days=1)
OFF = frozenset(
    {
        date(2017, 1, 2),
        *(date(2017, 1, 26) + number * DAY for number in range(7)),
        date(2017, 4, 6),
        date(2017, 5, 1),
        date(2017, 5, 2),
    }
)
SPANS = ((time(7), time(11, 30)), (time(13, 30), time(17)))


def works(day: date) -> bool:
    return day.weekday() < 5 and day not in OFF


def working_days(first: date, last: date) -> list[date]:
    """Every working day from ``first`` to ``last``, both counted."""
    return [day for day in (first + number * DAY for number in range((last - first).days + 1)) if works(day)]


def further(day: date, count: int) -> date:
    """``count`` working days after (before, when negative) a day."""
    step = DAY if count > 0 else -DAY
    for _ in range(abs(count)):
        day += step
        while not works(day):
            day += step
    return day


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=VIETNAM)


def midnight(day: date) -> datetime:
    return at(day, 0)


def hours_after(received: datetime, hours: float) -> datetime:
    """Count working hours; the end of a span is the beginning of the next."""
    left, day = timedelta(hours=hours), received.date()
    while True:
        for opens, closes in SPANS if works(day) else ():
            begin = max(datetime.combine(day, opens, VIETNAM), received)
            room = datetime.combine(day, closes, VIETNAM) - begin
            if room <= timedelta():
                continue
            if left < room:
                return begin + left
            left -= room
        day += DAY


def after_supplement(due: datetime, asked: datetime, answered: datetime) -> datetime:
    """The due date moves by the calendar days that the applicant took less one, then on to the next working day."""
    moved = due + max((answered.date() - asked.date()).days, 0) * DAY - DAY
    day = moved.date() + DAY
    while not works(day):
        day += DAY
    return datetime.combine(day, moved.timetz())
