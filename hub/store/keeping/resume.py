"""A person's step after a restore: they have looked, and partners may be sent to again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hub.lifecycle import State
from hub.store.keeping.marks import RESTORED
from hub.store.sql import destinations, notes, reading

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hub.store.sql.db import Db


class Paused(NamedTuple):
    """``doubt``: its transfers of which nobody knows whether it has them."""

    partner: str
    doubt: int


def paused(db: Db) -> tuple[Paused, ...]:
    return tuple(
        Paused(row.partner, row.counts.get(State.IN_DOUBT, 0)) for row in reading.queue(db) if row.paused
    )


def resume(db: Db, names: Sequence[str], *, reason: str, by: str, now: datetime) -> None:
    """Open these partners; when none is paused any more the restore is over."""
    for partner in names:
        destinations.pause(db, partner, paused=False, reason=reason, by=by, now=now)
    if not paused(db):
        notes.forget(db, RESTORED)
