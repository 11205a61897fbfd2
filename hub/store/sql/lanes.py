"""Lanes and their tickets.

A lane is (subject, destination); whoever changes it holds it (``Db.hold``), only a claim does without. It is active while it has items; an active lane has exactly one ticket, on one shelf:
``ready``, ``wait``, ``stopped``, or inside a lease. The head's item row names the shelf, so a ticket is found without a
search. Inside a class of urgency the order is that of becoming ready.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hub.lifecycle import State
from hub.store.sql.db import Db, Lane, Raced, one
from hub.store.sql.times import SECOND

if TYPE_CHECKING:
    from collections.abc import Collection

    from hub.store.sql.counters import Tally

_HOUR, _DAY = 3600 * SECOND, 86_400 * SECOND

SLACK = (4 * _HOUR, 2 * _DAY, 7 * _DAY)
"""Class 0, 1, 2: less than this is left until the deadline when the ticket is written; class 3: more, or no deadline."""

OFFSETS = (-7 * _DAY, -2 * _DAY, 0, _DAY)
"""Virtual deadline = time of becoming ready + offset of the class: the urgent first, and everybody's turn comes."""

_HEAD = """
SELECT i.n, i.shelf, i.class, i.at, t.state, t.wake_at, t.deadline, m.accepted_at, d.live_since, t.offered_at
FROM item i JOIN transfer t ON t.n=i.n JOIN message m ON m.n=t.message JOIN dest d ON d.id=i.dest
WHERE i.subject=? AND i.dest=? ORDER BY i.n LIMIT 1
"""


class Ticket(NamedTuple):
    """Where a ticket stands. ``at``: since when it is ready, or when it wakes up."""

    shelf: str
    class_: int | None = None
    at: int | None = None


STOPPED = Ticket("stopped")


class Head(NamedTuple):
    n: int
    shelf: str | None
    class_: int | None
    at: int | None
    state: str
    wake_at: int | None
    deadline: int | None
    accepted_at: int
    live_since: int
    offered_at: int | None


class Arrival(NamedTuple):
    """A transfer that comes in; ``stopped``: born parked."""

    n: int
    at: int
    deadline: int | None
    live_since: int
    stopped: bool


def urgency(deadline: int | None, now: int) -> int:
    if deadline is None:
        return len(SLACK)
    return sum(deadline - now >= limit for limit in SLACK)


def head(db: Db, lane: Lane) -> Head | None:
    row = one(db, _HEAD, lane)
    return Head(*row) if row else None


def arrive(db: Db, tally: Tally, lane: Lane, new: Arrival) -> None:
    """Take the last place in the lane; the first one in an empty lane brings its ticket."""
    ticket: tuple[str | None, int | None, int | None] = (None, None, None)
    if not one(db, "SELECT 1 FROM item WHERE subject=? AND dest=? LIMIT 1", lane):
        tally.add(lane.dest, "lanes")
        ticket = of_arrival(new)
        _shelve(db, lane, ticket)
    db.execute("INSERT INTO item(subject,dest,n,shelf,class,at) VALUES(?,?,?,?,?,?)", (*lane, new.n, *ticket))
    tally.add(lane.dest, "items")


def come_back(db: Db, tally: Tally, lane: Lane, n: int) -> None:
    """Take one's old place again; the caller holds the lane's ticket, if it has one, and places it."""
    if not one(db, "SELECT 1 FROM item WHERE subject=? AND dest=? LIMIT 1", lane):
        tally.add(lane.dest, "lanes")
    db.execute("INSERT INTO item(subject,dest,n) VALUES(?,?,?)", (*lane, n))
    tally.add(lane.dest, "items")


def leave(db: Db, tally: Tally, lane: Lane, n: int) -> None:
    """Give up the place. The caller holds the lane's ticket, or ``n`` is not the head."""
    db.execute("DELETE FROM item WHERE subject=? AND dest=? AND n=?", (*lane, n))
    tally.add(lane.dest, "items", -1)


def place(db: Db, tally: Tally, lane: Lane, now: int) -> None:
    """Put the ticket that the caller holds where the head's state says; a lane without items gives it up."""
    first = head(db, lane)
    if first is None:
        tally.add(lane.dest, "lanes", -1)
    else:
        _put(db, lane, first, of_head(first, now))


