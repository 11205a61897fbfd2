"""Each hub further down stands below one hub only: whoever brought its first message brings all of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hub.edges.peers import Peer, Peers, nobody_is_believed, nobody_signs
from hub.edges.stamping import Stamping
from hub.store.contract.replicas import Succession
from schemas.problems import Refusal
from tests.store.samples import at

if TYPE_CHECKING:
    from hub.store.contract.store import Store

NOW = at(0)
BELOW = {
    each: Peer(each, f"hub-{each}", above=False, verify=nobody_is_believed, serves=(each,))
    for each in ("tam-ky", "hoi-an", "dien-ban")
}
ABOVE = Peer("above", "hub-above", above=True, verify=nobody_is_believed)
PEERS = Peers("us", nobody_signs, nobody_is_believed, {**BELOW, "above": ABOVE})


@pytest.fixture
def stamping(store: Store) -> Stamping:
    return Stamping(store.edges, PEERS)


async def brings(stamping: Stamping, partner: str, hub: str, *taken_over: Succession) -> bool:
    try:
        await stamping.may_bring(partner, hub, taken_over, NOW)
    except Refusal:
        return False
    await stamping.brought(partner, hub, NOW)
    return True


async def test_whoever_brought_a_hubs_first_message_brings_all_of_them(store: Store) -> None:
    one, another = Stamping(store.edges, PEERS), Stamping(store.edges, PEERS)
    assert await brings(one, "tam-ky", "ward")
    assert await store.edges.origin("ward") == "tam-ky"
    for stamping in (one, another):
        assert await brings(stamping, "tam-ky", "ward")
        assert not await brings(stamping, "hoi-an", "ward")
    assert await brings(one, "hoi-an", "another ward")


async def test_what_was_asked_for_and_not_taken_in_binds_nobody(store: Store, stamping: Stamping) -> None:
    await stamping.may_bring("hoi-an", "ward", (), NOW)
    assert await store.edges.origin("ward") == ""
    assert await brings(stamping, "tam-ky", "ward")


async def test_a_hub_below_bears_its_own_code_and_no_neighbours_nor_ours(
    store: Store, stamping: Stamping
) -> None:
    assert await brings(stamping, "tam-ky", "hub-tam-ky")
    for hub in ("hub-hoi-an", "hub-above", "us"):
        assert not await brings(stamping, "tam-ky", hub)
        assert await brings(stamping, "above", hub)
    assert await store.edges.origin("hub-tam-ky") == ""


async def test_where_a_unit_was_taken_over_its_hubs_come_through_the_heir(
    store: Store, stamping: Stamping
) -> None:
    assert await brings(stamping, "tam-ky", "ward")
    begins = NOW.date() - timedelta(days=1)
    over = Succession(
        partner="tam-ky",
        agency="tam-ky",
        heir="hoi-an",
        begins=begins,
        drains=begins + timedelta(days=30),
        at=NOW,
        by="an",
        reason="merged",
    )
    assert not await brings(stamping, "dien-ban", "ward", over)
    assert await brings(stamping, "hoi-an", "ward", over)
    assert await store.edges.origin("ward") == "hoi-an"
