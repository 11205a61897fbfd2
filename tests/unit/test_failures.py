"""Failed logins are bounded by address; who is known there already goes on; memory is bounded, too."""

from __future__ import annotations

import pytest

from hub.api.failures import BURST, EVERY, LONGEST, Failures, network
from hub.api.later import Later

HERE, THERE = "192.0.2.1", "192.0.2.2"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def shut(failures: Failures, address: str = HERE) -> None:
    for _ in range(int(BURST)):
        failures.failed(address)
    with pytest.raises(Later, match="HUB-AUT-012"):
        failures.failed(address)


def test_after_a_burst_an_address_must_wait_and_others_need_not(clock: Clock) -> None:
    failures = Failures(clock, learning=0)
    shut(failures)
    failures.failed(THERE)
    with pytest.raises(Later) as caught:
        failures.failed(HERE)
    assert caught.value.wait == 2 * EVERY
    clock.now += 3 * EVERY
    failures.failed(HERE)


def test_a_right_guess_waits_as_a_wrong_one_does(clock: Clock) -> None:
    failures = Failures(clock, learning=0)
    shut(failures)
    with pytest.raises(Later, match="HUB-AUT-012"):
        failures.passed(HERE, "desk", "k")
    failures.passed(THERE, "desk", "k")
    clock.now += 2 * EVERY
    failures.passed(HERE, "desk", "k")


def test_who_came_in_there_before_goes_on_coming_in_by_the_same_credential(clock: Clock) -> None:
    failures = Failures(clock, learning=0)
    failures.passed(HERE, "desk", "k")
    shut(failures)
    failures.passed(HERE, "desk", "k")
    for partner, label in (("desk", "other"), ("neighbour", "k")):
        with pytest.raises(Later):
            failures.passed(HERE, partner, label)


def test_whoever_goes_on_failing_waits_a_minute_and_no_longer(clock: Clock) -> None:
    failures = Failures(clock, learning=0)
    shut(failures)
    for _ in range(1000):
        with pytest.raises(Later) as caught:
            failures.failed(HERE)
    assert caught.value.wait == LONGEST


def test_memory_is_bounded_by_forgetting_those_that_were_quiet_longest(clock: Clock) -> None:
    failures = Failures(clock, kept=3, learning=0)
    shut(failures)
    for number in range(3):
        failures.failed(f"198.51.100.{number}")
    failures.passed(HERE, "desk", "k")
    assert len(failures._spent) == 3
    for number in range(10):
        failures.passed(f"198.51.100.{number}", "desk", "k")
    assert len(failures._known) == 3


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::"),
        ("2001:db8:1:2:bbbb::9", "2001:db8:1:2::"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_what_one_host_can_choose_from_is_one_address(address: str, told: str) -> None:
    assert network(address) == told


def test_after_a_restart_those_who_were_in_are_learnt_before_anybody_is_shut_out(clock: Clock) -> None:
    failures = Failures(clock, learning=600)
    shut(failures)
    failures.passed(HERE, "desk", "k")
    clock.now += 600
    shut(failures)
    failures.passed(HERE, "desk", "k")
    with pytest.raises(Later, match="HUB-AUT-012"):
        failures.passed(HERE, "neighbour", "k")
