from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hub.lifecycle import Move, State
from hub.store.contract.delivery import Settlement, Work
from tests.store.samples import acceptance, at, attempt, deferred, delivered, roomy, sealed

if TYPE_CHECKING:
    from hub.store.contract.store import Store
    from tests.store.engines import Open

LEASE = 30


async def fill(store: Store, dossiers: int, each: int, *partners: str) -> None:
    await store.capacities(roomy(*(partners or ("so-tnmt",))))
    for step in range(each):
        for dossier in range(dossiers):
            new = acceptance(
                f"m{step}-{dossier}", dossier=f"d{dossier}", version=step, partners=partners or ("so-tnmt",)
            )
            await store.accept(new)


async def claim(store: Store, second: float = 1, limit: int = 100, worker: str = "w") -> tuple[Work, ...]:
    return await store.claim(worker, at(second), limit, LEASE)


async def test_only_heads_are_claimed_and_each_once(another: Open) -> None:
    one, two = another(), another()
    await fill(one, dossiers=5, each=3)
    first = await claim(one, limit=3)
    rest = await claim(two)
    assert sorted(work.message for work in (*first, *rest)) == [f"m0-{n}" for n in range(5)]
    assert await claim(one) == ()


async def test_delivering_the_head_releases_the_next_in_the_order_of_acceptance(store: Store) -> None:
    await fill(store, dossiers=1, each=4)
    order = []
    for second in range(4):
        (work,) = await claim(store, second)
        order.append(work.message)
        assert await store.settle(work.token, [delivered(work.transfer)], at(second))
    assert order == [f"m{n}-0" for n in range(4)]
    assert await claim(store, 9) == ()


async def test_a_claimed_head_is_in_doubt_before_anything_leaves(store: Store) -> None:
    await fill(store, dossiers=1, each=2)
    (work,) = await claim(store)
    head, blocked = [await store.transfer(f"m{n}-0.so-tnmt.0") for n in range(2)]
    assert head is not None
    assert blocked is not None
    assert (head.state, head.blocked) == (State.IN_DOUBT, False)
    assert (blocked.state, blocked.blocked) == (State.WAITING, True)
    assert (work.sealed, work.doubt, work.sends) == (None, False, 0)


async def test_sealed_bytes_are_stored_once(store: Store) -> None:
    await fill(store, dossiers=1, each=1)
    (work,) = await claim(store)
    assert await store.seal(work.token, {work.transfer: sealed("first")})
    assert await store.seal(work.token, {work.transfer: sealed("first")})
    assert not await store.seal(work.token, {work.transfer: sealed("second")})
    await store.settle(work.token, [deferred(work.transfer, at(2))], at(2))
    (again,) = await _after_tick(store, 3)
    assert again.sealed == sealed("first")


async def _after_tick(store: Store, second: float) -> tuple[Work, ...]:
    await store.tick(at(second))
    return await claim(store, second)


async def test_a_deferred_head_waits_its_time_and_holds_its_lane(store: Store) -> None:
    await fill(store, dossiers=1, each=2)
    (work,) = await claim(store)
    await store.seal(work.token, {work.transfer: sealed()})
    await store.settle(work.token, [deferred(work.transfer, at(60), code="HUB-PAR-003")], at(2))
    assert await _after_tick(store, 59) == ()
    (again,) = await _after_tick(store, 60)
    assert (again.transfer, again.doubt, again.attempts, again.sends) == (work.transfer, False, 1, 1)


async def test_what_is_announced_as_maintenance_uses_up_no_attempt(store: Store) -> None:
    await fill(store, dossiers=1, each=1)
    (work,) = await claim(store)
    await store.settle(work.token, [deferred(work.transfer, at(3), counts=False)], at(2))
    (again,) = await _after_tick(store, 3)
    assert (again.attempts, again.sends) == (0, 1)


async def test_what_may_have_arrived_is_asked_about_and_stays_in_doubt(store: Store) -> None:
    await fill(store, dossiers=1, each=1)
    (work,) = await claim(store)
    await store.seal(work.token, {work.transfer: sealed()})
    unsure = Settlement(transfer=work.transfer, move=None, wake_at=at(12), attempts=(attempt("unsure"),))
    await store.settle(work.token, [unsure], at(2))
    view = await store.transfer(work.transfer)
    assert view is not None
    assert view.state is State.IN_DOUBT
    (again,) = await _after_tick(store, 12)
    assert again.doubt


