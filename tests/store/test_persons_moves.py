from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hub.lifecycle import APPROVED, DONE, Move, State
from hub.store.contract.delivery import Settlement
from schemas import errors
from schemas.problems import Refusal
from tests.store.samples import acceptance, at, attempt, deferred, delivered, roomy, sealed

if TYPE_CHECKING:
    from hub.store.contract.delivery import Work
    from hub.store.contract.store import Store
    from hub.store.contract.views import TransferView

STOPS = {State.REFUSED: Move.REFUSE, State.DEAD: Move.EXHAUST, State.PARKED: Move.PARK}


async def lane(store: Store, depth: int = 2) -> list[str]:
    await store.capacities(roomy("so-tnmt"))
    for step in range(depth):
        await store.accept(acceptance(f"m{step}", dossier="d1", version=step))
    return [f"m{step}.so-tnmt.0" for step in range(depth)]


async def claimed(store: Store, second: float) -> list[str]:
    return [work.transfer for work in await store.claim("w", at(second), 10, 30)]


async def stop(store: Store, state: State) -> Work:
    (work,) = await store.claim("w", at(1), 10, 30)
    await store.seal(work.token, {work.transfer: sealed()})
    settlement = Settlement(transfer=work.transfer, move=STOPS[state], attempts=(attempt("refused"),))
    await store.settle(work.token, [settlement], at(2))
    return work


async def act(store: Store, transfer: str, move: Move, expected: State, second: float = 5) -> TransferView:
    return await store.act(
        transfer, move, expected=expected, reason="as agreed", by="thu", now=at(second), approver="hoa"
    )


@pytest.mark.parametrize("approver", ["", " ", "thu", "Thu "])
@pytest.mark.parametrize("move", sorted(APPROVED))
async def test_what_gives_up_a_promise_needs_somebody_else_whoever_asks_the_store(
    store: Store, move: Move, approver: str
) -> None:
    with pytest.raises(Refusal) as refused:
        await store.act("m1", move, expected=State.DEAD, reason="r", by="thu", now=at(5), approver=approver)
    assert refused.value.code == "HUB-LAN-010"


@pytest.mark.parametrize("state", STOPS)
async def test_a_retry_is_due_at_once_with_a_fresh_schedule(store: Store, state: State) -> None:
    await lane(store)
    work = await stop(store, state)
    await act(store, work.transfer, Move.RETRY, state)
    (again,) = await store.claim("w", at(6), 10, 30)
    assert (again.transfer, again.attempts, again.sends) == (work.transfer, 0, 1)
    assert again.doubt == (state is not State.PARKED)
    assert again.sealed == sealed()


@pytest.mark.parametrize("move", [Move.SKIP, Move.WITHDRAW])
@pytest.mark.parametrize("state", STOPS)
async def test_skipping_or_withdrawing_the_head_lets_the_next_one_go(
    store: Store, state: State, move: Move
) -> None:
    first, second = await lane(store)
    await stop(store, state)
    view = await act(store, first, move, state)
    assert view.state in DONE
    assert view.settled_at == at(5)
    assert await claimed(store, 6) == [second]


async def test_a_held_head_stops_its_lane_until_it_is_released(store: Store) -> None:
    first, _ = await lane(store)
    await act(store, first, Move.HOLD, State.WAITING)
    assert await claimed(store, 6) == []
    await act(store, first, Move.RELEASE, State.HELD)
    assert await claimed(store, 7) == [first]


async def test_a_transfer_held_behind_the_head_stops_the_lane_when_its_turn_comes(store: Store) -> None:
    first, second, third = await lane(store, 3)
    await act(store, second, Move.HOLD, State.WAITING)
    (work,) = await store.claim("w", at(6), 10, 30)
    await store.settle(work.token, [delivered(first)], at(7))
    assert await claimed(store, 8) == []
    await act(store, second, Move.WITHDRAW, State.HELD)
    assert await claimed(store, 9) == [third]


