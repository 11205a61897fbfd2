"""From which day to which a figure counts: whole days in Vietnam, the last one included. Weeks may run from Friday to Thursday."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from hub.deadlines.calendar import VIETNAM
from hub.story.record import Value
from schemas.problems import refuse

LONGEST = timedelta(days=3660)


class Period(Value, frozen=True):
    """``last`` counts whole."""

    first: date
    last: date

    @property
    def begin(self) -> datetime:
        return _midnight(self.first)

    @property
    def end(self) -> datetime:
        """The moment at which it is over."""
        return _midnight(self.last + timedelta(days=1))

    def holds(self, moment: datetime | None) -> bool:
        return moment is not None and self.begin <= moment < self.end


def period(first: str, last: str) -> Period:
    """Read two days (``2017-07-14``). Raises ``Refusal`` HUB-FIG-001."""
    try:
        found = Period(first=date.fromisoformat(first), last=date.fromisoformat(last))
    except ValueError:
        raise refuse("HUB-FIG-001", "from, to", rule="a day: 2027-01-31") from None
    if not timedelta() <= found.last - found.first <= LONGEST:
        raise refuse("HUB-FIG-001", "from, to", rule="from ≤ to ≤ from + 10 years")
    return found


def week_before(now: datetime, begins: int = 4) -> Period:
    """Return the last whole week; ``begins``: 0 Monday … 4 Friday."""
    today = now.astimezone(VIETNAM).date()
    last = today - timedelta(days=(today.weekday() - begins) % 7 + 1)
    return Period(first=last - timedelta(days=6), last=last)


def day_of(moment: datetime) -> date:
    return moment.astimezone(VIETNAM).date()


@lru_cache(maxsize=1024)
def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), VIETNAM).astimezone(UTC)
