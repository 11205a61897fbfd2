"""Catalogues on every engine: published once, never changed; who has what is written down."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import TYPE_CHECKING

import msgspec
import pytest

from hub.store.contract.catalogues import Had, Version
from hub.store.contract.delivery import Acknowledgement
from hub.store.contract.views import Filter
from tests.store.samples import NOON, acceptance, at, delivered, roomy, transfer

if TYPE_CHECKING:
    from hub.store.contract.store import Store
    from tests.store.engines import Open

pytestmark = pytest.mark.parametrize("another", ["sqlite", "postgres"], indirect=True)
"""Nothing here is encrypted: each engine once."""


FIRST = Version(
    id="procedures",
    version=1,
    effective=date(2026, 12, 1),
    at=at(1),
    digest="ab",
    signature="",
    by="an",
    reason="QD-1",
)


async def test_a_version_is_published_once_and_never_changed(another: Open) -> None:
    here, elsewhere = another(), another()
    other = msgspec.structs.replace(FIRST, digest="cd", by="binh")
    both = await asyncio.gather(
        here.catalogues.publish(FIRST, b"one"), elsewhere.catalogues.publish(other, b"two")
    )
    assert sorted(both) == [False, True]
    (kept,) = await here.catalogues.versions("procedures")
    content = await elsewhere.catalogues.document("procedures", 1)
    assert (kept, content) == ((FIRST, b"one") if both[0] else (other, b"two"))
    (entry,) = [row for row in await here.journal() if row.what == "catalogue_published"]
    assert (entry.facts["digest"], entry.facts["by"]) == (kept.digest, kept.by)


async def test_versions_are_listed_by_name_and_what_is_not_there_is_nothing(store: Store) -> None:
    for version in (FIRST, msgspec.structs.replace(FIRST, id="codelist.x")):
        assert await store.catalogues.publish(version, b"{}")
    assert [each.id for each in await store.catalogues.versions()] == ["codelist.x", "procedures"]
    assert await store.catalogues.versions("codelist.y") == ()
    assert await store.catalogues.document("procedures", 2) is None


async def test_the_first_time_counts_for_fetching_and_for_acknowledging(store: Store) -> None:
    await store.catalogues.fetched("so-tnmt", "procedures", 1, at(1))
    await store.catalogues.fetched("so-tnmt", "procedures", 1, at(2))
    expected = Had(partner="so-tnmt", id="procedures", version=1, fetched_at=at(1), acknowledged_at=at(3))
    for moment in (at(3), at(4)):
        assert await store.catalogues.acknowledged("so-tnmt", "procedures", 1, moment) == expected
    assert await store.catalogues.had() == (expected,)
    assert await store.catalogues.had("codelist.x") == ()
    assert [row.what for row in await store.journal()].count("catalogue_acknowledged") == 1


async def test_a_version_is_brought_to_a_partner_once_whoever_is_quicker(another: Open) -> None:
    here, elsewhere = another(), another()
    for store in (here, elsewhere):
        await store.capacities(roomy("so-tnmt"))
    news = [
        acceptance(
            f"m{place}", transfers=(transfer(f"m{place}", part=1, subject="procedures"),), sender="hub"
        )
        for place in (1, 2)
    ]
    both = await asyncio.gather(
        here.catalogues.push(news[0], FIRST), elsewhere.catalogues.push(news[1], FIRST)
    )
    assert sorted(both) == [False, True]
    (pushed,) = await elsewhere.catalogues.pushed("procedures")
    assert [each.id for each in await here.transfers(Filter())] == [pushed.transfer]
    (work,) = await here.claim("w", at(2), 10, 10.0)
    await here.settle(work.token, [delivered(work.transfer)], at(3))
    said = Acknowledgement(partner="so-tnmt", raw=b"ok", received_at=at(4), said_at=at(4), key=work.key)
    await here.acknowledge(said)
    for _ in range(2):
        (pushed,) = await here.catalogues.pushed()
        assert (pushed.sent_at, pushed.delivered_at, pushed.receipt_at) == (NOON, at(3), at(4))
        await here.catalogues.keep_pushed()


async def test_what_is_stored_of_a_partners_lists_is_in_the_journal(store: Store) -> None:
    await store.catalogues.refreshed({"partner": "dvcqg", "files": "codelists/x.toml"}, at(1))
    (entry,) = await store.journal()
    assert (entry.what, dict(entry.facts)) == (
        "registry_refreshed",
        {"partner": "dvcqg", "files": "codelists/x.toml"},
    )
