"""The stores as P3 measures them: filled by SQL, opened, counted. A million accepted messages would take minutes."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import apsw

from hub.ids import Ids
from hub.store.contract.delivery import Capacity
from hub.store.sqlite.store import open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from hub.store.contract.store import Store
    from hub.store.sqlite.store import SqliteStore

CONCURRENCY = 64
START = datetime(2026, 11, 23, tzinfo=UTC)


@dataclass(frozen=True)
class Layout:
    """``partner``: SQL of the partner's number for the lane ``l``; ``depth``: transfers per lane; ``shelf``: SQL of the lane's ticket."""

    name: str
    partners: int = 16
    partner: str = "l % 16"
    depth: int = 10
    shelf: str = "'ready'"
    paused: int | None = None


class Opened(Protocol):
    """A store that is being measured."""

    @property
    def store(self) -> Store: ...

    def cpu(self) -> float:
        """CPU seconds so far, of this process and of a server if there is one."""
        ...

    def pages(self) -> int:
        """Pages so far: written to the WAL (SQLite), touched (PostgreSQL)."""
        ...

    def reader(self) -> AbstractContextManager[None]:
        """Hold one snapshot open, as a long report does."""
        ...


class Engine(Protocol):
    name: str

    def filled(self, layout: Layout, size: int) -> AbstractAsyncContextManager[Opened]: ...


FILL = """
CREATE TEMP TABLE made AS
WITH RECURSIVE one(k) AS (SELECT 0 UNION ALL SELECT k+1 FROM one WHERE k+1 < {size})
SELECT k+1 AS n, k % {lanes} AS l, k / {lanes} AS step FROM one;
INSERT INTO message(n,id,sender,key,kind,digest,dossier,accepted_at,parts,media_type,headers,receipt,canonical,raw)
  SELECT n, printf('M%025d', n), 'sender', printf('K%025d', n), 'received', '', printf('D%025d', l), {at}+n, 1,
  'application/json', '{{}}', zeroblob(0), zeroblob(200), zeroblob(200) FROM made;
INSERT INTO transfer(n,id,message,dest,subject,operation,part,key,stage,state)
  SELECT n, printf('T%025d', n), n, 1 + ({partner}), printf('D%025d', l), 'submit', 0, printf('K%025d', n), 'live', 'waiting'
  FROM made;
INSERT INTO item(subject,dest,n,shelf,class,at)
  SELECT printf('D%025d', l), 1 + ({partner}), n, CASE step WHEN 0 THEN {shelf} END,
  CASE WHEN step=0 AND {shelf}='ready' THEN 3 END,
  CASE WHEN step=0 THEN CASE {shelf} WHEN 'ready' THEN {at}+n ELSE {far} END END FROM made ORDER BY l, n;
INSERT INTO ready(dest,class,since,subject)
  SELECT 1 + ({partner}), 3, {at}+n, printf('D%025d', l) FROM made WHERE step=0 AND {shelf}='ready' ORDER BY 1, 3;
INSERT INTO wait(wake,dest,subject)
  SELECT {far}, 1 + ({partner}), printf('D%025d', l) FROM made WHERE step=0 AND {shelf}='wait' ORDER BY 2, 3;
INSERT INTO cnt(dest,what,n) SELECT dest, 'waiting', count(*) FROM transfer GROUP BY dest;
INSERT INTO cnt(dest,what,n) SELECT dest, 'accepted', count(*) FROM transfer GROUP BY dest;
INSERT INTO cnt(dest,what,n) SELECT dest, 'items', count(*) FROM item GROUP BY dest;
INSERT INTO cnt(dest,what,n) SELECT dest, 'lanes', count(*) FROM (SELECT DISTINCT subject, dest FROM item) lanes GROUP BY dest;
DROP TABLE made;
"""


def script(layout: Layout, size: int) -> str:
    """Return the SQL that queues ``size`` transfers; partners ``p0000`` … are there already, numbered from 1."""
    at = int(START.timestamp()) * 1_000_000
    return FILL.format(
        size=size,
        lanes=max(1, size // layout.depth),
        at=at,
        far=at + 10**13,
        partner=layout.partner,
        shelf=layout.shelf,
    )


def ids() -> Callable[[], str]:
    return Ids(time.time, os.urandom)


async def declare(store: Store, layout: Layout) -> None:
    """Write the layout's partners into a new store."""
    names = [f"p{n:04}" for n in range(layout.partners)]
    await store.capacities([Capacity(partner=name, concurrency=CONCURRENCY) for name in names])


async def begin(store: Store, layout: Layout) -> None:
    if layout.paused is not None:
        name = f"p{layout.paused:04}"
        await store.pause(name, paused=True, reason="bench", by="bench", now=START)


def fill(path: Path, layout: Layout, size: int) -> None:
    """Queue ``size`` transfers in a closed SQLite file."""
    db = apsw.Connection(str(path))
    db.execute("PRAGMA synchronous=OFF")
    db.execute("PRAGMA cache_size=-262144")
    db.execute("PRAGMA temp_store=MEMORY")
    with db:
        db.execute(script(layout, size))
        db.execute("INSERT OR IGNORE INTO due(dest) SELECT DISTINCT dest FROM ready")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


class Sqlite:
    name = "SQLite"

    @asynccontextmanager
    async def filled(self, layout: Layout, size: int) -> AsyncIterator[Opened]:
        folder = Path(tempfile.mkdtemp(prefix="queue-"))
        path = folder / "hub.db"
        try:
            store = open_store(path, ids=ids())
            await declare(store, layout)
            await store.close()
            fill(path, layout, size)
            store = open_store(path, ids=ids())
            await begin(store, layout)
            yield _OpenSqlite(store, path)
            await store.close()
        finally:
            shutil.rmtree(folder)


class _OpenSqlite:
    def __init__(self, store: SqliteStore, path: Path) -> None:
        self.store, self._path = store, path
        self._pages = _count_pages(store)

    def cpu(self) -> float:
        return time.process_time()

    def pages(self) -> int:
        return self._pages[0]

    @contextmanager
    def reader(self) -> Iterator[None]:
        db = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            db.execute("BEGIN")
            db.execute("SELECT count(*) FROM dest").fetchall()
            yield
        finally:
            db.close()


def _count_pages(store: SqliteStore) -> list[int]:
    """Count frames as commits append them to the WAL; checkpoint ourselves, since the hook replaces SQLite's own."""
    total, last = [0], [0]

    def committed(db: apsw.Connection, _name: str, frames: int) -> int:
        total[0] += frames - last[0] if frames >= last[0] else frames
        last[0] = frames
        if frames > 10_000:
            db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        return apsw.SQLITE_OK

    store._writes._db.set_wal_hook(committed)  # noqa: SLF001 - counting pages is this measurement's own need
    return total
