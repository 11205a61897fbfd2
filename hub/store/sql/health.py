"""Whether a partner may be sent to: its breaker (``hub.health.circuit``) and its declared hours, as rows that all workers share.

What an outcome means is decided by ``hub.health.circuit``; here it is read and written under the destination's lock, in the
transaction that settles the outcome, so that failures seen by any number of workers are one row of failures, and one
probe is one probe.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from hub.health.circuit import WHOLE, Breaker, Circuit, Health, Policy, Told, after, half_open
from hub.store.sql import destinations, journal
from hub.store.sql.db import Db, many, one, only
from hub.store.sql.times import EPOCH, SECOND, micros, moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from hub.store.contract.delivery import Settlement, Window

LIVE_AFTER = 10 * SECOND
"""What waited through a longer outage than this is backlog: live traffic goes before it."""

_LOAD = """
SELECT circuit, circuit_until, circuit_code, trips, failures, places, circuit_after, circuit_waits, concurrency, circuit_since, partner
FROM dest d JOIN dest_run r ON r.id=d.id WHERE d.id=?
"""
_NO_PERSON: Mapping[str, str] = MappingProxyType({})
_WAITS = msgspec.json.Decoder(tuple[float, ...])


class State(msgspec.Struct, frozen=True, kw_only=True):
    """One destination's breaker with what it is judged by. Times of the breaker in seconds since 1970."""

    breaker: Breaker
    policy: Policy
    concurrency: int
    since: int | None
    partner: str


def load(db: Db, dest: int) -> State:
    circuit, until, code, trips, failures, places, most, waits, concurrency, since, partner = only(
        db, _LOAD, (dest,)
    )
    return State(
        breaker=Breaker(
            circuit=Circuit(circuit),
            until=None if until is None else until / SECOND,
            code=code,
            failures=failures,
            trips=trips,
            window=places if circuit == Circuit.CLOSED else None,
        ),
        policy=Policy(after=most, waits=_WAITS.decode(waits)),
        concurrency=concurrency,
        since=since,
        partner=partner,
    )


def learn(db: Db, dest: int, said: Sequence[Settlement], now: int, *, whole: bool) -> None:
    """Let the breaker learn from what was settled together, in that order. ``whole``: nothing was wrong with it before."""
    told = [_told(one) for one in said]
    if whole and all(one.health in (Health.UP, Health.NOTHING) for one in told):
        return
    state = load(db, dest)
    breaker = state.breaker
    for one_ in told:
        breaker = after(breaker, state.policy, one_, concurrency=state.concurrency, now=now / SECOND)
    if breaker != state.breaker:
        _write(db, dest, state, breaker, now)


def _told(said: Settlement) -> Told:
    return Told(
        health=said.health, code=said.code, rest=said.rest, tried=bool(said.attempts), probe=said.probe
    )


def _write(
    db: Db, dest: int, state: State, breaker: Breaker, now: int, why: Mapping[str, str] = _NO_PERSON
) -> None:
    """Write the breaker, let claims see it, and tell the journal what changed."""
    open_, was_open = (one_.circuit is not Circuit.CLOSED for one_ in (breaker, state.breaker))
    places = 1 if open_ else breaker.window
    db.execute("UPDATE dest_run SET failures=?, places=? WHERE id=?", (breaker.failures, places, dest))
    if not open_ and not was_open and breaker.trips == state.breaker.trips:
        destinations.wake(db, dest)  # there may be more room
        return
    since = (now if state.since is None else state.since) if open_ else None
    until = None if breaker.until is None else round(breaker.until * SECOND)
    db.execute(
        "UPDATE dest SET circuit=?, circuit_until=?, circuit_code=?, trips=?, circuit_since=? WHERE id=?",
        (str(breaker.circuit), until, breaker.code, breaker.trips, since, dest),
    )
    if breaker.circuit is Circuit.OPEN:
        db.idle(dest)
    else:
        if not open_ and was_open and now - (state.since or now) >= LIVE_AFTER:
            destinations.came_back(db, dest, now)
        destinations.wake(db, dest)
    if (breaker.circuit, breaker.until) != (state.breaker.circuit, state.breaker.until):
        _journal(db, state.partner, breaker, now, why)


def _journal(db: Db, partner: str, breaker: Breaker, now: int, why: Mapping[str, str]) -> None:
    facts = {"partner": partner, "code": breaker.code, **why}
    if breaker.until is not None:
        facts["until"] = moment(round(breaker.until * SECOND)).isoformat()
    told = {name: value for name, value in facts.items() if value}
    journal.write(db, now, f"circuit_{breaker.circuit}", facts=told)


def set_circuit(
    db: Db, partner: str, circuit: str, until: datetime | None, now: datetime, why: Mapping[str, str]
) -> None:
    """By hand; ``why`` goes to the journal. Raises ``ValueError`` for another word than closed, open and half_open."""
    if circuit not in set(Circuit):
        raise ValueError(f"a circuit is closed, open or half_open, not {circuit}")
    dest, *_ = destinations.named(db, partner)
    db.hold_dest(dest)
    state = load(db, dest)
    wanted = {
        Circuit.CLOSED: WHOLE,
        Circuit.OPEN: Breaker(
            circuit=Circuit.OPEN, until=((until or now) - EPOCH).total_seconds(), trips=state.breaker.trips
        ),
        Circuit.HALF_OPEN: half_open(state.breaker),
    }[Circuit(circuit)]
    if wanted != state.breaker:
        _write(db, dest, state, wanted, micros(now), why)


def wake(db: Db, now: int) -> None:
    """Open circuits whose time has come let one probe through; partners whose hours begin are looked at."""
    for (dest,) in sorted(many(db, "SELECT id FROM dest WHERE circuit_until<=?", (now,))):
        db.hold_dest(dest)
        state = load(db, dest)
        if (
            state.breaker.circuit is Circuit.OPEN and (state.breaker.until or 0) <= now / SECOND
        ):  # nobody was quicker
            _write(db, dest, state, half_open(state.breaker), now)
    for (dest,) in sorted(many(db, "SELECT id FROM dest WHERE opens<=?", (now,))):
        db.execute("UPDATE dest SET opens=NULL WHERE id=? AND opens<=?", (dest, now))
        destinations.wake(db, dest)


def set_windows(db: Db, windows: Iterable[Window], now: datetime) -> None:
    at = micros(now)
    for window in sorted(windows, key=lambda one_: one_.partner):
        dest, *_ = destinations.named(db, window.partner)
        opens, closes = micros(window.opens), micros(window.closes)
        later = opens if opens is not None and opens > at else None
        before = one(db, "SELECT opens, closes FROM dest WHERE id=?", (dest,))
        if before != (later, closes):
            db.execute("UPDATE dest SET opens=?, closes=? WHERE id=?", (later, closes, dest))
            destinations.wake(db, dest)
