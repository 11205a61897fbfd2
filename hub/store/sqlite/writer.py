"""One writer thread per process, with group commit.

Writes that wait together share one BEGIN IMMEDIATE … COMMIT, so one fsync answers many callers. Each has its own
savepoint: one that fails is undone alone and the others are kept. Nobody is answered before the commit is on disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path  # noqa: TC003 - part of a public signature
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from hub.store.sql.engine import Closed, Unavailable
from hub.store.sqlite.connection import AWAY, Connection

T = TypeVar("T")
Write = Callable[[Connection], Any]

GROUP = 256
GROUP_SECONDS = 0.02  # other processes wait for the lock meanwhile


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


class _Job:
    __slots__ = ("error", "future", "loop", "result", "write")

    def __init__(self, write: Write, loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any]) -> None:
        self.write = write
        self.loop = loop
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None

    def answer(self) -> None:
        if self.future.done():
            return  # the caller was cancelled; the write stands
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Writer:
    """Owns the only writing connection of this process, from its own thread."""

    def __init__(self, db: Connection, path: Path) -> None:
        self._db, self._path = db, path
        self._file = _identity(path)
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="store-writer", daemon=True)
        self._thread.start()

    async def run(self, write: Callable[[Connection], T]) -> T:
        """Do ``write`` in a transaction and return its result after the commit; its exception, with nothing written."""
        if self._closed:
            raise Closed
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Job(write, loop, future))
        try:
            return await future
        except AWAY as error:
            raise Unavailable(type(error).__name__) from error

    async def close(self) -> None:
        """Finish what was handed in, then close the connection."""
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)

    def _serve(self) -> None:
        open_ = True
        while open_:
            job = self._jobs.get()
            if job is None:
                break
            open_ = self._group(job)
        self._db.close()
        with contextlib.suppress(Empty):
            while True:
                late = self._jobs.get_nowait()
                if late is not None:
                    late.error = Closed()
                    _answer([late])

    def _group(self, first: _Job) -> bool:
        """Commit ``first`` and whatever waits behind it; false when the end was asked for."""
        open_ = True
        done: list[_Job] = []
        try:
            self._begin()
            stop = time.perf_counter() + GROUP_SECONDS
            job: _Job | None = first
            while job is not None:
                done.append(job)
                self._one(job)
                if len(done) >= GROUP or time.perf_counter() > stop:
                    break
                try:
                    job = self._jobs.get_nowait()
                except Empty:
                    break
                open_ = job is not None
            self._db.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001 - the callers hear it; the thread must live
            self._spoil(done or [first], error)
        _answer(done or [first])
        return open_

    def _begin(self) -> None:
        """Raise ``Unavailable`` where a write would be in no file that anyone finds."""
        if _identity(self._path) != self._file:
            raise Unavailable("the database file was moved or deleted")
        self._db.execute("BEGIN IMMEDIATE")

    def _one(self, job: _Job) -> None:
        self._db.execute("SAVEPOINT job")
        try:
            job.result = job.write(self._db)
        except BaseException as error:
            if not self._db.in_transaction:  # SQLite gave up the whole transaction (disk full, I/O error)
                raise
            self._db.execute("ROLLBACK TO job")
            job.error = error
        self._db.execute("RELEASE job")

    def _spoil(self, jobs: list[_Job], error: BaseException) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
        for job in jobs:
            job.error = job.error or error


def _answer(jobs: list[_Job]) -> None:
    """Wake each event loop once for all of its callers."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in jobs:
        by_loop.setdefault(job.loop, []).append(job)
    for loop, mine in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody is left to be told
            loop.call_soon_threadsafe(_answer_all, mine)


def _answer_all(jobs: list[_Job]) -> None:
    for job in jobs:
        job.answer()
