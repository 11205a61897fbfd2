"""The PostgreSQL store as P3 and P6 measure it: a private cluster with fsync on; the server's CPU counts."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from bench.engines import Layout, Opened, begin, declare, ids, script
from hub.store.blobs import Blobs
from hub.store.postgres.store import open_store
from tests.doubles.postgres import cluster

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from hub.store.postgres.store import PostgresStore
    from tests.doubles.postgres import Cluster

SIZED = ("shared_buffers=1GB", "max_wal_size=4GB", "autovacuum_naptime=10s")
TICK = os.sysconf("SC_CLK_TCK")

WORDS = """
CREATE FUNCTION pg_temp.printf(text, bigint) RETURNS text LANGUAGE sql IMMUTABLE
  AS $$ SELECT left($1, 1) || lpad($2::text, 25, '0') $$;
CREATE FUNCTION pg_temp.zeroblob(int) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$ SELECT decode(repeat('00', $1), 'hex') $$;
"""
AFTER = """
INSERT INTO lane(subject, dest) SELECT DISTINCT subject, dest FROM item;
SELECT setval(pg_get_serial_sequence('message', 'n'), (SELECT max(n) FROM message));
SELECT setval(pg_get_serial_sequence('transfer', 'n'), (SELECT max(n) FROM transfer));
"""


class Postgres:
    name = "PostgreSQL"

    @asynccontextmanager
    async def filled(self, layout: Layout, size: int) -> AsyncIterator[Opened]:
        folder = Path(tempfile.mkdtemp(prefix="queue-"))
        try:
            with cluster(durable=True, options=SIZED) as running:
                where = running.conninfo(running.database())
                store = _open(where, folder)
                await declare(store, layout)
                await store.close()
                fill(where, layout, size)
                store = _open(where, folder)
                await begin(store, layout)
                yield _OpenPostgres(store, running, where)
                await store.close()
        finally:
            shutil.rmtree(folder)


def _open(where: str, folder: Path) -> PostgresStore:
    return open_store(where, blobs=Blobs(folder / "blobs", os.urandom), ids=ids())


def fill(where: str, layout: Layout, size: int) -> None:
    """Queue ``size`` transfers in a migrated database in which nothing is but the layout's partners."""
    text = (
        script(layout, size).replace("printf(", "pg_temp.printf(").replace("zeroblob(", "pg_temp.zeroblob(")
    )
    with psycopg.connect(where, autocommit=True) as db:
        db.execute("SET work_mem='256MB'")
        db.execute(f"{WORDS}{text}{AFTER}".encode())
        db.execute("VACUUM ANALYZE")
        db.execute("CHECKPOINT")


class _OpenPostgres:
    def __init__(self, store: PostgresStore, server: Cluster, where: str) -> None:
        self.store, self._server, self._where = store, server, where

    def cpu(self) -> float:
        return time.process_time() + server_cpu(self._server.pid)

    def pages(self) -> int:
        query = "SELECT (sum(blks_hit) + sum(blks_read))::bigint FROM pg_stat_database WHERE datname=current_database()"
        with psycopg.connect(self._where, autocommit=True) as db:
            row = db.execute(query).fetchone()
        return int(row[0]) if row else 0

    @contextmanager
    def reader(self) -> Iterator[None]:
        with psycopg.connect(self._where) as db:
            db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            db.execute("SELECT count(*) FROM dest")
            yield


def server_cpu(postmaster: int) -> float:
    """CPU seconds of a server: of every process that lives, and of those that ended."""
    pids = [postmaster, *_children(postmaster)]
    return sum(_ticks(pid, with_ended=pid == postmaster) for pid in pids) / TICK


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]


def _ticks(pid: int, *, with_ended: bool) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return sum(int(field) for field in fields[11 : 15 if with_ended else 13])
