from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

import msgspec
import pytest

from hub.lifecycle import Move, State
from hub.store.contract.delivery import Settlement
from hub.store.contract.intake import Acceptance, Alias
from hub.store.contract.store import Stale, Store
from hub.store.contract.views import Filter
from schemas.problems import Refusal
from tests.store.samples import AUTHORITY, NOON, acceptance, at, delivered, roomy, sealed, transfer

if TYPE_CHECKING:
    from tests.store.engines import Open


async def test_what_was_accepted_is_there_for_everyone(another: Open) -> None:
    accepted = await another().accept(acceptance("m1", dossier="d1", partners=("so-tnmt", "dvcqg")))
    assert (accepted.message, accepted.receipt, accepted.replayed) == ("m1", b"receipt of m1", False)
    elsewhere = another()
    message = await elsewhere.message("m1")
    assert message is not None
    assert message.transfers == ("m1.so-tnmt.0", "m1.dvcqg.0")
    known = await elsewhere.known(AUTHORITY, "code-d1")
    assert known is not None
    assert (known.dossier, known.version, known.origin, known.story) == (
        "d1",
        1,
        "motcua-tinh",
        b'{"story":1}',
    )


async def test_the_same_bytes_give_the_stored_receipt(store: Store) -> None:
    first = acceptance("m1")
    await store.accept(first)
    again = acceptance("m2", key=first.key, raw=first.raw)
    for answer in (await store.accept(again), await store.replay(first.sender, first.key, first.digest)):
        assert answer is not None
        assert (answer.message, answer.receipt, answer.replayed) == ("m1", b"receipt of m1", True)
    assert await store.message("m2") is None


async def test_the_signature_over_a_receipt_is_the_one_that_was_given(store: Store) -> None:
    """A signature differs each time it is made, and its key may be another one by then."""
    first = msgspec.structs.replace(acceptance("m1"), confirmation="h..s1")
    assert (await store.accept(first)).confirmation == "h..s1"
    again = msgspec.structs.replace(acceptance("m2", key=first.key, raw=first.raw), confirmation="h..s2")
    for answer in (await store.accept(again), await store.replay(first.sender, first.key, first.digest)):
        assert answer is not None
        assert (answer.receipt, answer.confirmation) == (b"receipt of m1", "h..s1")
    view = await store.message("m1")
    assert view is not None
    assert view.confirmation == "h..s1"


async def test_what_was_delivered_long_ago_is_still_known(store: Store) -> None:
    await store.capacities(roomy("so-tnmt"))
    first = await store.accept(acceptance("m1"))
    (work,) = await store.claim("w", NOON, 10, 30)
    assert await store.seal(work.token, {work.transfer: sealed()})
    assert await store.settle(work.token, [delivered(work.transfer)], NOON)
    again = await store.accept(acceptance("m2", key="key-m1", raw=acceptance("m1").raw))
    assert (again.message, again.receipt, again.replayed) == ("m1", first.receipt, True)
    assert await store.replay("motcua-tinh", "key-m1", acceptance("m1").digest) == again


async def test_a_reused_key_with_other_bytes_is_a_conflict(store: Store) -> None:
    await store.accept(acceptance("m1", key="k"))
    with pytest.raises(Refusal) as refusal:
        await store.accept(acceptance("m2", key="k"))
    assert refusal.value.code == "HUB-IDM-002"
    with pytest.raises(Refusal, match="HUB-IDM-002"):
        await store.replay("motcua-tinh", "k", hashlib.sha256(b"other").hexdigest())
    assert await store.message("m2") is None


async def test_what_differs_by_the_hubs_clock_alone_is_the_same_said_again(another: Open) -> None:
    one, two = another(), another()

    def said(message: str, at: str) -> Acceptance:
        return msgspec.structs.replace(acceptance(message, key="k", raw=at.encode()), clocked=True)

    answers = await asyncio.gather(
        *(
            store.accept(said(f"m{n}{side}", f"{n} {side}"))
            for n in range(8)
            for side, store in ((0, one), (1, two))
        )
    )
    assert sum(not answer.replayed for answer in answers) == 1
    assert len({(answer.message, answer.receipt) for answer in answers}) == 1
    stored = await one.replay("motcua-tinh", "k", None)
    assert stored is not None
    assert stored.message == answers[0].message
    with pytest.raises(Refusal, match="HUB-IDM-002"):
        await one.accept(acceptance("other", key="k"))


async def test_a_key_belongs_to_its_sender(store: Store) -> None:
    await store.accept(acceptance("m1", key="k"))
    assert not (await store.accept(acceptance("m2", key="k", sender="so-tnmt"))).replayed
    assert await store.replay("dvcqg", "k", "") is None


async def test_many_with_one_key_are_accepted_once(another: Open) -> None:
    one, two = another(), another()
    raw = b"the same bytes"
    answers = await asyncio.gather(
        *(
            store.accept(acceptance(f"m{n}{side}", key="k", raw=raw))
            for n in range(20)
            for side, store in ((0, one), (1, two))
        )
    )
    assert sum(not answer.replayed for answer in answers) == 1
    assert len({answer.message for answer in answers}) == 1
    assert len(await one.transfers(Filter())) == 1


