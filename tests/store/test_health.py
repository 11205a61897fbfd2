"""The breaker and the hours, guarded in the database: whatever number of workers, on whatever number of machines."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from hub.health.circuit import Health
from hub.lifecycle import Move
from hub.store.contract.delivery import Capacity, Settlement, Window, Work
from tests.store.samples import acceptance, at, attempt, delivered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.store.contract.store import Store
    from hub.store.contract.views import QueueRow
    from tests.store.engines import Open

PARTNER = "so-tnmt"


async def fill(store: Store, count: int, partner: str = PARTNER, name: str = "m", second: float = 0) -> None:
    for n in range(count):
        await store.accept(
            acceptance(f"{name}{n}-{partner}", partners=(partner,), when=at(second + n / 1000))
        )


async def claim(store: Store, second: float, limit: int = 100) -> tuple[Work, ...]:
    await store.tick(at(second))
    return await store.claim("w", at(second), limit, 600)


async def limits(
    store: Store, *, concurrency: int = 4, after: int = 3, waits: tuple[float, ...] = (30.0, 60.0)
) -> None:
    await store.capacities(
        [Capacity(partner=PARTNER, concurrency=concurrency, circuit_after=after, circuit_waits=waits)]
    )


def failed(work: Work, second: float, **more: Any) -> Settlement:
    return Settlement(
        transfer=work.transfer,
        move=Move.DEFER,
        code="HUB-NET-001",
        attempts=(attempt("deferred"),),
        wake_at=at(second),
        health=Health.DOWN,
        probe=work.probe,
        counts=not work.probe,
        **more,
    )


def done(work: Work) -> Settlement:
    return delivered(work.transfer, health=Health.UP, probe=work.probe)


async def settle(store: Store, settlements: Sequence[tuple[Work, Settlement]], second: float) -> None:
    for work, settlement in settlements:
        assert await store.settle(work.token, [settlement], at(second))


async def row(store: Store) -> QueueRow:
    return next(one for one in await store.queue() if one.partner == PARTNER)


async def break_it(store: Store, second: float = 1) -> None:
    works = await claim(store, second, 3)
    await settle(store, [(work, failed(work, second + 5)) for work in works], second)


async def told(store: Store) -> list[tuple[str, str]]:
    return [
        (one.what, one.facts.get("code", ""))
        for one in await store.journal()
        if one.what.startswith("circuit")
    ]


async def test_failures_that_different_workers_saw_are_one_row_of_failures(another: Open) -> None:
    one, two = another(), another()
    await limits(one)
    await fill(one, 10)
    first, second, third = await claim(one, 1, 1), await claim(two, 1, 1), await claim(one, 1, 1)
    await settle(one, [(first[0], failed(first[0], 40))], 2)
    await settle(two, [(second[0], failed(second[0], 40))], 2)
    assert (await row(one)).circuit == "closed"
    await settle(one, [(third[0], failed(third[0], 40))], 2)
    seen = await row(two)
    assert (seen.circuit, seen.circuit_until, seen.circuit_code) == ("open", at(32), "HUB-NET-001")
    assert await claim(two, 31) == ()


async def test_a_success_between_failures_starts_the_row_anew(store: Store) -> None:
    await limits(store)
    await fill(store, 10)
    for _ in range(3):
        works = await claim(store, 1, 3)
        await settle(
            store,
            [(works[0], failed(works[0], 90)), (works[1], failed(works[1], 90)), (works[2], done(works[2]))],
            2,
        )
    assert (await row(store)).circuit == "closed"


async def test_what_says_nothing_about_the_partner_opens_nothing(store: Store) -> None:
    await limits(store, after=1)
    await fill(store, 3)
    for work in await claim(store, 1, 3):
        await store.settle(
            work.token, [Settlement(transfer=work.transfer, move=Move.PARK, code="HUB-MAP-001")], at(1)
        )
    assert (await row(store)).circuit == "closed"


async def test_one_probe_goes_out_whoever_asks_and_says_that_it_is_one(another: Open) -> None:
    one, two = another(), another()
    await limits(one)
    await fill(one, 10)
    await break_it(one)
    (probe,) = await claim(one, 31)
    assert probe.probe
    assert await claim(two, 32) == ()
    await settle(one, [(probe, failed(probe, 40))], 33)
    seen = await row(one)
    assert (seen.circuit, seen.circuit_until) == ("open", at(93)), "the second wait"
    view = await one.transfer(probe.transfer)
    assert view is not None
    assert (view.attempts, view.sends) == (0, 1)
    assert await told(one) == [
        ("circuit_open", "HUB-NET-001"),
        ("circuit_half_open", "HUB-NET-001"),
        ("circuit_open", "HUB-NET-001"),
    ]


async def test_a_lost_probe_is_replaced_when_its_lease_runs_out(store: Store) -> None:
    await limits(store)
    await fill(store, 10)
    await break_it(store)
    await store.tick(at(31))
    (lost,) = await store.claim("dying", at(31), 10, 5)
    assert await claim(store, 35) == ()
    (probe,) = await claim(store, 36)
    assert probe.probe
    assert not await store.settle(lost.token, [done(lost)], at(37)), "the dead one closes nothing"
    assert (await row(store)).circuit == "half_open"


async def test_what_had_left_before_it_opened_neither_closes_nor_prolongs(store: Store) -> None:
    await limits(store, concurrency=6)
    await fill(store, 6)
    works = await claim(store, 1)
    await settle(store, [(work, failed(work, 5)) for work in works[:3]], 2)
    before = await row(store)
    await settle(store, [(works[3], failed(works[3], 5)), (works[4], done(works[4]))], 3)
    after = await row(store)
    assert (after.circuit, after.circuit_until) == (before.circuit, before.circuit_until)
    assert await claim(store, 40) == (), "the probe waits for what is still out"
    await settle(store, [(works[5], failed(works[5], 45))], 41)
    assert (await row(store)).circuit == "half_open", "an old failure is not the probe's"
    assert [work.probe for work in await claim(store, 42)] == [True]


async def test_after_an_outage_the_window_grows_by_one_with_each_success(another: Open) -> None:
    one, two = another(), another()
    await limits(one)
    await fill(one, 30)
    await break_it(one)
    (probe,) = await claim(one, 31)
    await settle(one, [(probe, done(probe))], 32)
    sizes = []
    for second in range(33, 37):
        works = (*await claim(one, second), *await claim(two, second))
        sizes.append((len(works), (await row(two)).window))
        await settle(one, [(works[0], done(works[0]))], second)
        for work in works[1:]:
            await one.settle(work.token, [Settlement(transfer=work.transfer, move=Move.UNSENT)], at(second))
    assert sizes == [(1, 1), (2, 2), (3, 3), (4, None)]


async def test_a_failure_inside_the_window_starts_it_anew(store: Store) -> None:
    await limits(store)
    await fill(store, 30)
    await break_it(store)
    (probe,) = await claim(store, 31)
    await settle(store, [(probe, done(probe))], 32)
    for second in (33, 34):
        work, *rest = await claim(store, second)
        await settle(store, [(work, done(work))], second)
        for other in rest:
            await store.settle(
                other.token, [Settlement(transfer=other.transfer, move=Move.UNSENT)], at(second)
            )
    work, *rest = await claim(store, 35)
    await settle(store, [(work, failed(work, 99))], 36)
    assert (await row(store)).window == 1
    assert await claim(store, 37) == (), "more than one is out"


async def test_after_a_long_outage_live_traffic_goes_before_the_backlog(store: Store) -> None:
    await limits(store, concurrency=100, waits=(90.0,))
    await fill(store, 12)
    await break_it(store)
    (probe,) = await claim(store, 91)
    await settle(store, [(probe, done(probe))], 92)
    await fill(store, 12, name="live", second=93)
    order = []
    for second in range(94, 102):
        work = (await claim(store, second, 1))[0]
        order.append(work.message[:4])
        await settle(store, [(work, done(work))], second)
    assert order.count("live") == 6


async def test_an_announced_rest_holds_the_whole_destination_until_then(another: Open) -> None:
    one, two = another(), another()
    await limits(one)
    await fill(one, 10)
    (work,) = await claim(one, 1, 1)
    rests = Settlement(
        transfer=work.transfer, move=Move.DEFER, code="HUB-PAR-004", attempts=(attempt("deferred"),),
        wake_at=at(3601), health=Health.RESTS, rest=3600.0, counts=False,
    )  # fmt: skip
    await settle(one, [(work, rests)], 1)
    assert await claim(two, 3600) == ()
    (probe,) = await claim(two, 3601)
    assert probe.probe
    assert await told(one) == [("circuit_open", "HUB-PAR-004"), ("circuit_half_open", "HUB-PAR-004")]


async def test_a_persons_pause_is_neither_set_nor_lifted_by_the_breaker(store: Store) -> None:
    await limits(store)
    await fill(store, 10)
    works = await claim(store, 1, 3)
    await store.pause(PARTNER, paused=True, reason="r", by="thu", now=at(2))
    await settle(store, [(work, failed(work, 5)) for work in works], 3)
    assert await claim(store, 40) == ()
    seen = await row(store)
    assert (seen.paused, seen.circuit) == (True, "half_open")
    await store.pause(PARTNER, paused=False, reason="r", by="thu", now=at(50))
    assert len(await claim(store, 51)) == 1


async def test_a_person_may_have_it_tried_now_and_the_journal_knows_who(store: Store) -> None:
    await limits(store)
    await fill(store, 10)
    await break_it(store)
    await store.circuit(PARTNER, "half_open", None, at(9), reason="they called", by="thu")
    assert [work.probe for work in await claim(store, 10)] == [True]
    entry = next(one for one in await store.journal() if one.what == "circuit_half_open")
    assert (entry.facts["by"], entry.facts["reason"]) == ("thu", "they called")


async def test_a_breaker_that_a_person_forgets_lets_all_places_be_taken_at_once(store: Store) -> None:
    """Nothing has to come back first: the places that were taken were all that there were."""
    await limits(store, concurrency=4)
    await fill(store, 6)
    await store.circuit(PARTNER, "half_open", None, at(1), reason="r", by="thu")
    (probe,) = await claim(store, 60)
    await store.settle(probe.token, [done(probe)], at(61))
    under_way = await claim(store, 62)
    assert len(under_way) < 4
    await store.circuit(PARTNER, "closed", None, at(63), reason="r", by="thu")
    assert await store.conservation() == ()
    assert len(await claim(store, 64)) == 4 - len(under_way)


async def test_another_partner_is_not_touched(store: Store) -> None:
    await limits(store)
    await store.capacities([Capacity(partner="dvcqg", concurrency=4)])
    await fill(store, 5)
    await break_it(store)
    await fill(store, 5, "dvcqg")
    assert {work.partner for work in await claim(store, 20)} == {"dvcqg"}


async def test_outside_its_hours_nothing_is_claimed_and_what_is_under_way_finishes(another: Open) -> None:
    one, two = another(), another()
    await limits(one)
    await fill(one, 10)
    await one.windows([Window(partner=PARTNER, opens=at(-10), closes=at(60))], at(0))
    works = await claim(one, 59, 2)
    assert len(works) == 2
    assert await claim(two, 60) == ()
    await settle(one, [(work, done(work)) for work in works], 70)
    assert await claim(two, 71) == ()
    await two.windows([Window(partner=PARTNER, opens=at(100), closes=at(200))], at(72))
    seen = await row(one)
    assert (seen.opens, seen.closes) == (at(100), at(200))
    assert await claim(one, 99.9) == ()
    assert len(await claim(one, 100)) == 4
    assert (await row(one)).opens is None


async def test_a_window_that_nobody_renewed_stays_shut_and_none_means_always(store: Store) -> None:
    await limits(store)
    await fill(store, 10)
    await store.windows([Window(partner=PARTNER, opens=at(0), closes=at(10))], at(0))
    assert await claim(store, 86_400) == ()
    await store.windows([Window(partner=PARTNER)], at(86_401))
    assert len(await claim(store, 86_402)) == 4


async def test_a_worker_is_woken_when_a_wait_an_open_circuit_or_a_window_falls_due(store: Store) -> None:
    await limits(store)
    await fill(store, 10)
    await break_it(store)
    for due in (6.0, 31.0):  # the lanes' own wait, then the circuit's
        await store.tick(at(due - 0.05))
        await store.claim("w", at(due - 0.05), 100, 600)
        async with asyncio.timeout(5):
            await store.wait_for_work(30)
        await store.tick(at(due))
    (probe,) = await claim(store, 31)
    await store.windows([Window(partner=PARTNER, opens=at(40), closes=at(50))], at(32))
    await settle(store, [(probe, done(probe))], 33)
    await store.tick(at(39.95))
    await store.claim("w", at(39.95), 100, 600)
    async with asyncio.timeout(5):
        await store.wait_for_work(30)
    assert len(await claim(store, 40)) == 1


async def test_a_worker_leaves_alone_what_it_has_enough_of(store: Store) -> None:
    await limits(store)
    await store.capacities([Capacity(partner="dvcqg", concurrency=4)])
    await fill(store, 5)
    await fill(store, 5, "dvcqg")
    works = await store.claim("w", at(1), 100, 30, without={PARTNER})
    assert {work.partner for work in works} == {"dvcqg"}
    assert {work.partner for work in await claim(store, 1)} == {PARTNER}


@pytest.mark.parametrize("waits", [(30.0,), (45.0, 90.0)])
async def test_a_changed_policy_counts_from_the_next_failure_on(
    store: Store, waits: tuple[float, ...]
) -> None:
    await limits(store)
    await limits(store, after=1, waits=waits)
    await fill(store, 3)
    (work,) = await claim(store, 1, 1)
    await settle(store, [(work, failed(work, 5))], 1)
    assert (await row(store)).circuit_until == at(1 + waits[0])
