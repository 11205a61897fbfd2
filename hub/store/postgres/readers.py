"""Reading in a few threads, each with a connection of its own, opened when it is first needed."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import psycopg

from hub.store.sql.engine import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.store.postgres.connection import Connection

T = TypeVar("T")

SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
"""Short: while a snapshot is open, nothing that died after it can be cleaned away."""


class Readers:
    def __init__(self, connect: Callable[[], Connection], threads: int = 3) -> None:
        self._connect = connect
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="store-reader")
        self._mine = threading.local()
        self._all: list[Connection] = []

    async def run(self, read: Callable[[Connection], T]) -> T:
        return await self._in_thread(lambda db: db.transaction(read, SNAPSHOT))

    async def look(self, read: Callable[[Connection], T]) -> T:
        """Each statement sees what is committed when it begins."""
        return await self._in_thread(read)

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self._pool.shutdown)
        for db in self._all:
            db.close()

    async def _in_thread(self, read: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._read, read)

    def _read(self, read: Callable[[Connection], T]) -> T:
        """A connection that was lost while nobody looked is opened again, once."""
        try:
            return read(self._connection())
        except (psycopg.OperationalError, psycopg.InterfaceError):
            self._mine.db = None
        try:
            return read(self._connection())
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            self._mine.db = None
            raise Unavailable(type(error).__name__) from error

    def _connection(self) -> Connection:
        db: Connection | None = getattr(self._mine, "db", None)
        if db is None or db.closed:
            db = self._mine.db = self._connect()
            self._all = [one for one in self._all if not one.closed] + [db]
        db.plan_anew()
        return db
