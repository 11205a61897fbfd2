from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from hub.lifecycle import Move, State
from hub.store.contract.delivery import Settlement
from hub.store.contract.views import Filter
from tests.store.samples import acceptance, at, deferred, delivered, roomy, sealed

if TYPE_CHECKING:
    from hub.store.contract.store import Store


async def sample(store: Store) -> None:
    """Five dossiers; of the first partner's transfers: 0 delivered, 1 refused, 2 deferred, 3 under way, 4 waiting."""
    await store.capacities(roomy("so-tnmt", "dvcqg"))
    for n in range(5):
        sender = "motcua-tinh" if n % 2 == 0 else "dvcqg"
        new = acceptance(f"m{n}", dossier=f"d{n}", partners=("so-tnmt", "dvcqg"), sender=sender, when=at(n))
        await store.accept(new)
    await store.pause("dvcqg", paused=True, reason="r", by="thu", now=at(5))
    works = await store.claim("w", at(6), 4, 30)
    token = works[0].token
    await store.settle(token, [delivered(works[0].transfer, reference="77")], at(7))
    refused = Settlement(transfer=works[1].transfer, move=Move.REFUSE, code="HUB-PAR-001", detail="E5")
    await store.settle(token, [refused, deferred(works[2].transfer, at(60), code="HUB-PAR-003")], at(8))


def names(views: tuple[object, ...]) -> list[str]:
    return [str(getattr(view, "id", "")).removesuffix(".0") for view in views]


@pytest.mark.parametrize(
    ("which", "found"),
    [
        (Filter(partner="so-tnmt"), [f"m{n}.so-tnmt" for n in (4, 3, 2, 1, 0)]),
        (Filter(partner="so-tnmt", states=("delivered",)), ["m0.so-tnmt"]),
        (Filter(states=("in_doubt",)), ["m3.so-tnmt"]),
        (Filter(states=("refused", "in_doubt")), ["m3.so-tnmt", "m1.so-tnmt"]),
        (Filter(partner="so-tnmt", states=("waiting",)), ["m4.so-tnmt", "m2.so-tnmt"]),
        (Filter(problem="HUB-PAR-003"), ["m2.so-tnmt"]),
        (Filter(problem="HUB-PAR-003", states=("refused",)), []),
        (Filter(sender="dvcqg"), ["m3.dvcqg", "m3.so-tnmt", "m1.dvcqg", "m1.so-tnmt"]),
        (Filter(sender="dvcqg", partner="so-tnmt"), ["m3.so-tnmt", "m1.so-tnmt"]),
        (Filter(dossier_code="code-d2"), ["m2.dvcqg", "m2.so-tnmt"]),
        (Filter(dossier_code="code-d2", partner="dvcqg"), ["m2.dvcqg"]),
        (Filter(dossier_code="nowhere"), []),
        (Filter(partner="nobody"), []),
        (Filter(limit=3), ["m4.dvcqg", "m4.so-tnmt", "m3.dvcqg"]),
    ],
)
async def test_lists_are_newest_first_and_filtered(store: Store, which: Filter, found: list[str]) -> None:
    await sample(store)
    assert names(await store.transfers(which)) == found


@pytest.mark.parametrize(
    "which",
    [Filter(), Filter(partner="so-tnmt"), Filter(sender="motcua-tinh"), Filter(dossier_code="code-d1")],
)
async def test_pages_follow_each_other_without_gap_or_overlap(store: Store, which: Filter) -> None:
    await sample(store)
    whole = names(await store.transfers(which))
    pages: list[str] = []
    after = ""
    while page := await store.transfers(msgspec.structs.replace(which, after=after, limit=2)):
        pages += names(page)
        after = page[-1].id
    assert pages == whole


async def test_a_transfer_shows_all_that_is_known(store: Store) -> None:
    await sample(store)
    view = await store.transfer("m1.so")
    assert view is not None
    assert (view.id, view.state, view.problem, view.detail) == (
        "m1.so-tnmt.0",
        State.REFUSED,
        "HUB-PAR-001",
        "E5",
    )
    assert (view.code, view.dossier, view.sender, view.partner) == ("code-d1", "d1", "dvcqg", "so-tnmt")
    assert (view.accepted_at, view.settled_at, view.wake_at) == (at(1), at(8), None)


async def test_an_ambiguous_or_unknown_prefix_finds_nothing(store: Store) -> None:
    await sample(store)
    assert await store.transfer("m1") is None
    assert await store.transfer("zzz") is None
    assert await store.transfer("m1.dvcqg.0") is not None


async def test_the_queue_counts_by_state_and_names_the_oldest(store: Store) -> None:
    await sample(store)
    await store.accept(acceptance("m9", dossier="d4", version=1, when=at(9)))
    rows = {row.partner: row for row in await store.queue()}
    assert rows["so-tnmt"].counts == {"waiting": 3, "in_doubt": 1, "delivered": 1, "refused": 1}
    assert (rows["so-tnmt"].blocked, rows["so-tnmt"].oldest) == (1, at(1))
    assert rows["dvcqg"].counts == {"waiting": 5}
    assert (rows["dvcqg"].blocked, rows["dvcqg"].oldest, rows["dvcqg"].paused) == (0, at(0), True)


async def test_a_dossier_is_found_by_id_and_by_code_with_its_messages(store: Store) -> None:
    await sample(store)
    for key in ("d2", "code-d2"):
        dossier = await store.dossier(key)
        assert dossier is not None
        assert (dossier.id, dossier.origin, [one.id for one in dossier.messages]) == (
            "d2",
            "motcua-tinh",
            ["m2"],
        )
        assert [one.id for one in dossier.transfers] == ["m2.so-tnmt.0", "m2.dvcqg.0"]
    assert await store.dossier("nowhere") is None


async def test_every_form_of_the_content_can_be_read(store: Store) -> None:
    await sample(store)
    (work,) = await store.claim("w", at(9), 1, 30)
    await store.seal(work.token, {work.transfer: sealed("bytes that were signed")})
    payloads = await store.payloads(work.transfer)
    assert payloads is not None
    assert (payloads.raw, payloads.raw_media_type) == (b'{"message":"m4"}', "application/json")
    assert payloads.canonical == b'{"canonical":"m4"}'
    assert payloads.sealed == sealed("bytes that were signed")
    assert await store.payloads("nobody") is None


async def test_the_journal_of_a_transfer_tells_its_whole_way(store: Store) -> None:
    await sample(store)
    whole = await store.journal(transfer="m2.so-tnmt.0")
    assert [row.what for row in whole] == ["accepted", "defer"]
    assert await store.journal(transfer="m2.so-tnmt.0", after=whole[0].seq) == whole[1:]
    assert [row.what for row in await store.journal(message="m1")] == ["accepted", "refuse"]
    everything = await store.journal(limit=1000)
    assert [row.seq for row in everything] == sorted({row.seq for row in everything})
    assert await store.journal(limit=2) == everything[:2]


async def test_unknown_ids_are_answered_with_nothing(store: Store) -> None:
    assert await store.message("nobody") is None
    assert await store.attempts("nobody") == ()
    assert await store.journal(message="nobody") == ()
