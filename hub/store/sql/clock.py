"""What leases are timed by: a clock that all processes of a store share and that nobody sets.

The wall clock is for what a person reads. Were a lease timed by it, a worker whose machine's clock is ahead, or was put
right by an hour, would take away what another one is just sending. Times are microseconds.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable  # noqa: TC003 - part of public signatures
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from hub.store.sql.db import one, only
from hub.store.sql.engine import Unavailable

if TYPE_CHECKING:
    from hub.store.sql.db import Db

RESYNC = 10_000_000


class LeaseClock(Protocol):
    async def time(self, now: int) -> int:
        """Return the time by this clock. ``now``: the wall clock of whoever asks."""
        ...


class Given:
    """The moments that are handed in: for tests that live in a time of their own, one process only."""

    async def time(self, now: int) -> int:
        return now


class SinceBoot:
    """One machine: time since it started, which goes on while it sleeps; ``base`` is the store's for this start (``begun``)."""

    def __init__(self, base: int, since_boot: Callable[[], int]) -> None:
        self._base, self._since_boot = base, since_boot

    async def time(self, now: int) -> int:  # noqa: ARG002 - the wall clock has no say
        return self._base + self._since_boot()


class Servers:
    """The database server's clock, asked for now and then and carried on by a clock of our own that nobody sets.

    While the server is away the last answer goes on.
    """

    def __init__(self, ask: Callable[[], Awaitable[int]], steady: Callable[[], int]) -> None:
        self._ask, self._steady = ask, steady
        self._offset, self._asked = 0, -RESYNC - 1

    async def time(self, now: int) -> int:  # noqa: ARG002 - the wall clock has no say
        before = self._steady()
        if before - self._asked > RESYNC:
            try:
                told = await self._ask()
            except Unavailable:
                if self._asked < 0:
                    raise
            else:
                after = self._steady()
                self._offset, self._asked = told - (before + after) // 2, after
        return self._steady() + self._offset


def since_boot() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def steady() -> int:
    return time.monotonic_ns() // 1000


def this_start() -> str:
    """Name this start of the machine (proc(5), ``/proc/sys/kernel/random/boot_id``)."""
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


def begun(db: Db, boot: str, now: int, since: int) -> int:
    """Return the base for this start of the machine, the same for all its processes; inside a transaction that may write.

    After a new start nobody from before is alive: the base lies so that every lease of theirs has run out.
    """
    row = one(db, "SELECT base FROM clock WHERE boot=?", (boot,))
    if row is not None:
        return int(row[0])
    (last,) = only(db, "SELECT coalesce(max(until), 0) FROM lease")
    base = int(max(now, last)) - since
    db.execute("DELETE FROM clock")
    db.execute("UPDATE dest_run SET tokens_at=? WHERE tokens_at>?", (base + since, base + since))
    db.execute("INSERT INTO clock(boot, base) VALUES(?,?)", (boot, base))
    return base
