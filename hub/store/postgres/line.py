"""A line: one thread with one connection that does transactions in turn. What waits for the same kind of work goes in one.

While a commit is under way others arrive; the next transaction takes them all, so one flush to disk answers many
callers. What a transaction lost to another (deadlock, a lock that came too late) is done again; a lost connection is
opened again as long as the caller is patient. Nobody is answered before the commit is on disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import psycopg
from psycopg import errors

from hub.store.keeper import InUse
from hub.store.postgres.connection import Connection, Doubtful
from hub.store.sql.db import Raced
from hub.store.sql.engine import Closed, Unavailable

T = TypeVar("T")
R = TypeVar("R")


class Spoiled(Exception):  # noqa: N818 - says what it is
    """One of a group cannot be done: its caller hears why (``__cause__``), the others are done again without it."""

    def __init__(self, place: int) -> None:
        super().__init__(place)
        self.place = place


Together = Callable[[Connection, Sequence[T]], Sequence[R | BaseException]]
"""Does a group in one transaction: for each item its result, or the exception that its caller hears."""

GROUP = 256
TURNS = 20
"""How often a transaction is done again that lost to another one."""

_PAUSE = 0.05  # seconds between two attempts to connect
_LOST = (errors.DeadlockDetected, errors.SerializationFailure, Raced)


class Job:
    """``until``: how long, by the monotonic clock, its caller is patient with a database that is away."""

    __slots__ = ("answer", "error", "future", "item", "loop", "repeatable", "result", "until", "work")

    def __init__(self, work: Together[Any, Any], item: object, until: float, *, repeatable: bool) -> None:
        self.work = work
        self.item = item
        self.until = until
        self.repeatable = repeatable
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None

    def tell(self) -> None:
        if self.future.done():
            return  # the caller was cancelled; the write stands
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Line:
    """``connect`` opens its connection, when it is first needed and whenever it was lost."""

    def __init__(self, name: str, connect: Callable[[], Connection], first: Connection | None = None) -> None:
        self._connect = connect
        self._db = first
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._waiting: deque[Job] = deque()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name=f"store-{name}", daemon=True)
        self._thread.start()

    async def together(
        self, work: Together[T, R], item: T, *, patience: float = 0.0, repeatable: bool = True
    ) -> R:
        """Do ``work`` for ``item`` and whatever waits for the same ``work``. Raises ``Unavailable`` after ``patience`` seconds.

        ``repeatable``: it may be done again when nobody knows whether it was committed.
        """
        if self._closed:
            raise Closed
        job = Job(work, item, time.monotonic() + patience, repeatable=repeatable)
        self._jobs.put(job)
        return await job.future  # type: ignore[no-any-return]

    async def run(
        self, write: Callable[[Connection], T], *, patience: float = 0.0, repeatable: bool = False
    ) -> T:
        """Do ``write`` in a transaction of its own."""
        return await self.together(_alone, write, patience=patience, repeatable=repeatable)

    async def close(self) -> None:
        """Finish what was handed in, then close the connection."""
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)

    # --- the thread

    def _serve(self) -> None:
        while (group := self._next()) is not None:
            self._do(group)
            _tell(group)
        if self._db is not None:
            self._db.close()
        late = [job for job in (*self._waiting, *_drained(self._jobs)) if job is not None]
        for job in late:
            job.error = Closed()
        _tell(late)

    def _next(self) -> list[Job] | None:
        """Wait for work; take all that waits for the same. ``None``: the end was asked for and nothing is left."""
        if not self._waiting:
            job = self._jobs.get()
            if job is None:
                return None
            self._waiting.append(job)
        handed_in = _drained(self._jobs)
        self._waiting.extend(job for job in handed_in if job is not None)
        if None in handed_in:
            self._jobs.put(None)  # the end comes after what was handed in
        first = self._waiting[0]
        if first.work is _alone:
            return [self._waiting.popleft()]
        group = [job for job in self._waiting if job.work is first.work][:GROUP]
        taken = set(map(id, group))
        self._waiting = deque(job for job in self._waiting if id(job) not in taken)
        return group

    def _do(self, group: list[Job]) -> None:
        """Whoever cannot be done spoils it for nobody else; a group that lost a race is done one by one."""
        if not group:
            return
        try:
            self._attempt(group)
        except Spoiled as spoiled:
            group[spoiled.place].error = spoiled.__cause__
            self._do([job for job in group if job.error is None])
        except BaseException as error:  # noqa: BLE001 - the callers hear it; the thread must live
            if len(group) == 1 or isinstance(error, Unavailable):
                for job in group:
                    job.error = error
                return
            for job in group:
                self._do([job])

    def _attempt(self, group: list[Job]) -> None:
        turn = away = 0
        while True:
            try:
                self._once(group)
            except _LOST:
                turn += 1
                if turn >= TURNS or len(group) > 1:
                    raise
                time.sleep(0.001 * turn)
            except Doubtful as error:
                if not all(job.repeatable for job in group):
                    raise Unavailable("the connection was lost during the commit") from error
            except InUse as error:
                raise Unavailable(str(error)) from error
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                away += 1
                self._wait_or_give_up(group, error, away)
            else:
                return

    def _once(self, group: list[Job]) -> None:
        if self._db is None or self._db.closed:
            self._db = self._connect()
        work, items = group[0].work, [job.item for job in group]
        results = self._db.transaction(lambda db: work(db, items))
        for job, result in zip(group, results, strict=True):
            if isinstance(result, BaseException):
                job.error = result
            else:
                job.result = result

    def _wait_or_give_up(self, group: list[Job], error: psycopg.Error, tries: int) -> None:
        """A connection that was lost is opened again at once; a server that stays away is waited for by the patient."""
        away = (
            self._db is None or self._db.closed or error.sqlstate is None or error.sqlstate.startswith("57P")
        )
        if not away or (tries > 1 and time.monotonic() >= min(job.until for job in group)):
            raise Unavailable(type(error).__name__) from error
        if self._db is not None:
            self._db.close()
        if tries > 1:
            time.sleep(_PAUSE)


def _alone(db: Connection, writes: Sequence[Callable[[Connection], Any]]) -> list[Any]:
    return [write(db) for write in writes]


def _drained(jobs: SimpleQueue[Job | None]) -> list[Job | None]:
    found: list[Job | None] = []
    with contextlib.suppress(Empty):
        while True:
            found.append(jobs.get_nowait())
    return found


def _tell(jobs: list[Job]) -> None:
    """Wake each event loop once for all of its callers."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Job]] = {}
    for job in jobs:
        by_loop.setdefault(job.loop, []).append(job)
    for loop, mine in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody is left to be told
            loop.call_soon_threadsafe(_tell_all, mine)


def _tell_all(jobs: list[Job]) -> None:
    for job in jobs:
        job.tell()
