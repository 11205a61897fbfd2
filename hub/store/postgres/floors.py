"""Where a worker begins to look for tickets that are ready.

While anybody reads an older snapshot, taken tickets stay at the front of the index as dead entries, and each look from the
beginning walks over all of them. Inside a class of urgency tickets become ready in the order of time, so a worker that took
many begins a little before the last one it took, and now and then from the beginning. Memory only: a floor that is too high
delays a ticket until the next look from the beginning, and never loses it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hub.store.sql.lanes import OFFSETS
from hub.store.sql.times import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hub.store.postgres.claim import Taken

SPAN = 10 * SECOND
"""How much later than others a ticket may be committed, or by how much clocks differ, without being delayed."""
AGAIN = 30.0
"""Seconds between two looks from the beginning."""
MANY = 500
"""Tickets taken from a destination before dead entries are worth a floor."""
CLASSES = len(OFFSETS)
ARMS = 2 * CLASSES
"""Live traffic by class, then the backlog of an outage by class."""
BEGINNING: Sequence[int] = (0,) * ARMS


class Floors:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._fronts: dict[int, _Front] = {}

    def begin(self, dest: int) -> Sequence[int]:
        """Return for each arm from when on a claim looks; zeros: from the beginning."""
        front = self._fronts.setdefault(dest, _Front())
        now = self._clock()
        if front.taken < MANY or now - front.looked >= AGAIN:
            front.looked = now
            return BEGINNING
        return front.floors

    def of(self, dest: int) -> Sequence[int]:
        """The same for who only wants to know whether there is more."""
        front = self._fronts.get(dest)
        return BEGINNING if front is None or front.taken < MANY else front.floors

    def took(self, taken: Iterable[Taken]) -> None:
        """Learn from what a committed claim took."""
        for one in taken:
            self._fronts.setdefault(one.dest, _Front()).learn(one.arm, one.since)


class _Front:
    """One destination's. ``span`` grows when a ticket was found that a floor had hidden."""

    __slots__ = ("looked", "newest", "span", "taken")

    def __init__(self) -> None:
        self.newest = [0] * ARMS
        self.span = SPAN
        self.taken = 0
        self.looked = float("-inf")

    @property
    def floors(self) -> list[int]:
        return [max(0, since - self.span) for since in self.newest]

    def learn(self, arm: int, since: int) -> None:
        behind = self.newest[arm] - since
        if behind > self.span:
            self.span = behind + SPAN
        self.newest[arm] = max(self.newest[arm], since)
        self.taken += 1
