"""A whole hub with its partners for a measurement, as real processes; the demonstration's parts, put together anew."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from bench.queue import Layout, fill
from bench.translate import five_kilobytes
from hub.demo.processes import Processes, answers, children_of, free_ports
from hub.demo.scene import build
from hub.store.contract import Capacity
from hub.store.sqlite.store import open_store
from hub.wiring.parts import new_ids, utc_now

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.demo.scene import Scene

TICK = os.sysconf("SC_CLK_TCK")
CODE = re.compile(rb"-261120-0001")
KEY = re.compile(rb'"MaThongDiep": "[^"]*"')


class House:
    def __init__(self, scene: Scene, processes: Processes) -> None:
        self.scene, self.processes = scene, processes
        self._example = five_kilobytes()

    def body(self, number: int) -> bytes:
        """Reception of dossier ``number``: every message opens a lane of its own."""
        day, sequence = divmod(number, 9999)
        code = b"-2611%02d-%04d" % (1 + day % 28, sequence + 1)
        return KEY.sub(b'"MaThongDiep": "K%d"' % number, CODE.sub(code, self._example))

    async def post(self, session: aiohttp.ClientSession, number: int) -> None:
        headers = {
            "Authorization": f"Bearer {self.scene.api_key}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"K{number}",
        }
        url = f"http://127.0.0.1:{self.scene.hub_port}/v1/messages"
        async with session.post(url, data=self.body(number), headers=headers) as reply:
            if reply.status != 202:
                raise RuntimeError(f"HTTP {reply.status}: {(await reply.read())[:300]!r}")
            await reply.read()

    async def send(self, first: int, count: int, concurrency: int) -> None:
        numbers = iter(range(first, first + count))

        async def one(session: aiohttp.ClientSession) -> None:
            for number in numbers:
                await self.post(session, number)

        connector = aiohttp.TCPConnector(limit=concurrency)
        async with aiohttp.ClientSession(connector=connector) as session:
            await asyncio.gather(*(one(session) for _ in range(concurrency)))

    def hub_cpu(self) -> float:
        """CPU seconds of every hub process that is alive; partners and the driver are not counted."""
        return tree_cpu(self.processes.pid("hub"))

    def delivered(self) -> int:
        journal = self.scene.journal("land")
        return journal.read_bytes().count(b"\n") if journal.exists() else 0


def tree_cpu(pid: int) -> float:
    """CPU seconds of a process and everything below it that is alive."""
    return sum(_cpu(one) for one in _tree(pid))


def _tree(pid: int) -> list[int]:
    return [pid, *(below for child, _ in children_of(pid) for below in _tree(child))]


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


@asynccontextmanager
async def house(
    *, program: tuple[str, ...], workers: int, land: bool = True, queued: int = 0
) -> AsyncIterator[House]:
    """Open a house: sender without signature, the land department if wanted, no portal. ``program`` is the hub's command.

    ``queued``: transfers that wait for another partner, which is paused.
    """
    with tempfile.TemporaryDirectory() as folder:
        hub_port, *ports = free_ports(4)
        scene = build(Path(folder) / "bench", hub_port, (ports[0], ports[1], ports[2]))
        partners = scene.settings.parent / "partners"
        for file in partners.glob("*.toml"):
            text = file.read_text("utf-8")
            if 'room = "national_portal"' in text:
                file.unlink()
            else:
                text = re.sub(r"\[sends\.signature\].*?(?=\n\[)", "", text, flags=re.DOTALL)
                file.write_text(text.replace("concurrency = 8", "concurrency = 64"), "utf-8")
        settings = scene.settings.read_text("utf-8")
        settings = (
            settings.replace("delivery = 2", f"delivery = {workers}") + "\n[limits]\nper_sender = 256\n"
        )
        scene.settings.write_text(settings, "utf-8")
        if queued:
            await _queue_for_another(scene.settings.parent / "data" / "hub.db", queued)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LIENTHONG_")}
        with Processes(scene.folder / "log", environment) as processes:
            if land:
                arguments = ["--port", str(ports[1]), "--journal", str(scene.journal("land"))]
                processes.start("land", ["connectors.simulators.land", *arguments])
            processes.start("hub", [*program, "--settings", str(scene.settings)])
            await answers(f"http://127.0.0.1:{hub_port}/readyz", processes, 60)
            yield House(scene, processes)


async def _queue_for_another(path: Path, count: int) -> None:
    store = open_store(path, ids=new_ids())
    await store.capacities([Capacity(partner="p0000", concurrency=4)])
    await store.close()
    fill(path, Layout("for another", partners=1, partner="0"), count)
    store = open_store(path, ids=new_ids())
    await store.pause("p0000", paused=True, reason="bench", now=utc_now())
    await store.close()
