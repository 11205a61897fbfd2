"""How often to look at what costs: seldom, where every look is slow because somebody reads an old snapshot."""

from __future__ import annotations

import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOOKS = 5
"""The least of so many times is what a look costs, whatever else the machine does."""
SLOW = 0.02
SHARE = 20
"""A slow look is followed by this many times as long without one."""
LONGEST = 5.0


class Pace:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: deque[float] = deque(maxlen=LOOKS)
        self._again = float("-inf")

    @property
    def due(self) -> bool:
        return self._clock() >= self._again

    def rest(self, seconds: float) -> None:
        """No look for so long."""
        self._again = max(self._again, self._clock() + seconds)

    @contextmanager
    def look(self) -> Iterator[None]:
        began = self._clock()
        yield
        self._times.append(self._clock() - began)
        cost = min(self._times)
        if len(self._times) == LOOKS and cost > SLOW:
            self.rest(min(LONGEST, SHARE * cost))
