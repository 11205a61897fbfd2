"""Somebody who may write to the store changes history: the check names it, whatever was put into which cell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import apsw
import pytest
import pytest_asyncio

from hub.evidence.audit import Audit, Finding, Flaw
from hub.evidence.chain import Row, link, said
from hub.store.sql.chain import LINK
from hub.store.sqlite.store import open_store
from tests.doubles.chained import audited, chain_all, rooted
from tests.store.samples import acceptance, at, numbered_ids, roomy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from hub.store.contract.store import Store

LONGEST = 10**15
"""More numbers than anybody could count out."""


class Archive:
    """A store whose journal is chained in two segments, each under a digest; and a hand in its file."""

    def __init__(self, file: Path, store: Store) -> None:
        self.file, self.store = file, store

    def write(self, *queries: str) -> None:
        db = apsw.Connection(str(self.file))
        for query in queries:
            db.execute(query)
        db.close()

    def add(self, seq: int, what: str, facts: dict[str, str]) -> None:
        """Append an entry as the hub would have, chained."""
        db = apsw.Connection(str(self.file))
        row = Row(seq, 1, what, "", "", json.dumps(facts, sort_keys=True))
        db.execute("INSERT INTO journal(seq,at,what,message,transfer,facts) VALUES(?,?,?,?,?,?)", row)
        ((n, head),) = db.execute("SELECT n, head FROM segment ORDER BY n DESC LIMIT 1")
        hash_ = link(bytes(head), said(row))
        values = (n + 1, seq, seq, 1, 1, hash_, LINK.pack(seq, hash_))
        db.execute("INSERT INTO segment(n,low,high,count,at,head,entries) VALUES(?,?,?,?,?,?,?)", values)
        ((told,),) = db.execute("SELECT value FROM keeping WHERE name='chained'")
        after = json.loads(told) | {"last": n + 1, "top": seq, "entries": seq}
        db.execute("UPDATE keeping SET value=? WHERE name='chained'", (json.dumps(after),))
        db.close()

    async def flaws(self) -> set[tuple[Flaw, int]]:
        return {(found.flaw, found.number) for found in await audited(self.store)}

    async def check(self, known: bytes) -> tuple[Audit, list[Finding]]:
        audit = Audit(lambda _: "", [known])
        found = [*audit.feed(await self.store.evidence.page(0, audit.top, 100))]
        return audit, [*found, *audit.end(await self.store.evidence.standing())]


@pytest_asyncio.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    store = open_store(tmp_path / "hub.db", ids=numbered_ids(1))
    await store.capacities(roomy("so-tnmt"))
    for n in range(4):
        await store.accept(acceptance(f"m{n}", when=at(n)))
        if n >= 2:
            await chain_all(store)
            await rooted(store)
    archive = Archive(tmp_path / "hub.db", store)
    assert await archive.flaws() == set()
    yield archive
    await store.close()


@pytest.mark.parametrize(
    ("change", "flaw"),
    {
        "DELETE FROM segment WHERE n=2": (Flaw.BROKEN, 2),
        "DELETE FROM segment": (Flaw.BROKEN, 1),
        "DELETE FROM keeping WHERE name='chained'": (Flaw.BROKEN, 1),
        "UPDATE keeping SET value='x' WHERE name='chained'": (Flaw.BROKEN, 1),
        "UPDATE segment SET entries=substr(entries,1,41) WHERE n=1": (Flaw.BROKEN, 1),
        "UPDATE segment SET entries=X'' WHERE n=1": (Flaw.BROKEN, 1),
        "UPDATE segment SET head=X'00' WHERE n=2": (Flaw.BROKEN, 2),
        "UPDATE journal SET facts=X'ff' WHERE seq=2": (Flaw.CHANGED, 2),
        "UPDATE journal SET facts='x' WHERE seq=2": (Flaw.CHANGED, 2),
        "UPDATE journal SET at='x' WHERE seq=2": (Flaw.CHANGED, 2),
        "UPDATE root SET digest=X'00' WHERE last=1": (Flaw.ROOT, 1),
    }.items(),
)
async def test_whatever_stands_in_a_cell_is_found(
    archive: Archive, change: str, flaw: tuple[Flaw, int]
) -> None:
    archive.write(change)
    assert flaw in await archive.flaws()


@pytest.mark.parametrize("rows", ["2 x", "2-", "", "9"])
async def test_a_row_went_only_when_an_entry_says_so_in_words_that_can_be_read(
    archive: Archive, rows: str
) -> None:
    archive.write("DELETE FROM journal WHERE seq=1")
    archive.add(5, "pruned", {"stage": "journal", "rows": rows})
    assert await archive.flaws() == {(Flaw.REMOVED, 1)}


async def test_an_entry_that_says_more_than_can_be_counted_costs_nothing_and_what_went_is_counted(
    archive: Archive,
) -> None:
    archive.write("DELETE FROM journal WHERE seq IN (2, 3)")
    archive.add(5, "pruned", {"stage": "journal", "rows": f"3-{LONGEST} 1-2 1-9"})
    audit, found = await archive.check(archive_head := (await archive.store.evidence.standing()).head)
    assert (found, audit.pruned, audit.head) == ([], 2, archive_head)


def cut(archive: Archive) -> None:
    archive.write(
        "DELETE FROM journal WHERE seq=4",
        "DELETE FROM segment WHERE n=2",
        "DELETE FROM root WHERE last=2",
        """UPDATE keeping SET value='{"last":1,"top":3,"entries":3,"gaps":[]}' WHERE name='chained'""",
    )


def cut_and_go_on(archive: Archive) -> None:
    cut(archive)
    archive.add(4, "accepted", {"digest": "another"})


@pytest.mark.parametrize("rewrite", [cut, cut_and_go_on])
async def test_an_end_that_was_cut_off_is_found_by_a_hash_that_was_written_down(
    archive: Archive, rewrite: Callable[[Archive], None]
) -> None:
    written = (await archive.store.evidence.standing()).head
    assert (await archive.check(written))[1] == []
    rewrite(archive)
    assert await archive.flaws() == set(), "nothing in the store itself can tell"
    assert (await archive.check(written))[1] == [Finding(Flaw.REWRITTEN, 0, written.hex())]
