"""A whole hub with its partners for a measurement, as real processes; the demonstration's parts, put together anew."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from bench.engines import Layout, fill
from bench.translate import five_kilobytes
from connectors.simulators.server import CONTROL
from hub.demo.processes import Processes, answers, children_of, free_ports
from hub.demo.scene import build
from hub.settings import file as settings_file
from hub.store.contract.delivery import Capacity
from hub.wiring.parts import store_of, utc_now

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from hub.demo.scene import Scene

TICK = os.sysconf("SC_CLK_TCK")
CODE = re.compile(rb"-261120-0001")
KEY = re.compile(rb'"MaThongDiep": "[^"]*"')


class House:
    """``ports``: of the simulated partners, by name."""

    def __init__(self, scene: Scene, processes: Processes, ports: Mapping[str, int] | None = None) -> None:
        self.scene, self.processes, self.ports = scene, processes, ports or {}
        self._example = five_kilobytes()

    def body(self, number: int) -> bytes:
        """Reception of dossier ``number``: every message opens a lane of its own."""
        day, sequence = divmod(number, 9999)
        code = b"-2611%02d-%04d" % (1 + day % 28, sequence + 1)
        return KEY.sub(b'"MaThongDiep": "K%d"' % number, CODE.sub(code, self._example))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.scene.hub_port}/v1/messages"

    def headers(self, number: int) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.scene.api_key}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"K{number}",
        }

    async def post(self, session: aiohttp.ClientSession, number: int) -> None:
        async with session.post(self.url, data=self.body(number), headers=self.headers(number)) as reply:
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

    def code(self, number: int) -> str:
        """The dossier's code in message ``number``."""
        return str(json.loads(self.body(number))["HoSo"]["MaHoSo"])

    async def arrived(self, count: int, *, every: float = 0.05, seconds: float = 300.0) -> None:
        """Wait until the department's journal holds ``count`` entries."""
        async with asyncio.timeout(seconds):
            while self.delivered() < count:  # noqa: ASYNC110 - another process writes the journal
                await asyncio.sleep(every)

    async def control(self, name: str, session: aiohttp.ClientSession) -> dict[str, Any]:
        async with session.get(self._control(name)) as reply:
            return dict(await reply.json(content_type=None))

    async def order(self, name: str, order: dict[str, object] | None, session: aiohttp.ClientSession) -> None:
        """Order a simulated partner to misbehave; ``None``: to behave again."""
        if order is None:
            await session.delete(self._control(name))
            return
        async with session.post(self._control(name), json=order) as reply:
            if reply.status != HTTPStatus.OK:
                raise RuntimeError(await reply.text())

    def _control(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}{CONTROL}"

    async def lienthong(self, *words: str) -> None:
        """Run one command of the command line."""
        where = ("--settings", str(self.scene.settings), "--yes")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hub.cli.main", *words, *where, stdout=asyncio.subprocess.DEVNULL
        )
        if await process.wait():
            raise RuntimeError(f"lienthong {' '.join(words)}: exit {process.returncode}")

    @property
    def lease(self) -> float:
        return settings_file.load(self.scene.settings, {}).lease

    def hub_cpu(self) -> float:
        """CPU seconds of every hub process that is alive; partners and the driver are not counted."""
        return tree_cpu(self.processes.pid("hub"))

    def delivered(self) -> int:
        journal = self.scene.journal("land")
        return journal.read_bytes().count(b"\n") if journal.exists() else 0


def tree_cpu(pid: int) -> float:
    """CPU seconds of a process and everything below it that is alive."""
    return sum(_cpu(one) for one in tree(pid))


def tree(pid: int) -> list[int]:
    return [pid, *(below for child, _ in children_of(pid) for below in tree(child))]


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


Prepare = Callable[[House], Awaitable[None]]


@asynccontextmanager
async def house(  # noqa: PLR0913 - what a measurement may vary
    *,
    program: tuple[str, ...],
    workers: int,
    land: bool = True,
    queued: int = 0,
    others: tuple[str, ...] = (),
    rate: float | None = None,
    prepare: Prepare | None = None,
    database: str = "",
    hand: int | None = None,
) -> AsyncIterator[House]:
    """Open a house: sender without signature, the land department if wanted, no portal. ``program`` is the hub's command.

    ``queued``: transfers that wait for another partner, which is paused. ``others``: further partners that hear everything,
    each a simulated department of its own. ``rate``: the land department's declared rate. ``prepare``: before the hub starts.
    ``database``: instead of the file. ``hand``: transfers in hand per worker process.
    """
    with tempfile.TemporaryDirectory() as folder:
        hub_port, *ports = free_ports(4 + len(others))
        scene = build(Path(folder) / "bench", hub_port, (ports[0], ports[1], ports[2]))
        beside = dict(zip(others, ports[3:], strict=True))
        _declare(scene, beside, rate)
        settings = scene.settings.read_text("utf-8")
        settings = (
            settings.replace("delivery = 2", f"delivery = {workers}")
            + (f"hand = {hand}\n" if hand else "")
            + "\n[limits]\nsender = { in_flight = 256 }\n"
        )
        if database:
            settings = f'database = "{database}"\n{settings}'
        scene.settings.write_text(settings, "utf-8")
        if queued:
            await _queue_for_another(scene.settings, queued)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LIENTHONG_")}
        departments = {**({"land": ports[1]} if land else {}), **beside}
        with Processes(scene.folder / "log", environment) as processes:
            opened = House(scene, processes, departments)
            if prepare:
                await prepare(opened)
            for name, port in departments.items():
                arguments = ["--port", str(port), "--journal", str(scene.journal(name))]
                processes.start(name, ["connectors.simulators.land", *arguments])
            processes.start("hub", [*program, "--settings", str(scene.settings)])
            await answers(f"http://127.0.0.1:{hub_port}/readyz", processes, 60)
            yield opened


def _declare(scene: Scene, others: Mapping[str, int], rate: float | None) -> None:
    """Take the portal away, let the sender send unsigned and everybody receive much at once; add the others."""
    partners = scene.settings.parent / "partners"
    for file in partners.glob("*.toml"):
        text = file.read_text("utf-8")
        if 'room = "national_portal"' in text:
            file.unlink()
            continue
        text = re.sub(r"\[sends\.signature\].*?(?=\n\[)", "", text, flags=re.DOTALL)
        text = text.replace("concurrency = 8", "concurrency = 64")
        if 'room = "soap"' in text:
            for name, port in others.items():
                _declare_other(partners / f"{name}.toml", text, port)
            if rate:
                text = text.replace(
                    "concurrency = 64", f"concurrency = 64\nrate = {rate}\nburst = {int(rate // 10)}"
                )
        file.write_text(text, "utf-8")


def _declare_other(file: Path, department: str, port: int) -> None:
    text = re.sub(r'(?m)^id = ".*"', f'id = "{file.stem}"', department)
    text = re.sub(r'(?m)^agency = ".*"', 'agency = "000.00.10.H47"', text)
    text = text.replace('role = "decides"', 'role = "informed"')
    file.write_text(re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{port}", text), "utf-8")


async def _queue_for_another(settings: Path, count: int) -> None:
    read = settings_file.load(settings, {})
    store = store_of(read)  # with its master key: the hub would take no store that has none
    await store.capacities([Capacity(partner="p0000", concurrency=4)])
    await store.close()
    fill(read.data / "hub.db", Layout("for another", partners=1, partner="0"), count)
    store = store_of(read)
    await store.pause("p0000", paused=True, reason="bench", by="bench", now=utc_now())
    await store.close()
