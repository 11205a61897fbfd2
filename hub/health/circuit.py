"""The breaker of one partner: when to stop sending, when to try again, how to come back. Pure; the store keeps its state.

Two tables decide. ``HEALTH``: what an outcome says about the partner as a whole, by error code; a code that is not in it says
nothing, and neither does one that is about a single transfer or about ourselves. ``after``: what the breaker does with that.

* Closed: everything the partner's limits allow is sent. ``after`` failures in a row, across all its lanes, open it.
* Open: nothing is sent until its time; the waits are a list, the last one repeats. A partner that announces when it will be
  back (maintenance, Retry-After) opens it at once, until then.
* Half open: one transfer goes out as a probe. It uses up nothing of its schedule. *up* closes the circuit, *down* opens it
  again with the next wait.
* Closed again: a window of one that grows by one with each success up to the declared concurrency (slow start). A failure
  inside it starts the window anew. When the window is whole the list of waits starts from its beginning.

A person's pause is another matter: it is neither set nor lifted here.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from connectors.contract import Deferred, Delivered, Outcome
from hub.health.retry import LONGEST_WAIT

if TYPE_CHECKING:
    from collections.abc import Mapping

AFTER = 5
WAITS = (30.0, 60.0, 300.0, 900.0)
SHORTEST_REST = 1.0
"""A wait that a partner announces is honoured from here up to ``hub.health.retry.LONGEST_WAIT``, in seconds."""


class Circuit(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Health(StrEnum):
    """What one outcome says about the partner."""

    NOTHING = ""
    UP = "up"  # it answered as itself, whatever it said
    DOWN = "down"  # it could not be reached, or something else answered in its place
    RESTS = "rests"  # it said when to come back


HEALTH: Mapping[str, Health] = MappingProxyType(
    {
        "": Health.UP,  # delivered
        "HUB-PAR-001": Health.UP,
        "HUB-PAR-007": Health.UP,
        "HUB-PAR-010": Health.UP,
        "HUB-NET-001": Health.DOWN,
        "HUB-NET-002": Health.DOWN,
        "HUB-NET-003": Health.DOWN,
        "HUB-NET-004": Health.DOWN,
        "HUB-NET-006": Health.DOWN,  # a gateway's log-in page, or a move that nobody declared
        "HUB-PAR-002": Health.DOWN,  # a page of HTML, an empty reply
        "HUB-PAR-003": Health.DOWN,
        "HUB-PAR-005": Health.DOWN,
        "HUB-PAR-004": Health.RESTS,
        "HUB-PAR-008": Health.RESTS,
    }
)
"""By the code of the outcome; what is not here says nothing.

So does an answer in the partner's own form that no row of its table knows (HUB-PAR-006): it may be about this one dossier, and
five of those in a row would let one dossier stop all others. What a gateway says in the partner's place is read as HUB-PAR-002
or -003, and so is a SOAP fault of the *Server* class.
"""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """``after``: failures in a row that open it. ``waits``: seconds until each probe, the last one repeats."""

    after: int = AFTER
    waits: tuple[float, ...] = WAITS


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one partner. ``until``: when an open circuit is tried, in seconds of any clock. ``failures``: in a row.

    ``trips``: how often it opened since it was last whole. ``window``: how many may be under way; ``None``: as many as declared.
    """

    circuit: Circuit = Circuit.CLOSED
    until: float | None = None
    code: str = ""
    failures: int = 0
    trips: int = 0
    window: int | None = None


WHOLE = Breaker()


UNAVAILABLE = "HUB-PAR-003"
"""Rests when it names a wait (503 with Retry-After), is down when it does not."""


def health(outcome: Outcome) -> Health:
    """Say what an outcome tells about the partner. One that names a wait on 429 or 503, or announces maintenance, rests."""
    if isinstance(outcome, Delivered):
        return Health.UP
    said = HEALTH.get(outcome.reason.code, Health.NOTHING)
    if isinstance(outcome, Deferred):
        if not outcome.counts:
            return Health.RESTS
        if said is Health.DOWN and outcome.wait is not None and outcome.reason.code == UNAVAILABLE:
            return Health.RESTS
    return said


def of_trial(said: Health, *, probe: bool) -> Health:
    """A trial says nothing about a partner, which may be live with the rest: neither that it fails nor that it is well. Only one that
    went out as a probe proves by its answer that the partner is back.
    """
    return said if probe and said is Health.UP else Health.NOTHING


