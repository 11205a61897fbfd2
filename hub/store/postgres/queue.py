"""The way of a message on PostgreSQL."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from hub.store.contract.watching import Figures
from hub.store.postgres import accept, claim, settle
from hub.store.postgres.floors import Floors
from hub.store.postgres.pace import Pace
from hub.store.sql import leases, timers
from hub.store.sql.db import many, only
from hub.store.sql.engine import Taken, Unavailable
from hub.store.sql.times import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from hub.store.contract.intake import Accepted
    from hub.store.postgres.bell import Bell, Hints
    from hub.store.postgres.connection import Connection
    from hub.store.postgres.line import Line
    from hub.store.postgres.readers import Readers
    from hub.store.sql.accept import Packed
    from hub.store.sql.clock import LeaseClock
    from hub.store.sql.settle import Outcome, Seal

LOOK_SECONDS = 1.0
"""How often a worker asks the index itself which destinations have something ready, whatever it heard."""

FEW = 64
"""As many destinations with ready lanes are looked up at any time, while that is quick."""

LANES = 2_000
"""Locks of empty lanes that go at once."""

ROLL_UP_SECONDS = 5.0
ROLL_UP_LOCK = 0x4C546868
PATIENCE = 20.0
"""Seconds to go on trying to record what was already sent."""

_ROLL_UP = """
WITH gone AS (DELETE FROM cnt_delta RETURNING dest, what, n)
INSERT INTO cnt(dest, what, n) SELECT dest, what, sum(n) FROM gone GROUP BY dest, what ORDER BY dest, what
ON CONFLICT(dest, what) DO UPDATE SET n=cnt.n+excluded.n
"""

_EMPTY_LANES = """
DELETE FROM lane WHERE ctid=ANY(ARRAY(SELECT ctid FROM lane l
  WHERE NOT EXISTS(SELECT 1 FROM item i WHERE i.subject=l.subject AND i.dest=l.dest) LIMIT ? FOR UPDATE SKIP LOCKED))
