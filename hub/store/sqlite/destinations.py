"""Destinations: a partner's limits, its pause and its circuit; in the database, because several processes share them.

``due`` names the destinations that a claim should look at. Whoever makes a destination claimable puts it there in the
same transaction; a claim that finds nothing to take removes it. So a claim never visits what cannot be sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import apsw  # noqa: TC002 - part of a public signature

from hub.lifecycle import State
from hub.store.sqlite import journal, lanes
from hub.store.sqlite.counters import Tally
from hub.store.sqlite.rows import many, one, only
from hub.store.sqlite.times import SECOND, micros

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hub.store.contract import Capacity

STOPPED = tuple(str(state) for state in (State.REFUSED, State.PARKED, State.DEAD, State.HELD, State.IN_DOUBT))

_COLUMNS = (
    "id, concurrency, rate, burst, paused, circuit, live_since, in_flight, tokens, tokens_at, order_sensitive"
)


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


def load(db: apsw.Connection, dest: int) -> Destination:
    return Destination(*only(db, f"SELECT {_COLUMNS} FROM dest WHERE id=?", (dest,)))  # noqa: S608 - constant columns


def named(db: apsw.Connection, partner: str) -> tuple[int, bool, int]:
    """Return (id, order_sensitive, live_since); a partner whose limits nobody wrote yet gets one transfer at a time."""
    row = one(db, "SELECT id, order_sensitive, live_since FROM dest WHERE partner=?", (partner,))
    if row is None:
        db.execute("INSERT INTO dest(partner) VALUES(?)", (partner,))
        return db.last_insert_rowid(), True, 0
    return row[0], bool(row[1]), row[2]


def used(db: apsw.Connection, dest: Destination, taken: int, now: int) -> None:
    """Book ``taken`` transfers as under way."""
    if dest.rate is None:
        db.execute("UPDATE dest SET in_flight=in_flight+? WHERE id=?", (taken, dest.id))
    else:
        db.execute(
            "UPDATE dest SET in_flight=in_flight+?, tokens=?, tokens_at=max(tokens_at,?) WHERE id=?",
            (taken, dest.tokens_now(now) - taken, now, dest.id),
        )


def returned(db: apsw.Connection, dest: int, count: int) -> None:
    db.execute("UPDATE dest SET in_flight=in_flight-? WHERE id=?", (count, dest))
    wake(db, dest)


def wake(db: apsw.Connection, dest: int) -> None:
    """Let claims look there, if there is anything to take."""
    db.execute(
        "INSERT OR IGNORE INTO due(dest) SELECT ? WHERE EXISTS(SELECT 1 FROM ready WHERE dest=?)",
        (dest, dest),
    )


def sleep(db: apsw.Connection, dest: int) -> None:
    db.execute("DELETE FROM due WHERE dest=?", (dest,))


def set_capacities(db: apsw.Connection, capacities: Sequence[Capacity]) -> None:
    for capacity in capacities:
        dest, sensitive, _ = named(db, capacity.partner)
        db.execute(
            "UPDATE dest SET concurrency=?, rate=?, burst=?, order_sensitive=?, tokens=? WHERE id=?"
            " AND (concurrency, coalesce(rate,0), burst, order_sensitive) <> (?,?,?,?)",
            (
                *(capacity.concurrency, capacity.rate, capacity.burst, capacity.order_sensitive),
                *(float(capacity.burst), dest),
                *(capacity.concurrency, capacity.rate or 0, capacity.burst, capacity.order_sensitive),
            ),
        )
        if sensitive and not capacity.order_sensitive:
            _let_pass(db, dest)
        wake(db, dest)


def _let_pass(db: apsw.Connection, dest: int) -> None:
    """Order no longer matters here: stopped heads step out of their lanes."""
    tally = Tally()
    for (subject,) in many(db, "SELECT subject FROM stopped WHERE dest=?", (dest,)):
        lane = lanes.Lane(subject, dest)
        first = lanes.head(db, lane)
        while first is not None and first.state in STOPPED and first.wake_at is None:
            if first.shelf == "stopped":
                lanes.take(db, lane, first)
            lanes.leave(db, tally, lane, first.n)
            first = lanes.head(db, lane)
        lanes.place(db, tally, lane, 0 if first is None else first.accepted_at)
    tally.write(db)


def pause(db: apsw.Connection, partner: str, *, paused: bool, reason: str, now: datetime) -> None:
    """What is ready when a partner comes back is backlog: live traffic goes first from here on."""
    dest, *_ = named(db, partner)
    at = micros(now)
    db.execute("UPDATE dest SET paused=? WHERE id=?", (paused, dest))
    _came_or_went(db, dest, at, open_=not paused)
    journal.write(db, at, "paused" if paused else "resumed", facts={"partner": partner, "reason": reason})


def circuit(db: apsw.Connection, partner: str, state: str, until: datetime | None, now: datetime) -> None:
    """``closed``, ``open`` (until a time: then half open by itself) or ``half_open``. Raises ``ValueError``."""
    if state not in {"closed", "open", "half_open"}:
        raise ValueError(f"a circuit is closed, open or half_open, not {state}")
    dest, *_ = named(db, partner)
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


def _came_or_went(db: apsw.Connection, dest: int, at: int, *, open_: bool, live: bool = True) -> None:
    if not open_:
        sleep(db, dest)
        return
    if live:
        db.execute("UPDATE dest SET live_since=max(live_since,?) WHERE id=?", (at, dest))
    wake(db, dest)


def half_open(db: apsw.Connection, now: int) -> None:
    """Open circuits whose time has come let one probe through."""
    rows = many(db, "SELECT id, partner FROM dest WHERE circuit_until<=?", (now,))
    for dest, partner in rows:
        db.execute("UPDATE dest SET circuit='half_open', circuit_until=NULL WHERE id=?", (dest,))
        wake(db, dest)
        journal.write(db, now, "circuit_half_open", facts={"partner": partner})
