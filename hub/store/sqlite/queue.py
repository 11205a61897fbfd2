"""The way of a message on SQLite: the shared statements, one by one, in the writer's group commit; claims of its own."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path  # noqa: TC003 - part of a public signature
from typing import TYPE_CHECKING

import apsw

from hub.store.contract.watching import Figures
from hub.store.sql import accept, leases, settle, timers
from hub.store.sql.engine import Taken, Unavailable
from hub.store.sql.times import SECOND
from hub.store.sqlite import claim
from hub.store.sqlite.connection import empty_wal, same_version, take_in

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from hub.store.contract.intake import Accepted
    from hub.store.sql.accept import Packed
    from hub.store.sql.clock import LeaseClock
    from hub.store.sql.settle import Outcome, Seal
    from hub.store.sqlite.connection import Connection
    from hub.store.sqlite.readers import Readers
    from hub.store.sqlite.writer import Writer

POLL_SECONDS = 0.005
"""How often a waiting worker looks whether some process has committed: 4 µs each."""


class SqliteQueue:
    def __init__(self, path: Path, reads: Readers, writes: Writer, clock: LeaseClock) -> None:
        self._clock = clock
        self._path = path
        self._reads = reads
        self._writes = writes
        self._ring = 0
        self._seen = -1

    async def accept(self, packed: Packed) -> Accepted:
        try:
            return await self._writes.run(lambda db: accept.accept(db, packed))
        except apsw.Error as error:  # the disk is full, broken or busy beyond patience: nothing was written
            raise Unavailable(type(error).__name__) from error

    async def claim(
        self, token: str, worker: str, now: int, limit: int, lease: float, without: Collection[str]
    ) -> Taken:
        """An idle claim takes no lock."""
        self._seen = self._reads.version()
        if limit <= 0 or not await self._reads.look(claim.anything_due):
            return Taken((), float("inf"))
        by = await self.lease_time(now)
        take = partial(
            claim.claim,
            token=token,
            worker=worker,
            now=now,
            limit=limit,
            until=by + int(lease * SECOND),
            by=by,
            position=self._ring,
            without=without,
        )
        claimed = await self._writes.run(take)
        self._ring = claimed.position
        return Taken(claimed.taken, claimed.pause)

    async def seal(self, token: str, seals: Mapping[str, Seal]) -> bool:
        return await self._writes.run(lambda db: settle.seal(db, token, seals))

    async def settle(self, token: str, outcomes: Mapping[str, Outcome], now: int) -> bool:
        return await self._writes.run(lambda db: settle.settle(db, token, outcomes, now))

    async def renew(self, token: str, now: int, lease: float) -> bool:
        until = await self.lease_time(now) + int(lease * SECOND)
        return await self._writes.run(lambda db: leases.renew(db, token, until))

    async def lease_time(self, now: int) -> int:
        return await self._clock.time(now)

    async def tick(self, now: int) -> int | None:
        by = await self.lease_time(now)
        due = await self._reads.look(lambda db: timers.next_due(db, now, by))
        if due is None or due > now:
            return due
        while await self._writes.run(lambda db: timers.tick(db, now, by)):
            pass
        return await self._reads.look(lambda db: timers.next_due(db, now, by))

    async def news(self, seconds: float) -> None:
        clock = asyncio.get_running_loop().time
        end = clock() + seconds
        while self._reads.version() == self._seen and (left := end - clock()) > 0:  # noqa: ASYNC110 - another process rings no bell
            await asyncio.sleep(min(POLL_SECONDS, left))

    async def probe(self) -> None:
        """A full or read-only disk shows here before a sender meets it."""
        try:
            await self._writes.run(same_version)
        except apsw.Error as error:
            raise Unavailable(type(error).__name__) from error

    async def figures(self) -> Figures:
        size, log = (_size(self._path.with_name(self._path.name + end)) for end in ("", "-wal"))
        return Figures(engine="sqlite", version=apsw.sqlite_lib_version(), size=size, log=log)

    async def tidy(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, take_in, self._path)

    async def settings(self) -> tuple[dict[str, str], int | None]:
        """As every writer of ours has them; another program's connections are its own business."""

        def ask(db: Connection) -> dict[str, str]:
            return {name: str(db.pragma(name)) for name in ("journal_mode", "synchronous")}

        return await self._writes.run(ask), None

    async def purge(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, empty_wal, self._path)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