async def test_in_doubt_without_a_way_to_ask_waits_for_a_person(store: Store) -> None:
    await fill(store, dossiers=1, each=2)
    (work,) = await claim(store)
    await store.seal(work.token, {work.transfer: sealed()})
    await store.settle(work.token, [Settlement(transfer=work.transfer, move=None)], at(2))
    assert await _after_tick(store, 1_000_000) == ()
    view = await store.act(
        work.transfer,
        Move.RETRY,
        expected=State.IN_DOUBT,
        reason="asked by telephone",
        by="thu",
        now=at(1_000_001),
    )
    assert view.state is State.IN_DOUBT
    (again,) = await claim(store, 1_000_002)
    assert again.doubt


async def test_a_lease_that_ends_unsealed_left_nothing_on_the_wire(store: Store) -> None:
    await fill(store, dossiers=1, each=1)
    (work,) = await claim(store)
    assert await _after_tick(store, 1 + LEASE - 0.001) == ()
    (again,) = await _after_tick(store, 1 + LEASE)
    assert again.transfer == work.transfer
    assert not again.doubt


async def test_a_lease_that_ends_sealed_leaves_a_doubt(store: Store) -> None:
    await fill(store, dossiers=1, each=1)
    (work,) = await claim(store)
    await store.seal(work.token, {work.transfer: sealed()})
    (again,) = await _after_tick(store, 1 + LEASE)
    assert again.doubt
    assert again.sealed == sealed()
    assert "lease_expired" in [row.what for row in await store.journal(transfer=work.transfer)]


async def test_a_lost_lease_can_neither_seal_nor_settle_nor_be_renewed(another: Open) -> None:
    slow, quick = another(), another()
    await fill(slow, dossiers=1, each=2)
    (work,) = await claim(slow)
    await quick.tick(at(1 + LEASE))
    (taken,) = await claim(quick, 1 + LEASE)
    assert not await slow.seal(work.token, {work.transfer: sealed("late")})
    assert not await slow.settle(work.token, [delivered(work.transfer)], at(40))
    assert not await slow.renew(work.token, at(40), LEASE)
    assert (await slow.attempts(work.transfer)) == ()
    assert await quick.settle(taken.token, [delivered(taken.transfer)], at(41))
    assert [one.message for one in await claim(quick, 42)] == ["m1-0"]


async def test_a_renewed_lease_holds(store: Store) -> None:
    await fill(store, dossiers=1, each=1)
    (work,) = await claim(store)
    assert await store.renew(work.token, at(20), LEASE)
    assert await _after_tick(store, 1 + LEASE) == ()
    assert await store.settle(work.token, [delivered(work.transfer)], at(49))


async def test_a_group_is_settled_in_parts_and_the_rest_stays_leased(store: Store) -> None:
    await fill(store, dossiers=3, each=2)
    works = await claim(store)
    assert await store.settle(works[0].token, [delivered(works[0].transfer)], at(2))
    assert [one.message for one in await claim(store, 3)] == ["m1-0"]
    assert not await store.settle(works[0].token, [delivered(works[0].transfer)], at(4))
    assert await store.settle(works[0].token, [delivered(one.transfer) for one in works[1:]], at(5))
    assert len(await claim(store, 6)) == 2


async def test_a_settlement_for_a_transfer_that_is_not_the_tokens_writes_nothing(store: Store) -> None:
    await fill(store, dossiers=2, each=1)
    (first,) = await claim(store, limit=1)
    (second,) = await claim(store, limit=1)
    assert not await store.settle(first.token, [delivered(first.transfer), delivered(second.transfer)], at(2))
    assert await store.settle(first.token, [delivered(first.transfer)], at(2))


@pytest.mark.parametrize(
    ("by", "state"),
    [(Move.REFUSE, State.REFUSED), (Move.EXHAUST, State.DEAD), (Move.PARK, State.PARKED)],
)
async def test_a_poison_head_stops_only_its_own_lane(store: Store, by: Move, state: State) -> None:
    await fill(store, 2, 2, "so-tnmt", "dvcqg")
    works = await claim(store)
    poison = next(work for work in works if work.partner == "so-tnmt" and work.dossier == "d0")
    others = [work for work in works if work is not poison]
    stop = Settlement(transfer=poison.transfer, move=by, code="HUB-PAR-001")
    await store.settle(poison.token, [stop, *(delivered(work.transfer) for work in others)], at(2))
    view = await store.transfer(poison.transfer)
    assert view is not None
    assert (view.state, view.problem) == (state, "HUB-PAR-001")
    following = {(work.partner, work.dossier) for work in await claim(store, 3)}
    assert following == {("so-tnmt", "d1"), ("dvcqg", "d0"), ("dvcqg", "d1")}


