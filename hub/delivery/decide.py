"""What to do with what a partner answered: pure, one table per question; ``hub/delivery/delivery.py`` carries it out.

Two questions are asked about a claimed transfer. *What first?* depends on whether an earlier attempt may have arrived.
*What now?* depends on the outcome. Nothing here sends, stores or waits.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from connectors.contract import Deferred, Delivered, Outcome, Reason, Refused, Unsure
from hub.health.circuit import WAITS, Health, health, rest
from hub.health.retry import Uniform, at_least, wait_before
from hub.lifecycle import Move


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What a partner's file declares about retrying. Times in seconds. ``receipt_within``: ``None``: *delivered* is final.

    ``fetches``: it comes for what is for it; nothing is sent there.
    """

    schedule: tuple[float, ...]
    jitter: float = 0.2
    can_be_asked: bool = False
    keeps_keys: bool = False
    ask_after: float = 10.0
    receipt_within: float | None = None
    fetches: bool = False


class First(StrEnum):
    """What to do first with a claimed transfer."""

    SEND = "send"
    OFFER = "offer"
    ASK = "ask"
    WAIT_FOR_A_PERSON = "wait_for_a_person"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """``move`` ``None``: stays in doubt. ``wake_in``: seconds until it is taken up again; ``None``: not by itself."""

    move: Move | None
    code: str = ""
    detail: str = ""
    wake_in: float | None = None
    counts: bool = True


def first(policy: Policy, *, doubt: bool) -> First:
    """Ask before sending again; without a way to ask, send again only to a partner that keeps keys.

    Who fetches decides itself whether it fetches again.
    """
    if policy.fetches:
        return First.OFFER
    if not doubt:
        return First.SEND
    if policy.can_be_asked:
        return First.ASK
    return First.SEND if policy.keeps_keys else First.WAIT_FOR_A_PERSON


def may_send(answer: Outcome) -> bool:
    """Say whether the answer to *has it arrived?* allows a send now: only a clear no does."""
    return isinstance(answer, Deferred)


def after(
    outcome: Outcome,
    policy: Policy,
    attempts: int,
    uniform: Uniform,
    *,
    doubt: bool = False,
    probe: bool = False,
) -> Verdict:
    """Decide from an outcome. ``attempts``: schedule entries used up before this try.

    ``doubt``: an earlier copy may have arrived and nobody was asked; a partner that does not have *this* copy proves
    nothing about that one, so the transfer stays in doubt. ``probe``: it went out to see whether the partner is back. That
    it is not, and that it announces when it will be, uses up nothing of the schedule.
    """
    free = probe or health(outcome) is Health.RESTS
    match outcome:
        case Delivered():
            return Verdict(move=Move.DELIVER)
        case Refused(reason=reason):
            return _told(Move.REFUSE, reason)
        case Deferred(reason=reason, wait=asked):
            wait = _next_wait(policy, attempts, uniform, free=free)
            if wait is None:
                return _told(None if doubt else Move.EXHAUST, reason)
            move = None if doubt else Move.DEFER
            resting = rest(outcome)
            return _told(move, reason, wake_in=resting or at_least(wait, asked), counts=not free)
        case Unsure(reason=reason):
            return _unsure(reason, policy, attempts, uniform, free=free)


def _next_wait(policy: Policy, attempts: int, uniform: Uniform, *, free: bool) -> float | None:
    """``free``: the wait after the last entry that was used up; a schedule without entries gives one all the same."""
    if not free:
        return wait_before(attempts + 1, policy.schedule, policy.jitter, uniform)
    schedule = policy.schedule or WAITS
    return wait_before(min(max(attempts, 1), len(schedule)), schedule, policy.jitter, uniform)


def _unsure(reason: Reason, policy: Policy, attempts: int, uniform: Uniform, *, free: bool) -> Verdict:
    if not (policy.can_be_asked or policy.keeps_keys):
        return _told(None, reason)
    wait = _next_wait(policy, attempts, uniform, free=free)
    if wait is None:  # still in doubt at the end of the schedule: dead would claim that it did not arrive
        return _told(None, reason)
    # earlier than ask_after what was sent may still be on its way there, and "it is not here" would prove nothing
    wake = policy.ask_after if attempts == 0 else max(wait, policy.ask_after)
    return _told(None, reason, wake_in=wake, counts=not free)


def _told(move: Move | None, reason: Reason, *, wake_in: float | None = None, counts: bool = True) -> Verdict:
    return Verdict(move=move, code=reason.code, detail=reason.detail, wake_in=wake_in, counts=counts)
