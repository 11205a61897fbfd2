"""No statement of the hot path reads more rows as the queue grows: every one that really ran is explained."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import apsw
import msgspec
import pytest
import pytest_asyncio

from hub.lifecycle import Move, State
from hub.store.contract.delivery import Acknowledgement, Settlement
from hub.store.contract.views import Filter
from hub.store.sqlite.store import SqliteStore, open_store
from tests.store.samples import AUTHORITY, acceptance, at, deferred, delivered, numbered_ids, roomy, sealed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ALLOWED = {
    "SCAN lease",  # as many rows as workers have groups in hand
    "SCAN due",  # LIMIT 1: is there anything at all
    "SCAN CONSTANT ROW",
    "SCAN transfer USING COVERING INDEX transfer_trial",  # as many rows as are on trial
    "SCAN t USING INDEX transfer_trial",
}
BOUNDED = {
    "SCAN cnt",  # overviews: as many rows as there are partners
    "SCAN c",
    "SCAN d USING INDEX sqlite_autoindex_dest_1",
    "USE TEMP B-TREE FOR ORDER BY",  # one dossier's own messages
}


class Watch:
    """Every statement that ran on any connection of one store."""

    def __init__(self, store: SqliteStore) -> None:
        self.seen: dict[str, Any] = {}
        self._db = store._reads._here
        for db in (store._writes._db, self._db, *store._reads._all):
            db.exec_trace = self._note

    def _note(self, _cursor: apsw.Cursor, sql: str, bindings: Any) -> bool:
        if sql.lstrip()[:6].upper() in {"SELECT", "DELETE", "UPDATE", "INSERT"}:
            self.seen[sql] = bindings
        return True

    def scans(self) -> set[str]:
        self._db.exec_trace = None
        return {
            row[3]
            for sql, bindings in self.seen.items()
            for row in self._db.execute(f"EXPLAIN QUERY PLAN {sql}", bindings)
            if "SCAN" in row[3] or "TEMP B-TREE" in row[3]
        }


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = open_store(tmp_path / "hub.db", ids=numbered_ids())
    await opened.capacities(roomy("so-tnmt", "dvcqg"))
    yield opened
    await opened.close()


async def test_the_way_of_a_message_never_scans(store: SqliteStore) -> None:
    watch = Watch(store)
    for step in range(3):
        await store.known(AUTHORITY, "code-d1")
        await store.replay("motcua-tinh", f"key-m{step}", "")
        await store.accept(acceptance(f"m{step}", dossier="d1", version=step, partners=("so-tnmt", "dvcqg")))
    first, second = await store.claim("w", at(1), 10, 30)
    await store.seal(first.token, {first.transfer: sealed()})
    await store.renew(first.token, at(2), 30)
    settlement = delivered(
        first.transfer, facts={"a": "b"}, follow_up=acceptance("told", dossier="d1", sender="hub")
    )
    await store.settle(first.token, [settlement, deferred(second.transfer, at(5))], at(3))
    await store.tick(at(6))
    (third, _) = await store.claim("w", at(7), 10, 1)
    await store.tick(at(60))
    await store.circuit("so-tnmt", "open", at(70), at(61))
    await store.tick(at(71))
    await store.pause("so-tnmt", paused=True, reason="r", by="thu", now=at(72))
    await store.pause("so-tnmt", paused=False, reason="r", by="thu", now=at(73))
    await store.claim("w", at(74), 10, 30)
    await store.act(
        third.transfer.replace("m1", "m2"), Move.HOLD, expected=State.WAITING, reason="", by="", now=at(75)
    )
    assert len(watch.seen) > 40
    assert watch.scans() <= ALLOWED


@pytest.mark.parametrize(
    "which",
    [
        Filter(),
        Filter(after="m0.so-tnmt.0"),
        Filter(partner="so-tnmt"),
        Filter(states=("refused", "in_doubt")),
        Filter(sender="motcua-tinh"),
        Filter(dossier_code="code-d1"),
        Filter(problem="HUB-PAR-001"),
    ],
)
async def test_lists_never_scan_transfers(store: SqliteStore, which: Filter) -> None:
    watch = Watch(store)
    await store.accept(acceptance("m0", dossier="d1"))
    await store.transfers(which)
    assert watch.scans() <= ALLOWED | BOUNDED


async def test_what_a_person_looks_at_never_scans_transfers(store: SqliteStore) -> None:
    await store.accept(acceptance("m0", dossier="d1"))
    (work,) = await store.claim("w", at(1), 1, 30)
    await store.settle(work.token, [Settlement(transfer=work.transfer, move=Move.DELIVER)], at(2))
    watch = Watch(store)
    await store.queue()
    await store.dossier("code-d1")
    await store.transfer("m0")
    await store.attempts(work.transfer)
    await store.payloads(work.transfer)
    await store.message("m0")
    for which in ({}, {"message": "m0"}, {"transfer": work.transfer}):
        await store.journal(**which)  # type: ignore[arg-type]
    await store.forget("d1", reason="r", by="thu", now=at(3))
    assert watch.scans() <= ALLOWED | BOUNDED


async def test_what_time_brings_and_partners_say_never_scans(store: SqliteStore) -> None:
    await store.accept(acceptance("m0", dossier="d1", deadline=at(50)))
    await store.accept(acceptance("m1", dossier="d1", version=1, deadline=at(50)))
    (work,) = await store.claim("w", at(1), 1, 30)
    await store.seal(work.token, {work.transfer: sealed()})
    watch = Watch(store)
    settled = delivered(work.transfer, receipt_by=at(10), reference="R-1")
    await store.settle(work.token, [settled], at(2))
    await store.tick(at(11))
    (overdue,) = await store.overdue(at(11), 10, 60)
    await store.asked(overdue.transfer, None, at(12))
    (late,) = await store.late(at(51), 10)
    told = acceptance("told", dossier="d1", sender="hub", partners=("dvcqg",))
    assert await store.tell(msgspec.structs.replace(told, aliases=()), late.transfer, at(52))
    said = Acknowledgement(partner="so-tnmt", raw=b"{}", received_at=at(53), said_at=at(53), reference="R-1")
    await store.acknowledge(said)
    assert (await store.acknowledge(msgspec.structs.replace(said, reference="", key="m0:so-tnmt:0"))).replayed
    assert len(watch.seen) > 25
    assert watch.scans() <= ALLOWED


async def test_no_statement_of_the_hot_path_is_planned_twice(store: SqliteStore) -> None:
    """SQLite asks the authorizer whenever it plans; two readers take turns. A plan costs more than what it finds."""
    planned = _count_plans(store)
    rounds = []
    for step in range(4):
        before = planned.total()
        for number in range(10):
            await store.accept(acceptance(f"{step}-{number}"))
        works = await store.claim("w", at(60), 10, 30)
        await store.seal(works[0].token, {work.transfer: sealed() for work in works})
        assert await store.settle(works[0].token, [delivered(work.transfer) for work in works], at(61))
        rounds.append(planned.total() - before)
    assert rounds[0] > 0
    assert rounds[2:] == [0, 0], planned.most_common(5)


def _count_plans(store: SqliteStore) -> Counter[str]:
    planned: Counter[str] = Counter()

    def note(what: int, first: str | None, *_: str | None) -> int:
        if what not in {apsw.SQLITE_TRANSACTION, apsw.SQLITE_SAVEPOINT}:
            planned[f"{apsw.mapping_authorizer_function[what]} {first}"] += 1
        return apsw.SQLITE_OK

    for db in (store._writes._db, store._reads._here, *store._reads._all):
        db.authorizer = note
    return planned
