"""A process's sign of life: who it is, what is so now, what it has counted; every few seconds into its row of the store.

Sums over all processes never fall: what a process counted stays when it ends or dies (what it had not told since its last
beat is lost with it when it is killed). One that was only stopped for so long that it was taken for dead finds its row gone;
what it had told is with the dead by then, so it goes on as a new process with what it has not told yet.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from hub.metrics.counts import Counts
    from hub.store.contract.store import Store
    from hub.store.contract.watching import Process, Series

EVERY = 5.0
"""Seconds between two beats."""


class Pulse:
    """``me``: without figures; ``gauges``: what is so now."""

    def __init__(
        self,
        store: Store,
        me: Process,
        counts: Counts,
        *,
        gauges: Callable[[], Mapping[str, float]],
        now: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._store, self._me, self._counts = store, me, counts
        self._gauges, self._now, self._new_id = gauges, now, new_id
        self._first, self._lock = True, asyncio.Lock()
        self._base: dict[Series, float] = {}
        self._told: dict[Series, float] = {}

    async def beat(self) -> None:
        async with self._lock:
            if not await self._tell():
                self._me = msgspec.structs.replace(self._me, id=self._new_id())
                self._first, self._base = True, self._told
                await self._tell()

    async def _tell(self) -> bool:
        counted = self._counts.snapshot()
        grown = {series: value - self._base.get(series, 0.0) for series, value in counted.items()}
        process = msgspec.structs.replace(self._me, gauges=self._gauges(), counts=grown)
        known = await self._store.beat(process, self._now(), first=self._first)
        if known:
            self._first, self._told = False, counted
        return known

    async def end(self) -> None:
        """Tell for the last time, and go."""
        await self.beat()
        await self._store.leave(self._me.id)
