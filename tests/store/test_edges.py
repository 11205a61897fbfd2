"""Numbered batches to and from other hubs: made once, acknowledged once, taken in strictly in their order."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hub.lifecycle import Move, State
from hub.store.contract.delivery import Capacity
from hub.store.contract.edges import FIRST, Batch, Contact, Head
from schemas.problems import Refusal
from tests.store.samples import acceptance, at, sealed
from tests.store.test_mailbox import offer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.store.contract.edges import Make, Offered
    from hub.store.contract.store import Store
    from tests.store.engines import Open

WHO = "huyen-a"


async def waiting_for_it(store: Store, dossiers: int = 2, each: int = 2) -> None:
    """Messages about dossiers by turns, sealed and laid out."""
    await store.capacities([Capacity(partner=WHO, concurrency=100, order_sensitive=False, fetches=True)])
    for step in range(each):
        for dossier in range(dossiers):
            new = acceptance(f"m{step}{dossier}", dossier=f"d{dossier}", version=step, partners=(WHO,))
            await store.accept(new)
    while await offer(store):
        pass


def writes(text: str = "") -> Make:
    def write(after: Head) -> tuple[bytes, str, str]:
        manifest = f"{text}{after.epoch}.{after.seq + 1} on {after.digest}".encode()
        return manifest, "signed", hashlib.sha256(manifest).hexdigest()

    return write


async def batch_of(store: Store, found: Sequence[Offered], second: float = 5) -> Batch:
    link = await store.edges.link(WHO)
    made = await store.edges.make(WHO, link.made, [one.n for one in found], writes(), at(second))
    assert made is not None
    return made


async def state(store: Store, transfer: str) -> State:
    view = await store.transfer(transfer)
    assert view is not None
    return view.state


async def test_all_that_waits_is_laid_out_in_the_order_of_acceptance(store: Store) -> None:
    await waiting_for_it(store)
    found = await store.edges.offered(WHO, 10)
    assert [one.transfer for one in found] == [f"{m}.{WHO}.0" for m in ("m00", "m01", "m10", "m11")]
    assert found[0].payload == sealed().payload
    assert [one.n for one in found] == sorted(one.n for one in found)


async def test_what_stands_in_a_batch_is_in_doubt_and_in_no_other(store: Store) -> None:
    await waiting_for_it(store)
    found = await store.edges.offered(WHO, 3)
    batch = await batch_of(store, found)
    assert (batch.epoch, batch.seq, (await store.edges.link(WHO)).made.digest) == (1, 1, batch.digest)
    assert [await state(store, one.transfer) for one in found] == [State.IN_DOUBT] * 3
    rest = await store.edges.offered(WHO, 10)
    assert [one.transfer for one in rest] == [f"m11.{WHO}.0"]
    told = await store.edges.waiting(WHO)
    assert (told.unsealed, told.offered, told.under_way) == (0, 1, 3)
    again = await store.edges.make(WHO, Head(), [rest[0].n], writes("other "), at(6))
    assert again is None, "somebody else made a first batch by then"
    twice = await store.edges.make(WHO, (await store.edges.link(WHO)).made, [found[0].n], writes(), at(6))
    assert twice is None
    (kept,) = await store.edges.batches(WHO, 1, 0, 10)
    assert (kept.manifest, kept.digest) == (batch.manifest, batch.digest)
    assert await store.edges.payloads([one.key for one in found], WHO) == (sealed().payload,) * 3


async def test_one_acknowledgement_settles_its_batch_once(store: Store) -> None:
    await waiting_for_it(store)
    found = await store.edges.offered(WHO, 3)
    batch = await batch_of(store, found)
    keys = [one.key for one in found]
    assert await store.edges.acknowledged(WHO, batch, keys, at(9)) == 3
    assert await store.edges.acknowledged(WHO, batch, keys, at(10)) == 0
    assert [await state(store, one.transfer) for one in found] == [State.ACKNOWLEDGED] * 3
    assert (await store.edges.link(WHO)).acked == 1
    rows = await store.journal(transfer=found[0].transfer)
    assert next(row.facts["batch"] for row in rows if row.what == Move.ACKNOWLEDGE) == "1.1"
    told = await store.edges.waiting(WHO)
    assert (told.unsealed, told.offered, told.under_way) == (0, 1, 0)


async def test_batches_are_taken_in_only_in_their_order_and_once(store: Store) -> None:
    first = Batch(epoch=1, seq=1, digest="1" * 64, manifest=b"one", signature="s")
    second = Batch(epoch=1, seq=2, digest="2" * 64, manifest=b"two", signature="s", refused=b'[{"key":"k"}]')
    assert not await store.edges.take(WHO, second, first.digest, at(1))
    assert not await store.edges.take(WHO, first, "f" * 64, at(1))
    assert await store.edges.take(WHO, first, FIRST, at(1))
    assert not await store.edges.take(WHO, first, FIRST, at(2))
    assert await store.edges.take(WHO, second, first.digest, at(3))
    assert (await store.edges.link(WHO)).taken == Head(epoch=1, seq=2, digest=second.digest)
    kept = await store.edges.came(WHO, 1, 2)
    assert kept is not None
    assert (kept.manifest, kept.refused) == (b"two", second.refused)
    assert [one.seq for one in await store.edges.refusals(WHO, 1, 0, 10)] == [2]


async def test_what_stands_takes_nothing_until_a_person_readmits_it_in_a_new_epoch(store: Store) -> None:
    await waiting_for_it(store)
    found = await store.edges.offered(WHO, 10)
    await batch_of(store, found)
    with pytest.raises(Refusal) as refused:
        await store.edges.readmit(WHO, reason="nothing", by="an", now=at(1))
    assert refused.value.code == "HUB-EDG-021"
    await store.edges.stand(WHO, "HUB-EDG-020", "epoch 1, batch 1", at(2))
    await store.edges.stand(WHO, "HUB-EDG-022", "later", at(3))
    batch = Batch(epoch=1, seq=1, digest="1" * 64, manifest=b"one", signature="s")
    assert not await store.edges.take(WHO, batch, FIRST, at(4))
    assert (await store.edges.link(WHO)).stands == "HUB-EDG-020"
    link = await store.edges.readmit(WHO, reason="disk was changed", by="an", now=at(5))
    assert (link.stands, link.opens, link.made, link.taken) == ("", 2, Head(epoch=2), Head(epoch=2))
    assert [one.transfer for one in await store.edges.offered(WHO, 10)] == [one.transfer for one in found]
    again = await batch_of(store, found, 8)
    assert (again.epoch, again.seq) == (2, 1)
    assert [row.what for row in await store.journal() if row.what.startswith("edge_")] == [
        "edge_stands",
        "edge_readmitted",
    ]


async def test_who_makes_the_next_batch_at_the_same_time_makes_it_once(another: Open) -> None:
    one, other = another(), another()
    await waiting_for_it(one)
    found = await one.edges.offered(WHO, 10)
    link = await one.edges.link(WHO)
    numbers = [each.n for each in found]
    first = await one.edges.make(WHO, link.made, numbers, writes(), at(5))
    assert first is not None
    assert await other.edges.make(WHO, link.made, numbers, writes("x"), at(5)) is None


async def test_what_was_laid_out_for_a_hub_that_is_called_from_now_on_is_sent(store: Store) -> None:
    await waiting_for_it(store)
    await store.capacities([Capacity(partner=WHO, concurrency=100)])
    works = await store.claim("w", at(50), 10, 30)
    assert [work.transfer for work in works] == [f"m00.{WHO}.0", f"m01.{WHO}.0"]


async def test_a_contact_tells_when_the_hubs_heard_each_other_and_why_not_since(store: Store) -> None:
    await store.edges.met(WHO, Contact(at=at(1), ahead=2.5, hub="H47", software="1.0"))
    await store.edges.met(WHO, Contact(at=at(9), error="connect", detail="refused"))
    (link,) = await store.edges.links()
    assert (link.met_at, link.tried_at, link.error, link.ahead, link.hub) == (
        at(1),
        at(9),
        "connect",
        2.5,
        "H47",
    )


async def test_old_batches_are_forgotten_but_the_last_one_of_each_way(store: Store) -> None:
    prev = FIRST
    for seq in range(1, 4):
        digest = str(seq) * 64
        batch = Batch(epoch=1, seq=seq, digest=digest, manifest=b"m", signature="s")
        assert await store.edges.take(WHO, batch, prev, at(seq))
        prev = digest
    assert await store.edges.forget(at(100) + timedelta(days=1), 100) == 2
    assert [one.seq for one in await store.edges.all_that_came(WHO, 1, 0, 10)] == [3]
