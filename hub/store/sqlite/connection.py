"""Opens the file: the same rules for every connection, and the schema brought up to date under the write lock.

Only apsw opens this file: a second SQLite library in the process would break the first one's locks.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence  # noqa: TC003 - part of a public signature
from functools import cache
from pathlib import Path  # noqa: TC003 - part of a public signature
from typing import Any, NamedTuple

import apsw

from hub.store.sql.db import Lane, Row, one, only
from hub.store.sql.migrations import SchemaUnknown, migrations

APPLICATION = 0x4C546867  # "LThg" in the file's header: a foreign database is not ours to migrate
BUSY_SECONDS = 30.0
_POLL = 0.0005
STATEMENTS = 400
"""Prepared statements that are kept. The library forgets the one that was given back longest ago, so this counts uses in a
transaction of many transfers, not different statements.
"""


class Keep(NamedTuple):
    """What a connection keeps in memory: kilobytes of pages when it writes and when it reads, prepared statements."""

    writing: int
    reading: int
    statements: int


LARGE, SMALL = Keep(65_536, 8_192, STATEMENTS), Keep(2_048, 512, 100)
"""A province's hub; one that must be small."""

AWAY = (apsw.FullError, apsw.IOError, apsw.BusyError, apsw.ReadOnlyError, apsw.CantOpenError)
"""What a disk says that gives or takes nothing at the moment."""

_OWN = "CREATE TABLE IF NOT EXISTS due(dest INTEGER PRIMARY KEY)"
"""Destinations that a claim should look at; too many is a wasted look, too few would be a loss."""

_ADD = "INSERT INTO cnt(dest,what,n) VALUES(?,?,?) ON CONFLICT DO UPDATE SET n=n+excluded.n"


class Connection(apsw.Connection):
    """A connection as the shared statements need it. The write lock is the file's, so nothing else is to be held."""

    def each(self, query: str, keys: Iterable[Any]) -> Iterator[Row]:
        for key in keys:
            yield from self.execute(query, (key,))

    def put(self, table: str, columns: str, row: Sequence[Any]) -> None:
        self.execute(_inserted(table, columns), row)

    def hold(self, lanes: Iterable[Lane]) -> None: ...

    def hold_lease(self, token: str) -> None: ...

    def hold_dest(self, dest: int) -> None: ...

    def hold_stages(self, *, alone: bool) -> None:
        """One writer at a time: nobody else is there."""

    def has_key(self, id_: bytes) -> bool:
        return one(self, "SELECT 1 FROM datakey WHERE id=?", (id_,)) is not None

    def under_way(self) -> tuple[int, int]:
        return 0, 0

    def count(self, changes: Iterable[tuple[int, str, int]]) -> None:
        self.executemany(_ADD, changes)

    def due(self, dest: int) -> None:
        self.execute("INSERT INTO due(dest) VALUES(?) ON CONFLICT DO NOTHING", (dest,))

    def idle(self, dest: int) -> None:
        self.execute("DELETE FROM due WHERE dest=?", (dest,))


@cache
def _inserted(table: str, columns: str) -> str:
    marks = ",".join("?" * (columns.count(",") + 1))
    return f"INSERT INTO {table}({columns}) VALUES({marks})"


def open_writer(path: Path, keep: Keep = LARGE) -> Connection:
    """Durable: WAL with synchronous=FULL, so a commit that returned has been fsynced."""
    fresh = not path.exists()
    db = _opened(path, keep)
    if fresh:
        path.chmod(0o600)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("PRAGMA wal_autocheckpoint=10000")
    db.execute(f"PRAGMA cache_size=-{keep.writing}")
    db.execute("PRAGMA temp_store=MEMORY")
    db.execute(
        "PRAGMA secure_delete=FAST"
    )  # a deleted key is overwritten on its page, which is written anyway
    return db


def empty_wal(path: Path) -> None:
    """Bring everything into the file and cut the WAL, so that what was overwritten is gone from there too."""
    db = open_writer(path)
    try:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        db.close()


def take_in(path: Path) -> None:
    """Bring the log into the file and begin it anew, if no reader is in the way: another time will do."""
    with contextlib.closing(open_writer(path)) as db, contextlib.suppress(apsw.BusyError):
        db.set_busy_timeout(200)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def same_version(db: Connection) -> None:
    """Write what is there already: a commit that changes nothing."""
    db.pragma("user_version", db.pragma("user_version"))


def open_reader(path: Path, keep: Keep = LARGE) -> Connection:
    db = _opened(path, keep, apsw.SQLITE_OPEN_READONLY)
    db.execute(f"PRAGMA cache_size=-{keep.reading}")
    db.execute("PRAGMA temp_store=MEMORY")
    return db


def _opened(
    path: Path, keep: Keep, flags: int = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
) -> Connection:
    db = Connection(str(path), flags=flags, statementcachesize=keep.statements)
    # plans by what is known when a statement is written: otherwise joins and limits are planned anew for every value
    db.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    _be_patient(db)
    return db


def _be_patient(db: apsw.Connection) -> None:
    """Wait for another process's commit in short even steps; SQLite's own steps grow to 100 ms and starve the unlucky."""

    def again(tries: int) -> bool:
        time.sleep(_POLL)
        return tries * _POLL < BUSY_SECONDS

    db.set_busy_handler(again)


def steps(db: Connection) -> None:
    """Run what this database has not seen inside the transaction that is open."""
    todo = migrations()
    db.execute(_OWN)
    for number in range(int(db.pragma("user_version")) + 1, max(todo) + 1):
        db.execute(todo[number])
        db.execute(f"PRAGMA user_version={number}")


def migrate(db: Connection, upto: int | None = None) -> None:
    """Run every numbered file that this database has not seen, each in its own transaction. Raises ``SchemaUnknown``."""
    steps = migrations()
    last = max(steps) if upto is None else upto
    while True:
        db.execute("BEGIN IMMEDIATE")
        try:
            version = _checked_version(db, newest=max(steps))
            if version >= last:
                db.execute("ROLLBACK")
                return
            db.execute(steps[version + 1])
            db.execute(_OWN)
            db.execute(f"PRAGMA user_version={version + 1}")
            db.execute(f"PRAGMA application_id={APPLICATION}")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


def _checked_version(db: Connection, newest: int) -> int:
    version = int(db.pragma("user_version"))
    application = int(db.pragma("application_id"))
    (tables,) = only(db, "SELECT count(*) FROM sqlite_schema")
    if tables and application != APPLICATION:
        raise SchemaUnknown("this database belongs to another program")
    if version > newest:
        raise SchemaUnknown(
            f"the database has schema {version}, this version knows {newest}: start the newer version"
        )
    return version
