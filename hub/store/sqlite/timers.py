"""What time alone brings about: waiting lanes become ready, leases expire, open circuits let a probe through."""

from __future__ import annotations

import apsw  # noqa: TC002 - part of a public signature

from hub.store.sqlite import destinations, lanes, leases
from hub.store.sqlite.rows import many, one

CHUNK = 500
"""Lanes or leases per transaction: other writers wait no longer than for one of these."""


def anything_due(db: apsw.Connection, now: int) -> bool:
    """Three seeks; asked on a reader, so that an idle tick takes no lock."""
    return any(
        one(db, query, (now,))
        for query in (
            "SELECT 1 FROM wait WHERE wake<=? LIMIT 1",
            "SELECT 1 FROM lease WHERE until<=? LIMIT 1",
            "SELECT 1 FROM dest WHERE circuit_until<=? LIMIT 1",
        )
    )


def tick(db: apsw.Connection, now: int) -> bool:
    """Do one chunk; true when more is due."""
    destinations.half_open(db, now)
    expired = leases.expire(db, now, CHUNK)
    woken = _wake(db, now)
    return max(expired, woken) >= CHUNK


def _wake(db: apsw.Connection, now: int) -> int:
    rows = many(
        db, "SELECT dest, subject FROM wait WHERE wake<=? ORDER BY wake, dest, subject LIMIT ?", (now, CHUNK)
    )
    for dest, subject in rows:
        lane = lanes.Lane(subject, dest)
        first = lanes.head(db, lane)
        if first is None:
            raise lanes.TicketLost(f"lane {subject}/{dest} waits without an item")
        lanes.take(db, lane, first)
        lanes.make_ready(db, lane, first, now)
    return len(rows)
