"""Lanes and their tickets, many at once. What a ticket is, ``hub.store.sql.lanes`` decides; the caller holds every lane."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hub.store.postgres.rows import spread
from hub.store.sql.db import Lane
from hub.store.sql.lanes import Arrival, Head, Ticket, of_arrival, of_head

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.store.postgres.connection import Connection
    from hub.store.sql.counters import Tally

_LEAVE = """
DELETE FROM item USING unnest(?::text[], ?::bigint[], ?::bigint[]) z(subject, dest, n)
WHERE item.subject=z.subject AND item.dest=z.dest AND item.n=z.n
"""
_HEADS = """
SELECT z.subject, z.dest, h.* FROM unnest(?::text[], ?::bigint[]) z(subject, dest) CROSS JOIN LATERAL (
  SELECT i.n, i.shelf, i.class, i.at, t.state, t.wake_at, t.deadline, m.accepted_at, d.live_since, t.offered_at
  FROM item i JOIN transfer t ON t.n=i.n JOIN message m ON m.n=t.message JOIN dest d ON d.id=i.dest
  WHERE i.subject=z.subject AND i.dest=z.dest ORDER BY i.n LIMIT 1) h
"""
_PUT = """
WITH z AS MATERIALIZED (
  SELECT * FROM unnest(?::text[], ?::bigint[], ?::bigint[], ?::text[], ?::bigint[], ?::bigint[]) z(subject, dest, n, shelf, class, at)),
 r AS (INSERT INTO ready(dest, class, since, subject) SELECT dest, class, at, subject FROM z WHERE shelf='ready'),
 w AS (INSERT INTO wait(wake, dest, subject) SELECT at, dest, subject FROM z WHERE shelf='wait'),
 s AS (INSERT INTO stopped(dest, subject) SELECT dest, subject FROM z WHERE shelf='stopped')
UPDATE item SET shelf=z.shelf, class=z.class, at=z.at FROM z WHERE item.subject=z.subject AND item.dest=z.dest AND item.n=z.n
"""
_COME = """
WITH z AS MATERIALIZED (
  SELECT * FROM unnest(?::text[], ?::bigint[], ?::bigint[], ?::text[], ?::bigint[], ?::bigint[]) z(subject, dest, n, shelf, class, at)),
 r AS (INSERT INTO ready(dest, class, since, subject) SELECT dest, class, at, subject FROM z WHERE shelf='ready'),
 s AS (INSERT INTO stopped(dest, subject) SELECT dest, subject FROM z WHERE shelf='stopped')
INSERT INTO item(subject, dest, n, shelf, class, at) SELECT * FROM z
"""
_BUSY = """
SELECT z.subject, z.dest FROM unnest(?::text[], ?::bigint[]) z(subject, dest)
CROSS JOIN LATERAL (SELECT 1 FROM item i WHERE i.subject=z.subject AND i.dest=z.dest LIMIT 1) busy
"""
_NONE = (None, None, None)


class Freed(NamedTuple):
    """A lane whose ticket comes back. ``leaves``: the transfer ``n`` gives up its place."""

    lane: Lane
    n: int
    leaves: bool
    now: int


def free(db: Connection, tally: Tally, freed: Sequence[Freed]) -> None:
    """Put each ticket where its lane's head says; a lane without items gives it up."""
    leaving = [(*one.lane, one.n) for one in freed if one.leaves]
    if leaving:
        spread(db, _LEAVE, leaving)
    for *_, dest, _ in leaving:
        tally.add(dest, "items", -1)
    heads = {Lane(*row[:2]): Head(*row[2:]) for row in spread(db, _HEADS, [one.lane for one in freed])}
    placed = []
    for one in freed:
        first = heads.get(one.lane)
        if first is None:
            tally.add(one.lane.dest, "lanes", -1)
        else:
            placed.append((one.lane, first.n, of_head(first, one.now)))
    _put(db, _PUT, placed)


def arrive(db: Connection, tally: Tally, coming: Sequence[tuple[Lane, Arrival]]) -> None:
    """Take the last places in their lanes, in this order; the first one in an empty lane brings its ticket."""
    lanes = {lane for lane, _ in coming}
    busy = {Lane(*row) for row in spread(db, _BUSY, list(lanes))}
    placed: list[tuple[Lane, int, Ticket | None]] = []
    for lane, new in coming:
        tally.add(lane.dest, "items")
        if lane in busy:
            placed.append((lane, new.n, None))
            continue
        busy.add(lane)
        tally.add(lane.dest, "lanes")
        placed.append((lane, new.n, of_arrival(new)))
    _put(db, _COME, placed)


def _put(db: Connection, query: str, placed: Sequence[tuple[Lane, int, Ticket | None]]) -> None:
    if placed:
        spread(db, query, [(*lane, n, *(ticket or _NONE)) for lane, n, ticket in placed])
    for lane, _, ticket in placed:
        if ticket is not None and ticket.shelf == "ready":
            db.due(lane.dest)
