"""What lies where its partner fetches it: order, doubt and answers, whatever a worker or a person does meanwhile."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

import pytest

from hub.lifecycle import Move, State
from hub.store.contract.delivery import Acknowledgement, Capacity, Settlement
from hub.store.contract.mailbox import Rejection
from schemas.problems import Refusal
from tests.store.samples import acceptance, at, attempt, sealed

if TYPE_CHECKING:
    from hub.store.contract.delivery import Acknowledged
    from hub.store.contract.mailbox import Content, Rejected
    from hub.store.contract.store import Store
    from hub.store.contract.views import TransferView
    from tests.store.engines import Open

WHO = "so-tc"
FIRST, SECOND = f"m0.{WHO}.0", f"m1.{WHO}.0"
DIGEST = hashlib.sha256(b"sealed").hexdigest()


def capacity(*, fetches: bool = True) -> Capacity:
    return Capacity(partner=WHO, concurrency=100, fetches=fetches)


async def accepted(store: Store, depth: int = 2, *, dossier: str = "d1", first: int = 0) -> None:
    for step in range(depth):
        new = acceptance(f"m{first + step}", dossier=dossier, version=step, partners=(WHO,))
        await store.accept(new)


async def offer(store: Store, second: float = 1, *, most: int = 10) -> list[str]:
    """What a worker does with heads of such a partner: seal, and lay out."""
    works = await store.claim("w", at(second), most, 30)
    if works:
        fresh = {work.transfer: sealed() for work in works if work.sealed is None}
        assert await store.seal(works[0].token, fresh)
        laid = [
            Settlement(
                transfer=work.transfer, move=None if work.doubt else Move.OFFER, counts=False, offered=True
            )
            for work in works
        ]
        assert await store.settle(works[0].token, laid, at(second))
    return [work.transfer for work in works]


async def offered(store: Store, depth: int = 2) -> None:
    await store.capacities([capacity()])
    await accepted(store, depth)
    assert await offer(store) == [FIRST]


async def listed(store: Store, partner: str = WHO, after: str = "") -> list[str]:
    return [letter.transfer for letter in await store.mailbox.letters(partner, after=after)]


async def fetched(store: Store, transfer: str = FIRST, second: float = 5) -> Content:
    found = await store.mailbox.fetch(WHO, transfer, at(second))
    assert found is not None
    return found


async def acknowledges(store: Store, transfer: str = FIRST, digest: str = DIGEST) -> Acknowledged:
    message = transfer.partition(".")[0]
    return await store.acknowledge(
        Acknowledgement(
            partner=WHO,
            raw=b"{}",
            received_at=at(10),
            said_at=at(9),
            key=f"{message}:{WHO}:0",
            digest=digest,
        )
    )


async def rejects(store: Store, *, digest: str = DIGEST, follow_up: bool = False) -> Rejected:
    told = acceptance("told", partners=("desk",), sender="hub") if follow_up else None
    said = attempt("refused", "answer")
    return await store.mailbox.reject(
        Rejection(partner=WHO, transfer=FIRST, digest=digest, attempt=said, follow_up=told), at(10)
    )


async def view(store: Store, id_: str = FIRST) -> TransferView:
    found = await store.transfer(id_)
    assert found is not None
    return found


async def what_happened(store: Store, id_: str = FIRST) -> list[str]:
    return [row.what for row in await store.journal(transfer=id_)]


async def test_what_nobody_fetched_waits_uses_up_nothing_and_no_worker_sees_it_again(store: Store) -> None:
    await offered(store)
    lies = await view(store)
    assert (lies.state, lies.offered_at, lies.attempts, lies.sends) == (State.WAITING, at(1), 0, 0)
    assert await offer(store, 100_000) == []
    assert await listed(store) == [FIRST]
    (row,) = await store.queue()
    assert (row.unfetched, row.counts) == (at(1), {"waiting": 2})


async def test_a_fetch_leaves_it_in_doubt_and_each_one_gets_the_same_bytes(store: Store) -> None:
    await offered(store)
    first = await fetched(store)
    there = await view(store)
    assert (there.state, there.sends, there.fetched_at, there.wake_at) == (State.IN_DOUBT, 1, at(5), None)
    assert await fetched(store, second=6) == first
    assert (first.sealed.payload, first.digest) == (sealed().payload, DIGEST)
    again = await view(store)
    assert (again.sends, again.fetched_at) == (2, at(5))
    assert (await what_happened(store)).count("fetch") == 1
    (row,) = await store.queue()
    assert row.unfetched is None
    assert await offer(store, 100_000) == []


async def test_the_next_of_a_lane_is_offered_when_the_one_before_is_acknowledged(store: Store) -> None:
    await offered(store)
    await accepted(store, dossier="d2", depth=1, first=7)
    await offer(store, 3)
    assert await listed(store) == [FIRST, f"m7.{WHO}.0"]
    assert await store.mailbox.fetch(WHO, SECOND, at(4)) is None
    await fetched(store)
    assert await offer(store, 6) == []
    assert (await acknowledges(store)).state is State.ACKNOWLEDGED
    assert await listed(store) == [f"m7.{WHO}.0"]
    assert await offer(store, 11) == [SECOND]
    assert await listed(store) == [f"m7.{WHO}.0", SECOND]


async def test_a_list_goes_on_behind_a_cursor_even_when_that_letter_is_gone(store: Store) -> None:
    await store.capacities([capacity()])
    for number in range(5):
        await accepted(store, 1, dossier=f"d{number}", first=number)
        await offer(store, number)
    first = await store.mailbox.letters(WHO, limit=2)
    await fetched(store, first[1].transfer)
    await acknowledges(store, first[1].transfer)
    rest = await store.mailbox.letters(WHO, after=first[1].cursor)
    assert [one.transfer for one in rest] == [f"m{number}.{WHO}.0" for number in (2, 3, 4)]
    for cursor in ("x", "1-", "-1", "1-x", "9" * 40, "1-\u0661"):
        with pytest.raises(ValueError):  # noqa: PT011 - the cursor is all that it says
            await store.mailbox.letters(WHO, after=cursor)


async def test_nobody_sees_fetches_or_answers_what_lies_there_for_others(store: Store) -> None:
    await offered(store)
    assert await listed(store, "desk") == []
    assert await store.mailbox.fetch("desk", FIRST, at(3)) is None
    assert await store.mailbox.letter("desk", FIRST) is None
    with pytest.raises(Refusal) as refused:
        await store.mailbox.reject(
            Rejection(partner="desk", transfer=FIRST, digest=DIGEST, attempt=attempt()), at(3)
        )
    assert refused.value.code == "HUB-BOX-001"
    assert (await view(store)).state is State.WAITING


async def test_nothing_can_be_acknowledged_or_refused_before_it_was_fetched(store: Store) -> None:
    await offered(store)
    for answer in (acknowledges, rejects):
        with pytest.raises(Refusal) as refused:
            await answer(store)
        assert refused.value.code == "HUB-RCP-003"
    assert (await view(store)).state is State.WAITING


async def test_an_acknowledgement_of_other_bytes_is_refused_and_a_right_one_is_still_taken(
    store: Store,
) -> None:
    await offered(store)
    await fetched(store)
    for answer in (acknowledges, rejects):
        with pytest.raises(Refusal) as refused:
            await answer(store, digest="0" * 64)
        assert refused.value.code == "HUB-RCP-002"
    assert (await view(store)).state is State.IN_DOUBT
    first = await acknowledges(store)
    assert (await acknowledges(store)).received_at == first.received_at
    assert (await view(store)).problem == ""


async def test_what_cannot_be_processed_is_refused_once_told_and_holds_its_lane(store: Store) -> None:
    await store.capacities([Capacity(partner="desk", concurrency=1)])
    await offered(store)
    await fetched(store)
    first = await rejects(store, follow_up=True)
    again = await rejects(store, follow_up=True)
    assert (first.state, first.received_at) == (State.REFUSED, at(10))
    assert (again.replayed, again.key) == (True, first.key)
    stopped = await view(store)
    assert (stopped.state, stopped.offered_at, stopped.settled_at) == (State.REFUSED, None, at(10))
    assert [one.attempt.verb for one in await store.attempts(FIRST)] == ["answer"]
    assert (await view(store, "told.desk.0")).state is State.WAITING
    assert await offer(store, 20) == ["told.desk.0"]
    assert await listed(store) == []


async def test_what_was_refused_can_be_offered_again_and_then_acknowledged(store: Store) -> None:
    await offered(store)
    await fetched(store)
    await rejects(store)
    await store.act(FIRST, Move.RESEND, expected=State.REFUSED, reason="they mended it", by="op", now=at(20))
    assert await offer(store, 21) == [FIRST]
    assert (await fetched(store, second=22)).digest == DIGEST
    assert (await acknowledges(store)).state is State.ACKNOWLEDGED
    with pytest.raises(Refusal) as refused:
        await rejects(store)
    assert refused.value.code == "HUB-BOX-003"


@pytest.mark.parametrize("does", [Move.HOLD, Move.WITHDRAW])
async def test_a_person_takes_back_what_nobody_fetched_and_then_it_cannot_be(
    store: Store, does: Move
) -> None:
    await offered(store)
    await store.act(FIRST, does, expected=State.WAITING, reason="wrong", by="op", now=at(3))
    assert await store.mailbox.fetch(WHO, FIRST, at(4)) is None
    assert FIRST not in await listed(store)
    assert (await view(store)).offered_at is None
    assert await offer(store, 5) == ([SECOND] if does is Move.WITHDRAW else [])


async def test_what_was_held_lies_there_again_once_it_is_released(store: Store) -> None:
    await offered(store)
    await store.act(FIRST, Move.HOLD, expected=State.WAITING, reason="look", by="op", now=at(3))
    await store.act(FIRST, Move.RELEASE, expected=State.HELD, reason="fine", by="op", now=at(4))
    assert await offer(store, 5) == [FIRST]
    assert (await fetched(store, second=6)).digest == DIGEST


async def test_what_was_fetched_cannot_be_withdrawn_as_if_it_had_not(store: Store) -> None:
    await offered(store)
    await fetched(store)
    with pytest.raises(Refusal) as refused:
        await store.act(FIRST, Move.WITHDRAW, expected=State.WAITING, reason="wrong", by="op", now=at(6))
    assert refused.value.code == "HUB-LAN-003"


async def test_while_a_partner_is_paused_its_mailbox_is_shut_and_answers_are_taken(store: Store) -> None:
    await offered(store)
    await fetched(store)
    await store.pause(WHO, paused=True, reason="moving", by="op", now=at(6))
    assert await listed(store) == []
    with pytest.raises(Refusal) as refused:
        await fetched(store)
    assert refused.value.code == "HUB-BOX-002"
    assert (await acknowledges(store)).state is State.ACKNOWLEDGED
    assert await offer(store, 11) == []
    await store.pause(WHO, paused=False, reason="moved", by="op", now=at(12))
    assert await offer(store, 13) == [SECOND]


async def test_a_worker_that_dies_between_sealing_and_laying_out_leaves_no_doubt(store: Store) -> None:
    await store.capacities([capacity()])
    await accepted(store)
    (work,) = await store.claim("w", at(1), 10, 30)
    assert await store.seal(work.token, {work.transfer: sealed()})
    await store.tick(at(100))
    assert (await view(store)).state is State.WAITING
    assert await offer(store, 101) == [FIRST]
    assert (await fetched(store, second=102)).digest == DIGEST


async def test_a_partner_that_is_sent_to_from_now_on_gets_what_nobody_fetched(store: Store) -> None:
    await offered(store)
    await accepted(store, dossier="d2", depth=1, first=7)
    await offer(store, 3)
    await fetched(store)
    await store.capacities([capacity(fetches=False)])
    (work,) = await store.claim("w", at(20), 10, 30)
    assert (work.transfer, work.doubt) == (f"m7.{WHO}.0", False)
    left = await view(store)
    assert (left.state, left.offered_at) == (State.IN_DOUBT, None)
    assert await listed(store) == []


async def test_of_a_fetch_and_a_withdrawal_at_once_one_is_first_and_both_know_it(another: Open) -> None:
    one, two = another(), another()
    await one.capacities([capacity()])
    for number in range(12):
        await accepted(one, 1, dossier=f"d{number}", first=number)
    await offer(one, 1, most=50)

    async def withdraw(id_: str) -> bool:
        try:
            await two.act(id_, Move.WITHDRAW, expected=State.WAITING, reason="r", by="op", now=at(5))
        except Refusal as refusal:
            assert refusal.code == "HUB-LAN-003"  # noqa: PT017 - either may be first
            return False
        return True

    for number in range(12):
        id_ = f"m{number}.{WHO}.0"
        got, gone = await asyncio.gather(one.mailbox.fetch(WHO, id_, at(5)), withdraw(id_))
        assert (got is None) == gone
        assert (await view(one, id_)).state is (State.WITHDRAWN if gone else State.IN_DOUBT)
