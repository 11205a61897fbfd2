"""The way rows come out of SQLite; their columns' types are the schema's promise (migrations/), not the driver's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw

Row = tuple[Any, ...]


def one(db: apsw.Connection, query: str, bindings: Sequence[Any] = ()) -> Row | None:
    """Return the first row, if there is one."""
    return db.execute(query, bindings).fetchone()


def only(db: apsw.Connection, query: str, bindings: Sequence[Any] = ()) -> Row:
    """Return the row that must be there."""
    row = one(db, query, bindings)
    if row is None:
        raise LookupError(query)
    return row


def many(db: apsw.Connection, query: str, bindings: Sequence[Any] = ()) -> list[Row]:
    return db.execute(query, bindings).fetchall()
