"""Take heads of due lanes: a few seeks per item, whatever is queued, blocked or paused.

Inside one destination the four classes of urgency are merged by ``since + offset``; live traffic goes before the
backlog of an outage, which keeps a quarter of the places and leaves it a token. Destinations take turns in a ring.
"""

from __future__ import annotations

from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from hub.store.sql import destinations
from hub.store.sql.db import Db, one, only
from hub.store.sql.lanes import OFFSETS
from hub.store.sql.leases import Leased, dump

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

RING = 4
"""Destinations that share one claim; more would cost locality, fewer fairness."""

_LOOK, _LAST = 16, 2**62

_NEXT = "SELECT dest FROM due WHERE dest>? AND dest<=? ORDER BY dest LIMIT ?"
_LIVE = (
    "SELECT since, subject FROM ready WHERE dest=? AND class=? AND since>=? ORDER BY since, subject LIMIT ?"
)
_BACKLOG = (
    "SELECT since, subject FROM ready WHERE dest=? AND class=? AND since<? ORDER BY since, subject LIMIT ?"
)
_HEAD = "SELECT n FROM item WHERE subject=? AND dest=? ORDER BY n LIMIT 1"
_TAKE = "DELETE FROM ready WHERE dest=? AND class=? AND since=? AND subject=?"


class Ticket(NamedTuple):
    virtual: int
    class_: int
    since: int
    subject: str


class Claim(NamedTuple):
    """``position``: where the ring goes on; ``pause``: seconds until a rate allows more, if that is what stopped it."""

    taken: tuple[Leased, ...]
    position: int
    pause: float


def anything_due(db: Db) -> bool:
    return one(db, "SELECT 1 FROM due LIMIT 1") is not None


def claim(  # noqa: PLR0913 - everything that a claim is made of
    db: Db,
    token: str,
    worker: str,
    now: int,
    limit: int,
    until: int,
    *,
    by: int,
    position: int,
    without: Collection[str],
) -> Claim:
    """``by``: the time by the clock of leases, which rates go by, too."""
    taken: list[Leased] = []
    pause = float("inf")
    crowded = {destinations.named(db, partner)[0] for partner in without}
    for visited in _rings(db, position):
        ring = [dest for dest in visited if dest not in crowded]
        if not ring:
            continue
        share = max(1, limit // min(RING, len(ring)))
        for dest, most in (*((dest, share) for dest in ring), *((dest, limit) for dest in ring)):
            if len(taken) >= limit:
                break
            got, rest = _visit(db, dest, min(most, limit - len(taken)), now, by)
            taken += got
            pause = min(pause, rest)
            position = dest
        if len(taken) >= limit:
            break
    if taken:
        db.execute(
            "INSERT INTO lease(token,worker,since,until,body) VALUES(?,?,?,?,?)",
            (token, worker, now, until, dump(taken)),
        )
    return Claim(tuple(taken), position, pause)


def _rings(db: Db, start: int) -> Iterator[list[int]]:
    """Every due destination once, a few at a time, from the one after ``start`` round to it."""
    for low, high in ((start, _LAST), (-1, start)):
        position = low
        while ring := [row[0] for row in db.execute(_NEXT, (position, high, _LOOK))]:
            yield ring
            position = ring[-1]


def _visit(db: Db, dest: int, most: int, now: int, by: int) -> tuple[list[Leased], float]:
    """Take up to ``most`` heads of one destination; seconds until its rate allows more."""
    room = destinations.load(db, dest)
    free = room.free(now)
    if free == 0:
        db.idle(dest)
        return [], float("inf")
    allowed = min(most, free, int(min(room.tokens_now(by), most)))
    if allowed == 0:
        return [], room.next_token(by)
    tickets = _front(db, room, allowed, room.for_backlog(by, allowed))
    taken = [_take(db, dest, ticket) for ticket in tickets]
    if taken:
        live = sum(ticket.since >= room.live_since for ticket in tickets)
        destinations.used(db, room, len(taken), room.after(live, len(taken) - live), by)
    if len(taken) == free:
        db.idle(dest)
    elif len(taken) < allowed:
        if destinations.anything_ready(db, dest):  # backlog, and the last token is not for it
            return taken, room.next_token(by, len(taken) + destinations.SPARED)
        db.idle(dest)
    return taken, float("inf")


def _take(db: Db, dest: int, ticket: Ticket) -> Leased:
    db.execute(_TAKE, (dest, ticket.class_, ticket.since, ticket.subject))
    (n,) = only(db, _HEAD, (ticket.subject, dest))
    return Leased(n, ticket.subject, dest)


def _front(db: Db, room: destinations.Destination, quota: int, for_backlog: int) -> list[Ticket]:
    if not room.live_since:
        return _merged(db, _LIVE, room, quota)
    live = _merged(db, _LIVE, room, quota)
    backlog = _merged(db, _BACKLOG, room, quota)
    kept = backlog[: room.backlogs_share(quota)]
    front = kept + live[: quota - len(kept)]
    return front + backlog[len(kept) : len(kept) + max(0, for_backlog - len(front))]


def _merged(db: Db, query: str, room: destinations.Destination, quota: int) -> list[Ticket]:
    arms = (
        [
            Ticket(since + offset, class_, since, subject)
            for since, subject in db.execute(query, (room.id, class_, room.live_since, quota))
        ]
        for class_, offset in enumerate(OFFSETS)
    )
    return list(islice(merge(*arms), quota))
