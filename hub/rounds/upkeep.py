"""The pruner: in every worker, at work in one. A little at a time, and four times as long a rest, so that nobody waits.

It shares its turn with the backup, so that no payload's file is let go which a backup is about to read.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from hub.rounds.rounds import again
from hub.store.upkeep import CHORE, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from hub.settings.sections import Retention
    from hub.store.contract.store import Store
    from hub.store.upkeep import Ages

log = structlog.get_logger(__name__)

MOST = 50
"""Messages per transaction: others wait no longer than for these."""
REST = 4
LEAST_REST = 0.01
BATCHES = timedelta(days=90)
"""How long manifests of batches to and from other hubs stay after they were done."""
TURN = 60.0
"""Seconds that a turn lasts unless it is taken again; who was killed loses it after this."""


def ages_of(retention: Retention) -> Ages:
    """A record goes when nothing needs it: not the payload, not the evidence, not the sender's key."""
    return {
        Stage.PAYLOADS: retention.payloads,
        Stage.EVIDENCE: retention.evidence,
        Stage.RECORDS: max(retention.payloads, retention.evidence, retention.keys),
        Stage.JOURNAL: retention.journal,
        Stage.REFUSALS: retention.refusals,
    }


def horizon(schedule: Iterable[float], jitter: float, longest_wait: float) -> float:
    """Seconds over which one transfer may be tried by itself: each wait at its longest, a partner's Retry-After included."""
    return sum(max(wait * (1 + jitter), longest_wait) for wait in schedule)


class Pruner:
    """``every``: seconds between two rounds; ``holder``: this process, as the turn names it; ``rest``: as many times as a group took."""

    def __init__(
        self,
        store: Store,
        ages: Ages,
        *,
        now: Callable[[], datetime],
        holder: str,
        every: float,
        rest: float = REST,
    ) -> None:
        self._store, self._ages, self._now = store, ages, now
        self._holder, self._every, self._rest = holder, every, rest

    async def run(self) -> None:
        """Until cancelled."""
        await again(self._every, self._once, "pruning")

    async def _once(self) -> None:
        await self.round()

    async def round(self) -> int | None:
        """Do what is due; return how much went. ``None``: another process has the turn."""
        if not await self._turn():
            return None
        try:
            removed = 0
            for stage in Stage:
                removed += await self._stage(stage)
            removed += await self._store.edges.forget(self._now() - BATCHES, MOST)
            await self._store.upkeep.tidy()
        finally:
            with contextlib.suppress(Exception):  # it runs out by itself
                await self._store.end_turn(CHORE, self._holder)
        if removed:
            log.info("pruned", worker=self._holder, count=removed)
        return removed

    async def _turn(self) -> bool:
        return await self._store.turn(CHORE, self._holder, self._now(), TURN)

    async def _stage(self, stage: Stage) -> int:
        removed = 0
        while await self._turn():
            began = time.perf_counter()
            chunk = await self._store.upkeep.prune(stage, self._ages[stage], self._now(), MOST)
            removed += chunk.removed
            if not chunk.more:
                break
            await asyncio.sleep(self._rest * max(LEAST_REST, time.perf_counter() - began))
        return removed