"""

_SETTINGS = """
SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes', 'max_connections')
"""
_FIGURES = "SELECT pg_database_size(current_database()), current_setting('server_version')"


class PostgresQueue:
    """``intake`` takes messages in, ``delivery`` carries them on; neither waits for the other."""

    def __init__(
        self, reads: Readers, intake: Line, delivery: Line, hints: Hints, bell: Bell, clock: LeaseClock
    ) -> None:
        self._clock = clock
        self._reads = reads
        self._intake = intake
        self._delivery = delivery
        self._hints = hints
        self._bell = bell
        self._floors = Floors()
        self._settle = partial(settle.settle, floors=self._floors.of)
        self._position = 0
        self._heard = -1
        self._looks, self._ticks = Pace(), Pace()
        self._next_due: int | None = None
        self._rolled_up = float("-inf")

    async def accept(self, packed: Packed) -> Accepted:
        return await self._intake.together(accept.accept, packed)

    async def claim(
        self, token: str, worker: str, now: int, limit: int, lease: float, without: Collection[str]
    ) -> Taken:
        """While the database is away there is nothing to claim."""
        self._heard = await self._bell.heard()
        if limit <= 0:
            return Taken((), float("inf"))
        try:
            by = await self.lease_time(now)
            until = by + int(lease * SECOND)
            wish = claim.Wish(token, worker, now, limit, until, without, self._position, by)
            claiming = _Claiming(wish, self._hints, self._look, self._floors.begin)
            claimed = await self._delivery.run(claiming, repeatable=True)
        except Unavailable:
            return Taken((), float("inf"))
        self._position = claimed.position
        self._floors.took(claimed.tickets)
        return Taken(claimed.taken, claimed.pause)

    def _look(self, db: Connection) -> list[int]:
        """Where looking costs, because much is ready or somebody reads an old snapshot: hints first, the index now and then."""
        if not self._looks.due:
            return []
        with self._looks.look():
            found = claim.due(db)
        if len(found) > FEW:
            self._looks.rest(LOOK_SECONDS)
        return found

    async def seal(self, token: str, seals: Mapping[str, Seal]) -> bool:
        return await self._delivery.together(settle.seal, settle.Sealing(token, seals), patience=PATIENCE)

    async def settle(self, token: str, outcomes: Mapping[str, Outcome], now: int) -> bool:
        """False also when the connection broke during the commit and it turns out that it was written."""
        report = settle.Report(token, outcomes, now)
        return await self._delivery.together(self._settle, report, patience=PATIENCE)

    async def renew(self, token: str, now: int, lease: float) -> bool:
        until = await self.lease_time(now) + int(lease * SECOND)
        return await self._delivery.run(
            lambda db: leases.renew(db, token, until), patience=PATIENCE, repeatable=True
        )

    async def lease_time(self, now: int) -> int:
        return await self._clock.time(now)

    async def tick(self, now: int) -> int | None:
        """While the database is away its time stands still."""
        try:
            if self._ticks.due or (self._next_due is not None and self._next_due <= now):
                await self._tick(now, await self.lease_time(now))
            if time.monotonic() - self._rolled_up > ROLL_UP_SECONDS:
                self._rolled_up = time.monotonic()
                await self._delivery.run(roll_up)
        except Unavailable:
            return None
        return self._next_due

    async def _tick(self, now: int, by: int) -> None:
        def look(db: Connection) -> int | None:
            with self._ticks.look():
                return timers.next_due(db, now, by)

        self._next_due = await self._reads.look(look)
        if self._next_due is not None and self._next_due <= now:
            while await self._delivery.run(lambda db: timers.tick(db, now, by), repeatable=True):
                pass
            self._next_due = await self._reads.look(look)

    async def news(self, seconds: float) -> None:
        await self._bell.rings(self._heard, seconds)

    async def probe(self) -> None:
        """A database that only reads, or is full, shows here before a sender meets it."""
        await self._intake.run(
            lambda db: db.execute("UPDATE hub_schema SET version=version"), repeatable=True
        )

    async def figures(self) -> Figures:
        size, version = await self._reads.look(lambda db: only(db, _FIGURES))
        return Figures(engine="postgresql", version=version, size=size)

    async def tidy(self) -> None:
        """Forget the locks of lanes where nothing is; who comes next makes one anew. The server looks after its log itself."""
        while await self._intake.run(_forget_empty_lanes, repeatable=True) == LANES:
            pass

    async def settings(self) -> tuple[dict[str, str], int | None]:
        def ask(db: Connection) -> tuple[dict[str, str], int]:
            return {name: str(value) for name, value in many(db, _SETTINGS)}, servers_time(db)

        return await self._reads.look(ask)

    async def purge(self) -> None:
        """Dead rows go with the next vacuum of a small table; the write-ahead log rotates by itself."""
        await self._reads.look(lambda db: db.execute("VACUUM datakey"))

    async def close(self) -> None:
        self._bell.close()
        await self._delivery.close()


class _Claiming:
    """One claim, done again by its token: what an earlier try took is not taken twice."""

    def __init__(
        self,
        wish: claim.Wish,
        hints: Hints,
        look: Callable[[Connection], list[int]],
        floors: Callable[[int], Sequence[int]],
    ) -> None:
        self._wish = wish
        self._hints = hints
        self._look = look
        self._floors = floors
        self._tried = False

    def __call__(self, db: Connection) -> claim.Claim:
        taken = claim.earlier(db, self._wish.token) if self._tried else ()
        self._tried = True
        if taken:
            return claim.Claim(taken, self._wish.position, float("inf"))
        return claim.claim(db, self._hints, self._wish, self._look, self._floors)


def servers_time(db: Connection) -> int:
    """Microseconds since 1970 by the server's clock."""
    return int(only(db, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")[0])


def roll_up(db: Connection) -> None:
    """One process at a time; who finds another at it leaves it alone."""
    if only(db, "SELECT pg_try_advisory_xact_lock(?)", (ROLL_UP_LOCK,))[0]:
        db.execute(_ROLL_UP)


def _forget_empty_lanes(db: Connection) -> int:
    db.execute(_EMPTY_LANES, (LANES,))
    return db.changes()
