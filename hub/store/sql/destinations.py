"""Destinations: a partner's limits and its pause; in the database, because several processes share them.

``dest`` is what people and circuits (``health``) set, rarely written; ``dest_run`` what every claim and settlement writes. Whoever
makes a destination claimable says ``due`` in the same transaction; so a claim never visits what cannot be sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import json

from hub.lifecycle import State
from hub.store.sql import journal, lanes
from hub.store.sql.counters import Tally
from hub.store.sql.db import Db, Lane, many, one, only
from hub.store.sql.times import SECOND, micros

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from hub.store.contract.delivery import Capacity

STOPPED = tuple(str(state) for state in (State.REFUSED, State.PARKED, State.DEAD, State.HELD, State.IN_DOUBT))

ROOMS = """
SELECT d.id, concurrency, rate, burst, paused, circuit, opens, closes, live_since, in_flight, tokens, tokens_at, in_a_row, places
FROM dest d JOIN dest_run r ON r.id=d.id
"""
"""Rows of ``Destination``."""
_LOAD = ROOMS + "WHERE d.id=?"
_KNOWN = "SELECT id, order_sensitive, live_since FROM dest WHERE partner=?"


IN_A_ROW = 3
"""Live transfers after which the backlog of an outage has its turn, where both wait."""
SPARED = 1
"""Tokens that a backlog leaves for live traffic, so that it need not wait for the next."""


class Destination(NamedTuple):
    id: int
    concurrency: int
    rate: float | None
    burst: int
    paused: int
    circuit: str
    opens: int | None
    closes: int | None
    live_since: int
    in_flight: int
    tokens: float
    tokens_at: int
    in_a_row: int
    places: int | None

    def backlogs_share(self, quota: int) -> int:
        """How many of the next ``quota`` places the backlog keeps: one after three live ones in a row, across claims."""
        return (self.in_a_row + quota) // (IN_A_ROW + 1)

    def after(self, live: int, backlog: int) -> int:
        """How many live ones have gone in a row after these."""
        return max(0, min(IN_A_ROW, self.in_a_row + live - backlog * IN_A_ROW))

    def for_backlog(self, now: int, quota: int) -> int:
        """How many of the next ``quota`` places the backlog may fill beyond its share: the last token waits for live traffic."""
        if not self.live_since or self.rate is None or self.burst <= SPARED:
            return quota
        return max(0, min(quota, int(self.tokens_now(now)) - SPARED))

    def is_open(self, now: int) -> bool:
        """Neither paused nor broken, and inside its hours."""
        in_hours = (self.opens is None or self.opens <= now) and (self.closes is None or now < self.closes)
        return not self.paused and self.circuit != "open" and in_hours

    def free(self, now: int) -> int:
        """How many more may be under way: one while it is probed, a growing number while it comes back."""
        if not self.is_open(now):
            return 0
        most = self.concurrency if self.places is None else min(self.concurrency, self.places)
        return max(0, most - self.in_flight)

    def tokens_now(self, now: int) -> float:
        """A bucket that fills with ``rate`` a second up to ``burst``; a clock that goes back fills nothing."""
        if self.rate is None:
            return float("inf")
        return min(float(self.burst), self.tokens + max(0, now - self.tokens_at) / SECOND * self.rate)

    def next_token(self, now: int, taken: int = 0) -> float:
        """Seconds until one more than ``taken`` may be sent."""
        missing = 1 + taken - self.tokens_now(now)
        return 0.0 if missing <= 0 or self.rate is None else missing / self.rate


def load(db: Db, dest: int) -> Destination:
    return Destination(*only(db, _LOAD, (dest,)))


def named(db: Db, partner: str) -> tuple[int, bool, int]:
    """Return (id, order_sensitive, live_since); a partner whose limits nobody wrote yet gets one transfer at a time."""
    row = one(db, _KNOWN, (partner,))
    if row is None:
        db.execute("INSERT INTO dest(partner) VALUES(?) ON CONFLICT DO NOTHING", (partner,))
        row = only(db, _KNOWN, (partner,))
        db.execute("INSERT INTO dest_run(id) VALUES(?) ON CONFLICT DO NOTHING", (row[0],))
    return row[0], bool(row[1]), row[2]


def used(db: Db, dest: Destination, taken: int, in_a_row: int, now: int) -> None:
    """Book ``taken`` transfers as under way."""
    if dest.rate is None:
        db.execute(
            "UPDATE dest_run SET in_flight=in_flight+?, in_a_row=? WHERE id=?", (taken, in_a_row, dest.id)
        )
    else:
        db.execute(
            "UPDATE dest_run SET in_flight=in_flight+?, in_a_row=?, tokens=?, tokens_at=? WHERE id=?",
            (taken, in_a_row, dest.tokens_now(now) - taken, max(now, dest.tokens_at), dest.id),
        )


def returned(db: Db, dest: int, count: int) -> bool:
    """Book ``count`` transfers as back; whether its breaker is whole."""
    failures, places = only(
        db,
        "UPDATE dest_run SET in_flight=in_flight-? WHERE id=? RETURNING failures, places",
        (count, dest),
    )
    wake(db, dest)
    return failures == 0 and places is None


def wake(db: Db, dest: int) -> None:
    """Let claims look there, if there is anything to take."""
    if anything_ready(db, dest):
        db.due(dest)


def anything_ready(db: Db, dest: int) -> bool:
    return one(db, "SELECT 1 FROM ready WHERE dest=? LIMIT 1", (dest,)) is not None


def set_capacities(db: Db, capacities: Sequence[Capacity], leased: Collection[Lane] = ()) -> None:
    """``leased``: lanes that workers hold now."""
    for capacity in sorted(capacities, key=lambda one: one.partner):
        dest, *_ = named(db, capacity.partner)
        ordered = int(capacity.order_sensitive)
        db.execute(
            "UPDATE dest SET concurrency=?, rate=?, burst=?, order_sensitive=? WHERE id=?"
            " AND (concurrency, coalesce(rate,0), burst, order_sensitive) <> (?,?,?,?)",
            (
                *(capacity.concurrency, capacity.rate, capacity.burst, ordered, dest),
                *(capacity.concurrency, capacity.rate or 0.0, capacity.burst, ordered),
            ),
        )
        limits_changed = db.changes() > 0
        policy = (capacity.circuit_after, json.encode(capacity.circuit_waits).decode())
        db.execute(
            "UPDATE dest SET circuit_after=?, circuit_waits=? WHERE id=? AND (circuit_after, circuit_waits) <> (?,?)",
            (*policy, dest, *policy),
        )
        db.execute(
            "UPDATE dest SET offers=? WHERE id=? AND offers<>?",
            (int(capacity.fetches), dest, int(capacity.fetches)),
        )
        if db.changes() and not capacity.fetches:
            _take_back(db, dest, leased)
        if limits_changed:
            db.execute("UPDATE dest_run SET tokens=? WHERE id=?", (float(capacity.burst), dest))
        if not capacity.order_sensitive:
            _let_pass(db, dest)
        wake(db, dest)


def _let_pass(db: Db, dest: int) -> None:
    """Order does not matter here (any more): stopped heads step out of their lanes."""
    tally = Tally()
    stopped = [
        Lane(subject, dest) for (subject,) in many(db, "SELECT subject FROM stopped WHERE dest=?", (dest,))
    ]
    db.hold(stopped)
    for lane in stopped:
        first = lanes.head(db, lane)
        if first is None or first.shelf != "stopped" or first.offered_at is not None:
            continue
        while first is not None and first.state in STOPPED and first.wake_at is None:
            if first.shelf == "stopped":
                lanes.take(db, lane, first)
            lanes.leave(db, tally, lane, first.n)
            first = lanes.head(db, lane)
        lanes.place(db, tally, lane, 0 if first is None else first.accepted_at)
    tally.write(db)


def _take_back(db: Db, dest: int, leased: Collection[Lane]) -> None:
    """It is sent there from now on: what lies there unfetched is sent, what was fetched waits for a person."""
    rows = many(db, "SELECT n, subject FROM transfer WHERE dest=? AND offered_at IS NOT NULL", (dest,))
    db.hold(Lane(subject, dest) for _, subject in rows)
    tally = Tally()
    for n, subject in rows:
        lane = Lane(subject, dest)
        first = lanes.head(db, lane)
        if first is not None and first.n == n:
            lanes.take(db, lane, first)
            db.execute("UPDATE transfer SET offered_at=NULL WHERE n=?", (n,))
            lanes.place(db, tally, lane, first.accepted_at)
        elif one(db, "SELECT 1 FROM item WHERE subject=? AND dest=? AND n=?", (*lane, n)) is None:
            grip = lanes.grip(db, lane, leased)
            db.execute("UPDATE transfer SET offered_at=NULL WHERE n=?", (n,))
            lanes.come_back(db, tally, lane, n)
            lanes.let_go(db, tally, grip, 0, entered=True)
    tally.write(db)


def pause(db: Db, partner: str, *, paused: bool, reason: str, by: str, now: datetime) -> None:
    """What is ready when a partner comes back is backlog: live traffic goes first from here on."""
    dest, *_ = named(db, partner)
    db.hold_dest(dest)
    at = micros(now)
    db.execute("UPDATE dest SET paused=? WHERE id=?", (int(paused), dest))
    if paused:
        db.idle(dest)
    else:
        came_back(db, dest, at)
        wake(db, dest)
    facts = {"partner": partner, "reason": reason, "by": by}
    journal.write(db, at, "paused" if paused else "resumed", facts=facts)


def came_back(db: Db, dest: int, at: int) -> None:
    """What waited until now is backlog."""
    db.execute("UPDATE dest SET live_since=? WHERE id=? AND live_since<?", (at, dest, at))
