"""Random schedules of faults against real processes: 40 here, more by ``.ci/run`` and ``make soak``.

``SCHEDULES``: how many; ``FIRST``: the first seed; ``SEED=7``: only that one, which repeats it as far as processes can be
repeated. Even seeds run on SQLite, odd ones on PostgreSQL.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.fault_schedule import FAULTS, LOUD, Schedule
from tests.acceptance.nursery import Nursery
from tests.acceptance.stage import ENGINES, Postgres, Stage, desks, room, set_up
from tests.doubles.desks import Moody
from tests.doubles.proxy import HOST, proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from tests.acceptance.stage import Engine
    from tests.doubles.proxy import Proxy

SCHEDULES = int(os.environ.get("SCHEDULES", "10"))
FIRST = int(os.environ.get("FIRST", "0"))
SEED = os.environ.get("SEED", "")
AT_ONCE = 2


async def place(
    opened: AsyncExitStack, folder: Path, make: Callable[[], Engine]
) -> tuple[Stage, dict[str, Proxy]]:
    """Partners and, where there is one, the database server, each behind a line that can be broken."""
    servers = {name: Moody(desk) for name, desk in desks().items()}
    lines: dict[str, Proxy] = {}
    for name, server in servers.items():
        port = await server.start()
        opened.push_async_callback(server.stop)
        lines[name] = opened.enter_context(proxy((HOST, port)))
    engine = make()
    if isinstance(engine, Postgres):
        lines["database"] = opened.enter_context(proxy((HOST, engine.server.port)))
        engine.port = lines["database"].port
    return set_up(folder, servers, {name: lines[name].port for name in LOUD}, engine), lines


async def play(engine: str, seeds: Iterator[int], only: str = "") -> list[str]:
    broken: list[str] = []
    async with AsyncExitStack() as opened:
        folder = opened.enter_context(room())
        make = opened.enter_context(ENGINES[engine]())
        nursery = await opened.enter_async_context(Nursery())

        async def one_after_the_other(number: int) -> None:
            stage, lines = await place(opened, folder / str(number), make)
            for seed in seeds:
                broken.extend(await Schedule(stage, lines, nursery, seed, only=only).play())
                if broken:
                    return

        await asyncio.gather(*(one_after_the_other(number) for number in range(AT_ONCE)))
    return broken


def chosen(engine: str) -> Iterable[int]:
    seeds = [int(SEED)] if SEED else range(FIRST, FIRST + SCHEDULES)
    return [seed for seed in seeds if seed % 2 == list(ENGINES).index(engine)]


@pytest.mark.timeout(120 + 30 * SCHEDULES)
@pytest.mark.parametrize("engine", ENGINES)
async def test_no_schedule_of_faults_loses_doubles_or_reorders_anything(engine: str) -> None:
    broken = await play(engine, iter(chosen(engine)))
    assert not broken, "\n".join([*broken, "again: SEED=… make soak"])


@pytest.mark.timeout(180)
@pytest.mark.parametrize("fault", sorted(FAULTS))
async def test_each_fault_alone_is_survived(fault: str) -> None:
    engine = "postgres" if "database" in fault else "sqlite"
    broken = await play(engine, iter([1000]), only=fault)
    assert not broken, "\n".join(broken)
