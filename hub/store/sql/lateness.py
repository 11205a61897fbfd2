"""Deadlines: a dossier is looked at when it becomes late, and whoever waits for its heads is told once.

``late`` has one row per dossier and due date, not one per transfer; a look costs a few seeks, however much is queued.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hub.delivery.failure import HUB, LATE
from hub.lifecycle import DONE
from hub.store.sql import leases
from hub.store.sql.db import Db, Lane, many, one
from hub.store.sql.times import SECOND

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

BUSY, UNTOLD, AGAIN = 60 * SECOND, 900 * SECOND, 6 * 3600 * SECOND
"""When to look again: at a head that is being sent, at one that was to be told (and was not, if whoever had it died), at the rest."""

_HEADS = """
SELECT t.n, t.id, t.state, t.deadline, i.dest FROM item i JOIN transfer t ON t.n=i.n
WHERE i.subject=? AND NOT EXISTS(SELECT 1 FROM item b WHERE b.subject=i.subject AND b.dest=i.dest AND b.n<i.n)
"""
_WATCH = "INSERT INTO late(at,subject) VALUES(?,?) ON CONFLICT DO NOTHING"


class _Head(NamedTuple):
    n: int
    id: str
    state: str
    deadline: int | None
    dest: int


def told(db: Db, sender: str, key: str) -> bool:
    return one(db, "SELECT 1 FROM seen WHERE sender=? AND key=?", (sender, key)) is not None


def watch(db: Db, deadlines: Iterable[tuple[int, str]]) -> None:
    """Look at these subjects when their deadline has come."""
    for deadline, subject in sorted(set(deadlines)):
        db.execute(_WATCH, (deadline, subject))


def anything_due(db: Db, now: int) -> bool:
    return one(db, "SELECT 1 FROM late WHERE at<=? LIMIT 1", (now,)) is not None


def to_tell(db: Db, now: int, limit: int) -> list[int]:
    """Look at up to ``limit`` subjects; return the heads whose sender must be told."""
    leased = {item.lane for item in leases.everything(db).values()}
    found: list[int] = []
    for at, subject in many(
        db, "SELECT at, subject FROM late WHERE at<=? ORDER BY at, subject LIMIT ?", (now, limit)
    ):
        db.execute("DELETE FROM late WHERE at=? AND subject=?", (at, subject))
        if db.changes():
            found += _look(db, subject, leased, now)
    return found


def _look(db: Db, subject: str, leased: Collection[Lane], now: int) -> list[int]:
    heads = [_Head(*row) for row in many(db, _HEADS, (subject,))]
    heads = [head for head in heads if head.state not in DONE]
    busy = [head for head in heads if Lane(subject, head.dest) in leased]
    late = [
        head
        for head in heads
        if head not in busy
        and head.deadline is not None
        and head.deadline <= now
        and not told(db, HUB, f"{LATE}:{head.id}")
    ]
    if heads:
        ahead = [head.deadline for head in heads if head.deadline is not None and head.deadline > now]
        again = now + (BUSY if busy else UNTOLD if late else AGAIN)
        db.execute(_WATCH, (min([again, *ahead]), subject))
    return [head.n for head in late]
