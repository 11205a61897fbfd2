from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hub.lifecycle import Move
from hub.store.contract.delivery import Capacity, Settlement, Work
from tests.store.samples import acceptance, at, delivered, roomy

if TYPE_CHECKING:
    from hub.store.contract.store import Store
    from tests.store.engines import Open

DAY = 86_400


async def fill(store: Store, count: int, partner: str = "so-tnmt", start: int = 0) -> None:
    for n in range(start, start + count):
        await store.accept(acceptance(f"m{n}-{partner}", partners=(partner,), when=at(n / 1000)))


async def claim(store: Store, second: float = 1, limit: int = 100) -> tuple[Work, ...]:
    return await store.claim("w", at(second), limit, 30)


async def test_a_partner_never_has_more_under_way_than_it_takes(another: Open) -> None:
    one, two = another(), another()
    await one.capacities([Capacity(partner="so-tnmt", concurrency=3)])
    await fill(one, 10)
    first = await claim(one, limit=2)
    second = await claim(two)
    assert (len(first), len(second)) == (2, 1)
    assert await claim(one) == ()
    await two.settle(second[0].token, [delivered(second[0].transfer)], at(2))
    assert len(await claim(one, 3)) == 1


async def test_a_full_partner_does_not_keep_others_waiting(store: Store) -> None:
    await store.capacities([Capacity(partner="so-tnmt", concurrency=1), *roomy("dvcqg")])
    await fill(store, 10)
    await fill(store, 10, "dvcqg")
    partners = [work.partner for work in await claim(store)]
    assert (partners.count("so-tnmt"), partners.count("dvcqg")) == (1, 10)


async def test_a_partner_without_declared_limits_gets_one_at_a_time(store: Store) -> None:
    await fill(store, 3)
    assert len(await claim(store)) == 1


async def test_a_paused_partner_gets_nothing_and_the_rest_goes_on(another: Open) -> None:
    store, console = another(), another()
    await store.capacities(roomy("so-tnmt", "dvcqg"))
    await fill(store, 3)
    await fill(store, 3, "dvcqg")
    await console.pause("so-tnmt", paused=True, reason="maintenance", by="thu", now=at(1))
    assert {work.partner for work in await claim(store)} == {"dvcqg"}
    rows = {row.partner: row for row in await console.queue()}
    assert (rows["so-tnmt"].paused, rows["dvcqg"].paused) == (True, False)
    await console.pause("so-tnmt", paused=False, reason="over", by="thu", now=at(2))
    assert {work.partner for work in await claim(store, 3)} == {"so-tnmt"}
    rows_of_it = [row for row in await store.journal() if row.facts.get("partner")]
    assert [row.what for row in rows_of_it] == ["paused", "resumed"]
    assert [(row.facts["by"], row.facts["reason"]) for row in rows_of_it] == [
        ("thu", "maintenance"),
        ("thu", "over"),
    ]


async def test_what_arrives_while_paused_is_not_claimed(store: Store) -> None:
    await store.capacities(roomy("so-tnmt"))
    await store.pause("so-tnmt", paused=True, reason="r", by="thu", now=at(0))
    await fill(store, 2)
    assert await claim(store) == ()


async def test_a_declared_rate_is_kept(store: Store) -> None:
    await store.capacities([Capacity(partner="so-tnmt", concurrency=100, rate=2.0, burst=4)])
    await fill(store, 50)
    taken = [len(await claim(store, second / 10)) for second in range(1, 101)]
    assert taken[0] == 4
    assert sum(taken) == 4 + 19


async def test_a_worker_is_woken_when_the_rate_allows_more(store: Store) -> None:
    await store.capacities([Capacity(partner="so-tnmt", concurrency=100, rate=50.0)])
    await fill(store, 3)
    assert len(await claim(store, 1)) == 1
    assert await claim(store, 1) == ()
    await store.wait_for_work(30)
    assert len(await claim(store, 1.02)) == 1


async def test_an_open_circuit_lets_nothing_through_until_its_time_then_one_probe(another: Open) -> None:
    store, other = another(), another()
    await store.capacities(roomy("so-tnmt"))
    await fill(store, 5)
    await store.circuit("so-tnmt", "open", at(60), at(1))
    assert await claim(store, 2) == ()
    await store.tick(at(59))
    assert await claim(store, 59) == ()
    await store.tick(at(60))
    (probe,) = await claim(store, 60)
    assert await claim(other, 60) == ()
    await store.settle(probe.token, [delivered(probe.transfer)], at(61))
    await store.circuit("so-tnmt", "closed", None, at(61))
    assert len(await claim(other, 62)) == 4


async def test_a_half_open_circuit_waits_for_what_is_still_out(store: Store) -> None:
    await store.capacities(roomy("so-tnmt"))
    await fill(store, 5)
    works = await claim(store, 1, limit=2)
    await store.circuit("so-tnmt", "half_open", None, at(2))
    assert await claim(store, 3) == ()
    await store.settle(works[0].token, [delivered(work.transfer) for work in works], at(4))
    assert len(await claim(store, 5)) == 1


async def test_an_unknown_circuit_state_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="ajar"):
        await store.circuit("so-tnmt", "ajar", None, at(0))


async def test_the_dossier_that_will_be_late_first_goes_first(store: Store) -> None:
    await store.capacities(roomy("so-tnmt"))
    due_in = (("none", None), ("late", 20), ("soon", 1), ("week", 5), ("now", 0.1))
    for second, (name, days) in enumerate(due_in):
        deadline = None if days is None else at(days * DAY)
        await store.accept(acceptance(name, deadline=deadline, when=at(second)))
    order = [(await claim(store, 9, limit=1))[0].message for _ in range(5)]
    assert order == ["now", "soon", "week", "none", "late"]


