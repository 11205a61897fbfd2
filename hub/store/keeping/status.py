"""What an operator should know about a store: how large, how old, when it was last backed up, and what to worry about."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from hub.store.keeping.marks import BACKUP, MOVED, RESTORED, marked, since
from hub.store.sql import reading
from hub.store.sql.db import one
from hub.store.sql.times import moment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from hub.store.keeper import Figures, Keeper
    from hub.store.sql.db import Db

LARGE_LOG = 256 << 20
"""Bytes of a write-ahead log that nobody takes in: a reader has been holding it for long."""
OLD_BACKUP = timedelta(days=2)


class Status(NamedTuple):
    """``worries``: names of what an operator should look at: ``log``, ``backup``, ``schema``, ``restored``, ``moved``."""

    figures: Figures
    schema: int
    newest: int
    blobs: int
    blob_bytes: int
    oldest: datetime | None = None
    first_journal: datetime | None = None
    backup_at: datetime | None = None
    backup: Mapping[str, str] = {}
    restored: Mapping[str, str] = {}
    moved: Mapping[str, str] = {}
    worries: tuple[str, ...] = ()


def look(keeper: Keeper, now: datetime) -> Status:
    sizes = [size for _, size in keeper.blobs.files()]
    plain = Status(keeper.figures(), keeper.version(), keeper.newest, len(sizes), sum(sizes))
    if plain.schema < plain.newest:
        return plain._replace(worries=("schema",))
    with keeper.reading() as db:
        seen = plain._replace(
            oldest=_oldest(db),
            first_journal=_first(db),
            backup_at=since(db, BACKUP),
            backup=marked(db, BACKUP),
            restored=marked(db, RESTORED),
            moved=marked(db, MOVED),
        )
    return seen._replace(worries=_worries(seen, now))


def _worries(seen: Status, now: datetime) -> tuple[str, ...]:
    asked = {
        "log": (seen.figures.log or 0) > LARGE_LOG,
        "backup": seen.backup_at is None or now - seen.backup_at > OLD_BACKUP,
        "restored": bool(seen.restored),
        "moved": bool(seen.moved),
    }
    return tuple(name for name, worry in asked.items() if worry)


def _oldest(db: Db) -> datetime | None:
    return min((row.oldest for row in reading.queue(db) if row.oldest), default=None)


def _first(db: Db) -> datetime | None:
    row = one(db, "SELECT at FROM journal ORDER BY seq LIMIT 1")
    return moment(row[0]) if row else None