async def test_a_waiting_transfer_is_sent_now_when_a_person_says_so(store: Store) -> None:
    (first,) = await lane(store, 1)
    (work,) = await store.claim("w", at(1), 10, 30)
    await store.settle(work.token, [deferred(first, at(86_400))], at(2))
    assert await claimed(store, 3) == []
    await act(store, first, Move.RETRY, State.WAITING)
    assert await claimed(store, 6) == [first]


async def test_what_waits_behind_the_head_can_be_withdrawn_while_the_head_is_being_sent(store: Store) -> None:
    first, second, third = await lane(store, 3)
    (work,) = await store.claim("w", at(1), 10, 30)
    await act(store, second, Move.WITHDRAW, State.WAITING)
    await store.settle(work.token, [delivered(first)], at(6))
    assert await claimed(store, 7) == [third]


async def test_only_the_head_can_be_skipped(store: Store) -> None:
    _, second = await lane(store)
    with pytest.raises(Refusal, match="HUB-LAN-001"):
        await act(store, second, Move.SKIP, State.WAITING)


async def test_what_is_being_sent_cannot_be_moved(store: Store) -> None:
    (first,) = await lane(store, 1)
    await claimed(store, 1)
    with pytest.raises(Refusal, match="HUB-LAN-002"):
        await act(store, first, Move.SKIP, State.IN_DOUBT)


async def test_a_person_who_saw_another_state_changes_nothing(store: Store) -> None:
    first, _ = await lane(store)
    await act(store, first, Move.HOLD, State.WAITING)
    with pytest.raises(Refusal) as refusal:
        await act(store, first, Move.WITHDRAW, State.WAITING)
    assert refusal.value.code == "HUB-LAN-003"
    assert refusal.value.problems[0].rule == "now held"
    view = await store.transfer(first)
    assert view is not None
    assert view.state is State.HELD


@pytest.mark.parametrize("move", [Move.DELIVER, Move.CLAIM, Move.RELEASE, Move.ACKNOWLEDGE])
async def test_a_move_that_is_not_a_persons_or_not_in_the_table_is_refused(store: Store, move: Move) -> None:
    first, _ = await lane(store)
    with pytest.raises(Refusal, match="HUB-LAN-002"):
        await act(store, first, move, State.WAITING)
    assert await claimed(store, 6) == [first]


async def test_an_unknown_transfer_is_refused(store: Store) -> None:
    with pytest.raises(Refusal, match="HUB-LAN-004"):
        await act(store, "nobody", Move.HOLD, State.WAITING)


async def test_who_did_what_and_why_is_journaled(store: Store) -> None:
    first, _ = await lane(store)
    await act(store, first, Move.HOLD, State.WAITING)
    row = (await store.journal(transfer=first))[-1]
    assert (row.what, row.at, row.transfer) == ("hold", at(5), first)
    assert row.facts == {
        "by": "thu",
        "reason": "as agreed",
        "before": "waiting",
        "state": "held",
        "approver": "hoa",
    }


def test_every_lane_code_is_in_the_catalogue() -> None:
    catalogue = errors.load()
    assert all(f"HUB-LAN-00{n}" in catalogue for n in range(1, 5))


@pytest.mark.parametrize("after", [Move.DELIVER, Move.DEFER])
async def test_who_comes_back_before_what_is_just_sent_has_the_next_turn(store: Store, after: Move) -> None:
    """Where order does not matter what stopped had left its lane; nothing is wrong with the store meanwhile, either."""
    await store.capacities(roomy("so-tnmt", order_sensitive=False))
    await store.accept(acceptance("m0", dossier="d1"))
    stopped = await stop(store, State.DEAD)
    await store.accept(acceptance("m1", dossier="d1", version=1))
    (work,) = await store.claim("w", at(3), 10, 30)
    await act(store, stopped.transfer, Move.RETRY, State.DEAD)
    assert await store.conservation() == ()
    assert await claimed(store, 6) == []
    wake = at(60) if after is Move.DEFER else None
    await store.settle(work.token, [Settlement(transfer=work.transfer, move=after, wake_at=wake)], at(7))
    assert await claimed(store, 8) == [stopped.transfer]
