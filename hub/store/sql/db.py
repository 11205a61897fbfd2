"""What both engines understand: SQL with ``?``, rows as tuples; and the few places in which they differ.

A statement here runs on SQLite and on PostgreSQL: ``ON CONFLICT`` and ``RETURNING``, ``CASE WHEN`` instead of
arithmetic with conditions, integers for flags. Columns' types are the schema's promise (migrations), not the driver's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence  # noqa: TC003 - part of public signatures
from typing import Any, NamedTuple, Protocol

Row = tuple[Any, ...]


class Raced(Exception):  # noqa: N818 - says what it is
    """Another transaction was quicker. This one is undone and done again from the start; SQLite's one writer never meets it."""


class Lane(NamedTuple):
    subject: str
    dest: int


class Rows(Protocol):
    """What came of a statement."""

    def fetchone(self) -> Row | None: ...
    def fetchall(self) -> list[Row]: ...
    def __iter__(self) -> Iterator[Row]: ...


class Db(Protocol):
    """One connection inside its transaction.

    The locks do nothing where there is one writer at a time. They are taken in this order: dossier, lease, lanes
    (``hold`` all that a transaction needs at once), destination. What was read before a lock is read again under it.
    """

    def execute(self, query: str, bindings: Sequence[Any] = ()) -> Rows: ...

    def each(self, query: str, keys: Iterable[Any]) -> Iterable[Row]:
        """Return the rows for every key, in no order. ``query`` asks for one, as ``column=?``, and for nothing else."""
        ...

    def put(self, table: str, columns: str, row: Sequence[Any]) -> None:
        """Insert a row that nothing in this transaction reads again; in the order of calls for one table."""
        ...

    def changes(self) -> int:
        """Return how many rows the last statement changed."""
        ...

    def hold(self, lanes: Iterable[Lane]) -> None:
        """Keep others from changing what stands in these lanes, or comes into them, until the transaction ends."""
        ...

    def hold_lease(self, token: str) -> None:
        """Keep others from settling, renewing or expiring this lease."""
        ...

    def hold_dest(self, dest: int) -> None:
        """Keep claims away from this destination; whoever claimed before has committed."""
        ...

    def hold_stages(self, *, alone: bool) -> None:
        """Keep stages as they are until the transaction ends; ``alone``: keep away everybody who decides by them.

        Taken before every other lock.
        """
        ...

    def has_key(self, id_: bytes) -> bool:
        """Say whether this data key is there; it will be until the transaction ends."""
        ...

    def under_way(self) -> tuple[int, int]:
        """Return the number of the oldest transaction that may still commit something, and the one that the next will get.

        Both are 0 where nobody can commit rows with numbers lower than those that are seen.
        """
        ...

    def count(self, changes: Iterable[tuple[int, str, int]]) -> None:
        """Add to counters: (destination, what, by)."""
        ...

    def due(self, dest: int) -> None:
        """Let claims look at this destination after the commit."""
        ...

    def idle(self, dest: int) -> None:
        """Nothing can be taken from this destination until somebody says ``due``."""
        ...


def one(db: Db, query: str, bindings: Sequence[Any] = ()) -> Row | None:
    """Return the first row, if there is one."""
    return db.execute(query, bindings).fetchone()


def only(db: Db, query: str, bindings: Sequence[Any] = ()) -> Row:
    """Return the row that must be there."""
    row = one(db, query, bindings)
    if row is None:
        raise LookupError(query)
    return row


def many(db: Db, query: str, bindings: Sequence[Any] = ()) -> list[Row]:
    return db.execute(query, bindings).fetchall()
