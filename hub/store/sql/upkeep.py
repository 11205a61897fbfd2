"""Upkeep on any engine: ``retention`` in the engine's transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.store.sql import retention
from hub.store.sql.times import SECOND, micros
from hub.store.upkeep import Stage

if TYPE_CHECKING:
    from datetime import datetime

    from hub.store.sql.db import Db
    from hub.store.sql.engine import Queue, Reads, Writes
    from hub.store.upkeep import Ages, Chunk, Survey

GROUP = 500


class SqlUpkeep:
    def __init__(self, reads: Reads, writes: Writes, queue: Queue) -> None:
        self._reads, self._writes, self._queue = reads, writes, queue

    async def prune(self, stage: Stage, age: float, now: datetime, most: int) -> Chunk:
        return await self._writes.run(
            lambda db: retention.prune(db, stage, int(age * SECOND), micros(now), most)
        )

    async def survey(self, ages: Ages, now: datetime) -> tuple[Survey, ...]:
        def look(db: Db) -> tuple[Survey, ...]:
            return tuple(
                retention.survey(db, stage, int(ages[stage] * SECOND), micros(now), GROUP) for stage in Stage
            )

        return await self._reads.run(look)

    async def tidy(self) -> None:
        await self._queue.tidy()
