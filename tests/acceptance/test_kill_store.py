"""Processes are killed with SIGKILL while they accept, seal, send and settle. Nothing is lost, doubled or out of order."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hub.lifecycle import State
from hub.store.contract.views import Filter
from tests.acceptance.store_actors import LEASE, PARTNERS, POINTS, WHERE, deliver, lines, now, opened
from tests.store.samples import acceptance, roomy

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
ACTORS = Path(__file__).with_name("store_actors.py")


def start(*words: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(ACTORS), *map(str, words)], env={**os.environ, "PYTHONPATH": str(ROOT)}
    )


@pytest.fixture(params=["sqlite", "postgres"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where the actors meet; a file in it says how to reach the database, if they have one."""
    if request.param == "postgres":
        (tmp_path / WHERE).write_text(request.getfixturevalue("database"), "utf-8")
    return tmp_path


@pytest.fixture
def actors() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


async def wait_until(true: object, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end, "not in time"
        await asyncio.sleep(0.05)


async def test_killed_producers_and_workers_lose_double_and_reorder_nothing(
    folder: Path, actors: list[subprocess.Popen[bytes]]
) -> None:
    dossiers, each = 12, 12
    expected = 2 * dossiers * each
    store = opened(folder)
    producers = {name: start("produce", folder, name, dossiers, each) for name in ("p", "q")}
    workers = [start("deliver", folder, f"w{n}") for n in range(3)]
    actors += [*producers.values(), *workers]

    def received() -> int:
        return sum(len(lines(folder / f"partner-{partner}")) for partner in PARTNERS)

    await wait_until(lambda: received() > 20, 60)
    kill(producers["p"])
    actors.append(start("produce", folder, "p", dossiers, each))
    for n in range(4):
        before = received()
        await wait_until(lambda before=before: received() > before + 40 or received() >= 2 * expected, 60)
        await asyncio.sleep(random.random() * 0.05)  # noqa: S311 - any moment will do
        kill(workers[n % 3])
        workers[n % 3] = start("deliver", folder, f"w{n + 3}")
        actors.append(workers[n % 3])
    for process in (producers["q"], actors[5]):
        assert process.wait(60) == 0
    await wait_until(lambda: received() >= 2 * expected, 60)
    await asyncio.sleep(0.2)
    (folder / "stop").touch()
    for worker in workers:
        worker.wait(30)
    await store.tick(now())

    for partner in PARTNERS:
        got = [key.removesuffix(f":{partner}:0") for key in lines(folder / f"partner-{partner}")]
        assert [key for key, count in Counter(got).items() if count > 1] == []
        assert set(got) == set(lines(folder / "acknowledged"))
        for dossier in {key.split("-")[0] for key in got}:
            mine = [key for key in got if key.split("-")[0] == dossier]
            assert mine == sorted(mine)
    assert await store.conservation() == ()
    left = await store.transfers(Filter(states=("waiting", "in_doubt")))
    assert len(left) <= 30, "only what was delivered and not yet settled when the workers stopped"
    await store.close()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("point", POINTS)
async def test_a_worker_that_dies_at_any_point_costs_one_lease_and_never_a_second_copy(
    folder: Path, point: str, when: str
) -> None:
    store = opened(folder)
    await store.capacities(roomy(*PARTNERS))
    await store.accept(acceptance("m1", dossier="d1", when=now()))
    assert start("die", folder, point, when).wait(30) == -signal.SIGKILL
    survivor = asyncio.create_task(deliver(folder, "survivor"))
    view = await store.transfer("m1.so-tnmt.0")
    start_ = time.monotonic()
    while view is not None and view.state is not State.DELIVERED:
        assert time.monotonic() - start_ < LEASE + 5
        await asyncio.sleep(0.02)
        view = await store.transfer("m1.so-tnmt.0")
    (folder / "stop").touch()
    await survivor
    assert lines(folder / "partner-so-tnmt") == ["m1:so-tnmt:0"]
    sent_before_it_died = point in {"send", "settle"}
    unsettled = not (point == "settle" and when == "after")
    assert lines(folder / "asked") == (["m1:so-tnmt:0"] if sent_before_it_died and unsettled else [])
    assert await store.conservation() == ()
    await store.close()


@pytest.mark.parametrize(("when", "there"), [("before", False), ("after", True)])
async def test_a_message_is_there_exactly_when_its_commit_was(folder: Path, when: str, there: bool) -> None:
    assert start("die-accepting", folder, when).wait(30) == -signal.SIGKILL
    store = opened(folder)
    assert (await store.message("m1") is not None) is there
    assert (await store.known("000.00.00.H47", "code-d1") is not None) is there
    again = await store.accept(acceptance("m1", dossier="d1", when=now()))
    assert again.replayed is there
    assert len(await store.transfers(Filter())) == 1
    assert await store.conservation() == ()
    await store.close()
