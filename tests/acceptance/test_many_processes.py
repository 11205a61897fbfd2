"""Several web and worker processes of one hub: what they count is added up, whoever of them dies or is started again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from typing import TYPE_CHECKING

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from hub.demo.processes import free_ports
from tests.acceptance.hub_house import house, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.acceptance.hub_house import House

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("hub")]


class Watched:
    """A hub with two web processes and two workers, and the address of its figures."""

    def __init__(self, hub: House, port: int) -> None:
        self.hub, self.port = hub, port

    async def figures(self) -> dict[tuple[str, tuple[str, ...]], float]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.port}/metrics") as reply,
        ):
            assert reply.status == 200
            text = await reply.text()
        return {
            (sample.name, tuple(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    async def figure(self, name: str, *labels: str) -> float:
        return (await self.figures()).get((f"lienthong_{name}", labels), 0.0)

    async def accepted(self) -> float:
        found = await self.figures()
        return sum(
            value
            for (name, labels), value in found.items()
            if name == "lienthong_intake_total" and "accepted" in labels
        )

    async def delivered(self) -> float:
        found = await self.figures()
        return sum(value for (name, _), value in found.items() if name == "lienthong_delivery_seconds_count")


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    (port,) = free_ports(1)

    def more(settings: str) -> str:
        settings = settings.replace("[workers]\n", "[workers]\nweb = 2\n")
        return settings + f'\n[metrics]\nlisten = "127.0.0.1:{port}"\n'

    with house(tmp_path_factory.mktemp("many"), settings=more) as hub:
        yield Watched(hub, port)


async def say(hub: House, count: int) -> list[str]:
    """Send the first message of so many dossiers, over connections that fall on both web processes."""
    answers = await asyncio.gather(*(hub.send(next(hub.told)[0]) for _ in range(count)))
    return [answer["message"] for answer in answers]


async def test_counts_of_all_processes_are_one_and_outlive_them(watched: Watched) -> None:
    hub = watched.hub
    assert len(hub.children("web")) == len(hub.children("work")) == 2
    await until(lambda: _are(watched, 2, 2), 30, "four processes seen")
    await say(hub, 10)
    assert await _soon(watched, 10)
    transfers = await hub_transfers(hub)
    await until(lambda: _delivered(watched, transfers), 60, "all delivered and counted")

    for verb in ("web", "work"):
        before = set(hub.children(verb))
        victim = before.pop()
        os.kill(victim, signal.SIGTERM)
        await until(lambda: len(set(hub.children(verb)) - {victim}) == 2, 30, "a new one")  # noqa: B023 - awaited here
        assert await watched.accepted() == 10
        assert await watched.delivered() == transfers
    await say(hub, 5)
    assert await _soon(watched, 15)
    assert await watched.figure("conservation_broken") == 0
    assert await watched.figure("paused", hub.scene.partner("soap")) == 0


async def test_a_process_that_was_killed_takes_nothing_with_it_that_it_had_told(watched: Watched) -> None:
    hub = watched.hub
    before = await watched.accepted()
    await say(hub, 5)
    assert await _soon(watched, before + 5)
    for pid in hub.children("web"):
        os.kill(pid, signal.SIGKILL)
    await until(lambda: len(hub.children("web")) == 2, 30, "web processes")
    await hub.ready()
    assert await watched.accepted() == before + 5


async def test_figures_are_for_the_watching_machine_and_name_no_person(watched: Watched) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{watched.hub.url}/metrics") as reply:
            assert reply.status == 404
        async with session.get(f"http://127.0.0.1:{watched.port}/") as reply:
            assert reply.status == 404
        async with session.post(f"http://127.0.0.1:{watched.port}/metrics") as reply:
            assert reply.status == 405
        async with session.get(f"http://127.0.0.1:{watched.port}/metrics") as reply:
            text = await reply.text()
    for said in next(watched.hub.told):
        for value in json.loads(said.body).values():
            if isinstance(value, str) and len(value) > 6:
                assert value not in text


async def hub_transfers(hub: House) -> float:
    async with hub.store() as store:
        return float(sum(sum(row.counts.values()) for row in await store.queue()))


async def _are(watched: Watched, webs: int, workers: int) -> bool:
    found = await watched.figures()
    return (
        found.get(("lienthong_processes", ("web",))) == webs
        and found.get(("lienthong_processes", ("worker",))) == workers
    )


async def _delivered(watched: Watched, count: float) -> bool:
    return await watched.delivered() == count


async def _soon(watched: Watched, count: float) -> bool:
    """The process that is asked tells at once what it counted, the other one within five seconds."""
    await until(lambda: _accepted(watched, count), 12, f"{count} accepted")
    return True


async def _accepted(watched: Watched, count: float) -> bool:
    return await watched.accepted() == count
