"""Destinations: a partner's limits, its pause and its circuit; in the database, because several processes share them.

``dest`` is what people and circuits set, rarely written; ``dest_run`` what every claim and settlement writes. Whoever
makes a destination claimable says ``due`` in the same transaction; so a claim never visits what cannot be sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hub.lifecycle import State
from hub.store.sql import journal, lanes
from hub.store.sql.counters import Tally
from hub.store.sql.db import Db, Lane, many, one, only
from hub.store.sql.times import SECOND, micros

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hub.store.contract import Capacity

STOPPED = tuple(str(state) for state in (State.REFUSED, State.PARKED, State.DEAD, State.HELD, State.IN_DOUBT))

_LOAD = """
SELECT d.id, concurrency, rate, burst, paused, circuit, live_since, in_flight, tokens, tokens_at, order_sensitive, served
FROM dest d JOIN dest_run r ON r.id=d.id WHERE d.id=?
"""
_KNOWN = "SELECT id, order_sensitive, live_since FROM dest WHERE partner=?"


class Destination(NamedTuple):
    id: int
    concurrency: int
    rate: float | None
    burst: int
    paused: int
    circuit: str
    live_since: int
    in_flight: int
    tokens: float
    tokens_at: int
    order_sensitive: int
    served: int

    def backlogs_share(self, quota: int) -> int:
        """How many of the next ``quota`` places the backlog keeps: every fourth, counted across claims."""
        return (self.served + quota) // 4 - self.served // 4

    @property
    def open(self) -> bool:
        return not self.paused and self.circuit != "open"

    @property
    def free(self) -> int:
        """How many more may be under way; a half-open circuit lets one probe through when nothing else is out."""
        if not self.open:
            return 0
        most = min(self.concurrency, 1) if self.circuit == "half_open" else self.concurrency
        return max(0, most - self.in_flight)

    def tokens_now(self, now: int) -> float:
        """A bucket that fills with ``rate`` a second up to ``burst``; a clock that goes back fills nothing."""
        if self.rate is None:
            return float("inf")
        return min(float(self.burst), self.tokens + max(0, now - self.tokens_at) / SECOND * self.rate)

    def next_token(self, now: int) -> float:
        """Seconds until one more may be sent."""
        missing = 1 - self.tokens_now(now)
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


def used(db: Db, dest: Destination, taken: int, now: int) -> None:
    """Book ``taken`` transfers as under way."""
    if dest.rate is None:
        db.execute(
            "UPDATE dest_run SET in_flight=in_flight+?, served=served+? WHERE id=?", (taken, taken, dest.id)
        )
    else:
        db.execute(
            "UPDATE dest_run SET in_flight=in_flight+?, served=served+?, tokens=?, tokens_at=? WHERE id=?",
            (taken, taken, dest.tokens_now(now) - taken, max(now, dest.tokens_at), dest.id),
        )


def returned(db: Db, dest: int, count: int) -> None:
    db.execute("UPDATE dest_run SET in_flight=in_flight-? WHERE id=?", (count, dest))
    wake(db, dest)


def wake(db: Db, dest: int) -> None:
    """Let claims look there, if there is anything to take."""
    if one(db, "SELECT 1 FROM ready WHERE dest=? LIMIT 1", (dest,)):
        db.due(dest)


def set_capacities(db: Db, capacities: Sequence[Capacity]) -> None:
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
        if db.changes():
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
        if first is None or first.shelf != "stopped":
            continue
        while first is not None and first.state in STOPPED and first.wake_at is None:
            if first.shelf == "stopped":
                lanes.take(db, lane, first)
            lanes.leave(db, tally, lane, first.n)
            first = lanes.head(db, lane)
        lanes.place(db, tally, lane, 0 if first is None else first.accepted_at)
    tally.write(db)


def pause(db: Db, partner: str, *, paused: bool, reason: str, by: str, now: datetime) -> None:
    """What is ready when a partner comes back is backlog: live traffic goes first from here on."""
    dest, *_ = named(db, partner)
    db.hold_dest(dest)
    at = micros(now)
    db.execute("UPDATE dest SET paused=? WHERE id=?", (int(paused), dest))
    _came_or_went(db, dest, at, open_=not paused)
    facts = {"partner": partner, "reason": reason, "by": by}
    journal.write(db, at, "paused" if paused else "resumed", facts=facts)


def circuit(db: Db, partner: str, state: str, until: datetime | None, now: datetime) -> None:
    """``closed``, ``open`` (until a time: then half open by itself) or ``half_open``. Raises ``ValueError``."""
    if state not in {"closed", "open", "half_open"}:
        raise ValueError(f"a circuit is closed, open or half_open, not {state}")
    dest, *_ = named(db, partner)
    db.hold_dest(dest)
    at = micros(now)
    before = load(db, dest).circuit
    db.execute(
        "UPDATE dest SET circuit=?, circuit_until=? WHERE id=?",
        (state, micros(until) if state == "open" else None, dest),
    )
    if state == before == "closed":
        return
    _came_or_went(db, dest, at, open_=state != "open", live=state == "closed")
    journal.write(db, at, f"circuit_{state}", facts={"partner": partner})


def _came_or_went(db: Db, dest: int, at: int, *, open_: bool, live: bool = True) -> None:
    if not open_:
        db.idle(dest)
        return
    if live:
        db.execute("UPDATE dest SET live_since=? WHERE id=? AND live_since<?", (at, dest, at))
    wake(db, dest)


def half_open(db: Db, now: int) -> None:
    """Open circuits whose time has come let one probe through."""
    rows = many(db, "SELECT id, partner FROM dest WHERE circuit_until<=?", (now,))
    for dest, partner in sorted(rows):
        db.execute(
            "UPDATE dest SET circuit='half_open', circuit_until=NULL WHERE id=? AND circuit_until<=?",
            (dest, now),
        )
        if not db.changes():  # somebody set it meanwhile
            continue
        wake(db, dest)
        journal.write(db, now, "circuit_half_open", facts={"partner": partner})
