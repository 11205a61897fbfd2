"""What a partner's receipt proves, at whatever moment it comes, and what happens when it does not."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

import pytest

from hub.lifecycle import Move, State
from hub.store.contract.delivery import Acknowledged, Acknowledgement, Settlement
from hub.store.contract.views import Filter, TransferView
from schemas.problems import Refusal
from tests.store.samples import acceptance, at, attempt, deferred, delivered, roomy, sealed

if TYPE_CHECKING:
    from hub.store.contract.delivery import Work
    from hub.store.contract.store import Store
    from tests.store.engines import Open

HEAD = "m0.so-tnmt.0"
KEY = "m0:so-tnmt:0"
THREE_DAYS = 3 * 86_400


async def lane(store: Store, depth: int = 2, *, partners: tuple[str, ...] = ("so-tnmt",)) -> None:
    await store.capacities(roomy(*partners))
    for step in range(depth):
        await store.accept(acceptance(f"m{step}", dossier="d1", version=step, partners=partners))


async def claimed(store: Store, second: float = 1) -> Work:
    (work,) = await store.claim("w", at(second), 10, 30)
    await store.seal(work.token, {work.transfer: sealed()})
    return work


async def settled(store: Store, move: Move | None, second: float = 2, **more: object) -> None:
    work = await claimed(store, second - 1)
    what = Settlement(transfer=work.transfer, move=move, attempts=(attempt(),), **more)  # type: ignore[arg-type]
    assert await store.settle(work.token, [what], at(second))


async def delivered_and_awaited(store: Store, *, reference: str = "TN-7") -> None:
    await lane(store)
    await settled(store, Move.DELIVER, receipt_by=at(THREE_DAYS), reference=reference)


async def brings(
    store: Store,
    second: float = 10,
    *,
    partner: str = "so-tnmt",
    key: str = "",
    reference: str = "",
    digest: str = "",
) -> Acknowledged:
    key = key or ("" if reference else KEY)
    return await store.acknowledge(
        Acknowledgement(
            partner=partner,
            raw=f"{key} {reference}".encode(),
            received_at=at(second),
            said_at=at(second - 1),
            key=key,
            reference=reference,
            digest=digest,
        )
    )


async def view(store: Store, id_: str = HEAD) -> TransferView:
    found = await store.transfer(id_)
    assert found is not None
    return found


async def what_happened(store: Store) -> list[str]:
    return [row.what for row in await store.journal(transfer=HEAD)]


async def overdue(store: Store) -> int:
    (row,) = [row for row in await store.queue() if row.partner == "so-tnmt"]
    return row.overdue


@pytest.mark.parametrize("named", [{"key": KEY}, {"reference": "TN-7"}])
async def test_a_receipt_makes_what_was_delivered_acknowledged(store: Store, named: dict[str, str]) -> None:
    await delivered_and_awaited(store)
    assert (await view(store)).receipt_by == at(THREE_DAYS)
    taken = await brings(store, 10, **named)
    assert (taken.transfer, taken.key, taken.state, taken.replayed) == (HEAD, KEY, State.ACKNOWLEDGED, False)
    after = await view(store)
    assert (after.state, after.receipt_by, after.receipt_at) == (State.ACKNOWLEDGED, None, at(10))
    assert after.settled_at == at(2)
    facts = (await store.journal(transfer=HEAD))[-1].facts
    raw = f"{named.get('key', '')} {named.get('reference', '')}".encode()
    assert facts["digest"] == hashlib.sha256(raw).hexdigest()
    await store.tick(at(THREE_DAYS + 1))
    assert (await view(store)).problem == ""


async def test_the_same_receipt_gets_the_stored_answer(store: Store) -> None:
    await delivered_and_awaited(store)
    first = await brings(store, 10)
    again = await brings(store, 99)
    assert again.replayed
    assert (again.state, again.received_at) == (first.state, first.received_at)
    assert (await what_happened(store)).count("acknowledge") == 1


async def test_a_wait_that_expires_leaves_it_delivered_marked_and_counted(store: Store) -> None:
    await delivered_and_awaited(store)
    await store.tick(at(THREE_DAYS - 1))
    assert (await view(store)).problem == ""
    await store.tick(at(THREE_DAYS))
    await store.tick(at(THREE_DAYS + 1))
    after = await view(store)
    assert (after.state, after.problem, after.receipt_by) == (State.DELIVERED, "HUB-PAR-011", None)
    assert await overdue(store) == 1
    assert [one.id for one in await store.transfers(Filter(problem="HUB-PAR-011"))] == [HEAD]
    assert (await what_happened(store)).count("receipt_overdue") == 1


async def test_a_receipt_after_its_wait_clears_the_mark(store: Store) -> None:
    await delivered_and_awaited(store)
    await store.tick(at(THREE_DAYS))
    await brings(store, THREE_DAYS + 5)
    after = await view(store)
    assert (after.state, after.problem) == (State.ACKNOWLEDGED, "")
    assert await overdue(store) == 0
    assert {"receipt_overdue", "acknowledge"} <= set(await what_happened(store))


@pytest.mark.parametrize("round_", range(6))
async def test_expiry_and_receipt_at_one_moment_leave_one_final_state(another: Open, round_: int) -> None:
    one, two = another(), another()
    await delivered_and_awaited(one)
    moves = [one.tick(at(THREE_DAYS)), brings(two, THREE_DAYS)]
    await asyncio.gather(*(moves if round_ % 2 else reversed(moves)))
    assert (await view(one)).state is State.ACKNOWLEDGED
    assert await overdue(one) == 0
    assert "acknowledge" in await what_happened(one)
    assert await one.overdue(at(THREE_DAYS + 1), 10, 60) == ()


async def test_an_overdue_one_is_asked_about_once(store: Store) -> None:
    await delivered_and_awaited(store)
    assert await store.overdue(at(THREE_DAYS - 1), 10, 60) == ()
    await store.tick(at(THREE_DAYS))
    (work,) = await store.overdue(at(THREE_DAYS), 10, 60)
    assert (work.transfer, work.key, work.sealed) == (HEAD, KEY, sealed())
    assert await store.overdue(at(THREE_DAYS + 59), 10, 60) == ()
    (again,) = await store.overdue(at(THREE_DAYS + 60), 10, 60)  # whoever had it died
    await store.asked(again.transfer, attempt("delivered", verb="find"), at(THREE_DAYS + 61))
    assert await store.overdue(at(THREE_DAYS * 9), 10, 60) == ()
    after = await view(store)
    assert (after.state, after.problem) == (State.DELIVERED, "HUB-PAR-011")
    assert [one.attempt.verb for one in await store.attempts(HEAD)] == ["deliver", "find"]


async def test_a_partner_that_denies_what_it_took_is_shown(store: Store) -> None:
    await delivered_and_awaited(store)
    await store.tick(at(THREE_DAYS))
    (work,) = await store.overdue(at(THREE_DAYS), 10, 60)
    await store.asked(work.transfer, attempt("deferred", verb="find"), at(THREE_DAYS + 1))
    after = await view(store)
    assert (after.state, after.problem) == (State.DELIVERED, "HUB-PAR-012")
    assert await overdue(store) == 1


async def test_an_answer_that_comes_after_the_receipt_marks_nothing(store: Store) -> None:
    await delivered_and_awaited(store)
    await store.tick(at(THREE_DAYS))
    (work,) = await store.overdue(at(THREE_DAYS), 10, 60)
    await brings(store, THREE_DAYS + 1)
    await store.asked(work.transfer, attempt("deferred", verb="find"), at(THREE_DAYS + 2))
    after = await view(store)
    assert (after.state, after.problem) == (State.ACKNOWLEDGED, "")


async def test_nobody_is_asked_behind_a_closed_door(store: Store) -> None:
    await delivered_and_awaited(store)
    await store.tick(at(THREE_DAYS))
    await store.pause("so-tnmt", paused=True, reason="r", by="thu", now=at(THREE_DAYS))
    assert await store.overdue(at(THREE_DAYS), 10, 60) == ()
    await store.pause("so-tnmt", paused=False, reason="r", by="thu", now=at(THREE_DAYS + 1))
    assert len(await store.overdue(at(THREE_DAYS + 600), 10, 60)) == 1


# --- proof of arrival -------------------------------------------------------------------------------------------


async def in_doubt(store: Store) -> None:
    await settled(store, None, code="HUB-NET-004")


async def in_doubt_and_asking(store: Store) -> None:
    await settled(store, None, wake_at=at(60))


async def in_doubt_after_a_lost_lease(store: Store) -> None:
    await claimed(store)
    await store.tick(at(40))


async def waiting_after_an_attempt(store: Store) -> None:
    await settled(store, Move.DEFER, wake_at=at(60))


async def held_after_an_attempt(store: Store) -> None:
    await waiting_after_an_attempt(store)
    await store.act(HEAD, Move.HOLD, expected=State.WAITING, reason="r", by="thu", now=at(3))


async def dead(store: Store) -> None:
    await settled(store, Move.EXHAUST, code="HUB-NET-001")


@pytest.mark.parametrize(
    "comes",
    [
        in_doubt,
        in_doubt_and_asking,
        in_doubt_after_a_lost_lease,
        waiting_after_an_attempt,
        held_after_an_attempt,
        dead,
    ],
)
async def test_a_receipt_proves_arrival_and_lets_the_next_one_go(store: Store, comes: object) -> None:
    await lane(store)
    await comes(store)  # type: ignore[operator]
    taken = await brings(store, 50)
    assert taken.state is State.ACKNOWLEDGED
    after = await view(store)
    assert (after.state, after.wake_at, after.problem) == (State.ACKNOWLEDGED, None, "")
    (work,) = await store.claim("w", at(51), 10, 30)
    assert work.message == "m1"


@pytest.mark.parametrize("outcome", [Move.DELIVER, Move.DEFER, Move.REFUSE, Move.EXHAUST, None])
async def test_a_receipt_while_it_is_sent_is_not_undone_by_what_is_settled(
    store: Store, outcome: Move | None
) -> None:
    await lane(store)
    work = await claimed(store)
    assert (await brings(store, 2)).state is State.ACKNOWLEDGED
    assert (await view(store)).state is State.ACKNOWLEDGED
    told = acceptance("told", dossier="d1", sender="hub", partners=("motcua-tinh",))
    what = Settlement(
        transfer=HEAD, move=outcome, attempts=(attempt(),), code="X", wake_at=at(9), follow_up=told
    )
    assert await store.settle(work.token, [what], at(3))
    after = await view(store)
    assert (after.state, after.problem, after.wake_at, after.sends) == (State.ACKNOWLEDGED, "", None, 1)
    assert await store.message("told") is None
    (next_,) = await store.claim("w", at(4), 10, 30)
    assert next_.message == "m1"


async def test_a_receipt_while_it_is_sent_outlives_the_lease(store: Store) -> None:
    await lane(store)
    work = await claimed(store)
    await brings(store, 2)
    await store.tick(at(40))
    assert (await view(store)).state is State.ACKNOWLEDGED
    assert not await store.settle(work.token, [deferred(HEAD, at(60))], at(41))
    (next_,) = await store.claim("w", at(42), 10, 30)
    assert next_.message == "m1"


@pytest.mark.parametrize("round_", range(6))
async def test_a_receipt_at_the_moment_the_lease_expires_leaves_it_acknowledged(
    another: Open, round_: int
) -> None:
    one, two = another(), another()
    await lane(one)
    await claimed(one)
    moves = [one.tick(at(31)), brings(two, 31)]
    await asyncio.gather(*(moves if round_ % 2 else reversed(moves)))
    assert (await view(one)).state is State.ACKNOWLEDGED
    (next_,) = await one.claim("w", at(32), 10, 30)
    assert next_.message == "m1"


@pytest.mark.parametrize("round_", range(6))
async def test_a_receipt_at_the_moment_of_settling_leaves_it_acknowledged(another: Open, round_: int) -> None:
    one, two = another(), another()
    await lane(one)
    work = await claimed(one)
    refused = Settlement(transfer=HEAD, move=Move.EXHAUST, attempts=(attempt(),))
    moves = [one.settle(work.token, [refused], at(2)), brings(two, 2)]
    await asyncio.gather(*(moves if round_ % 2 else reversed(moves)))
    assert (await view(one)).state is State.ACKNOWLEDGED


@pytest.mark.parametrize("person", [None, Move.SKIP, Move.WITHDRAW])
async def test_a_receipt_against_a_refusal_or_a_person_is_shown_and_changes_no_state(
    store: Store, person: Move | None
) -> None:
    await lane(store)
    await settled(store, Move.REFUSE, code="HUB-PAR-001", detail="-3")
    if person is not None:
        await store.act(HEAD, person, expected=State.REFUSED, reason="r", by="thu", now=at(3), approver="hoa")
    before = (await view(store)).state
    taken = await brings(store)
    after = await view(store)
    assert taken.state is after.state is before
    assert (after.problem, after.detail) == ("HUB-RCP-006", "HUB-PAR-001 -3")
    assert "receipt_contradicts" in await what_happened(store)
    assert (await brings(store, 20)).replayed


# --- what is no receipt -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("sealed_first", [False, True])
async def test_what_never_left_cannot_be_acknowledged(store: Store, *, sealed_first: bool) -> None:
    await lane(store)
    if sealed_first:
        work = await claimed(store)
        await store.settle(work.token, [Settlement(transfer=HEAD, move=Move.UNSENT)], at(2))
    with pytest.raises(Refusal, match="HUB-RCP-003"):
        await brings(store)
    assert (await view(store)).state is State.WAITING


@pytest.mark.parametrize(
    ("partner", "said"),
    [
        ("so-tnmt", {"key": "m9:so-tnmt:0"}),
        ("so-tnmt", {"key": "m0"}),
        ("so-tnmt", {"reference": "TN-8"}),
        ("dvcqg", {"key": KEY}),
        ("dvcqg", {"reference": "TN-7"}),
        ("nobody", {"key": KEY}),
    ],
)
async def test_an_unknown_name_and_another_partners_get_the_same_answer(
    store: Store, partner: str, said: dict[str, str]
) -> None:
    await delivered_and_awaited(store)
    with pytest.raises(Refusal) as refusal:
        await brings(store, 10, partner=partner, **said)
    assert refusal.value.code == "HUB-RCP-001"
    assert refusal.value.problems[0].rule == refusal.value.problems[0].detail == ""
    assert (await view(store)).state is State.DELIVERED


async def test_a_reference_of_several_transfers_names_none(store: Store) -> None:
    await delivered_and_awaited(store)
    await settled(store, Move.DELIVER, 4, receipt_by=at(THREE_DAYS), reference="TN-7")
    with pytest.raises(Refusal, match="HUB-RCP-007"):
        await brings(store, reference="TN-7")
    assert (await brings(store, key=KEY)).transfer == HEAD


async def test_the_same_wrong_receipt_again_and_again_fills_no_journal(store: Store) -> None:
    await delivered_and_awaited(store)
    for digest in ("0" * 64, "0" * 64, "1" * 64, "1" * 64):
        with pytest.raises(Refusal, match="HUB-RCP-002"):
            await brings(store, key=KEY, digest=digest)
    assert [row.what for row in await store.journal()].count("receipt_refused") == 2


async def test_a_receipt_for_other_bytes_is_refused_shown_and_may_be_mended(store: Store) -> None:
    await delivered_and_awaited(store)
    with pytest.raises(Refusal, match="HUB-RCP-002"):
        await brings(store, key=KEY, digest="0" * 64)
    after = await view(store)
    assert (after.state, after.problem) == (State.DELIVERED, "HUB-RCP-002")
    facts = (await store.journal(transfer=HEAD))[-1].facts
    right = hashlib.sha256(sealed().payload).hexdigest()
    assert (facts["said"], facts["sealed"]) == ("0" * 64, right)
    taken = await brings(store, 20, key=KEY, digest=right)
    assert (taken.state, (await view(store)).problem) == (State.ACKNOWLEDGED, "")


async def test_delivered_is_final_where_no_receipt_is_awaited(store: Store) -> None:
    await lane(store, 1)
    work = await claimed(store)
    await store.settle(work.token, [delivered(HEAD, reference="TN-7")], at(2))
    await store.tick(at(THREE_DAYS * 10))
    after = await view(store)
    assert (after.state, after.problem, after.receipt_by) == (State.DELIVERED, "", None)
