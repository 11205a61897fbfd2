"""Looking after the database: one snapshot for as long as it takes, a new schema built in one transaction."""

from __future__ import annotations

import contextlib
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from hub.store.keeper import Figures, InUse, NotEmpty
from hub.store.postgres import schema
from hub.store.postgres.connection import HOUSE, PATIENCE, Connection, connect, enter, place
from hub.store.sql.archive import Table
from hub.store.sql.db import many, one, only
from hub.store.sql.engine import Unavailable
from hub.store.sql.migrations import migrations

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from hub.store.blobs import Blobs
    from hub.store.sql.check import Rules
    from hub.store.sql.db import Db

UNHURRIED = """
SET idle_in_transaction_session_timeout=0;
SET plan_cache_mode=auto;
SET enable_seqscan=on; SET enable_bitmapscan=on; SET enable_hashjoin=on; SET enable_mergejoin=on
"""
"""Those who look after it read whole tables, and wait in between for a disk."""

_TABLES = """
SELECT c.relname, a.attname, coalesce(array_position(i.indkey::int2[], a.attnum), -1)
FROM pg_class c JOIN pg_attribute a ON a.attrelid=c.oid AND a.attnum>0 AND NOT a.attisdropped
LEFT JOIN pg_index i ON i.indrelid=c.oid AND i.indisprimary
WHERE c.relkind='r' AND c.relnamespace=current_schema()::regnamespace AND c.relname<>'hub_schema'
ORDER BY c.relname, a.attnum
"""
_COUNTERS = """
SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid=c.oid
WHERE a.attidentity<>'' AND c.relkind='r' AND c.relnamespace=current_schema()::regnamespace
"""
_OBJECTS = """
SELECT relname, relkind='v' FROM pg_class
WHERE relkind IN ('r', 'v') AND relnamespace=current_schema()::regnamespace ORDER BY relkind DESC, relname
"""
_INDEXES = "SELECT relname FROM pg_class WHERE relkind='i' AND relnamespace=current_schema()::regnamespace ORDER BY relname"


class PostgresKeeper:
    """``blobs``: the folder of large content that all processes share."""

    misfits: tuple[type[Exception], ...] = (
        psycopg.IntegrityError,
        psycopg.DataError,
        psycopg.ProgrammingError,
        OverflowError,
    )

    def __init__(self, conninfo: str, blobs: Blobs, password: str | None = None) -> None:
        self._conninfo, self._password = conninfo, password
        self._alone = False
        self.blobs = blobs
        self.rules: Rules = ()

    @property
    def place(self) -> str:
        with self._connected() as db:
            return place(db)

    @property
    def newest(self) -> int:
        return max(migrations())

    def version(self) -> int:
        with self._connected() as db:
            return schema.version(db)

    def migrate(self) -> int:
        with self._connected() as db:
            schema.migrate(db)
            return schema.version(db)

    def tables(self, db: Db) -> Sequence[Table]:
        columns: dict[str, list[str]] = {}
        keys: dict[str, list[tuple[int, str]]] = {}
        for table, column, place_ in many(db, _TABLES):
            columns.setdefault(table, []).append(column)
            if place_ >= 0:
                keys.setdefault(table, []).append((place_, column))
        found = []
        for table, names in columns.items():
            key = tuple(column for _, column in sorted(keys.get(table, ())))
            found.append(Table(table, tuple(names), key, key))
        return found

    @contextmanager
    def reading(self) -> Iterator[Db]:
        with self._connected() as db:
            db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                yield db
            finally:
                db.execute("ROLLBACK")

    @contextmanager
    def snapshot(self) -> Iterator[Db]:
        """While it lasts, dead rows stay: the claims step over them by their floor (``claim``), the tables grow by what changes."""
        with self.reading() as db:
            yield db

    @contextmanager
    def writing(self) -> Iterator[Db]:
        with self._connected() as db, db.transacting():
            yield db

    @contextmanager
    def alone(self) -> Iterator[None]:
        with self._reached() as db:
            end = time.monotonic() + PATIENCE
            while not only(db, "SELECT pg_try_advisory_lock(?)", (HOUSE,))[0]:
                if time.monotonic() > end:
                    raise InUse(place(db))
                time.sleep(0.05)
            self._alone = True
            try:
                yield
            finally:
                self._alone = False

    def occupied(self) -> bool:
        with self._connected() as db:
            return schema.there(db) and _occupied(db)

    @contextmanager
    def building(self, schema_: int, *, replace: bool, now: datetime) -> Iterator[Db]:
        """All of it in one transaction, the tables too: until it commits the old ones stand there."""
        with self._connected() as db, db.transacting():
            if schema.there(db):
                if replace:
                    _move_aside(db, f"replaced_{now.strftime('%Y%m%dt%H%M%S')}")
                elif _occupied(db):
                    raise NotEmpty(place(db))
                else:
                    _drop(db)
            schema.steps(db, schema_)
            yield db

    def loaded(self, db: Db) -> None:
        """The planner, too, should know that there are rows now."""
        schema.steps(_ours(db))
        for table, column in many(db, _COUNTERS):
            db.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), max({column})) FROM {table} HAVING max({column}) IS NOT NULL"  # noqa: S608 - names from the schema
            )
        for table in self.tables(db):
            db.execute(f"ANALYZE {table.name}")

    def figures(self) -> Figures:
        with self._connected() as db:
            (size,) = only(db, "SELECT pg_database_size(current_database())")
            return Figures("postgresql", place(db), size, 0, None)

    def ill(self, db: Db) -> Sequence[str]:
        """Every index against its order, where the extension amcheck is there; without it nothing is looked at here."""
        if not one(db, "SELECT 1 FROM pg_extension WHERE extname='amcheck'"):
            return ()
        wrong = []
        for (index,) in many(db, _INDEXES):
            try:
                db.execute("SELECT bt_index_check(?::regclass)", (index,))
            except psycopg.errors.IndexCorrupted as error:
                wrong.append(str(error).partition("\n")[0])
                break  # the transaction is over
        return wrong

    def tidy(self) -> None:
        """The server looks after its log itself."""

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """Beside the hub's processes; whoever is alone comes in as well."""
        with self._reached() as db:
            if not self._alone:
                enter(db)
            yield db

    @contextmanager
    def _reached(self) -> Iterator[Connection]:
        try:
            db = connect(self._conninfo, self._password)
        except psycopg.OperationalError as error:
            raise Unavailable(str(error)) from error
        with contextlib.closing(db):
            db.raw.execute(UNHURRIED, prepare=False)
            yield db


def _ours(db: Db) -> Connection:
    if not isinstance(db, Connection):
        raise TypeError(type(db))
    return db


def _occupied(db: Connection) -> bool:
    return bool(only(db, "SELECT EXISTS(SELECT 1 FROM message) OR EXISTS(SELECT 1 FROM dossier)")[0])


def _move_aside(db: Connection, name: str) -> None:
    db.raw.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
    for relation, view in many(db, _OBJECTS):
        change = "ALTER VIEW {} SET SCHEMA {}" if view else "ALTER TABLE {} SET SCHEMA {}"
        db.raw.execute(sql.SQL(change).format(sql.Identifier(relation), sql.Identifier(name)))


def _drop(db: Connection) -> None:
    for relation, view in many(db, _OBJECTS):
        db.raw.execute(sql.SQL("DROP VIEW {}" if view else "DROP TABLE {}").format(sql.Identifier(relation)))
