"""What time alone brings about: waiting lanes become ready, leases and awaited receipts expire, open circuits let a probe through."""

from __future__ import annotations

from hub.store.sql import acknowledge, health, lanes, leases
from hub.store.sql.db import Db, Lane, many, only

CHUNK = 500
"""Lanes or leases per transaction: other writers wait no longer than for one of these."""


_NEXT = """
SELECT min(at) FROM (
  SELECT min(wake) AS at FROM wait WHERE wake>0
  UNION ALL SELECT min(circuit_until) FROM dest WHERE circuit_until>0
  UNION ALL SELECT min(opens) FROM dest WHERE opens>0
  UNION ALL SELECT min(receipt_by) FROM transfer WHERE receipt_by>0
) AS due
"""


_FIRST_LEASE = "SELECT min(until) FROM lease WHERE until>0"


def next_due(db: Db, now: int, by: int) -> int | None:
    """When time alone will change something: five seeks; asked on a reader, so that an idle tick takes no lock.

    ``by``: the time by the clock of leases; when the first of them runs out is told by the wall clock, ``now``.
    """
    due, until = only(db, _NEXT)[0], only(db, _FIRST_LEASE)[0]
    times = [time for time in (due, None if until is None else now + until - by) if time is not None]
    return min(times, default=None)


def tick(db: Db, now: int, by: int) -> bool:
    """Do one chunk; true when more is due."""
    expired = leases.expire(db, now, by, CHUNK)
    woken = _wake(db, now)
    overdue = acknowledge.expire(db, now, CHUNK)
    health.wake(db, now)  # destinations last: lanes are locked before them
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
