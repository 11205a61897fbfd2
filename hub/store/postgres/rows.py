"""Many rows in one statement: what is shared one by one elsewhere goes here as arrays, a column each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.store.postgres.arrays import as_columns
from hub.store.sql.bodies import KeyDestroyed, file_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hub.store.postgres.connection import Connection
    from hub.store.sql.bodies import Pen
    from hub.store.sql.db import Rows


def spread(db: Connection, query: str, rows: Sequence[Sequence[Any]]) -> Rows:
    """Do a statement that begins with one ``unnest`` of all columns. ``rows``: at least one."""
    return db.execute(query, as_columns(query, rows))


_FILES = "INSERT INTO blob(name) SELECT * FROM unnest(?::text[]) ON CONFLICT DO NOTHING"
_FRESH = """
INSERT INTO datakey(id, owner, wrapped) SELECT * FROM unnest(?::bytea[], ?::text[], ?::bytea[]) ON CONFLICT DO NOTHING
"""


def keep(db: Connection, written: Iterable[tuple[Pen | None, Sequence[bytes]]]) -> None:
    """Every key's row is there, and the files of all columns are named. Raises ``KeyDestroyed`` for the first that is not."""
    kept = list(written)
    files = {name for _, columns in kept for column in columns if (name := file_of(column))}
    if files:
        db.execute(_FILES, (sorted(files),))
    pens = {pen.key.id: pen for pen, _ in kept if pen is not None}
    fresh = [(pen.key.id, pen.key.owner, pen.key.wrapped) for _, pen in sorted(pens.items()) if pen.fresh]
    if fresh:
        spread(db, _FRESH, fresh)
    stored = {id_: pen.key.owner for id_, pen in pens.items() if not pen.fresh}
    there = db.keys_held(stored) if stored else ()
    for id_ in stored.keys() - set(there):
        raise KeyDestroyed(stored[id_])