def make_ready(db: Db, lane: Lane, first: Head, now: int) -> None:
    _put(db, lane, first, _ready(first, now))


def of_arrival(new: Arrival) -> Ticket:
    """Return the ticket that it brings into an empty lane."""
    if new.stopped:
        return STOPPED
    since = _since(new.at, new.live_since, new.at)
    return Ticket("ready", urgency(new.deadline, since), since)


def of_head(first: Head, now: int) -> Ticket:
    """Return the ticket of a lane by what its head is."""
    state, wake = first.state, first.wake_at
    if first.offered_at is not None:  # its partner comes for it
        return STOPPED
    if state != State.WAITING and (state != State.IN_DOUBT or wake is None):
        return STOPPED
    return Ticket("wait", None, wake) if wake is not None and wake > now else _ready(first, now)


def _ready(first: Head, now: int) -> Ticket:
    since = _since(first.accepted_at, first.live_since, now)
    return Ticket("ready", urgency(first.deadline, since), since)


def _since(accepted_at: int, live_since: int, now: int) -> int:
    """A lane whose head was accepted before its destination came back stays with the backlog."""
    return min(now, live_since - 1) if accepted_at < live_since else now


def _put(db: Db, lane: Lane, first: Head, ticket: Ticket) -> None:
    _shelve(db, lane, ticket)
    db.execute(
        "UPDATE item SET shelf=?, class=?, at=? WHERE subject=? AND dest=? AND n=?",
        (*ticket, *lane, first.n),
    )


def _shelve(db: Db, lane: Lane, ticket: Ticket) -> None:
    if ticket.shelf == "ready":
        db.execute(
            "INSERT INTO ready(dest,class,since,subject) VALUES(?,?,?,?)",
            (lane.dest, ticket.class_, ticket.at, lane.subject),
        )
        db.due(lane.dest)
    elif ticket.shelf == "wait":
        db.execute("INSERT INTO wait(wake,dest,subject) VALUES(?,?,?)", (ticket.at, lane.dest, lane.subject))
    else:
        db.execute("INSERT INTO stopped(dest,subject) VALUES(?,?)", (lane.dest, lane.subject))


def take(db: Db, lane: Lane, first: Head) -> None:
    """Take the ticket off its shelf; the caller holds the lane, which must not be leased."""
    if first.shelf == "ready":
        db.execute(
            "DELETE FROM ready WHERE dest=? AND class=? AND since=? AND subject=?",
            (lane.dest, first.class_, first.at, lane.subject),
        )
    elif first.shelf == "wait":
        db.execute(
            "DELETE FROM wait WHERE wake=? AND dest=? AND subject=?", (first.at, lane.dest, lane.subject)
        )
    else:
        db.execute("DELETE FROM stopped WHERE dest=? AND subject=?", (lane.dest, lane.subject))
    if not db.changes():
        raise TicketLost(f"lane {lane.subject}/{lane.dest} has no ticket on shelf {first.shelf}")


class Grip(NamedTuple):
    """A lane whose ticket is in hand, unless a lease has it (``ours`` false)."""

    lane: Lane
    active: bool
    ours: bool


def grip(db: Db, lane: Lane, leased: Collection[Lane]) -> Grip:
    """Take the ticket of a lane that the caller holds, wherever it stands."""
    first, ours = head(db, lane), lane not in leased
    if first is not None and ours:
        take(db, lane, first)
    return Grip(lane, first is not None, ours)


def let_go(db: Db, tally: Tally, held: Grip, now: int, *, entered: bool = False) -> None:
    """Put the ticket back where the lane's head says; ``entered``: somebody came into a lane that was empty."""
    if held.ours and (held.active or entered):
        place(db, tally, held.lane, now)


def settle_place(db: Db, tally: Tally, lane: Lane, n: int, *, in_lane: bool, belongs: bool) -> bool:
    """Leave the lane, or come back into it; true when it came (back) in. The caller has a grip on the lane."""
    if in_lane and not belongs:
        leave(db, tally, lane, n)
    if in_lane or not belongs:
        return False
    come_back(db, tally, lane, n)
    return True


class TicketLost(AssertionError, Raced):  # noqa: N818 - says what it is
    """A claim took the ticket meanwhile. Where there is one writer: a lane without its ticket, a defect of the store."""