async def test_inside_one_urgency_first_come_is_first_served(store: Store) -> None:
    await store.capacities(roomy("so-tnmt"))
    await fill(store, 20)
    assert [work.message for work in await claim(store)] == [f"m{n}-so-tnmt" for n in range(20)]


async def test_nobody_starves_behind_the_urgent(store: Store) -> None:
    """The least urgent waits for at most the distance of the offsets (8 days) longer than it would have to."""
    await store.capacities(roomy("so-tnmt"))
    await store.accept(acceptance("patient"))
    for day in range(12):
        soon = at(day * DAY) + timedelta(hours=1)
        await store.accept(acceptance(f"urgent{day}", deadline=soon, when=at(day * DAY)))
    order = [(await claim(store, 12 * DAY, limit=1))[0].message for _ in range(13)]
    assert order.index("patient") == 9


async def test_live_traffic_goes_before_the_backlog_which_keeps_a_quarter(store: Store) -> None:
    await store.capacities(roomy("so-tnmt"))
    await store.pause("so-tnmt", paused=True, reason="r", by="thu", now=at(0))
    await fill(store, 40)
    await store.pause("so-tnmt", paused=False, reason="r", by="thu", now=at(100))
    for n in range(20):
        await store.accept(acceptance(f"live{n}", when=at(101)))
    group = [work.message for work in await claim(store, 102, limit=16)]
    assert sum(name.startswith("live") for name in group) == 12
    group = [work.message for work in await claim(store, 103, limit=16)]
    assert sum(name.startswith("live") for name in group) == 8
    assert len(group) == 16


async def test_the_next_head_of_a_backlogged_lane_is_backlog_too(store: Store) -> None:
    await store.capacities(roomy("so-tnmt"))
    for step in range(2):
        await store.accept(acceptance(f"old{step}", dossier="d1", version=step, when=at(step)))
    await store.pause("so-tnmt", paused=True, reason="r", by="thu", now=at(2))
    await store.pause("so-tnmt", paused=False, reason="r", by="thu", now=at(100))
    (first,) = await claim(store, 101)
    for n in range(8):
        await store.accept(acceptance(f"live{n}", when=at(102)))
    await store.settle(first.token, [delivered(first.transfer)], at(103))
    taken = [work.message for _ in range(4) for work in await claim(store, 104, limit=1)]
    assert taken.count("old1") == 1, "every fourth place is the backlog's"
    assert {work.message[:4] for work in await claim(store, 104, limit=8)} == {"live"}


async def test_places_that_come_one_at_a_time_are_shared_as_well(store: Store) -> None:
    await store.capacities(roomy("so-tnmt"))
    await store.pause("so-tnmt", paused=True, reason="r", by="thu", now=at(0))
    await fill(store, 20)
    await store.pause("so-tnmt", paused=False, reason="r", by="thu", now=at(100))
    for n in range(20):
        await store.accept(acceptance(f"live{n}", when=at(101)))
    taken = [work.message for step in range(16) for work in await claim(store, 102 + step, limit=1)]
    assert sum(name.startswith("live") for name in taken) == 12


async def _draining(store: Store) -> None:
    """Twenty old ones behind a rate of two a second with a bucket of four, full at second 100."""
    await store.capacities([Capacity(partner="so-tnmt", concurrency=100, rate=2.0, burst=4)])
    await store.pause("so-tnmt", paused=True, reason="r", by="thu", now=at(0))
    await fill(store, 20)
    await store.pause("so-tnmt", paused=False, reason="r", by="thu", now=at(100))


async def test_a_backlog_leaves_the_last_token_for_live_traffic(store: Store) -> None:
    await _draining(store)
    assert len(await claim(store, 100)) == 3
    assert await claim(store, 100) == ()
    await store.accept(acceptance("live", when=at(100)))
    assert [work.message for work in await claim(store, 100)] == ["live"]
    assert await claim(store, 100.9) == ()
    assert len(await claim(store, 101)) == 1, "the backlog goes on as soon as there are two again"


async def test_live_traffic_that_takes_every_token_leaves_the_backlog_every_fourth(store: Store) -> None:
    await _draining(store)
    await claim(store, 100)
    for n in range(40):
        await store.accept(acceptance(f"live{n}", when=at(100)))
    taken = [work.message for step in range(16) for work in await claim(store, 100 + step / 2)]
    assert [name.startswith("live") for name in taken] == [True, True, True, False] * 4


async def test_partners_take_turns(store: Store) -> None:
    names = [f"p{n}" for n in range(40)]
    await store.capacities(roomy(*names))
    for name in names:
        await fill(store, 5, name)
    seen: set[str] = set()
    for _ in range(20):
        seen |= {work.partner for work in await claim(store, 1, limit=8)}
    assert seen == set(names)


async def test_a_single_partner_may_take_the_whole_group(store: Store) -> None:
    await store.capacities(roomy("so-tnmt", "dvcqg"))
    await fill(store, 30)
    await fill(store, 2, "dvcqg")
    assert len(await claim(store, limit=32)) == 32


async def test_unsent_work_goes_back_at_once_and_uses_up_nothing(store: Store) -> None:
    await store.capacities([Capacity(partner="so-tnmt", concurrency=1)])
    await fill(store, 1)
    (work,) = await claim(store)
    await store.settle(work.token, [Settlement(transfer=work.transfer, move=Move.UNSENT)], at(2))
    (again,) = await claim(store, 3)
    assert (again.transfer, again.attempts, again.doubt) == (work.transfer, 0, False)