async def test_a_dossier_that_moved_meanwhile_is_stale_and_nothing_is_written(store: Store) -> None:
    await store.accept(acceptance("m1", dossier="d1"))
    await store.accept(acceptance("m2", dossier="d1", version=1))
    with pytest.raises(Stale):
        await store.accept(acceptance("m3", dossier="d1", version=1))
    assert await store.message("m3") is None
    assert await store.replay("motcua-tinh", "key-m3", "") is None
    known = await store.known(AUTHORITY, "code-d1")
    assert known is not None
    assert known.version == 2


async def test_two_first_messages_of_one_dossier_make_one_dossier(another: Open) -> None:
    one, two = another(), another()
    code = (Alias(authority=AUTHORITY, code="H47-1"),)
    results = await asyncio.gather(
        one.accept(_with(acceptance("m1", dossier="d1"), code)),
        two.accept(_with(acceptance("m2", dossier="d2"), code)),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["Accepted", "Stale"]


def _with(new: Acceptance, aliases: tuple[Alias, ...]) -> Acceptance:

    return msgspec.structs.replace(new, aliases=aliases)


async def test_a_code_is_scoped_to_its_authority(store: Store) -> None:
    await store.accept(acceptance("m1", dossier="d1"))
    assert await store.known("000.00.15.H47", "code-d1") is None


async def test_a_further_code_of_another_dossier_is_someone_elses(store: Store) -> None:
    await store.accept(acceptance("m1", dossier="d1"))
    await store.accept(acceptance("m2", dossier="d2"))
    taken = (Alias(authority=AUTHORITY, code="code-d2"), Alias(authority=AUTHORITY, code="code-d1"))
    with pytest.raises(Refusal, match="HUB-DOS-003"):
        await store.accept(_with(acceptance("m3", dossier="d2", version=1), taken))
    dossier = await store.dossier("d2")
    assert dossier is not None
    assert dossier.version == 1


async def test_a_transfer_born_parked_holds_its_lane(store: Store) -> None:
    await store.capacities(roomy("so-tnmt"))
    await store.accept(acceptance("m1", dossier="d1", problem="HUB-MAP-002"))
    await store.accept(acceptance("m2", dossier="d1", version=1))
    assert await store.claim("w", at(1), 10, 30) == ()
    parked, blocked = [await store.transfer(f"{one}.so-tnmt.0") for one in ("m1", "m2")]
    assert parked is not None
    assert blocked is not None
    assert (parked.state, parked.problem, parked.blocked) == (State.PARKED, "HUB-MAP-002", False)
    assert (blocked.state, blocked.blocked) == (State.WAITING, True)


async def test_a_parked_transfer_steps_aside_where_order_does_not_matter(store: Store) -> None:
    await store.capacities(roomy("so-tnmt", order_sensitive=False))
    await store.accept(acceptance("m1", dossier="d1", problem="HUB-MAP-002"))
    await store.accept(acceptance("m2", dossier="d1", version=1))
    assert [work.transfer for work in await store.claim("w", at(1), 10, 30)] == ["m2.so-tnmt.0"]


@pytest.mark.parametrize("order_sensitive", [True, False])
async def test_a_transfer_born_in_doubt_is_taken_up_by_itself_and_asked_about(
    store: Store, *, order_sensitive: bool
) -> None:
    await store.capacities(roomy("so-tnmt", order_sensitive=order_sensitive))
    await store.accept(acceptance("m1", dossier="d1", doubt="HUB-STO-006"))
    await store.accept(acceptance("m2", dossier="d1", version=1, doubt="HUB-STO-006", when=at(1)))
    view = await store.transfer("m1.so-tnmt.0")
    assert view is not None
    assert (view.state, view.problem, view.wake_at) == (State.IN_DOUBT, "HUB-STO-006", at(0))
    (row,) = [row for row in await store.journal(transfer=view.id) if row.transfer]
    assert (row.what, row.facts["code"]) == ("in_doubt", "HUB-STO-006")
    for message in ("m1", "m2"):
        (work,) = await store.claim("w", at(2), 10, 30)
        assert (work.message, work.doubt) == (message, True)
        await store.settle(work.token, [delivered(work.transfer)], at(2))
    assert await store.conservation() == ()


async def test_what_is_parked_and_in_doubt_at_once_waits_until_it_is_mended(store: Store) -> None:
    await store.capacities(roomy("so-tnmt"))
    await store.accept(acceptance("m1", dossier="d1", problem="HUB-MAP-002", doubt="HUB-STO-006"))
    view = await store.transfer("m1.so-tnmt.0")
    assert view is not None
    assert (view.state, view.problem) == (State.PARKED, "HUB-MAP-002")
    assert await store.claim("w", at(1), 10, 30) == ()


async def test_the_parts_of_a_message_go_in_order(store: Store) -> None:
    await store.capacities(roomy("dvcqg"))
    parts = tuple(transfer("m1", "dvcqg", part, subject="d1") for part in range(3))
    await store.accept(acceptance("m1", dossier="d1", transfers=parts))
    sent = []
    for second in range(3):
        (work,) = await store.claim("w", at(second), 10, 30)
        sent.append(work.part)
        await store.settle(work.token, [Settlement(transfer=work.transfer, move=Move.DELIVER)], at(second))
    assert sent == [0, 1, 2]


async def test_a_failure_is_told_in_the_transaction_that_records_it(store: Store) -> None:
    await store.capacities(roomy("so-tnmt", "motcua-tinh"))
    await store.accept(acceptance("m1", dossier="d1"))
    (work,) = await store.claim("w", at(1), 10, 30)
    told = acceptance(
        "m2", dossier="d1", version=99, partners=("motcua-tinh",), sender="hub", key="failed:m1"
    )
    refused = Settlement(transfer=work.transfer, move=Move.REFUSE, code="HUB-PAR-001", follow_up=told)
    assert await store.settle(work.token, [refused], at(2))
    assert [work.transfer for work in await store.claim("w", at(3), 10, 30)] == ["m2.motcua-tinh.0"]
    dossier = await store.dossier("d1")
    assert dossier is not None
    assert (dossier.version, len(dossier.messages)) == (1, 2)


async def test_a_failure_told_before_does_not_undo_the_settlement(store: Store) -> None:
    await store.capacities(roomy("so-tnmt"))
    await store.accept(acceptance("m1"))
    await store.accept(acceptance("m0", sender="hub", key="failed:m1", partners=()))
    (work,) = await store.claim("w", at(1), 10, 30)
    told = acceptance("m2", sender="hub", key="failed:m1", partners=("motcua-tinh",))
    assert await store.settle(
        work.token, [Settlement(transfer=work.transfer, move=Move.REFUSE, follow_up=told)], at(2)
    )
    view = await store.transfer(work.transfer)
    assert view is not None
    assert view.state is State.REFUSED
    assert await store.message("m2") is None


async def test_acceptance_is_journaled_with_structure_only(store: Store) -> None:
    new = acceptance("m1", dossier="d1", raw="Nguyễn Thị Hoa".encode())
    await store.accept(new)
    (row,) = await store.journal(message="m1")
    assert (row.what, row.at) == ("accepted", NOON)
    assert row.facts == {"rule": "decides", "digest": new.digest, "kind": "received"}


async def test_large_payloads_come_back_byte_for_byte(store: Store) -> None:
    raw = bytes(range(256)) * 2000
    await store.accept(acceptance("m1", raw=raw))
    stored = await store.payloads("m1.so-tnmt.0")
    assert stored is not None
    assert stored.raw == raw
    assert stored.canonical == b'{"canonical":"m1"}'


async def test_a_first_code_that_was_taken_meanwhile_means_read_again(store: Store) -> None:
    await store.accept(acceptance("m1", dossier="d1"))
    with pytest.raises(Stale):
        await store.accept(
            _with(acceptance("m2", dossier="d2"), (Alias(authority=AUTHORITY, code="code-d1"),))
        )


async def test_both_keys_of_a_message_are_bound_when_it_has_two(store: Store) -> None:
    first = msgspec.structs.replace(acceptance("m1", key="try-1"), natural_key="own")
    stored = await store.accept(first)
    again = msgspec.structs.replace(first, message="m2", key="try-2")
    assert (await store.accept(again)).message == stored.message
    other = msgspec.structs.replace(first, message="m3", key="try-3", digest="0" * 64)
    with pytest.raises(Refusal, match="HUB-IDM-002"):
        await store.accept(other)


async def test_what_tells_of_a_parked_transfer_comes_in_with_it_and_once(store: Store) -> None:
    new = acceptance("m1", dossier="d1", partners=("so-tnmt",), problem="HUB-MAP-004")
    told = acceptance("m2", dossier="d1", sender="hub", key="failed:m1.so-tnmt.0", partners=("motcua-tinh",))
    new = msgspec.structs.replace(new, tells=(msgspec.structs.replace(told, aliases=(), story=b""),))
    await store.accept(new)
    assert (await store.accept(new)).replayed
    view = await store.message("m2")
    assert view is not None
    assert (view.sender, view.dossier, view.transfers) == ("hub", "d1", ("m2.motcua-tinh.0",))
    payloads = await store.payloads("m2.motcua-tinh.0")
    assert payloads is not None
    assert payloads.canonical == told.canonical
    known = await store.known(AUTHORITY, "code-d1")
    assert known is not None
    assert (known.version, known.origin) == (1, "motcua-tinh")
    await store.capacities(roomy("motcua-tinh"))
    assert [each.transfer for each in await store.claim("w", NOON, 10, 30)] == ["m2.motcua-tinh.0"]


async def test_a_message_that_is_stale_tells_nothing(store: Store) -> None:
    await store.accept(acceptance("m0", dossier="d1"))
    new = acceptance("m1", dossier="d1", problem="HUB-MAP-004")
    told = acceptance("m2", dossier="d1", sender="hub", partners=("motcua-tinh",))
    with pytest.raises(Stale):
        await store.accept(msgspec.structs.replace(new, tells=(told,)))
    assert await store.message("m2") is None
