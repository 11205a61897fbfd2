"""Replicated versions on every engine: kept once, never changed, each with its files; reports and successions beside them."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import TYPE_CHECKING

import msgspec
import pytest

from hub.store.contract.replicas import Kept, Succession, Told
from tests.store.samples import at

if TYPE_CHECKING:
    from hub.store.contract.store import Store
    from tests.store.engines import Open

pytestmark = pytest.mark.parametrize("another", ["sqlite", "postgres"], indirect=True)
"""Nothing here is encrypted: each engine once."""

FIRST = Kept(
    hub="H47",
    number=1,
    digest="ab",
    made_at=at(1),
    from_day=date(2026, 12, 1),
    signature="",
    came_at=at(2),
    by="an",
    reason="QD-1",
)


async def test_a_version_is_kept_once_and_never_changed(another: Open) -> None:
    here, elsewhere = another(), another()
    other = msgspec.structs.replace(FIRST, digest="cd", by="binh")
    both = await asyncio.gather(
        here.replicas.keep(FIRST, b"one", {"a": b"A"}), elsewhere.replicas.keep(other, b"two", {"b": b"B"})
    )
    assert sorted(both) == [False, True]
    kept, name, content = (FIRST, "a", b"A") if both[0] else (other, "b", b"B")
    assert await elsewhere.replicas.versions("H47") == (kept,) == await here.replicas.versions()
    assert await here.replicas.manifest("H47", 1) == (b"one" if both[0] else b"two")
    assert await here.replicas.missing(["a", "b"]) == {"a", "b"} - {name}
    assert await here.replicas.file(name) == content
    (entry,) = [row for row in await here.journal() if row.what == "version_published"]
    assert (entry.facts["digest"], entry.facts["by"]) == (kept.digest, kept.by)


async def test_the_newest_version_is_that_of_one_hub_and_stands_since_the_first_time(store: Store) -> None:
    second = msgspec.structs.replace(FIRST, number=2, by="")
    for each in (FIRST, second, msgspec.structs.replace(FIRST, hub="H17", number=9)):
        assert await store.replicas.keep(each, b"{}", {})
    assert await store.replicas.newest("H47") == second
    assert await store.replicas.newest("H99") is None
    for moment in (at(5), at(6)):
        await store.replicas.stands("H47", 2, moment)
    newest = await store.replicas.newest("H47")
    assert newest is not None
    assert newest.stands_at == at(5)
    told = [row.what for row in await store.journal()]
    assert [told.count(each) for each in ("version_published", "version_fetched", "version_stands")] == [
        2,
        1,
        1,
    ]


async def test_a_file_that_came_is_kept_before_its_version_is(store: Store) -> None:
    for content in (b"A", b"never"):
        await store.replicas.add("a", content)
    assert await store.replicas.file("a") == b"A"
    assert await store.replicas.file("b") is None


async def test_the_last_report_of_each_hub_counts(store: Store) -> None:
    for minute, partner in ((1, "huyen-b"), (2, "huyen-a"), (3, "huyen-b")):
        await store.replicas.tell(Told(partner=partner, heard_at=at(minute), body=str(minute).encode()))
    assert [(each.partner, each.body) for each in await store.replicas.reports()] == [
        ("huyen-a", b"2"),
        ("huyen-b", b"3"),
    ]


async def test_a_hub_is_succeeded_once(store: Store) -> None:
    first = Succession(
        partner="huyen-a",
        agency="H47.1",
        heir="H47.2",
        begins=date(2026, 12, 1),
        drains=date(2026, 12, 31),
        at=at(1),
        by="an",
        reason="NQ-1",
    )
    assert await store.replicas.succeed(first)
    assert not await store.replicas.succeed(msgspec.structs.replace(first, heir="H47.3"))
    assert await store.replicas.successions() == (first,)
    assert [row.facts["heir"] for row in await store.journal() if row.what == "edge_succeeded"] == ["H47.2"]
