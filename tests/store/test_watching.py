"""A store that watches itself: who works, what was counted, what each sender used, and whether all that must hold holds."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from hub.lifecycle import Move
from hub.store.contract.delivery import Settlement
from hub.store.contract.intake import Use
from hub.store.contract.watching import Mark, Process, Verdict
from hub.store.postgres.queue import roll_up
from hub.store.sql.rules import one_query
from tests.store.engines import ENGINES, ON_POSTGRES, Place
from tests.store.samples import NOON, acceptance, at, deferred, delivered, roomy, sealed, transfer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from hub.store.contract.store import Store
    from hub.store.contract.watching import Series
from tests.store.engines import Open

DAY = date(2026, 11, 23)


def process(name: str, **counts: float) -> Process:
    made: Mapping[Series, float] = {(series, ("a", "b|c")): value for series, value in counts.items()}
    return Process(
        id=name,
        host="m1",
        pid=7,
        role="worker",
        version="1",
        since=NOON,
        seen=NOON,
        gauges={"busy": 0.5},
        counts=made,
    )


async def total(store: Store, name: str) -> float:
    return (await store.counted()).get((name, ("a", "b|c")), 0.0)


# --- processes --------------------------------------------------------------------------------------------------


async def test_a_living_process_is_seen_with_what_it_says(store: Store) -> None:
    assert await store.beat(process("p1", n=3), NOON, first=True)
    later = at(5)
    assert await store.beat(process("p1", n=4), later, first=False)
    (seen,) = await store.processes()
    assert seen == msgspec.structs.replace(process("p1", n=4), seen=later)
    assert await total(store, "n") == 4


async def test_what_was_counted_stays_when_processes_end_and_others_come(another: Open) -> None:
    one, two = another(), another()
    await one.beat(process("p1", n=3), NOON, first=True)
    await two.beat(process("p2", n=10), NOON, first=True)
    await one.leave("p1")
    assert [each.id for each in await two.processes()] == ["p2"]
    assert await total(two, "n") == 13
    await one.beat(process("p3", n=1), NOON, first=True)
    assert await total(two, "n") == 14


async def test_who_is_silent_for_a_minute_is_gone_and_its_counts_are_kept_once(another: Open) -> None:
    one, two = another(), another()
    await one.beat(process("dead", n=3), NOON, first=True)
    await one.beat(process("p1"), at(30), first=True)
    await two.beat(process("p2"), at(30), first=True)
    late = at(61)
    for store, name in ((one, "p1"), (two, "p2"), (one, "p1")):
        await store.beat(process(name), late, first=False)
    assert {each.id for each in await one.processes()} == {"p1", "p2"}
    assert await total(one, "n") == 3


async def test_who_was_only_stopped_learns_that_it_was_taken_for_dead(store: Store) -> None:
    await store.beat(process("p1", n=3), NOON, first=True)
    await store.beat(process("p2"), at(61), first=True)
    assert not await store.beat(process("p1", n=5), at(62), first=False)
    assert await total(store, "n") == 3


# --- what only one may do ---------------------------------------------------------------------------------------


async def test_one_process_has_the_turn_until_it_ends_or_runs_out(another: Open) -> None:
    one, two = another(), another()
    assert await one.turn("check", "p1", NOON, 30)
    assert not await two.turn("check", "p2", at(29), 30)
    assert await one.turn("check", "p1", at(29), 30)
    assert not await two.turn("check", "p2", at(58), 30)
    assert await two.turn("check", "p2", at(59), 30)
    assert not await one.turn("check", "p1", at(59), 30)
    assert await two.turn("other", "p1", NOON, 30)
    await two.end_turn("check", "p2")
    assert await one.turn("check", "p1", at(60), 30)


async def test_a_turn_of_a_clock_that_is_far_ahead_stops_nobody_until_that_day(another: Open) -> None:
    one, two = another(), another()
    assert await one.turn("check", "ahead", NOON + timedelta(days=365), 30)
    assert await two.turn("check", "p2", NOON, 30)
    assert not await one.turn("check", "p1", at(29), 30)


# --- quotas -----------------------------------------------------------------------------------------------------


async def test_what_processes_let_in_is_added_up_and_starts_anew_each_day(another: Open) -> None:
    one, two = another(), another()
    use = Use(sender="motcua-tinh", requests=3, messages=2, octets=100, transfers=4)
    await one.use(DAY, [use])
    (heard,) = await two.use(DAY, [use])
    assert (heard.requests, heard.messages, heard.octets, heard.open) == (6, 4, 200, 8)
    (tomorrow,) = await one.use(DAY + timedelta(days=1), [])
    assert (tomorrow.requests, tomorrow.messages, tomorrow.octets, tomorrow.open) == (0, 0, 0, 8)
    (tomorrow,) = await one.use(DAY + timedelta(days=1), [use])
    assert (tomorrow.requests, tomorrow.open) == (3, 12)


async def test_counting_what_is_unfinished_corrects_what_was_only_added_up(store: Store) -> None:
    await store.use(DAY, [Use(sender="motcua-tinh", requests=1, transfers=50)])
    await store.capacities(roomy("so-tnmt", "cong"))
    await store.accept(acceptance("m1", partners=("so-tnmt", "cong")))
    await store.count_unfinished()
    (heard,) = await store.use(DAY, [])
    assert heard.open == 2
    (heard,) = await store.use(DAY, [Use(sender="motcua-tinh", requests=1, transfers=3)])
    assert heard.open == 5
    (work, _) = await store.claim("w", NOON, 10, 30)
    await store.settle(work.token, [delivered(work.transfer)], NOON)
    await store.count_unfinished()
    (heard,) = await store.use(DAY, [])
    assert heard.open == 1


# --- verdicts ---------------------------------------------------------------------------------------------------


async def test_a_check_that_changes_its_mind_is_journaled_and_one_that_repeats_itself_is_not(
    store: Store,
) -> None:
    def said(seconds: int, *broken: str) -> Verdict:
        now = at(seconds)
        return Verdict(name="conservation", at=now, since=now, seconds=0.1, broken=broken)

    assert await store.verdict("conservation") is None
    for seconds, broken in ((0, ()), (5, ()), (10, ("a",)), (15, ("b", "c")), (20, ())):
        judged = await store.judge(said(seconds, *broken))
        assert await store.verdict("conservation") == judged
    assert judged.since == at(20)
    rows = [(row.what, row.facts["rules"]) for row in await store.journal()]
    assert rows == [("conservation_broken", "1"), ("conservation_whole", "0")]


# --- conservation -----------------------------------------------------------------------------------------------


async def filled(store: Store) -> None:
    """Every shelf has a lane: ready, waiting, stopped, leased; and something is done."""
    await store.capacities(roomy("so-tnmt"))
    for number in range(1, 7):
        made = (transfer(f"m{number}", part=1), transfer(f"m{number}", part=2))
        await store.accept(acceptance(f"m{number}", transfers=made))
    works = await store.claim("w", NOON, 4, 30)
    await store.seal(works[0].token, {work.transfer: sealed() for work in works})
    first, second, third, _ = (work.transfer for work in works)
    refused = Settlement(transfer=third, move=Move.REFUSE, code="HUB-PAR-001")
    settled = [delivered(first), deferred(second, at(3600)), refused]
    assert await store.settle(works[0].token, settled, NOON)


async def surveyed(store: Store, size: int) -> list[str]:
    broken: list[str] = []
    mark: Mark | None = Mark()
    while mark is not None:
        found, mark = await store.survey(mark, size)
        broken.extend(found)
    return broken


async def by_hand(store: Any, *statements: str) -> None:
    def write(db: Any) -> None:
        for statement in statements:
            db.execute(statement)
            assert db.changes(), statement

    await store._writes.run(write)


async def in_one(store: Any) -> list[str]:
    return [row[0] for row in await store._reads.run(lambda db: list(db.execute(one_query())))]


@pytest.fixture(params=ENGINES)
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """A store that a test may break."""
    database = request.getfixturevalue("database") if request.param in ON_POSTGRES else ""
    store = ENGINES[request.param](Place(tmp_path, database), 0)
    await filled(store)
    if request.param in ON_POSTGRES:
        await store._writes.run(roll_up)  # type: ignore[attr-defined] # counters where the statements below look for them
    yield store
    await store.close()


@pytest.mark.parametrize("size", [1, 3, 1000])
async def test_a_store_in_good_order_is_found_so_whatever_the_size_of_the_pieces(
    house: Store, size: int
) -> None:
    assert await surveyed(house, size) == []
    assert await house.balance() == ()
    assert await in_one(house) == []


READY = "(SELECT min(subject) FROM ready)"
HEAD = "n=(SELECT min(n) FROM item)"

BROKEN = {
    "a transfer vanishes": "DELETE FROM transfer WHERE n=(SELECT max(n) FROM transfer)",
    "a message vanishes": "DELETE FROM message WHERE n=(SELECT min(n) FROM message)",
    "a transfer is in a state that nobody knows": "UPDATE transfer SET state='lost' WHERE n=(SELECT max(n) FROM transfer)",
    "a waiting transfer loses its place": "DELETE FROM item WHERE n=(SELECT max(n) FROM item)",
    "a stopped transfer loses its place": "DELETE FROM item WHERE shelf='stopped'",
    "a place belongs to no transfer": "UPDATE item SET n=n+1000 WHERE n=(SELECT max(n) FROM item)",
    "what is done still holds its place": f"UPDATE transfer SET state='delivered' WHERE id=(SELECT t.id FROM transfer t JOIN item i ON i.n=t.n WHERE i.subject={READY} ORDER BY t.n LIMIT 1)",  # noqa: S608 - constants
    "a ready ticket vanishes": f"DELETE FROM ready WHERE subject={READY}",  # noqa: S608 - constants
    "a waiting ticket vanishes": "DELETE FROM wait",
    "a stopped ticket vanishes": "DELETE FROM stopped",
    "a lane has two tickets": f"INSERT INTO ready(dest, class, since, subject) SELECT dest, class, since+1, subject FROM ready WHERE subject={READY}",  # noqa: S608 - constants
    "a lane is on two shelves": f"INSERT INTO wait(wake, dest, subject) SELECT 5, dest, subject FROM ready WHERE subject={READY}",  # noqa: S608 - constants
    "a lane is ready and leased": "INSERT INTO stopped(dest, subject) SELECT dest, subject FROM item WHERE subject NOT IN (SELECT subject FROM ready UNION SELECT subject FROM wait UNION SELECT subject FROM stopped) LIMIT 1",
    "a lease vanishes": "DELETE FROM lease",
    "a counter is wrong": "UPDATE cnt SET n=n+1 WHERE what='waiting'",
    "a counter is missing": "DELETE FROM cnt WHERE what='accepted'",
    "more is booked than is under way": "UPDATE dest_run SET in_flight=in_flight+1",
    "a sleeping head has no time": "UPDATE transfer SET state='waiting' WHERE state='refused'",
    "a key leads to no message": "UPDATE seen SET message='nowhere' WHERE message=(SELECT min(message) FROM seen)",
}


@pytest.mark.parametrize("how", BROKEN)
async def test_each_rule_that_is_broken_by_hand_is_found_in_pieces_and_at_once(
    house: Store, how: str
) -> None:
    await by_hand(house, BROKEN[how])
    assert await house.conservation()
    assert {*await surveyed(house, 2), *await house.balance()}
    assert await in_one(house)


async def test_the_cheap_part_finds_what_was_lost_without_reading_it(house: Store) -> None:
    await by_hand(house, "DELETE FROM wait")
    assert any("tickets" in line for line in await house.balance())


async def test_a_queue_that_runs_raises_no_false_alarm(another: Open) -> None:
    store, other, watcher = another(), another(), another()
    await store.capacities(roomy("so-tnmt"))
    stop = False

    async def produce() -> None:
        for number in range(1, 121):
            made = (transfer(f"m{number}", subject=f"l{number % 9}"),)
            await store.accept(acceptance(f"m{number}", transfers=made))

    async def work(worker: Store, name: str) -> None:
        while not stop:
            works = await worker.claim(name, NOON, 5, 30)
            for number, work in enumerate(works):
                told = deferred(work.transfer, at(-1)) if number == 1 else delivered(work.transfer)
                await worker.settle(work.token, [told], NOON)
            await worker.tick(NOON)
            await asyncio.sleep(0)

    async def watch() -> list[str]:
        found: list[str] = []
        while not stop:
            found += await surveyed(watcher, 7)
            found += await watcher.balance()
        return found

    watching = asyncio.create_task(watch())
    working = [asyncio.create_task(work(store, "w1")), asyncio.create_task(work(other, "w2"))]
    await produce()
    await asyncio.sleep(0.5)
    stop = True
    await asyncio.gather(*working)
    assert await watching == []
