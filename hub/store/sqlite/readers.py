"""Reading never goes through the writer: a few read-only connections, each snapshot short.

A snapshot that stays open keeps the WAL from being reset (2.4 MB/s under load), so a read takes its rows and goes.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path  # noqa: TC003 - part of a public signature
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar

from hub.store.sql.db import only
from hub.store.sqlite.connection import LARGE, open_reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.store.sqlite.connection import Connection, Keep

T = TypeVar("T")


class Readers:
    """``run`` reads in a thread; ``look`` on the caller's, because the way to a thread and back costs more than a point look-up."""

    def __init__(self, path: Path, threads: int = 2, keep: Keep = LARGE) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="store-reader")
        self._free: SimpleQueue[Connection] = SimpleQueue()
        self._all = [open_reader(path, keep) for _ in range(threads)]
        for db in self._all:
            self._free.put(db)
        self._here = open_reader(path, keep)

    async def run(self, read: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._snapshot, read)

    async def look(self, read: Callable[[Connection], T]) -> T:
        """Run on the caller's thread, which must always be the same one (the event loop's)."""
        return read(self._here)

    def version(self) -> int:
        """Return a number that changes when any other connection, in any process, has committed."""
        (version,) = only(self._here, "PRAGMA data_version")
        return int(version)

    def _snapshot(self, read: Callable[[Connection], T]) -> T:
        db = self._free.get()
        try:
            db.execute("BEGIN")
            try:
                return read(db)
            finally:
                db.execute("COMMIT")
        finally:
            self._free.put(db)

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self._pool.shutdown)
        for db in (*self._all, self._here):
            db.close()
