"""One connection to PostgreSQL as the shared statements need it: ``?`` placeholders, whole integers, locks, wake-ups.

The plans of the queue must not depend on statistics that were taken when a table happened to be empty: generic plans
that follow the indexes, so the scans that a planner would prefer for small tables are switched off.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
import psycopg.conninfo
from psycopg import errors
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8BinaryDumper, Int8Dumper

from hub.store.keeper import InUse
from hub.store.postgres.arrays import as_columns, register
from hub.store.sql.db import only

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hub.store.sql.db import Lane, Rows

T = TypeVar("T")

CHANNEL = "lienthong"
"""NOTIFY says on it which destinations something became ready for: numbers with commas."""

HOUSE = 0x4C546869
"""The advisory lock that every connection of a hub shares; who must be alone takes it whole."""
STAGES = 0x4C546873
"""The advisory lock of those who decide by partners' stages, and of who changes one: "LThs"."""

PATIENCE = 2.0
"""Seconds: a command that only looks is soon gone."""

PLANS_SECONDS = 5.0
"""How long a plan is used: planning anew costs some milliseconds, a plan for an empty table a look at every row."""

OPTIONS = {
    "application_name": "lienthong",
    "client_encoding": "UTF8",
    "connect_timeout": "5",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
SETTINGS = """
SET synchronous_commit=on;
SET plan_cache_mode=force_generic_plan;
SET enable_seqscan=off; SET enable_bitmapscan=off; SET enable_hashjoin=off; SET enable_mergejoin=off;
SET jit=off;
SET idle_in_transaction_session_timeout='60s';
SET default_transaction_isolation='read committed';
SET timezone='UTC'
"""

_HOLD = """
INSERT INTO lane(subject, dest) SELECT s, d FROM unnest(?::text[], ?::bigint[]) z(s, d) ORDER BY s COLLATE "C", d
ON CONFLICT(subject, dest) DO UPDATE SET dest=lane.dest WHERE false
"""
_HOLD_LEASES = "SELECT token, body, since FROM lease WHERE token=ANY(?::text[]) ORDER BY token FOR UPDATE"
_HOLD_KEYS = "SELECT id FROM datakey WHERE id=ANY(?::bytea[]) ORDER BY id FOR KEY SHARE"
_UNDER_WAY = """
SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint FROM pg_current_snapshot() s
"""
_HOLD_STAGES = "SELECT pg_advisory_xact_lock_shared(?)"
_HOLD_STAGES_ALONE = "SELECT pg_advisory_xact_lock(?)"
_TYPES = (
    "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid=?::regclass AND attnum>0"
)
_COUNT = "INSERT INTO cnt_delta(dest, what, n) SELECT * FROM unnest(?::bigint[], ?::text[], ?::bigint[])"


class Connection:
    """Holds one psycopg connection. Used by one thread at a time."""

    def __init__(self, raw: psycopg.Connection[Any], told: Callable[[Iterable[int]], None]) -> None:
        self.raw = raw
        self._told = told
        self._changed = 0
        self._due: set[int] = set()
        self._later: dict[tuple[str, str], list[Sequence[Any]]] = {}
        self._planned = time.monotonic()
        self._types: dict[tuple[str, str], str] = {}

    # --- hub.store.sql.db.Db

    def execute(self, query: str, bindings: Sequence[Any] = ()) -> Rows:
        cursor = psycopg.RawCursor(self.raw)
        try:
            cursor.execute(numbered(query), bindings, binary=True)
        except errors.DataError as error:
            if error.sqlstate is not None:  # the server's own complaint
                raise
            cursor.execute(numbered(query), [_without_nul(value) for value in bindings], binary=True)
        self._changed = cursor.rowcount
        return cursor

    def each(self, query: str, keys: Iterable[Any]) -> Rows:
        return self.execute(query.replace("=?", "=ANY(?)"), (list(keys),))

    def put(self, table: str, columns: str, row: Sequence[Any]) -> None:
        """Kept until the transaction's end: one statement for all rows of a table."""
        self._later.setdefault((table, columns), []).append(row)

    def changes(self) -> int:
        return self._changed

    def hold(self, lanes: Iterable[Lane]) -> None:
        """An upsert that writes nothing: it locks the row, and makes it where there is none."""
        wanted = sorted(set(lanes))
        if wanted:
            self.execute(_HOLD, as_columns(_HOLD, wanted))

    def hold_lease(self, token: str) -> None:
        self.execute("SELECT 1 FROM lease WHERE token=? FOR UPDATE", (token,))

    def hold_leases(self, tokens: Sequence[str]) -> Rows:
        """The same for several; return what they hold now, and since when: (token, body, since)."""
        return self.execute(_HOLD_LEASES, (tokens,))

    def hold_dest(self, dest: int) -> None:
        self.execute("SELECT 1 FROM dest_run WHERE id=? FOR UPDATE", (dest,))

    def hold_stages(self, *, alone: bool) -> None:
        self.execute(_HOLD_STAGES_ALONE if alone else _HOLD_STAGES, (STAGES,))

    def has_key(self, id_: bytes) -> bool:
        found = self.execute("SELECT 1 FROM datakey WHERE id=? FOR KEY SHARE", (id_,))
        return found.fetchone() is not None

    def keys_held(self, ids: Iterable[bytes]) -> set[bytes]:
        """Return which of these data keys are there; they will be until the transaction ends."""
        return {bytes(id_) for (id_,) in self.execute(_HOLD_KEYS, (sorted(ids),))}

    def under_way(self) -> tuple[int, int]:
        oldest, following = only(self, _UNDER_WAY)
        return int(oldest), int(following)

    def count(self, changes: Iterable[tuple[int, str, int]]) -> None:
        rows = list(changes)
        if rows:
            self.execute(_COUNT, as_columns(_COUNT, rows))

    def due(self, dest: int) -> None:
        self._due.add(dest)

    def idle(self, dest: int) -> None:
        """The hints of workers are only hints: a claim that finds nothing forgets this one."""

    # --- transactions

    def transaction(self, work: Callable[[Connection], T], begin: str = "BEGIN") -> T:
        """Do ``work``, wake who waits, commit. An exception undoes it; ``Doubtful`` when nobody knows whether it did."""
        self.plan_anew()
        self.execute(begin)
        try:
            result = work(self)
            self._write_later()
            self._ring()
        except BaseException:
            self._undo()
            raise
        due, self._due = self._due, set()
        try:
            self.execute("COMMIT")
        except psycopg.OperationalError as error:
            if error.sqlstate in _UNDONE:
                raise
            raise Doubtful from error
        self._told(due)
        return result

    @contextmanager
    def transacting(self) -> Iterator[None]:
        """The same as a block."""
        self.execute("BEGIN")
        try:
            yield
            self._write_later()
            self._ring()
        except BaseException:
            self._undo()
            raise
        self._due.clear()
        self.execute("COMMIT")

    def plan_anew(self) -> None:
        """A plan that was made while a table was empty would read it from end to end when it is full."""
        if time.monotonic() - self._planned > PLANS_SECONDS:
            self.execute("DISCARD PLANS")
            self._planned = time.monotonic()

    def _write_later(self) -> None:
        for (table, columns), rows in self._later.items():
            arrays = self._types.get((table, columns)) or self._arrays(table, columns)
            query = f"INSERT INTO {table}({columns}) SELECT * FROM unnest({arrays})"  # noqa: S608 - constants
            self.execute(query, as_columns(query, rows))
        self._later.clear()

    def _arrays(self, table: str, columns: str) -> str:
        types = {str(row[0]): str(row[1]) for row in self.execute(_TYPES, (table,))}
        arrays = ", ".join(f"?::{types[name.strip()]}[]" for name in columns.split(","))
        self._types[table, columns] = arrays
        return arrays

    def _ring(self) -> None:
        if self._due:
            numbers = ",".join(map(str, sorted(self._due)))
            self.execute("SELECT pg_notify(?, ?)", (CHANNEL, numbers if len(numbers) < _LONGEST_NEWS else ""))

    def _undo(self) -> None:
        self._due.clear()
        self._later.clear()
        if not self.raw.closed and self.raw.info.transaction_status is not TransactionStatus.IDLE:
            try:
                self.execute("ROLLBACK")
            except psycopg.Error:
                self.raw.close()

    @property
    def closed(self) -> bool:
        return self.raw.closed

    def close(self) -> None:
        self.raw.close()


def enter(db: Connection) -> None:
    """Come into the house beside others, until the connection ends. Raises ``InUse`` when somebody works there alone."""
    end = time.monotonic() + PATIENCE
    while not only(db, "SELECT pg_try_advisory_lock_shared(?)", (HOUSE,))[0]:
        if time.monotonic() > end:
            where = place(db)
            db.close()
            raise InUse(where)
        time.sleep(_PAUSE)


def place(db: Connection) -> str:
    """Say where it is, without its password."""
    info = db.raw.info
    return f"postgresql://{info.user}@{info.host}:{info.port}/{info.dbname}"


_PAUSE = 0.05
_LONGEST_NEWS = 7000  # the server takes 8000 bytes
_UNDONE = frozenset({"40001", "40P01"})


class Doubtful(Exception):  # noqa: N818 - says what it is
    """The connection broke during COMMIT."""


def connect(
    conninfo: str, password: str | None, *, told: Callable[[Iterable[int]], None] = lambda _: None
) -> Connection:
    """Raise ``psycopg.OperationalError``. ``password`` goes beside ``conninfo``, never into it: errors quote that.

    ``told`` hears at once of which destinations this connection's transactions said ``due``.
    """
    options: dict[str, Any] = {**OPTIONS, **psycopg.conninfo.conninfo_to_dict(conninfo)}
    if password is not None:
        options["password"] = password
    raw = psycopg.connect(**options, autocommit=True, prepare_threshold=0)
    raw.prepared_max = 500
    for dumper in (Int8Dumper, Int8BinaryDumper):  # one type for every size of number: one prepared statement
        raw.adapters.register_dumper(int, dumper)
    register(raw)
    try:
        raw.execute(SETTINGS, prepare=False)
    except psycopg.Error:
        raw.close()
        raise
    return Connection(raw, told)


@lru_cache(4096)
def numbered(query: str) -> str:
    """``?`` becomes ``$1``, ``$2`` …; the statements are constants of this program, none has a ``?`` of its own."""
    first, *rest = query.split("?")
    return first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))


def _without_nul(value: Any) -> Any:  # noqa: ANN401 - whatever is bound
    """PostgreSQL keeps no NUL in a text; a partner's words may have one."""
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    return value
