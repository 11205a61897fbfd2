"""Which documents wait for the scanner, and what it said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.documents.contract import Held, Holder, Safety
from hub.store.sql import journal
from hub.store.sql.db import many, one
from hub.store.sql.looks import look_of
from hub.store.sql.times import moment

if TYPE_CHECKING:
    from hub.store.sql.db import Db

_HELD = (
    "SELECT sha256, size, safety, at, refs, file, finding, checked_at, next_check, tries, look FROM document"
)


def _held(row: tuple[object, ...]) -> Held:
    sha256, size, safety, at, refs, file, finding, checked_at, next_check, tries, look = row
    return Held(
        sha256=str(sha256),
        size=int(str(size)),
        safety=Safety(str(safety)),
        at=moment(int(str(at))),
        owners=int(str(refs)),
        file=str(file),
        finding=str(finding),
        checked_at=None if checked_at is None else moment(int(str(checked_at))),
        next_check=None if next_check is None else moment(int(str(next_check))),
        tries=int(str(tries)),
        look=look_of(str(look)),
    )


def anything_due(db: Db, now: int) -> bool:
    return one(db, "SELECT 1 FROM document WHERE next_check<=? LIMIT 1", (now,)) is not None


def take(db: Db, now: int, until: int) -> Held | None:
    """Take the one that waits longest; it is due again at ``until`` when nothing is heard of its check."""
    row = one(db, f"{_HELD} WHERE next_check<=? ORDER BY next_check, sha256 LIMIT 1", (now,))
    if row is None:
        return None
    db.execute("UPDATE document SET next_check=? WHERE sha256=? AND next_check<=?", (until, row[0], now))
    return _held(row) if db.changes() else None


def named(db: Db, sha256: str) -> Held | None:
    row = one(db, f"{_HELD} WHERE sha256=?", (sha256,))
    return None if row is None else _held(row)


def said(db: Db, sha256: str, safety: Safety, finding: str, again: int | None, at: int) -> None:
    """A document that is no longer being checked keeps what was said of it first."""
    db.execute(
        "UPDATE document SET safety=?, finding=?, checked_at=?, next_check=?, tries=tries+1 WHERE sha256=? AND safety=?",
        (str(safety), finding, at, again, sha256, str(Safety.CHECKING)),
    )
    if db.changes() and safety is not Safety.CHECKING:
        journal.write(db, at, f"document_{safety}", facts={"digest": sha256, "finding": finding})


def holders(db: Db, sha256: str) -> tuple[Holder, ...]:
    rows = many(
        db, "SELECT owner, sender, at FROM hold WHERE sha256=? ORDER BY at, owner LIMIT 200", (sha256,)
    )
    return tuple(Holder(owner=owner, sender=sender, at=moment(at)) for owner, sender, at in rows)


def listed(db: Db, safety: str, after: str, limit: int) -> tuple[Held, ...]:
    if safety:
        query = f"{_HELD} WHERE safety=? AND sha256>? ORDER BY sha256 LIMIT ?"
        rows = many(db, query, (safety, after, limit))
    else:
        rows = many(db, f"{_HELD} WHERE sha256>? ORDER BY sha256 LIMIT ?", (after, limit))
    return tuple(_held(row) for row in rows)