async def test_a_stopped_head_does_not_hold_the_lane_of_a_partner_without_order(store: Store) -> None:
    await fill(store, dossiers=1, each=2)
    await store.capacities(roomy("so-tnmt", order_sensitive=False))
    (work,) = await claim(store)
    await store.settle(work.token, [Settlement(transfer=work.transfer, move=Move.REFUSE)], at(2))
    (following,) = await claim(store, 3)
    await store.act(work.transfer, Move.RETRY, expected=State.REFUSED, reason="r", by="thu", now=at(4))
    assert await claim(store, 5) == ()
    await store.settle(following.token, [delivered(following.transfer)], at(6))
    assert [one.transfer for one in await claim(store, 7)] == [work.transfer]


async def test_lanes_that_stopped_go_on_when_order_ceases_to_matter(store: Store) -> None:
    await fill(store, dossiers=2, each=2)
    works = await claim(store)
    await store.settle(
        works[0].token, [Settlement(transfer=one.transfer, move=Move.REFUSE) for one in works], at(2)
    )
    assert await claim(store, 3) == ()
    await store.capacities(roomy("so-tnmt", order_sensitive=False))
    assert len(await claim(store, 4)) == 2


async def test_what_a_partner_told_is_known_in_later_transfers_of_the_dossier(store: Store) -> None:
    await fill(store, 1, 2, "so-tnmt", "dvcqg")
    works = {work.partner: work for work in await claim(store)}
    work = works["so-tnmt"]
    await store.settle(work.token, [delivered(work.transfer, reference="77", facts={"file": "77"})], at(2))
    await store.settle(work.token, [delivered(works["dvcqg"].transfer)], at(2))
    facts = {work.partner: work.facts for work in await claim(store, 3)}
    assert facts == {"so-tnmt": {"file": "77"}, "dvcqg": {}}


async def test_an_attempt_keeps_the_exact_bytes_of_its_calls(store: Store) -> None:
    await fill(store, dossiers=1, each=1)
    (work,) = await claim(store)
    ask, send = attempt("deferred", "find"), attempt()
    await store.settle(
        work.token, [Settlement(transfer=work.transfer, move=Move.DELIVER, attempts=(ask, send))], at(2)
    )
    assert [(one.number, one.attempt) for one in await store.attempts(work.transfer)] == [(1, ask), (2, send)]
    view = await store.transfer(work.transfer)
    assert view is not None
    assert (view.sends, view.attempts, view.settled_at) == (1, 1, at(2))


async def test_workers_of_several_sessions_keep_the_order_and_double_nothing(another: Open) -> None:
    stores = [another() for _ in range(3)]
    await fill(stores[0], dossiers=8, each=6)
    done: list[str] = []

    async def work(store: Store, name: str) -> None:
        while len(done) < 48:
            works = await claim(store, 1, limit=3, worker=name)
            for one in works:
                await asyncio.sleep(0)
                done.append(one.message)
                assert await store.settle(one.token, [delivered(one.transfer)], at(1))
            if not works:
                await store.wait_for_work(0.05)

    await asyncio.gather(*(work(store, f"w{n}") for n, store in enumerate(stores)))
    assert sorted(done) == sorted({f"m{step}-{lane}" for step in range(6) for lane in range(8)})
    for lane in range(8):
        assert [one for one in done if one.endswith(f"-{lane}")] == [f"m{step}-{lane}" for step in range(6)]


async def test_a_waiting_worker_is_woken_by_another_sessions_commit(another: Open) -> None:
    sender, worker = another(), another()
    await sender.capacities(roomy("so-tnmt"))
    assert await claim(worker) == ()
    clock = asyncio.get_running_loop().time
    waiting = asyncio.create_task(worker.wait_for_work(5))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    start = clock()
    await sender.accept(acceptance("m1"))
    await waiting
    assert clock() - start < 0.5
    assert len(await claim(worker)) == 1


async def test_what_is_committed_between_claim_and_waiting_is_not_slept_through(store: Store) -> None:
    await store.capacities(roomy("so-tnmt"))
    assert await claim(store) == ()
    await store.accept(acceptance("m1"))
    await asyncio.wait_for(store.wait_for_work(60), 1)


async def test_waiting_ends_after_its_time(store: Store) -> None:
    assert await claim(store) == ()
    await asyncio.wait_for(store.wait_for_work(0.02), 1)


async def test_a_worker_with_news_all_the_time_still_lets_others_run(store: Store) -> None:
    ran: list[bool] = []
    asyncio.get_running_loop().call_soon(ran.append, True)
    await store.wait_for_work(1)
    assert ran
