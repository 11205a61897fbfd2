"""The continuous check of conservation and the pulse of a process, beside a store that is broken or taken away under them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families

from hub.metrics.catalogue import METRICS
from hub.metrics.counts import Counts
from hub.metrics.page import page
from hub.metrics.pulse import Pulse
from hub.rounds import watch as watching
from hub.rounds.collecting import chore
from hub.rounds.rounds import beside
from hub.rounds.watch import BALANCE, SURVEY, Watch
from hub.store.contract.watching import Process, Verdict
from hub.store.sqlite.store import open_store
from tests.store.samples import NOON, acceptance, at, delivered, numbered_ids, roomy
from tests.store.test_watching import BROKEN, filled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, MutableMapping, Sequence
    from pathlib import Path

    from hub.store.contract.store import Store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = open_store(tmp_path / "hub.db", ids=numbered_ids())
    await filled(opened)
    yield opened
    await opened.close()


@asynccontextmanager
async def watched(store: Store, *names: str) -> AsyncIterator[None]:
    watches = [Watch(store, name, lambda: NOON, every=0.02, piece=3) for name in names or ("w",)]
    running = [asyncio.create_task(one.run()) for one in watches]
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def broken(store: Store) -> tuple[str, ...]:
    found = [await store.verdict(name) for name in (BALANCE, SURVEY)]
    return tuple(line for one in found if one for line in one.broken)


async def shown(store: Store) -> dict[str, float]:
    text = (await page(store, NOON, version="1", free=lambda: 7, most=1 << 40)).decode()
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def spoil(store: Any, statement: str) -> None:
    await store._writes.run(lambda db: db.execute(statement))


def told(lines: Sequence[MutableMapping[str, Any]]) -> list[str]:
    return [line["event"] for line in lines if line["log_level"] == "error"]


async def until_both_spoke(store: Store) -> None:
    async with asyncio.timeout(10):
        while None in [await store.verdict(name) for name in (BALANCE, SURVEY)]:  # noqa: ASYNC110 - a store rings no bell
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("how", BROKEN)
async def test_what_is_broken_while_the_hub_runs_is_found_told_and_journaled(store: Store, how: str) -> None:
    with structlog.testing.capture_logs() as lines:
        async with watched(store):
            await until_both_spoke(store)
            assert await broken(store) == ()
            assert (await shown(store))["lienthong_conservation_broken"] == 0
            await spoil(store, BROKEN[how])
            async with asyncio.timeout(10):  # first it is kept, then told
                while not await broken(store) or "conservation_broken" not in told(lines):  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.02)
    assert (await shown(store))["lienthong_conservation_broken"] >= 1
    assert {row.what for row in await store.journal()} & {"balance_broken", "conservation_broken"}


async def test_one_of_many_workers_watches_and_another_takes_over(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Noted:
        def __init__(self, name: str) -> None:
            self.name = name

        def __getattr__(self, verb: str) -> Any:
            if verb == "balance":
                asked.append(self.name)
            return getattr(store, verb)

    monkeypatch.setattr(watching, "TURN", 1.5)
    clock = asyncio.get_running_loop().time
    began = clock()
    made: list[Any] = [
        Watch(Noted(name), name, lambda: at(clock() - began), every=0.02, piece=100)
        for name in ("one", "two")
    ]
    first = asyncio.create_task(made[0].run())
    await asyncio.sleep(0.1)
    async with beside(made[1].run()):
        await asyncio.sleep(0.5)
        assert set(asked) == {"one"}
        first.cancel()
        async with asyncio.timeout(20):
            while "two" not in asked:  # noqa: ASYNC110 - a list rings no bell
                await asyncio.sleep(0.02)


async def test_a_watch_that_cannot_read_goes_on_when_it_can(store: Store) -> None:
    class Away:
        down = True

        def __getattr__(self, verb: str) -> Any:
            if self.down:
                raise OSError("away")
            return getattr(store, verb)

    away: Any = Away()
    with structlog.testing.capture_logs():
        async with beside(Watch(away, "w", lambda: NOON, every=0.02).run()):
            await asyncio.sleep(0.1)
            away.down = False
            await until_both_spoke(store)


# --- the pulse --------------------------------------------------------------------------------------------------


def pulse(store: Store, counts: Counts, now: list[float], name: str = "p1") -> Pulse:
    me = Process(id=name, host="m", pid=1, role="web", version="1", since=NOON, seen=NOON)
    return Pulse(
        store,
        me,
        counts,
        gauges=lambda: {"requests": 2.0},
        now=lambda: at(now[0]),
        new_id=lambda: f"{name}-again",
    )


async def test_a_process_that_was_taken_for_dead_is_counted_once(store: Store) -> None:
    now = [0.0]
    counts, others = Counts(), Counts()
    stopped, other = pulse(store, counts, now), pulse(store, others, now, "p2")
    counts.add("leases_lost", by=3)
    await stopped.beat()
    now[0] = 100
    await other.beat()
    assert [process.id for process in await store.processes()] == ["p2"]
    counts.add("leases_lost", by=2)
    await stopped.beat()
    assert {process.id for process in await store.processes()} == {"p1-again", "p2"}
    assert (await store.counted())["leases_lost", ()] == 5
    counts.add("leases_lost")
    await stopped.beat()
    await stopped.end()
    assert (await store.counted())["leases_lost", ()] == 6
    assert [process.id for process in await store.processes()] == ["p2"]


OF_EDGES = {metric.name for metric in METRICS if metric.name.startswith("edge_")}
"""Of hubs below (``test_edges_seen``)."""


async def test_the_page_shows_queue_processes_and_histograms(store: Store) -> None:
    now = [0.0]
    counts = Counts()
    for seconds in (0.01, 0.3, 1e9):
        counts.observe("delivery_seconds", seconds, "so-tnmt")
    counts.add("intake", "", "HUB-AUT-001")
    await pulse(store, counts, now).beat()
    await store.accept(acceptance("m9"))
    await store.capacities(roomy("so-tnmt"))
    (*_, work) = await store.claim("dead", NOON, 9, 1)
    del work
    await store.tick(at(2))
    left = {"so-tnmt": -5.0}
    await store.judge(Verdict(name=chore("so-tnmt"), at=NOON, since=NOON, seconds=0.1))
    text = (
        await page(store, NOON, version="1.2", free=lambda: 7, most=1 << 40, left=left, collected=["so-tnmt"])
    ).decode()
    found = {
        (sample.name, *sorted(sample.labels.values(), reverse=True)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found["lienthong_delivery_seconds_bucket", "so-tnmt", "0.05"] == 1
    assert found["lienthong_delivery_seconds_bucket", "so-tnmt", "0.5"] == 2
    assert found["lienthong_delivery_seconds_bucket", "so-tnmt", "+Inf"] == 3
    assert found["lienthong_delivery_seconds_count", "so-tnmt"] == 3
    assert found["lienthong_intake_total", "HUB-AUT-001", ""] == 1
    assert found["lienthong_transfers", "so-tnmt", "refused"] == 1
    assert found["lienthong_leases_expired_total", "so-tnmt"] >= 1
    assert found["lienthong_busy", "web", "requests"] == 2
    assert found["lienthong_processes", "web"] == 1
    assert found["lienthong_trust_left_seconds", "so-tnmt"] == -5
    assert found["lienthong_disk_free_bytes",] == 7
    assert found["lienthong_log_bytes",] > 0
    assert any(name[0] == "lienthong_build_info" and "1.2" in name for name in found)
    named = {name[0] for name in found}
    for metric in METRICS:
        if not metric.counted and metric.name not in {"conservation_age_seconds", *OF_EDGES}:
            assert any(one.startswith(f"lienthong_{metric.name}") for one in named), metric.name


async def test_a_silent_process_is_not_shown_as_living(store: Store) -> None:
    await pulse(store, Counts(), [-30.0]).beat()
    assert "lienthong_processes" not in await shown(store)


async def test_what_is_delivered_is_no_longer_shown_as_waiting(store: Store) -> None:
    before = (await store.queue())[0].counts
    (work, *_) = await store.claim("w2", NOON, 1, 30)
    await store.settle(work.token, [delivered(work.transfer)], NOON)
    after = (await store.queue())[0].counts
    assert after["delivered"] == before["delivered"] + 1
