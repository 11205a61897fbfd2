"""An event loop without a clock on the wall: time jumps to the next thing that is due, and what is ready runs in seeded order.

The real code runs on it unchanged. A run of minutes takes milliseconds, and the same seed gives the same run.
"""

from __future__ import annotations

import asyncio
import heapq
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random


class VirtualLoop(asyncio.BaseEventLoop):
    """``random`` decides what of all that is ready goes first; no two callbacks may rely on their order."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self._seconds = 0.0
        self._random = random

    def time(self) -> float:
        return self._seconds

    def _run_once(self) -> None:
        scheduled: list[Any] = self._scheduled  # type: ignore[attr-defined]
        ready: Any = self._ready  # type: ignore[attr-defined]
        if not ready and scheduled:
            self._seconds = max(self._seconds, scheduled[0]._when)
        while scheduled and scheduled[0]._when <= self._seconds:
            handle = heapq.heappop(scheduled)
            handle._scheduled = False
            ready.append(handle)
        batch = list(ready)
        ready.clear()
        if len(batch) > 1:
            self._random.shuffle(batch)
        for handle in batch:
            if not handle._cancelled:
                handle._run()

    def _process_events(self, _: object) -> None:
        """There are no files and no sockets."""

    def _write_to_self(self) -> None:
        """Nobody else is there to wake it."""
