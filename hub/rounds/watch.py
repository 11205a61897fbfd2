"""Conservation, always on: one worker of the whole cluster checks that nothing vanished and nothing stands twice.

Two checks that never end. The *balance* asks counters every few seconds. The *survey* goes through everything in pieces, each
a snapshot of milliseconds, resting between them so that it takes a small part of one core, then begins anew. What they say
stands in the store, is journaled when it changes, is a metric, and an error in the log when it is bad.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import structlog

from hub.store.contract.watching import Mark, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from hub.store.contract.store import Store

log = structlog.get_logger(__name__)

BALANCE, SURVEY = "balance", "conservation"
CHORE = "watching"
TURN = 60.0
"""Seconds that a turn lasts when nobody says it again; said again after a third."""
EVERY = 5.0
"""Seconds between two balances, and between two rounds of the survey."""
REST = 20
"""A check that took so long is followed by a rest of so many times that: one part in twenty-one of a core."""
SAID_AGAIN = 30.0
"""A verdict that stays the same is written down so often."""
PIECE = 5000
"""Rows for one piece of the survey: some 10 ms."""


class Watch:
    """One per worker process; the one that has the turn works. ``piece``: rows; ``every``: seconds."""

    def __init__(
        self,
        store: Store,
        name: str,
        now: Callable[[], datetime],
        *,
        every: float = EVERY,
        piece: int = PIECE,
    ) -> None:
        self._store, self._name, self._now = store, name, now
        self._every, self._piece = every, piece
        self._said: dict[str, tuple[float, tuple[str, ...]]] = {}
        self._turn_until = 0.0

    async def run(self) -> None:
        """Work until cancelled; a store that fails is asked again."""
        while True:
            try:
                if await self._has_turn():
                    await asyncio.gather(self._balances(), self._surveys())
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception("watch_failed", worker=self._name)
            await asyncio.sleep(self._every)

    async def end(self) -> None:
        await self._store.end_turn(CHORE, self._name)

    async def _has_turn(self) -> bool:
        if self._turn_until - time.monotonic() > TURN * 2 / 3:
            return True
        asked = time.monotonic()
        has = await self._store.turn(CHORE, self._name, self._now(), TURN)
        self._turn_until = asked + TURN if has else 0.0
        return has

    async def _balances(self) -> None:
        while await self._has_turn():
            began = time.perf_counter()
            broken = await self._store.balance()
            await self._judge(BALANCE, time.perf_counter() - began, broken)
            await self._store.count_unfinished()
            await asyncio.sleep(max(self._every, REST * (time.perf_counter() - began)))

    async def _surveys(self) -> None:
        while True:
            began = time.perf_counter()
            broken: list[str] = []
            mark: Mark | None = Mark()
            while mark is not None:
                if not await self._has_turn():
                    return
                piece = time.perf_counter()
                found, mark = await self._store.survey(mark, self._piece)
                broken.extend(found)
                await asyncio.sleep(REST * (time.perf_counter() - piece))
            await self._judge(SURVEY, time.perf_counter() - began, tuple(broken[:50]))
            await asyncio.sleep(self._every)

    async def _judge(self, name: str, seconds: float, broken: tuple[str, ...]) -> None:
        at, before = self._said.get(name, (0.0, None))
        if broken == before and time.monotonic() - at < SAID_AGAIN:
            return
        now = self._now()
        await self._store.judge(Verdict(name=name, at=now, since=now, seconds=seconds, broken=broken))
        self._said[name] = (time.monotonic(), broken)
        if broken and broken != before:
            log.error("conservation_broken", kind=name, count=len(broken), rule=broken[0])
