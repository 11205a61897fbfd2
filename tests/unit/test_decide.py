"""What is decided about a transfer: every outcome, with and without a way to ask."""

from __future__ import annotations

import msgspec
import pytest

from connectors.contract import Deferred, Delivered, Reason, Refused, Unsure
from hub.delivery.decide import First, Policy, after, first, may_send
from hub.health.retry import LONGEST_WAIT
from hub.lifecycle import Move

WHY = Reason(code="HUB-NET-004")


def no_jitter(low: float, high: float) -> float:
    return (low + high) / 2


ASKED = Policy(schedule=(30.0, 300.0), can_be_asked=True, ask_after=10.0)
KEEPS = Policy(schedule=(30.0, 300.0), keeps_keys=True)
NEITHER = Policy(schedule=(30.0, 300.0))


@pytest.mark.parametrize(
    ("policy", "doubt", "expected"),
    [
        (ASKED, False, First.SEND),
        (NEITHER, False, First.SEND),
        (ASKED, True, First.ASK),
        (KEEPS, True, First.SEND),
        (NEITHER, True, First.WAIT_FOR_A_PERSON),
    ],
)
def test_in_doubt_is_asked_first_and_never_blindly_sent_again(
    policy: Policy,
    doubt: bool,
    expected: First,
) -> None:
    assert first(policy, doubt=doubt) is expected


@pytest.mark.parametrize("doubt", [False, True])
def test_who_fetches_is_never_sent_to(doubt: bool) -> None:
    policy = Policy(schedule=(), fetches=True, can_be_asked=True, keeps_keys=True)
    assert first(policy, doubt=doubt) is First.OFFER


def test_only_a_clear_no_allows_a_send_after_asking() -> None:
    assert may_send(Deferred(reason=WHY))
    assert not any(may_send(answer) for answer in (Delivered(), Refused(reason=WHY), Unsure(reason=WHY)))


def test_delivered_and_refused_are_final() -> None:
    assert after(Delivered(), ASKED, 0, no_jitter).move is Move.DELIVER
    verdict = after(Refused(reason=Reason(code="HUB-PAR-001", detail="-3")), ASKED, 0, no_jitter)
    assert (verdict.move, verdict.code, verdict.detail) == (Move.REFUSE, "HUB-PAR-001", "-3")


@pytest.mark.parametrize(("used", "wait"), [(0, 30.0), (1, 300.0)])
def test_a_deferred_transfer_waits_by_its_partners_schedule(used: int, wait: float) -> None:
    verdict = after(Deferred(reason=WHY), ASKED, used, no_jitter)
    assert (verdict.move, verdict.wake_in, verdict.counts) == (Move.DEFER, wait, True)


def test_a_deferred_transfer_is_dead_when_the_schedule_is_used_up() -> None:
    assert after(Deferred(reason=WHY), ASKED, 2, no_jitter).move is Move.EXHAUST


def test_announced_maintenance_uses_up_no_attempt() -> None:
    verdict = after(Deferred(reason=WHY, wait=900, counts=False), ASKED, 2, no_jitter)
    assert (verdict.move, verdict.counts, verdict.wake_in) == (Move.DEFER, False, 900.0)


@pytest.mark.parametrize("code", ["HUB-PAR-003", "HUB-PAR-004", "HUB-PAR-008"])
def test_a_partner_that_says_when_to_come_back_uses_up_no_attempt_and_is_tried_then(code: str) -> None:
    verdict = after(Deferred(reason=Reason(code=code), wait=5), ASKED, 2, no_jitter)
    assert (verdict.move, verdict.counts, verdict.wake_in) == (Move.DEFER, False, 5.0)


@pytest.mark.parametrize("used", [0, 2, 9])
def test_a_probe_uses_up_nothing_and_never_ends_the_schedule(used: int) -> None:
    for outcome in (Deferred(reason=WHY), Unsure(reason=WHY)):
        verdict = after(outcome, ASKED, used, no_jitter, probe=True)
        assert not verdict.counts
        assert verdict.wake_in is not None
    assert after(Delivered(), ASKED, used, no_jitter, probe=True).move is Move.DELIVER


def test_a_schedule_without_entries_does_not_probe_without_a_pause() -> None:
    one_try = Policy(schedule=(), can_be_asked=True)
    assert (after(Deferred(reason=WHY), one_try, 0, no_jitter, probe=True).wake_in or 0) > 1
    assert after(Deferred(reason=WHY), one_try, 0, no_jitter).move is Move.EXHAUST


def test_retry_after_is_honoured_and_clamped() -> None:
    assert after(Deferred(reason=WHY, wait=120), ASKED, 0, no_jitter).wake_in == 120.0
    assert after(Deferred(reason=WHY, wait=1), ASKED, 0, no_jitter).wake_in == 30.0
    assert after(Deferred(reason=WHY, wait=1e9), ASKED, 0, no_jitter).wake_in == LONGEST_WAIT


def test_unsure_stays_in_doubt_and_is_taken_up_again_where_that_is_safe() -> None:
    verdict = after(Unsure(reason=WHY), ASKED, 0, no_jitter)
    assert (verdict.move, verdict.wake_in) == (None, 10.0)
    assert after(Unsure(reason=WHY), KEEPS, 1, no_jitter).wake_in == 300.0


def test_nobody_is_asked_while_what_was_sent_may_still_be_on_its_way() -> None:
    impatient = msgspec.structs.replace(ASKED, schedule=(1.0, 2.0, 3.0))
    assert [after(Unsure(reason=WHY), impatient, used, no_jitter).wake_in for used in (0, 1)] == [10.0, 10.0]


def test_unsure_without_a_way_to_ask_waits_for_a_person() -> None:
    assert after(Unsure(reason=WHY), NEITHER, 0, no_jitter).wake_in is None


def test_still_in_doubt_at_the_end_of_the_schedule_is_not_called_dead() -> None:
    verdict = after(Unsure(reason=WHY), ASKED, 2, no_jitter)
    assert (verdict.move, verdict.wake_in) == (None, None)


def test_a_partner_without_this_copy_proves_nothing_about_an_earlier_one() -> None:
    again = after(Deferred(reason=WHY, wait=900), KEEPS, 0, no_jitter, doubt=True)
    assert (again.move, again.wake_in, again.counts) == (None, 900.0, True)
    last = after(Deferred(reason=WHY), KEEPS, 2, no_jitter, doubt=True)
    assert (last.move, last.wake_in) == (None, None)
    assert after(Delivered(), KEEPS, 2, no_jitter, doubt=True).move is Move.DELIVER


def test_jitter_spreads_around_the_schedule() -> None:
    low = after(Deferred(reason=WHY), ASKED, 0, lambda low, _: low).wake_in
    high = after(Deferred(reason=WHY), ASKED, 0, lambda _, high: high).wake_in
    assert low == pytest.approx(24.0)
    assert high == pytest.approx(36.0)
