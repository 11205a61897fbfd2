"""What time alone brings about: waiting lanes become ready, leases and awaited receipts expire, open circuits let a probe through."""

from __future__ import annotations

from hub.store.sql import acknowledge, destinations, lanes, leases
from hub.store.sql.db import Db, Lane, many, one

CHUNK = 500
"""Lanes or leases per transaction: other writers wait no longer than for one of these."""


def anything_due(db: Db, now: int) -> bool:
    """A few seeks; asked on a reader, so that an idle tick takes no lock."""
    return any(
        one(db, query, (now,))
        for query in (
            "SELECT 1 FROM wait WHERE wake<=? LIMIT 1",
            "SELECT 1 FROM lease WHERE until<=? LIMIT 1",
            "SELECT 1 FROM dest WHERE circuit_until<=? LIMIT 1",
            "SELECT 1 FROM transfer WHERE receipt_by<=? LIMIT 1",
        )
    )


def tick(db: Db, now: int) -> bool:
    """Do one chunk; true when more is due."""
    destinations.half_open(db, now)
    expired = leases.expire(db, now, CHUNK)
    woken = _wake(db, now)
    overdue = acknowledge.expire(db, now, CHUNK)
    return max(expired, woken, overdue) >= CHUNK


def _wake(db: Db, now: int) -> int:
    rows = many(
        db, "SELECT dest, subject FROM wait WHERE wake<=? ORDER BY wake, dest, subject LIMIT ?", (now, CHUNK)
    )
    due = [Lane(subject, dest) for dest, subject in rows]
    db.hold(due)
    for lane in due:
        first = lanes.head(db, lane)
        if first is not None and first.shelf == "wait" and (first.at or 0) <= now:  # nobody woke it meanwhile
            lanes.take(db, lane, first)
            lanes.make_ready(db, lane, first, now)
    return len(rows)
