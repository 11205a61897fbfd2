"""The journal as a chain: what is written is chained in the order in which it is seen, and nothing of it changes unseen."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import psycopg
import pytest

from hub.evidence import merkle
from hub.evidence.audit import LOWEST, Audit, Finding, Flaw
from hub.evidence.chain import BEGINNING, Row
from hub.evidence.contract import Root
from hub.store.sql import chain
from schemas.problems import Refusal
from tests.doubles.chained import audited, chain_all, rooted
from tests.store.engines import ENGINES, ON_POSTGRES, Place
from tests.store.samples import NOON, acceptance, at, roomy

if TYPE_CHECKING:
    from pathlib import Path

    from hub.store.contract.store import Store
    from hub.store.sql.db import Db
    from hub.store.sql.store import SqlStore
    from tests.store.engines import Open


async def some(store: Store, count: int = 3) -> None:
    await store.capacities(roomy("so-tnmt"))
    for n in range(count):
        await store.accept(acceptance(f"m{n}", when=at(n)))


async def test_every_row_is_chained_to_the_one_before(store: Store) -> None:
    await some(store)
    assert await chain_all(store) == 3
    page = await store.evidence.page(0, LOWEST, 10)
    ((segment, rows),) = page.segments
    before = BEGINNING
    for row, link in zip(rows, segment.links, strict=True):
        entry = msgspec.json.encode(
            {**row._asdict(), "facts": msgspec.json.decode(row.facts)}, order="deterministic"
        )
        before = hashlib.sha256(before + entry).digest()
        assert link == (row.seq, before)
    assert segment.head == before
    assert (await store.evidence.standing()).head == before


async def test_what_comes_later_goes_on_where_the_chain_ended(store: Store) -> None:
    await some(store, 2)
    await chain_all(store)
    first = (await store.evidence.standing()).head
    await store.accept(acceptance("later", when=at(9)))
    assert await store.evidence.chain(at(10), 100) == 1
    assert await store.evidence.chain(at(11), 100) == 0
    standing = await store.evidence.standing()
    assert standing.head != first
    assert (standing.segments, standing.entries, standing.unchained) == (2, 3, None)
    assert await audited(store) == []


async def test_a_segment_has_no_more_rows_than_was_asked_for(store: Store) -> None:
    await some(store, 5)
    assert await store.evidence.chain(at(10), 2) == 2
    assert (await store.evidence.standing()).unchained == at(2)
    await chain_all(store)
    assert [len(each.links) for each, _ in (await store.evidence.page(0, LOWEST, 10)).segments] == [2, 3]
    assert await audited(store) == []


async def test_two_who_chain_at_once_make_one_chain(another: Open) -> None:
    one, two = another(), another()
    await some(one)
    found: list[tuple[chain.Found, chain.Longer]] = []

    def look(db: Db) -> None:
        seen = chain.find(db, 100)
        found.append((seen, chain.longer(seen, NOON)))

    for store in (one, two):
        await as_sql(store)._reads.run(look)
    wrote = [
        await as_sql(store)._writes.run(partial(chain.grow, found=got[0], after=got[1], at=0))
        for store, got in zip((one, two), found, strict=True)
    ]
    assert wrote == [True, False]
    assert await audited(two) == []
    assert (await two.evidence.standing()).entries == 3


def as_sql(store: Store) -> SqlStore:
    return store  # type: ignore[return-value]  # every engine's is


# --- what is found --------------------------------------------------------------------------------------------------


async def tamper(store: Store, statement: str) -> None:
    """As somebody with the database in his hands."""
    await as_sql(store)._writes.run(lambda db: db.execute(statement) and None)


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("UPDATE journal SET facts='{}' WHERE seq=2", (Flaw.CHANGED, 2)),
        ("UPDATE journal SET at=at+1 WHERE seq=3", (Flaw.CHANGED, 3)),
        ("UPDATE journal SET message='other' WHERE seq=1", (Flaw.CHANGED, 1)),
        ("DELETE FROM journal WHERE seq=2", (Flaw.REMOVED, 2)),
        ("DELETE FROM journal WHERE seq=4", (Flaw.REMOVED, 4)),
        (
            "INSERT INTO journal(seq,at,what,message,transfer,facts) VALUES(0,0,'accepted','x','','{}')",
            (Flaw.INSERTED, 0),
        ),
        ("DELETE FROM segment WHERE n=1", (Flaw.BROKEN, 1)),
        ("UPDATE segment SET head=(SELECT head FROM segment WHERE n=1) WHERE n=2", (Flaw.BROKEN, 2)),
    ],
)
async def test_what_was_done_to_the_journal_is_found_and_named(
    store: Store, statement: str, finding: tuple[Flaw, int]
) -> None:
    await some(store, 2)
    await store.evidence.chain(at(5), 100)
    await store.accept(acceptance("m8", when=at(6)))
    await store.accept(acceptance("m9", when=at(6)))
    await store.evidence.chain(at(7), 100)
    assert await audited(store) == []
    await tamper(store, statement)
    assert [(each.flaw, each.number) for each in await audited(store)][:1] == [finding]


async def test_who_rewrites_the_chain_too_is_found_by_the_digest_over_it(store: Store) -> None:
    await some(store)
    await chain_all(store)
    await rooted(store)
    for statement in (
        "UPDATE journal SET facts='{}' WHERE seq=2",
        "DELETE FROM segment",
        "DELETE FROM keeping WHERE name='chained'",
    ):
        await tamper(store, statement)
    await chain_all(store)
    assert [each.flaw for each in await audited(store)] == [Flaw.ROOT]


async def test_a_stamp_that_is_not_believed_is_named(store: Store) -> None:
    await some(store)
    await chain_all(store)
    await rooted(store, token=b"stamp")
    audit = Audit(lambda root: "HUB-TSP-004" if root.token == b"stamp" else "")
    found = list(audit.feed(await store.evidence.page(0, LOWEST, 10)))
    assert found == [Finding(Flaw.STAMP, 1, "HUB-TSP-004")]


async def test_a_row_deep_in_a_wide_gap_is_chained(store: Store) -> None:
    await some(store)
    row = "INSERT INTO journal(seq,at,what,message,transfer,facts) VALUES({},7,'slow','','','{{}}')"
    await tamper(store, row.format(900))
    assert await store.evidence.chain(at(7), 100) == 4
    await tamper(store, row.format(500))
    assert await store.evidence.chain(at(8), 100) == 1
    assert (await store.evidence.standing()).entries == 5
    assert await audited(store) == []


# --- digests and proofs ---------------------------------------------------------------------------------------------


async def test_a_root_covers_what_none_covered_and_the_head_before(store: Store) -> None:
    await some(store)
    await chain_all(store)
    assert await rooted(store)
    assert not await rooted(store)
    head = (await store.evidence.standing()).head
    await store.accept(acceptance("later", when=at(9)))
    await chain_all(store)
    what = await store.evidence.unrooted(100)
    assert what is not None
    assert what.leaves[0] == head
    assert len(what.leaves) == 2
    assert await rooted(store)
    assert await audited(store) == []


async def test_a_root_has_not_many_more_entries_than_it_may(store: Store) -> None:
    await some(store, 6)
    for n in range(3):
        await store.evidence.chain(at(10 + n), 2)
    what = await store.evidence.unrooted(5)
    assert what is not None
    assert (what.first, what.last, len(what.leaves)) == (1, 2, 5)
    small = await store.evidence.unrooted(1)
    assert small is not None
    assert (small.first, small.last) == (1, 1), "at least one segment"


async def test_a_root_that_somebody_else_made_meanwhile_is_not_made_again(store: Store) -> None:
    await some(store)
    await chain_all(store)
    what = await store.evidence.unrooted(100)
    assert what is not None
    root = Root(first=what.first, last=what.last, leaves=4, digest=merkle.root(what.leaves), at=NOON)
    assert await store.evidence.keep_root(root)
    assert not await store.evidence.keep_root(root)


async def test_each_entry_of_a_message_is_proven(store: Store) -> None:
    await some(store, 7)
    await store.evidence.chain(at(8), 3)
    await chain_all(store)
    assert (await store.evidence.prove("m4"))[0].root is None
    await rooted(store)
    (proven,) = await store.evidence.prove("m4")
    assert proven.row.message == "m4"
    assert proven.root is not None
    climbed = merkle.climb(proven.hash, proven.place, proven.root.leaves, proven.path)
    assert climbed == proven.root.digest
    assert await store.evidence.prove("unknown") == ()


# --- rows that appear late ------------------------------------------------------------------------------------------


def found(
    rows: list[int], oldest: int, following: int, stored: str = "", head: bytes = BEGINNING
) -> chain.Found:
    made = tuple(Row(seq, 0, "w", "", "", "{}") for seq in rows)
    return chain.Found(stored, head, (made,) if made else (), oldest, following)


def stored(after: chain.Longer) -> str:
    return msgspec.json.encode(after.frontier).decode()


def test_numbers_that_were_passed_over_stay_gaps_until_nobody_can_fill_them() -> None:
    first = chain.longer(found([1, 2, 5, 6], oldest=10, following=12), NOON)
    assert first.frontier.gaps == (chain.Gap(3, 4),)
    assert first.frontier.floor == 2
    asked = chain.longer(found([], 10, 14, stored(first)), NOON)
    assert asked.frontier.gaps == (chain.Gap(3, 4, 14),)
    still = chain.longer(found([], 13, 20, stored(asked)), NOON)
    assert still.frontier.gaps == (chain.Gap(3, 4, 14),)
    over = chain.longer(found([], 14, 20, stored(still)), NOON)
    assert over.frontier.gaps == ()
    assert over.frontier.floor == 6


def test_a_row_that_appears_in_a_gap_is_chained_and_the_rest_of_the_gap_stays() -> None:
    first = chain.longer(found([1, 5], 10, 12), NOON)
    late = chain.longer(found([3], 10, 14, stored(first), first.segments[-1].head), NOON)
    assert [each.links[0].seq for each in late.segments] == [3]
    assert late.frontier.gaps == (chain.Gap(2, 2, 14), chain.Gap(4, 4, 14))
    assert (late.frontier.top, late.frontier.entries) == (5, 3)


def test_in_another_database_transactions_count_anew_and_gaps_are_asked_again() -> None:
    stale = msgspec.json.encode(chain.Frontier(1, 5, 4, (chain.Gap(3, 3, 9_000_000),))).decode()
    after = chain.longer(found([], 40, 50, stale), NOON)
    assert after.frontier.gaps == (chain.Gap(3, 3, 50),)


@pytest.mark.parametrize("engine", ON_POSTGRES)
async def test_a_row_with_a_lower_number_that_is_committed_later_is_in_the_chain(
    engine: str, database: str, tmp_path: Path
) -> None:
    store = ENGINES[engine](Place(tmp_path, database), 1)
    await some(store, 1)
    await chain_all(store)
    with psycopg.connect(database) as held:
        held.execute("INSERT INTO journal(at,what,message,transfer,facts) VALUES(7,'slow','','','{}')")
        await store.accept(acceptance("quick", when=at(9)))
        for _ in range(3):
            await store.evidence.chain(at(10), 100)
        standing = await store.evidence.standing()
        assert (standing.entries, standing.gaps) == (2, ((2, 2),))
        held.commit()
    await store.evidence.chain(at(11), 100)
    await store.evidence.chain(at(12), 100)
    standing = await store.evidence.standing()
    assert (standing.entries, standing.gaps) == (3, ())
    assert await audited(store) == []
    await store.close()


async def test_what_many_write_while_it_is_chained_is_all_in_the_chain(another: Open) -> None:
    """Three processes' worth of writers; some of their transactions are undone."""
    stores = [another(), another(), another()]
    await stores[0].capacities(roomy("so-tnmt"))
    done = asyncio.Event()

    async def writes(store: Store, name: str) -> None:
        for n in range(25):
            key = f"{name}-{n // 2}"  # every other one is refused: other bytes under the same key
            with contextlib.suppress(Refusal):
                await store.accept(acceptance(f"{name}-{n}", key=key, when=at(n)))

    async def chains() -> None:
        while not done.is_set():
            await stores[0].evidence.chain(NOON, 7)
            await asyncio.sleep(0)

    chaining = asyncio.create_task(chains())
    await asyncio.gather(*(writes(store, f"{n}{k}") for n, store in enumerate(stores) for k in "abc"))
    done.set()
    await chaining
    await chain_all(stores[0])
    standing = await stores[0].evidence.standing()
    rows = await stores[0].journal(limit=10_000)
    assert (standing.entries, standing.gaps) == (len(rows), ())
    assert standing.entries > 100
    assert await audited(stores[1]) == []
