"""Wake-ups: destinations that something became ready for, as this worker has heard; hints over polling, never a promise.

A hint too many is a wasted look; one too few is found by the full look, which asks the index itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

import psycopg

from hub.store.postgres.connection import CHANNEL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hub.store.postgres.connection import Connection

AWAY_SECONDS = 0.5
"""How often a connection that was lost is tried again, and how long anybody waits without one."""


class Hints:
    """Numbers of destinations to look at, in the order of a ring. Safe between the threads that hear and that claim."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers: set[int] = set()

    def add(self, numbers: Iterable[int]) -> None:
        with self._lock:
            self._numbers.update(numbers)

    def discard(self, numbers: Iterable[int]) -> None:
        with self._lock:
            self._numbers.difference_update(numbers)

    def take(self, after: int, count: int) -> list[int]:
        """Remove and return the next ``count`` after a position, round the ring."""
        with self._lock:
            numbers = sorted(self._numbers, key=lambda number: (number <= after, number))[:count]
            self._numbers.difference_update(numbers)
            return numbers

    def __bool__(self) -> bool:
        return bool(self._numbers)


class Bell:
    """Listens on a connection of its own from the first ``heard`` on, as part of the event loop that asked."""

    def __init__(self, connect: Callable[[], Connection], hints: Hints) -> None:
        self._connect = connect
        self._hints = hints
        self._count = 0
        self._db: Connection | None = None
        self._wire = -1
        self._tried = float("-inf")
        self._waiting: set[asyncio.Event] = set()

    async def heard(self) -> int:
        """Return a number that grows with every ring. What is committed after this returned will be heard.

        While the database cannot be reached nothing is heard; the caller goes on polling.
        """
        clock = asyncio.get_running_loop().time()
        if self._db is None and clock - self._tried > AWAY_SECONDS:
            self._tried = clock
            with contextlib.suppress(psycopg.Error):
                await self._listen()
        return self._count

    async def rings(self, since: int, seconds: float) -> None:
        """Return when the number is another than ``since``, or after ``seconds``."""
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            if self._count == since:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(event.wait(), seconds if self._db else min(seconds, AWAY_SECONDS))
        finally:
            self._waiting.discard(event)

    def close(self) -> None:
        if self._db is not None:
            asyncio.get_running_loop().remove_reader(self._wire)
            self._db.close()
            self._db = None

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._db = await loop.run_in_executor(None, self._open)
        self._wire = self._db.raw.fileno()
        loop.add_reader(self._wire, self._readable)

    def _open(self) -> Connection:
        db = self._connect()
        db.raw.execute(f"LISTEN {CHANNEL}".encode())
        return db

    def _readable(self) -> None:
        if self._db is None:
            return
        wire = self._db.raw.pgconn
        try:
            wire.consume_input()
        except psycopg.OperationalError:  # the server went away; what it would have said is looked up
            self.close()
        while self._db is not None and (news := wire.notifies()) is not None:
            self._hints.add(int(number) for number in news.extra.decode().split(",") if number)
        self._count += 1
        for event in self._waiting:
            event.set()
