"""What the web process takes on: places, bytes, the disk, and each sender's quota, also between several processes."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from hub.api.admission import Admission, Watermark
from hub.api.later import Later
from hub.api.quotas import Errand, Quotas
from hub.settings.sections import Limits, Pace, Quota
from hub.store.contract.intake import Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.store.contract.intake import Use

NIGHT = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
"""23:00 in Vietnam."""


class World:
    """Time and disk as the test sets them; ``rows``: what a store would have heard."""

    def __init__(self) -> None:
        self.seconds, self.now = 1000.0, NIGHT
        self.free, self.database, self.looks = 1000, 0, 0
        self.rows: dict[str, tuple[date, Usage]] = {}

    def room(self) -> tuple[int, int]:
        self.looks += 1
        return self.free, self.database

    def quotas(self, **quota: Any) -> Quotas:
        return Quotas(
            {"a": Quota(**quota), "b": Quota()},
            {"a": Pace(rate=2.0, burst=3)},
            seconds=lambda: self.seconds,
            now=lambda: self.now,
            retry_after=2,
        )

    def admission(self, quotas: Quotas | None = None, **limits: Any) -> Admission:
        watermark = Watermark(self.room, lambda: self.seconds, free=100, database=500)
        return Admission(Limits(**limits), quotas or self.quotas(), watermark)

    async def share(self, day: date, uses: Sequence[Use]) -> Sequence[Usage]:
        for use in uses:
            then, had = self.rows.get(
                use.sender, (day, Usage(sender=use.sender, requests=0, messages=0, octets=0, open=0))
            )
            fresh = then != day
            self.rows[use.sender] = (
                day,
                Usage(
                    sender=use.sender,
                    requests=use.requests + (0 if fresh else had.requests),
                    messages=use.messages + (0 if fresh else had.messages),
                    octets=use.octets + (0 if fresh else had.octets),
                    open=use.transfers + had.open,
                ),
            )
        return [row for then, row in self.rows.values() if then == day]


@pytest.fixture
def world() -> World:
    return World()


def let_in(quotas: Quotas, times: int = 1, size: int = 10, transfers: int = 2) -> None:
    for _ in range(times):
        quotas.enter("a")
        quotas.accepted("a", size, transfers)
        quotas.leave("a")


def refused(quotas: Quotas) -> tuple[str, int]:
    """The quota that is used up, and the wait."""
    with pytest.raises(Later, match="HUB-LIM-002") as caught:
        quotas.enter("a")
    return caught.value.problems[0].rule.partition(":")[0], caught.value.wait


# --- the hub ----------------------------------------------------------------------------------------------------


def test_places_and_bytes_are_given_back_whatever_happens(world: World) -> None:
    admission = world.admission(in_flight=2, bytes_in_flight=100)
    with contextlib.suppress(ZeroDivisionError), admission.enter("a") as place:
        place.grow(90)
        raise ZeroDivisionError
    with admission.enter("a") as place:
        place.grow(60)
        with admission.enter("b") as other:
            with pytest.raises(Later, match="HUB-LIM-003"):
                other.grow(50)
            other.grow(40)
            assert admission.busy == (2, 100)
            with pytest.raises(Later, match="HUB-LIM-003"):
                admission.enter("b")
    assert admission.busy == (0, 0)


def test_a_place_that_was_refused_holds_nothing(world: World) -> None:
    admission = world.admission(world.quotas(in_flight=1), in_flight=2)
    with admission.enter("a"):
        with pytest.raises(Later, match="HUB-LIM-002"):
            admission.enter("a")
        assert admission.busy == (1, 0)
        with admission.enter("b"):
            pass


@pytest.mark.parametrize(("free", "database"), [(99, 0), (1000, 501)])
def test_intake_stops_while_the_disk_is_short_and_goes_on_when_there_is_room(
    world: World, free: int, database: int
) -> None:
    admission = world.admission()
    with admission.enter("a"):
        world.free, world.database = free, database
    world.seconds += 1
    with pytest.raises(Later, match="HUB-LIM-003") as caught:
        admission.enter("a")
    assert caught.value.wait == 30
    world.free, world.database = 1000, 0
    world.seconds += 1
    with admission.enter("a"):
        pass


def test_the_disk_is_looked_at_twice_a_second_at_most(world: World) -> None:
    admission = world.admission()
    for _ in range(100):
        with admission.enter("a"):
            pass
    assert world.looks == 1


# --- one sender -------------------------------------------------------------------------------------------------


def test_a_rate_lets_a_burst_in_and_then_so_many_a_second(world: World) -> None:
    quotas = world.quotas(rate=0.5, burst=3)
    let_in(quotas, 3)
    assert refused(quotas) == ("rate", 2)
    world.seconds += 1.9
    assert refused(quotas) == ("rate", 1)
    world.seconds += 0.2
    let_in(quotas)
    world.seconds += 1000
    let_in(quotas, 3)
    assert refused(quotas)[0] == "rate"


def test_a_backlog_is_what_was_counted_and_what_came_since(world: World) -> None:
    quotas = world.quotas(backlog=5)
    let_in(quotas, 3)
    assert refused(quotas) == ("backlog", 30)


@pytest.mark.parametrize(
    ("quota", "name"), [({"day_messages": 2}, "day_messages"), ({"day_bytes": 20}, "day_bytes")]
)
async def test_what_a_day_allows_is_free_again_at_midnight_in_vietnam(
    world: World, quota: dict[str, Any], name: str
) -> None:
    quotas = world.quotas(**quota)
    let_in(quotas, 2)
    assert refused(quotas) == (name, 3600)
    await quotas.sync(world.share)
    assert refused(quotas) == (name, 3600)
    world.now += timedelta(hours=1)
    await quotas.sync(world.share)
    let_in(quotas, 2)
    assert refused(quotas)[0] == name


def test_one_sender_over_its_quota_is_nothing_to_another(world: World) -> None:
    quotas = world.quotas(rate=1, burst=1)
    let_in(quotas)
    refused(quotas)
    quotas.enter("b")


def test_receipts_and_downloads_of_a_recipient_have_a_rate_each_and_use_up_nothing_else(world: World) -> None:
    quotas = world.quotas(rate=1, burst=1)
    for errand in Errand:
        for _ in range(3):
            quotas.call("a", errand)
        with pytest.raises(Later, match="HUB-LIM-002") as caught:
            quotas.call("a", errand)
        assert (caught.value.problems[0].rule, caught.value.wait) == ("rate: 2 requests a second", 1)
    let_in(quotas)
    world.seconds += 0.5
    quotas.call("a", Errand.RECEIPTS)
    quotas.call("nobody declared", Errand.DOWNLOADS)


# --- several processes ------------------------------------------------------------------------------------------


async def test_a_rate_holds_for_all_processes_together(world: World) -> None:
    both = [world.quotas(rate=10, burst=10) for _ in range(2)]
    let_in_all, seconds = 0, 60
    for _ in range(seconds):
        for quotas in both:
            for _ in range(30):
                try:
                    let_in(quotas)
                    let_in_all += 1
                except Later:
                    pass
            await quotas.sync(world.share)
        world.seconds += 1
    assert 10 * seconds * 0.9 <= let_in_all <= 10 * seconds + 2 * 20


async def test_a_recipients_rate_holds_for_all_processes_together(world: World) -> None:
    both = [world.quotas() for _ in range(2)]
    let_in_all, seconds = 0, 60
    for _ in range(seconds):
        for quotas in both:
            for _ in range(5):
                with contextlib.suppress(Later):
                    quotas.call("a", Errand.RECEIPTS)
                    let_in_all += 1
            await quotas.sync(world.share)
        world.seconds += 1
    assert 2 * seconds * 0.9 <= let_in_all <= 2 * seconds + 2 * 6


async def test_connections_that_all_fall_on_one_process_lose_nothing_of_the_rate(world: World) -> None:
    one, other = (world.quotas(rate=10, burst=10) for _ in range(2))
    for _ in range(20):
        let_in(one, 10)
        await one.sync(world.share)
        await other.sync(world.share)
        world.seconds += 1


@pytest.mark.parametrize("quota", [{"day_messages": 4}, {"day_bytes": 40}, {"backlog": 8}])
async def test_day_and_backlog_are_what_all_processes_let_in(world: World, quota: dict[str, Any]) -> None:
    one, other = (world.quotas(**quota) for _ in range(2))
    let_in(one, 2)
    let_in(other, 2)
    for quotas in (one, other, one):
        await quotas.sync(world.share)
    refused(one)
    refused(other)


async def test_a_process_that_starts_again_owes_nothing_for_what_was_let_in_before(world: World) -> None:
    before = world.quotas(rate=1, burst=5)
    let_in(before, 5)
    await before.sync(world.share)
    after = world.quotas(rate=1, burst=5)
    await after.sync(world.share)
    let_in(after, 5)


async def test_what_could_not_be_told_is_told_the_next_time(world: World) -> None:
    quotas = world.quotas(day_messages=100)
    let_in(quotas, 3)

    async def broken(_: date, __: Sequence[Use]) -> Sequence[Usage]:
        raise OSError("no disk")

    with pytest.raises(OSError, match="no disk"):
        await quotas.sync(broken)
    await quotas.sync(world.share)
    await quotas.sync(world.share)
    assert world.rows["a"][1].messages == 3
    assert world.rows["a"][1].open == 6


async def test_a_quota_that_is_known_to_be_used_up_stays_so_while_it_is_told(world: World) -> None:
    quotas = world.quotas(day_messages=2)
    let_in(quotas, 2)

    async def slow(day: date, uses: Sequence[Use]) -> Sequence[Usage]:
        refused(quotas)
        return await world.share(day, uses)

    await quotas.sync(slow)
    refused(quotas)
