"""What figures are counted from: written with its message, never twice, and found again on every engine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from hub.store.contract.history import Past
from hub.store.contract.intake import Alias, Numbered
from hub.store.contract.ledger import LateReason, Publication
from hub.store.contract.mending import Merging
from tests.store.samples import acceptance, at

if TYPE_CHECKING:
    from hub.store.contract.intake import Acceptance
    from hub.store.contract.store import Store
    from tests.store.engines import Open

pytestmark = pytest.mark.parametrize("another", ["sqlite", "postgres"], indirect=True)
"""Nothing here is encrypted: each engine once."""


def said(message: str, dossier: str = "d-1", *, version: int = 0, fact: bytes = b"{}") -> Acceptance:
    told = acceptance(message, dossier=dossier, version=version, partners=(), when=at(version))
    return msgspec.structs.replace(told, fact=fact)


async def test_a_fact_is_there_when_its_message_is_and_once(another: Open) -> None:
    here, elsewhere = another(), another()
    await here.accept(said("m1", fact=b"one"))
    await here.accept(said("m1", fact=b"one"))
    await here.accept(said("m2", version=1, fact=b"two"))
    await here.accept(said("m3", "d-2", fact=b""))
    found = await elsewhere.ledger.facts()
    assert [(each.dossier, each.known_at, each.fact) for each in found] == [
        ("d-1", at(0), b"one"),
        ("d-1", at(1), b"two"),
    ]


async def test_many_at_once_keep_each_dossiers_order(store: Store) -> None:
    for n in range(3):
        await asyncio.gather(
            *(store.accept(said(f"m{n}-{d}", f"d-{d}", version=n, fact=f"{d}{n}".encode())) for d in range(9))
        )
    found: dict[str, list[bytes]] = {}
    for each in await store.ledger.facts():
        found.setdefault(each.dossier, []).append(each.fact)
    assert found == {f"d-{d}": [f"{d}{n}".encode() for n in range(3)] for d in range(9)}


ASIDE = b'{"hub":"h","no":1,"message":"m1","fate":"set_aside","code":"HUB-DOS-011"}'
OVERRULED = ASIDE.replace(b"set_aside", b"overruled")


async def test_what_is_set_aside_counts_no_more_and_again_when_the_story_is_told_anew(store: Store) -> None:
    def numbered(message: str, version: int, **more: Any) -> Acceptance:
        told = Numbered(hub="h", no=version + 1, telling=b"{}", **more)
        return msgspec.structs.replace(said(message, version=version, fact=message.encode()), numbered=told)

    async def there() -> list[bytes]:
        return [each.fact for each in await store.ledger.facts()]

    await store.accept(numbered("m1", 0, aside=ASIDE))
    assert await there() == []
    await store.accept(numbered("m2", 1, others={}))
    assert await there() == [b"m1", b"m2"]
    await store.accept(numbered("m3", 2, others={("h", 1): ASIDE, ("h", 2): OVERRULED}))
    assert await there() == [b"m2", b"m3"], "one that was overruled is counted"


async def test_facts_of_merged_dossiers_are_one_dossiers(store: Store) -> None:
    await store.accept(said("m1", "d-1", fact=b"one"))
    await store.accept(said("m2", "d-2", fact=b"two"))
    merging = Merging(
        kept="d-1",
        other="d-2",
        kept_version=1,
        other_version=1,
        story=b"{}",
        reason="r",
        by="a",
        approver="b",
    )
    await store.merge(merging, at(9))
    assert {each.dossier for each in await store.ledger.facts()} == {"d-1"}
    assert await store.ledger.dossier("code-d-2") == "d-1"
    assert await store.ledger.dossier("nobody") == ""


async def test_a_dossier_that_was_brought_in_has_its_fact(store: Store) -> None:
    aliases = (Alias(authority="H47", code="a-1"),)
    past = Past(line=1, dossier="d-1", origin="o", story=b"{}", aliases=aliases, fact=b"past")
    await store.history.bring([past], digest="0", reason="r", by="b", now=at(3))
    assert [(each.dossier, each.known_at, each.fact) for each in await store.ledger.facts()] == [
        ("d-1", at(3), b"past")
    ]


async def test_reasons_are_kept_in_order_and_journaled(store: Store) -> None:
    proposed = LateReason(dossier="d-1", what="proposed", at=at(1), by="a", unit="U", reason="mất điện")
    accepted = LateReason(dossier="d-1", what="accepted", at=at(2), by="b", unit="U", reason="mất điện")
    await store.ledger.reason(proposed)
    await store.ledger.reason(accepted)
    assert await store.ledger.reasons() == (proposed, accepted)
    journaled = [row.what for row in await store.journal() if row.what.startswith("late_reason")]
    assert journaled == ["late_reason_proposed", "late_reason_accepted"]


def edition(number: int, digest: str = "0") -> Publication:
    return Publication(
        id="weekly", edition=number, at=at(5), known_at=at(4), digest=digest, signature="", by="a", reason="r"
    )


async def test_an_edition_is_published_once_and_never_changes(another: Open) -> None:
    here, elsewhere = another(), another()
    assert await here.ledger.publish(edition(1), b"document", b"behind")
    assert not await elsewhere.ledger.publish(edition(1, "other"), b"other", b"other")
    assert await elsewhere.ledger.publish(edition(2), b"second", b"")
    assert await here.ledger.published("weekly", 1) == (b"document", b"behind")
    assert await here.ledger.published("weekly", 3) is None
    assert await here.ledger.publications() == (edition(1), edition(2))
    assert await here.ledger.publications("monthly") == ()
    assert [row.what for row in await here.journal()].count("report_published") == 2
