"""What only one process of the whole cluster may do at a time: whoever holds the row, until it runs out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.store.sql.times import SECOND

if TYPE_CHECKING:
    from hub.store.sql.db import Db

STRANGE = 600
"""Seconds: no turn lasts so long. One that seems to was taken by a clock that is ahead, and must not stop a chore until that day."""
_TAKE = """
INSERT INTO chore(name, holder, until) VALUES(?,?,?)
ON CONFLICT(name) DO UPDATE SET holder=excluded.holder, until=excluded.until
  WHERE chore.holder=excluded.holder OR chore.until<=? OR chore.until>?
"""


def take(db: Db, chore: str, holder: str, now: int, seconds: float) -> bool:
    """Take it or keep it; false when another holds it."""
    strange = now + STRANGE * SECOND
    db.execute(_TAKE, (chore, holder, now + int(seconds * SECOND), now, strange))
    return db.changes() > 0


def end(db: Db, chore: str, holder: str) -> None:
    db.execute("DELETE FROM chore WHERE name=? AND holder=?", (chore, holder))
