"""What is remembered about a store in the store itself: one value for each name (table ``keeping``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.store.sql.db import one

if TYPE_CHECKING:
    from hub.store.sql.db import Db

RESTORED_LAST = "restored_last"
"""For good: what was said before it may have been sent in a time that this store knows nothing of."""


def read(db: Db, name: str) -> str:
    """Empty when nobody wrote it."""
    row = one(db, "SELECT value FROM keeping WHERE name=?", (name,))
    return row[0] if row else ""


def written(db: Db, name: str) -> int | None:
    """When it was written."""
    row = one(db, "SELECT at FROM keeping WHERE name=?", (name,))
    return row[0] if row else None


def write(db: Db, name: str, value: str, at: int) -> None:
    db.execute(
        "INSERT INTO keeping(name, value, at) VALUES(?,?,?) ON CONFLICT(name) DO UPDATE SET value=excluded.value, at=excluded.at",
        (name, value, at),
    )


def forget(db: Db, name: str) -> None:
    db.execute("DELETE FROM keeping WHERE name=?", (name,))
