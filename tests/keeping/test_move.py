"""A stopped hub's store goes to another engine with queue and journal as they are, and no two hubs run on one queue."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from hub.lifecycle import Move, State
from hub.store.contract.delivery import Capacity, Settlement
from hub.store.contract.views import Filter
from hub.store.keeper import InUse, NotEmpty
from hub.store.keeping import move, restore, verify
from hub.store.keeping.marks import MOVED, mark
from hub.store.sql import journal
from hub.store.sql.db import only
from hub.store.sqlite.keeper import SqliteKeeper
from schemas.problems import Refusal
from tests.doubles.chained import audited, chain_all, rooted
from tests.keeping.conftest import fresh_database
from tests.keeping.places import LATER, PLACES, Place, busy
from tests.store.samples import acceptance, at, delivered, sealed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from hub.store.contract.store import Store
    from hub.store.contract.views import JournalRow, TransferView
    from hub.store.keeping.move import Moved
    from hub.store.sql.db import Db

WAYS = [("sqlite", "postgres"), ("postgres", "sqlite")]


@pytest.fixture(params=WAYS, ids=["to postgres", "to sqlite"])
def way(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Place, Place]:
    """Two places in one data folder, the second one empty: large content and key stay where they are."""
    made = [
        PLACES[name](tmp_path, fresh_database(request) if name == "postgres" else "")
        for name in request.param
    ]
    return made[0], made[1]


def moved(old: Place, new: Place) -> Moved:
    return move.move(old.keeper, new.keeper, by="an", now=old.now, new_id=old.ids)


async def everything(store: Store) -> tuple[Mapping[str, TransferView], list[JournalRow]]:
    views = {view.id: view for view in await store.transfers(Filter(limit=500))}
    return views, list(await store.journal(limit=1000))


async def test_queue_and_journal_arrive_as_they_were(way: tuple[Place, Place]) -> None:
    old, new = way
    store = old.open()
    await busy(store)
    await store.close()
    with old.keeper.reading() as db:
        states: dict[str, str] = dict(db.execute("SELECT id, state FROM transfer").fetchall())
    done = moved(old, new)
    assert done.tables["message"].rows == 6
    assert done.tables["journal"].rows > 10
    store = new.open()
    views, rows = await everything(store)
    assert await store.conservation() == ()
    assert set(views) == set(states)
    changed = {id_ for id_, view in views.items() if str(view.state) != states[id_]}
    assert all(views[id_].state is State.IN_DOUBT for id_ in changed), "what a worker had in hand and sealed"
    assert len(changed) == 1
    assert rows[-1].what == "moved"
    payloads = await store.payloads("m1.thue.0")
    assert payloads is not None
    assert len(payloads.raw) == 200_000
    queue = {row.partner: row for row in await store.queue()}
    assert queue["dvcqg"].paused
    assert not queue["thue"].paused
    await store.close()
    assert verify.store(new.keeper, new.bodies(), whole=True).broken == ()


async def test_delivery_goes_on_in_order_at_the_new_place(way: tuple[Place, Place]) -> None:
    old, new = way
    store = old.open()
    await busy(store)
    await store.close()
    moved(old, new)
    store = new.open()
    order: list[str] = []
    for second in range(20):
        await store.tick(LATER)
        works = await store.claim("w", LATER, 100, 30)
        if works:
            order += [work.transfer for work in works if work.partner == "thue"]
            await store.settle(
                works[0].token, [delivered(work.transfer) for work in works], at(90_000 + second)
            )
    assert [id_ for id_ in order if id_.startswith(("m1", "m2"))] == ["m1.thue.0", "m2.thue.0"]
    await store.accept(acceptance("after", when=LATER))
    await store.close()


async def test_no_hub_runs_on_the_old_store_any_more(way: tuple[Place, Place]) -> None:
    old, new = way
    await old.open().close()
    moved(old, new)
    with pytest.raises(Refusal, match="HUB-STO-004"):
        old.open()
    await new.open().close()


async def test_a_hub_that_runs_is_not_moved(way: tuple[Place, Place]) -> None:
    old, new = way
    store = old.open()
    with pytest.raises(InUse):
        moved(old, new)
    await store.close()
    assert new.keeper.version() == 0


async def test_a_place_with_messages_is_not_moved_to(way: tuple[Place, Place]) -> None:
    old, new = way
    for place in way:
        store = place.open()
        await busy(store)
        await store.close()
    with pytest.raises(NotEmpty):
        moved(old, new)
    await old.open().close()


async def test_a_move_that_had_arrived_is_said_again_and_nothing_is_done(way: tuple[Place, Place]) -> None:
    old, new = way
    store = old.open()
    await busy(store)
    await store.close()
    first = moved(old, new)
    again = moved(old, new)
    assert (first.again, again.again) == (False, True)
    assert again.tables["message"] == first.tables["message"]


async def test_a_move_killed_before_the_new_store_stood_is_run_again_or_taken_back(
    way: tuple[Place, Place],
) -> None:
    old, new = way
    store = old.open()
    await busy(store)
    await store.close()
    with old.keeper.writing() as db:  # as it is when the process dies between the mark and the commit
        mark(db, MOVED, {"move": "m", "to": "there"}, LATER)
    with pytest.raises(Refusal, match="HUB-STO-004"):
        old.open()
    assert move.take_back(old.keeper, new.keeper, by="an", now=old.now)
    await old.open().close()
    with old.keeper.writing() as db:
        mark(db, MOVED, {"move": "m", "to": "there"}, LATER)
    assert not moved(old, new).again
    await new.open().close()
    with pytest.raises(NotEmpty):
        move.take_back(old.keeper, new.keeper, by="an", now=old.now)


class Careless(SqliteKeeper):
    """An engine that keeps something else than it was given."""

    @contextmanager
    def building(self, schema: int, *, replace: bool, now: datetime) -> Iterator[Db]:
        with super().building(schema, replace=replace, now=now) as db:
            db.execute(
                "CREATE TRIGGER careless AFTER INSERT ON journal BEGIN"
                " UPDATE journal SET facts=facts||' ' WHERE seq=NEW.seq; END"
            )
            yield db


async def test_rows_that_arrive_otherwise_stop_the_move(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    old, new = PLACES["sqlite"](tmp_path, ""), PLACES["sqlite"](tmp_path / "new", "")
    store = old.open()
    await busy(store)
    await store.close()
    new.keeper = Careless(tmp_path / "new" / "hub.db")
    with pytest.raises(move.Differs, match="journal"):
        moved(old, new)
    assert new.keeper.version() == 0
    await old.open().close()


async def test_numbers_go_on_behind_those_that_came(way: tuple[Place, Place]) -> None:
    old, new = way
    store = old.open()
    await busy(store)
    await store.close()
    moved(old, new)
    with new.keeper.writing() as db:
        (before,) = only(db, "SELECT max(seq) FROM journal")
        journal.write(db, 1, "something")
    with new.keeper.reading() as db:
        (after,) = only(db, "SELECT max(seq) FROM journal")
    assert after == before + 1


async def test_the_journals_chain_and_its_roots_arrive_and_go_on(way: tuple[Place, Place]) -> None:
    old, new = way
    store = old.open()
    await busy(store)
    await chain_all(store)
    await rooted(store)
    await store.close()
    moved(old, new)
    there = new.open()
    assert await audited(there) == []
    await there.accept(acceptance("after", when=at(90)))
    assert await chain_all(there) > 1, "also that it was moved"
    await rooted(there)
    assert await audited(there) == []
    assert (await there.evidence.prove("after"))[0].root is not None
    await there.close()


async def letters(store: Store) -> None:
    """Two that lie in a mailbox, the second one fetched."""
    await store.capacities([Capacity(partner="so-tc", concurrency=9, fetches=True)])
    for number in range(2):
        await store.accept(acceptance(f"l{number}", dossier=f"l{number}", partners=("so-tc",)))
    works = await store.claim("w", at(1), 10, 30)
    await store.seal(works[0].token, {work.transfer: sealed() for work in works})
    laid = [Settlement(transfer=work.transfer, move=Move.OFFER, offered=True) for work in works]
    await store.settle(works[0].token, laid, at(2))
    assert await store.mailbox.fetch("so-tc", "l1.so-tc.0", at(3)) is not None


async def test_what_lies_in_a_mailbox_lies_there_at_the_new_place_too(way: tuple[Place, Place]) -> None:
    old, new = way
    store = old.open()
    await letters(store)
    await store.close()
    moved(old, new)
    store = new.open()
    assert await store.conservation() == ()
    there = {one.transfer: one.fetches for one in await store.mailbox.letters("so-tc")}
    assert there == {"l0.so-tc.0": 0, "l1.so-tc.0": 1}
    assert await store.claim("w", LATER, 10, 30) == ()
    await store.close()


async def test_after_a_restore_what_nobody_had_fetched_is_offered_again_in_doubt(
    way: tuple[Place, Place],
) -> None:
    old, new = way
    store = old.open()
    await letters(store)
    await store.close()
    written = old.back_up(old.keeper.blobs.folder.parent / "backup")
    order = restore.Order(file=written.path, replace=False, by="an", partners=())
    restore.restore(new.keeper, order, now=new.now, prove=new.bodies().prove)
    store = new.open()
    await store.pause("so-tc", paused=False, reason="seen", by="an", now=LATER)
    (work,) = await store.claim("w", LATER, 10, 30)
    assert (work.transfer, work.doubt) == ("l0.so-tc.0", True)
    assert [one.transfer for one in await store.mailbox.letters("so-tc")] == ["l1.so-tc.0"]
    assert await store.conservation() == ()
    await store.close()