def rest(outcome: Outcome) -> float | None:
    """Return the seconds that the partner asked everybody to wait, clamped; ``None``: it named none."""
    if not isinstance(outcome, Deferred) or outcome.wait is None or health(outcome) is not Health.RESTS:
        return None
    return min(max(outcome.wait, SHORTEST_REST), LONGEST_WAIT)


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One outcome as the breaker sees it. ``rest``: seconds that the partner asked for. ``tried``: something went over the wire.
    ``probe``: it was claimed as one.
    """

    health: Health
    code: str = ""
    rest: float | None = None
    tried: bool = True
    probe: bool = False


def after(breaker: Breaker, policy: Policy, told: Told, *, concurrency: int, now: float) -> Breaker:
    """Return the breaker after one outcome.

    An open one only learns of a longer rest: whatever else arrives had left before it opened; so had what fails while it is
    half open and is not the probe. A probe has to prove that the partner is up: one that proves nothing counts as a failure.
    """
    said = told.health
    if breaker.circuit is Circuit.HALF_OPEN and said in (Health.NOTHING, Health.DOWN):
        said = Health.DOWN if told.tried and told.probe else Health.NOTHING
    match said:
        case Health.UP:
            return _up(breaker, concurrency)
        case Health.DOWN:
            return _down(breaker, policy, told, now)
        case Health.RESTS:
            return _rests(breaker, policy, told, now)
        case _:
            return breaker


def half_open(breaker: Breaker) -> Breaker:
    """Its time has come, or a person wants it tried now."""
    return msgspec.structs.replace(breaker, circuit=Circuit.HALF_OPEN, until=None)


def _up(breaker: Breaker, concurrency: int) -> Breaker:
    if breaker.circuit is Circuit.OPEN:
        return breaker
    if breaker.circuit is Circuit.HALF_OPEN:
        return Breaker(trips=breaker.trips, window=1)
    window = None if breaker.window is None else breaker.window + 1
    if window is None or window >= concurrency:
        return WHOLE
    return Breaker(trips=breaker.trips, window=window)


def _down(breaker: Breaker, policy: Policy, told: Told, now: float) -> Breaker:
    failures = breaker.failures + 1
    if breaker.circuit is Circuit.OPEN:
        return breaker
    if breaker.circuit is Circuit.CLOSED and failures < policy.after:
        window = None if breaker.window is None else 1
        return msgspec.structs.replace(breaker, failures=failures, window=window)
    wait = policy.waits[min(breaker.trips, len(policy.waits) - 1)]
    return _opened(breaker, told.code, now + wait, trips=breaker.trips + 1)


def _rests(breaker: Breaker, policy: Policy, told: Told, now: float) -> Breaker:
    until = now + (policy.waits[0] if told.rest is None else told.rest)
    if breaker.circuit is Circuit.OPEN and breaker.until is not None and breaker.until >= until:
        return breaker
    return _opened(breaker, told.code, until, trips=breaker.trips)


def _opened(breaker: Breaker, code: str, until: float, *, trips: int) -> Breaker:
    return Breaker(circuit=Circuit.OPEN, until=until, code=code, failures=breaker.failures, trips=trips)


def picture() -> str:
    """Draw what ``after`` does as a Mermaid state diagram, by asking it."""
    asked: dict[Circuit, Breaker] = {
        Circuit.CLOSED: Breaker(failures=AFTER - 1),
        Circuit.OPEN: Breaker(circuit=Circuit.OPEN, until=0.0),
        Circuit.HALF_OPEN: Breaker(circuit=Circuit.HALF_OPEN),
    }
    arrows: dict[tuple[Circuit, Circuit], list[str]] = {}
    for before, breaker in asked.items():
        for said in (Health.UP, Health.DOWN, Health.RESTS):
            made = after(breaker, Policy(), Told(health=said, rest=60.0, probe=True), concurrency=8, now=0.0)
            if made.circuit is not before:
                arrows.setdefault((before, made.circuit), []).append(said)
    arrows[Circuit.OPEN, half_open(asked[Circuit.OPEN]).circuit] = ["its time has come"]
    lines = [f"    {before} --> {after_}: {', '.join(said)}" for (before, after_), said in arrows.items()]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {Circuit.CLOSED}", *lines, ""])
