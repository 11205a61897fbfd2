"""How fast one login may turn pages: a person never notices it, a program that walks the pages does."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from hub.api.later import Later

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.settings.sections import Console as Times

OVER = "HUB-LIM-002"
KEPT = 10_000
"""Logins that are kept in mind; of more, those that were quiet the longest begin anew."""


class Reading:
    """One per web process; one event loop. ``seconds``: a clock that never goes back."""

    def __init__(self, times: Times, seconds: Callable[[], float], *, kept: int = KEPT) -> None:
        self._rate, self._burst = times.pages, float(times.burst)
        self._seconds, self._kept = seconds, kept
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def turn(self, officer: str) -> None:
        """Let one page be read. Raises ``Later`` HUB-LIM-002."""
        now = self._seconds()
        left, at = self._left.get(officer, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate)
        if left < 1:
            raise Later(OVER, f"rate: {self._rate:g} pages a second", (1 - left) / self._rate)
        self._left[officer] = left - 1, now
        self._left.move_to_end(officer)
        while len(self._left) > self._kept:
            self._left.popitem(last=False)
