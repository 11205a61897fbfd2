"""The breaker, pure: what an outcome says about a partner, and what the breaker does with it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import Deferred, Delivered, Outcome, Reason, Refused, Unsure
from hub.health.circuit import (
    HEALTH,
    WHOLE,
    Breaker,
    Circuit,
    Health,
    Policy,
    Told,
    after,
    half_open,
    health,
    of_trial,
    rest,
)
from hub.health.retry import LONGEST_WAIT
from schemas import errors

POLICY = Policy(after=3, waits=(30.0, 60.0))
UP, DOWN = Told(health=Health.UP), Told(health=Health.DOWN, code="HUB-NET-001")
PROBE_DOWN = Told(health=Health.DOWN, code="HUB-NET-001", probe=True)


def why(code: str) -> Reason:
    return Reason(code=code)


def run(breaker: Breaker, *told: Told, now: float = 0.0, concurrency: int = 4) -> Breaker:
    for one in told:
        breaker = after(breaker, POLICY, one, concurrency=concurrency, now=now)
    return breaker


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Delivered(), Health.UP),
        (Refused(reason=why("HUB-PAR-001")), Health.UP),
        (Deferred(reason=why("HUB-PAR-010")), Health.UP),
        (Deferred(reason=why("HUB-NET-001")), Health.DOWN),
        (Unsure(reason=why("HUB-NET-004")), Health.DOWN),
        (Unsure(reason=why("HUB-PAR-003")), Health.DOWN),
        (Deferred(reason=why("HUB-PAR-005")), Health.DOWN),
        (Deferred(reason=why("HUB-PAR-003"), wait=60), Health.RESTS),
        (Deferred(reason=why("HUB-PAR-008"), wait=5), Health.RESTS),
        (Deferred(reason=why("HUB-PAR-008")), Health.RESTS),
        (
            Deferred(reason=why("HUB-PAR-001"), counts=False),
            Health.RESTS,
        ),  # a maintenance row of the partner's file
        (Deferred(reason=why("HUB-PAR-005"), wait=60), Health.DOWN),
        (Unsure(reason=why("HUB-INT-001")), Health.NOTHING),
        (Unsure(reason=why("HUB-PAR-009")), Health.NOTHING),
        (Unsure(reason=why("HUB-PAR-006")), Health.NOTHING),
        (Unsure(reason=why("HUB-NET-005")), Health.NOTHING),
    ],
)
def test_an_outcome_says_something_about_the_partner_by_its_code(outcome: Outcome, said: Health) -> None:
    assert health(outcome) is said


def test_a_trial_says_nothing_of_a_partner_and_as_a_probe_only_that_it_is_back() -> None:
    assert {of_trial(said, probe=False) for said in Health} == {Health.NOTHING}
    assert {said for said in Health if of_trial(said, probe=True) is not Health.NOTHING} == {Health.UP}


def test_every_code_of_the_table_is_in_the_catalogue() -> None:
    assert set(HEALTH) - {""} <= set(errors.load().entries)


def test_a_rest_is_what_the_partner_asked_for_within_bounds() -> None:
    assert rest(Deferred(reason=why("HUB-PAR-008"), wait=5)) == 5.0
    assert rest(Deferred(reason=why("HUB-PAR-004"), wait=1e9)) == LONGEST_WAIT
    assert rest(Deferred(reason=why("HUB-PAR-004"))) is None
    assert rest(Deferred(reason=why("HUB-NET-001"), wait=5)) is None


def test_failures_in_a_row_open_it_and_one_success_between_starts_the_row_anew() -> None:
    assert run(WHOLE, DOWN, DOWN).circuit is Circuit.CLOSED
    assert run(WHOLE, DOWN, DOWN, UP, DOWN, DOWN).circuit is Circuit.CLOSED
    opened = run(WHOLE, DOWN, DOWN, DOWN, now=100.0)
    assert (opened.circuit, opened.until, opened.code) == (Circuit.OPEN, 130.0, "HUB-NET-001")


def test_a_probe_that_fails_opens_it_for_the_next_wait_and_the_last_wait_repeats() -> None:
    waits = []
    breaker = run(WHOLE, DOWN, DOWN, DOWN)
    for _ in range(4):
        waits.append(breaker.until)
        breaker = run(half_open(breaker), PROBE_DOWN)
    assert waits == [30.0, 60.0, 60.0, 60.0]


def test_what_had_left_before_it_opened_changes_nothing() -> None:
    opened = run(WHOLE, DOWN, DOWN, DOWN)
    assert run(opened, UP, DOWN, Told(health=Health.NOTHING)) == opened
    assert run(half_open(opened), DOWN, Told(health=Health.NOTHING)) == half_open(opened)


def test_a_probe_that_succeeds_closes_it_with_a_window_of_one_that_grows() -> None:
    probed = half_open(run(WHOLE, DOWN, DOWN, DOWN))
    windows = [run(probed, *[UP] * number).window for number in range(1, 5)]
    assert windows == [1, 2, 3, None]
    assert run(probed, *[UP] * 4) == WHOLE


def test_a_failure_inside_the_window_starts_it_anew_and_a_row_of_them_opens_it_for_longer() -> None:
    growing = run(half_open(run(WHOLE, DOWN, DOWN, DOWN)), UP, UP, UP)
    assert run(growing, DOWN).window == 1
    assert run(growing, DOWN, DOWN, DOWN).until == 60.0


def test_a_probe_that_proves_nothing_is_a_failure_but_one_that_never_left_is_none() -> None:
    probed = half_open(run(WHOLE, DOWN, DOWN, DOWN))
    assert run(probed, Told(health=Health.NOTHING, code="HUB-INT-001", probe=True)).circuit is Circuit.OPEN
    assert run(probed, Told(health=Health.NOTHING, code="HUB-MAP-001", tried=False, probe=True)) == probed


def test_an_announced_rest_opens_it_at_once_until_then_and_uses_up_no_wait() -> None:
    told = Told(health=Health.RESTS, code="HUB-PAR-004", rest=7200.0)
    resting = run(WHOLE, told, now=50.0)
    assert (resting.circuit, resting.until, resting.code) == (Circuit.OPEN, 7250.0, "HUB-PAR-004")
    assert run(half_open(resting), PROBE_DOWN).until == 30.0


def test_the_longest_of_two_rests_counts() -> None:
    long, short = (Told(health=Health.RESTS, code="HUB-PAR-008", rest=seconds) for seconds in (60.0, 5.0))
    assert run(WHOLE, long, short).until == 60.0
    assert run(WHOLE, short, long).until == 60.0
    assert run(run(WHOLE, DOWN, DOWN, DOWN), long).until == 60.0


TOLD = st.sampled_from(
    [UP, DOWN, PROBE_DOWN, Told(health=Health.NOTHING), Told(health=Health.RESTS, rest=5.0)]
)


@given(st.lists(TOLD, max_size=40), st.integers(1, 8))
def test_it_is_never_open_without_a_time_nor_wider_than_declared(told: list[Told], concurrency: int) -> None:
    breaker = WHOLE
    for number, one in enumerate(told):
        breaker = after(breaker, POLICY, one, concurrency=concurrency, now=float(number))
        assert (breaker.circuit is Circuit.OPEN) == (breaker.until is not None)
        assert breaker.window is None or 1 <= breaker.window < max(concurrency, 2)
        if breaker.circuit is Circuit.OPEN and number % 3 == 0:
            breaker = half_open(breaker)
