"""What happens in the demonstration: the one-stop sends, partners fail in between, a worker is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from typing import TYPE_CHECKING

import aiohttp

from hub.demo import stamping
from hub.demo.cast import AXIS, COMMUNE, FINANCE, LAND, ONESTOP, TAX, arguments, called
from hub.demo.processes import answers, children_of, owns_port
from hub.demo.sending import Sender
from hub.demo.telling import Failed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.demo.messages import Said
    from hub.demo.processes import Processes
    from hub.demo.province import Province
    from hub.demo.scene import Scene
    from hub.demo.telling import Told

OUTAGE = 4.0
LATE = 8
"""Calls that the land department answers late, so that one is under way when the worker is killed."""
SETTLED = 1.0
"""Seconds from a partner's having something until the hub has written down that it has."""
BUSY = 2
"""Calls that the tax gateway and the axis answer with 503 first."""
REFUSED = range(400, 500)


async def start(scene: Scene, processes: Processes) -> None:
    if stamping.possible():
        words = ["--port", str(scene.stamping_port), "--folder", str(scene.stamping)]
        processes.start("stamping", ["hub.demo.stamping", *words])
    for name in (*called(), COMMUNE):
        processes.start(name, arguments(scene, name))
    processes.start("hub", ["hub.cli.main", "serve", "--settings", str(scene.settings)])
    await answers(f"http://127.0.0.1:{scene.hub_port}/readyz", processes)


async def act(
    scene: Scene, processes: Processes, said: Sequence[Sequence[Said]], province: Province, tell: Told
) -> None:
    """Play everything that happens; ``province`` goes on beside the one-stop's many land dossiers."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        sender = Sender(scene, ONESTOP, session, province.sent)
        for name in (TAX, AXIS):
            await _order(scene, name, kind="status", status=503, retry_after="1", times=BUSY)
        async with asyncio.TaskGroup() as together:
            together.create_task(province.play())
            together.create_task(_land(scene, processes, said, sender, province.calm, tell))
        tell(
            "sent",
            messages=len(province.sent),
            dossiers=len(said) + len(province.cases),
            again=sender.again + province.again,
        )


async def _land(
    scene: Scene,
    processes: Processes,
    said: Sequence[Sequence[Said]],
    sender: Sender,
    calm: asyncio.Event,
    tell: Told,
) -> None:
    await asyncio.gather(sender.tell(story[:3] for story in said), _power_cut(scene, processes, tell))
    await _refused(sender, said[0][3], tell)
    processes.stop(LAND)
    tell("down", "▮", seconds=OUTAGE)
    await asyncio.gather(sender.tell(story[3:6] for story in said), asyncio.sleep(OUTAGE))
    processes.start(LAND, arguments(scene, LAND))
    await answers(f"http://127.0.0.1:{scene.places[LAND]}/__control", processes)
    tell("up")
    await calm.wait()
    await asyncio.sleep(SETTLED)
    await _order(scene, LAND, kind="late", after=True, seconds=3.0, times=LATE)
    told = asyncio.create_task(sender.tell(story[6:] for story in said))
    await _kill(scene, processes, tell)
    await told


async def _power_cut(scene: Scene, processes: Processes, tell: Told) -> None:
    """The finance officer's machine goes off when a letter is kept and not yet acknowledged; then it is there again."""
    officer = processes.start(FINANCE, [*arguments(scene, FINANCE), "--dies", "kept"])
    async with asyncio.timeout(60):
        while officer.poll() is None:  # noqa: ASYNC110 - a process that ends rings no bell here
            await asyncio.sleep(0.1)
    processes.stop(FINANCE)
    processes.start(FINANCE, arguments(scene, FINANCE))
    tell("power_cut", "▮")


async def _order(scene: Scene, name: str, **order: object) -> None:
    url = f"http://127.0.0.1:{scene.places[name]}/__control"
    async with aiohttp.ClientSession() as session, session.post(url, json=order) as reply:
        reply.raise_for_status()


async def _held(scene: Scene) -> list[int]:
    """Return the callers' ports whose answer the land department is holding back."""
    url = f"http://127.0.0.1:{scene.places[LAND]}/__control"
    async with aiohttp.ClientSession() as session, session.get(url) as reply:
        return list((await reply.json())["held"])


async def _refused(sender: Sender, said: Said, tell: Told) -> None:
    """Send a day that does not exist, then see the same key accepted with the mended message later on."""
    told = json.loads(said.body)
    told["HoSo"]["NgayHenTra"] = "20260231080000"
    status, body = await sender.post(json.dumps(told, ensure_ascii=False).encode(), said.key)
    problem = json.loads(body)
    if status not in REFUSED:
        raise Failed(f"an impossible day was answered with HTTP {status}")
    error = problem["errors"][0]
    tell("bad", code=problem["code"], place=error.get("pointer") or error.get("place", ""))


async def _kill(scene: Scene, processes: Processes, tell: Told) -> None:
    """Kill the worker that has a call under way at the land department."""
    async with asyncio.timeout(30):
        while True:
            held = await _held(scene)
            workers = [pid for pid, command in children_of(processes.pid("hub")) if " work " in f"{command} "]
            if victim := next((pid for pid in workers for port in held if owns_port(pid, port)), None):
                break
            await asyncio.sleep(0.02)
    os.kill(victim, signal.SIGKILL)
    tell("killed", "▮", pid=victim)
