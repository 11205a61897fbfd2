"""Two dossiers become one: found under every name, their queue and keys in order, nothing of the past rewritten."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import pytest

from hub.lifecycle import Move, State
from hub.store.contract.delivery import Settlement
from hub.store.contract.intake import Alias
from hub.store.contract.mending import Merging
from hub.store.contract.store import Stale
from hub.store.contract.views import Filter
from hub.store.vault import Unreadable
from schemas.problems import Refusal
from tests.store.samples import AUTHORITY, acceptance, at, delivered, roomy, sealed

if TYPE_CHECKING:
    from hub.store.contract.store import Store
    from hub.store.contract.views import DossierView
    from tests.store.engines import Open

A, B = "d1", "d2"
STOPS = {State.REFUSED: Move.REFUSE, State.DEAD: Move.EXHAUST, State.PARKED: Move.PARK}


async def two(store: Store, *, told: bool = True) -> None:
    """Each with one delivered message; the partner told its own number for both."""
    await store.capacities(roomy("so-tnmt"))
    for dossier in (A, B):
        await store.accept(acceptance(f"m-{dossier}", dossier=dossier))
        (work,) = await store.claim("w", at(1), 10, 30)
        await store.seal(work.token, {work.transfer: sealed(f"bytes of {dossier}")})
        facts = {"number": f"N-{dossier}", f"only-{dossier}": "x"} if told else {}
        await store.settle(work.token, [delivered(work.transfer, facts=facts)], at(2))


def merging(kept: str = A, other: str = B, *, versions: tuple[int, int] = (1, 1)) -> Merging:
    return Merging(
        kept=kept,
        other=other,
        kept_version=versions[0],
        other_version=versions[1],
        story=b'{"story":"both"}',
        reason="one case",
        by="thu",
        approver="hoa",
    )


async def seen(store: Store, name: str) -> DossierView:
    found = await store.dossier(name)
    assert found is not None
    return found


async def test_both_are_found_under_every_code_and_id(store: Store) -> None:
    await two(store)
    await store.merge(merging(), at(5))
    views = [await seen(store, name) for name in (A, B, "code-d1", "code-d2")]
    assert all(view == views[0] for view in views)
    (view, *_) = views
    assert (view.id, view.merged, view.story, view.version) == (A, (B,), b'{"story":"both"}', 2)
    assert [one.id for one in view.messages] == ["m-d1", "m-d2"]
    assert [one.code for one in view.aliases] == ["code-d1", "code-d2"]
    assert {one.id for one in view.transfers} == {"m-d1.so-tnmt.0", "m-d2.so-tnmt.0"}
    assert {one.code for one in view.transfers} == {"code-d1"}
    for code in ("code-d1", "code-d2"):
        assert len(await store.transfers(Filter(dossier_code=code))) == 2
    message = await store.message("m-d2")
    assert message is not None
    assert message.dossier == B  # it keeps pointing where it did
    row = (await store.journal(limit=1000))[-1]
    assert (row.what, row.facts) == (
        "merged",
        {"kept": A, "other": B, "reason": "one case", "by": "thu", "approver": "hoa"},
    )


async def test_what_is_said_later_under_either_code_stands_in_one_lane(store: Store) -> None:
    await two(store)
    await store.merge(merging(), at(5))
    for number, code in enumerate(("code-d2", "code-d1")):
        known = await store.known(AUTHORITY, code)
        assert known is not None
        assert (known.dossier, known.version) == (A, 2 + number)
        later = acceptance(f"later{number}", dossier=known.dossier, version=known.version, when=at(6))
        await store.accept(msgspec.structs.replace(later, aliases=(Alias(authority=AUTHORITY, code=code),)))
    (work,) = await store.claim("w", at(7), 10, 30)
    assert (work.message, work.dossier) == ("later0", A)
    assert work.facts == {"number": "N-d1", "only-d1": "x", "only-d2": "x"}
    assert len((await seen(store, B)).messages) == 4


async def test_a_message_decided_before_the_merge_is_decided_anew(store: Store) -> None:
    await two(store)
    await store.merge(merging(), at(5))
    with pytest.raises(Stale):
        await store.accept(acceptance("late", dossier=B, version=1))


@pytest.mark.parametrize("open_", [A, B])
@pytest.mark.parametrize("state", [None, *STOPS])
async def test_it_is_refused_while_either_has_open_transfers(
    store: Store, open_: str, state: State | None
) -> None:
    await two(store)
    await store.accept(acceptance("open", dossier=open_, version=1))
    if state is not None:
        (work,) = await store.claim("w", at(3), 10, 30)
        await store.settle(work.token, [Settlement(transfer=work.transfer, move=STOPS[state])], at(4))
    versions = (2, 1) if open_ == A else (1, 2)
    with pytest.raises(Refusal) as refusal:
        await store.merge(merging(versions=versions), at(5))
    assert refusal.value.code == "HUB-DOS-008"
    assert refusal.value.problems[0].detail == "open.so-tnmt.0"
    assert (await seen(store, B)).id == B


@pytest.mark.parametrize("approver", ["", "  ", "Thu "])
async def test_it_is_refused_unless_somebody_else_agreed_and_the_journal_has_no_entry(
    store: Store, approver: str
) -> None:
    await two(store)
    before = await store.journal()
    with pytest.raises(Refusal, match="HUB-LAN-010"):
        await store.merge(msgspec.structs.replace(merging(), approver=approver), at(5))
    assert await store.journal() == before
    assert (await seen(store, B)).id == B


async def test_it_is_refused_for_one_dossier_and_for_one_that_is_part_of_another(store: Store) -> None:
    await two(store)
    with pytest.raises(Refusal, match="HUB-DOS-009"):
        await store.merge(merging(A, A), at(5))
    await store.merge(merging(), at(5))
    await store.accept(acceptance("m-d3", dossier="d3"))
    with pytest.raises(Refusal, match="HUB-DOS-009"):
        await store.merge(merging("d3", B, versions=(1, 2)), at(6))


async def test_decided_on_an_older_story_it_changes_nothing(store: Store) -> None:
    await two(store)
    with pytest.raises(Stale):
        await store.merge(merging(versions=(1, 2)), at(5))
    assert (await seen(store, A)).version == 1


async def test_merged_on_and_on_every_name_leads_to_the_one_that_is_left(store: Store) -> None:
    await two(store)
    await store.accept(acceptance("m-d3", dossier="d3"))
    (work,) = await store.claim("w", at(3), 10, 30)
    await store.settle(work.token, [delivered(work.transfer)], at(4))
    await store.merge(merging(), at(5))
    await store.merge(merging("d3", A, versions=(1, 2)), at(6))
    for name in (A, B, "d3", "code-d1", "code-d2", "code-d3"):
        assert ((await seen(store, name)).id, len((await seen(store, name)).messages)) == ("d3", 3)
    assert set((await seen(store, "d3")).merged) == {A, B}


async def test_payloads_under_both_keys_stay_readable_and_forgetting_destroys_both(another: Open) -> None:
    store, eye = another(), another()
    await two(store)
    await store.merge(merging(), at(5))
    for dossier in (A, B):
        payloads = await eye.payloads(f"m-{dossier}.so-tnmt.0")
        assert payloads is not None
        assert payloads.sealed == sealed(f"bytes of {dossier}")
    if not await store.forget(B, reason="asked", by="thu", now=at(6)):
        return  # this store keeps payloads plain
    for dossier in (A, B):
        with pytest.raises(Unreadable):
            await eye.payloads(f"m-{dossier}.so-tnmt.0")


async def test_an_alias_that_looks_like_an_id_hijacks_nothing(store: Store) -> None:
    await two(store)
    evil = msgspec.structs.replace(
        acceptance("evil", dossier="z9"), aliases=(Alias(authority="someone", code=A),)
    )
    await store.accept(evil)
    assert (await seen(store, A)).id == A
    await store.merge(merging(), at(5))
    assert (await seen(store, B)).id == A


@pytest.mark.parametrize("round_", range(4))
async def test_a_message_at_the_moment_of_the_merge_is_refused_or_comes_first(
    another: Open, round_: int
) -> None:
    one, two_ = another(), another()
    await two(one)
    moves = [one.merge(merging(), at(5)), two_.accept(acceptance("now", dossier=B, version=1))]
    done = await asyncio.gather(*(moves if round_ % 2 else reversed(moves)), return_exceptions=True)
    assert sum(isinstance(each, Stale | Refusal) for each in done) == 1
