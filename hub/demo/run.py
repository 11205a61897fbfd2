"""``lienthong demo``: a hub and the systems of a province as real processes, each in its own protocol; outages, a killed worker; the
partners count.

Nothing is staged inside the hub: it runs as ``lienthong serve`` from a settings file, and what is printed at the end is
read from the journals of the partners, which know nothing of the hub's own books.
"""

from __future__ import annotations

import asyncio
import base64
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from hub.demo.cast import AXIS, EXAMPLES, LAND, ONESTOP, PORTAL, REGISTRY, called, cast
from hub.demo.count import count
from hub.demo.documents import bring, enclose, missing
from hub.demo.journals import arrivals, entries
from hub.demo.messages import stories
from hub.demo.playing import act, start
from hub.demo.processes import Processes, free_ports
from hub.demo.province import Due, Province
from hub.demo.proving import finish, prove, verify
from hub.demo.scene import build
from hub.demo.telling import Failed, Told, short

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hub.demo.count import Count
    from hub.demo.messages import Said
    from hub.demo.scene import Scene

PATIENCE = 15.0
MOST, SHARE = 6, 45
"""So many dossiers of each story of the province; one for so many messages of the one-stop's land dossiers."""


def run(directory: Path, messages: int) -> int:
    """Run the demonstration in ``directory``. Returns 0 only when nothing was lost, doubled or out of order."""
    tell, began = Told(), time.monotonic()
    try:
        asyncio.run(_play(directory.absolute(), messages, tell))
    except (Failed, TimeoutError, RuntimeError, aiohttp.ClientError, ExceptionGroup) as error:
        _complain(_first(error), directory, tell)
        return 1
    tell("good", seconds=round(time.monotonic() - began))
    return 0


def _complain(error: Exception, directory: Path, tell: Told) -> None:
    """Say what went wrong. Raises what nobody expected."""
    match error:
        case Failed():
            tell("failed", "✕", why=error)
        case TimeoutError():
            tell("slow", "✕", what=error, logs=f"{directory}/log")
        case RuntimeError() | aiohttp.ClientError():
            tell("failed", "✕", why=f"{type(error).__name__} {error}; {directory}/log")
        case _:
            raise error


def _first(error: Exception) -> Exception:
    """The cause, where several things that went on beside each other ended together."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


async def _play(folder: Path, messages: int, tell: Told) -> None:
    hub_port, stamping_port, *ports = free_ports(2 + len(called()))
    others = dict(zip(called(), ports, strict=True))
    first = (others.pop(ONESTOP), others.pop(LAND), others.pop(PORTAL))
    scene = build(folder, hub_port, first, stamping_port=stamping_port, others=others)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LIENTHONG_")}
    with Processes(folder / "log", environment) as processes:
        tell("starting", "…", systems=len(cast()))
        async with tell.meanwhile("starting", lambda: {"systems": len(cast())}):
            await start(scene, processes)
        tell("scene", url=f"http://127.0.0.1:{hub_port}", systems=len(cast()))
        _introduce(tell)
        said, documents = enclose([*stories(EXAMPLES / "messages", -(-messages // _steps()))])
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
            province = Province(scene, session, max(1, min(MOST, messages // SHARE)))
            for content in documents.values():
                await bring(session, f"http://127.0.0.1:{hub_port}", scene.api_key, content)
            of = sum(map(len, said)) + province.steps
            async with tell.meanwhile("sending", lambda: {"sent": len(province.sent), "of": of}):
                await act(scene, processes, said, province, tell)
        asked = await finish(scene, tell)
        if not asked:
            raise Failed("no transfer was left in doubt by the killed worker")
        tell("recovered", asked=asked)
        for story in {case.story.id: case.story for case in province.cases}.values():
            code = f"{story.code}{story.first:04d}"
            tell.both(f"{story.tells['vi']} ({code})", f"{story.tells['en']} ({code})")
        counts = _counted(scene, [one for story in said for one in story], province.due)
        await _arrived(scene, documents, tell)
        _enclosed(scene, province.documents, tell)
        bundle = await prove(scene, province.cases[0].dossier, tell)
    _show(counts, tell)
    verify(scene, tell)
    _look_around(scene, bundle, tell)
    judge(counts.values())


def _introduce(tell: Told) -> None:
    """Name who is there and how each speaks."""
    for system in cast().values():
        said = system.declared
        tell.line(f"    {said['id']:<13} {system.protocol:<17} {said['name']['vi']} · {said['name']['en']}")


async def _arrived(scene: Scene, documents: Mapping[str, bytes], tell: Told) -> None:
    """The portal fetches at its own pace; by now it is about to have done so."""
    ends = time.monotonic() + PATIENCE
    async with tell.meanwhile("fetching"):
        while (left := missing(scene.pulled, documents)) and time.monotonic() < ends:  # noqa: ASYNC110 - the portal rings no bell
            await asyncio.sleep(0.1)
    if left:
        raise Failed(f"documents of {', '.join(left)}")
    tell("documents", count=len(documents))


def _enclosed(scene: Scene, documents: Mapping[str, bytes], tell: Told) -> None:
    """What travels inside a message arrived inside it, at whoever of the two was to have it."""
    texts = [one["body"] for name in (AXIS, REGISTRY) for one in entries(scene.journal(name))]
    left = [
        dossier
        for dossier, content in documents.items()
        if not any(base64.b64encode(content).decode() in text for text in texts)
    ]
    if left:
        raise Failed(f"documents of {', '.join(left)}")
    tell("enclosed", count=len(documents))


def judge(counts: Iterable[Count]) -> None:
    """Raise ``Failed`` with the partners whose own count is not what was sent."""
    wrong = [one.partner for one in counts if not one.clean]
    if wrong:
        raise Failed(", ".join(wrong))


def _steps() -> int:
    return len(list((EXAMPLES / "messages").glob("*.json")))


def _counted(scene: Scene, said: Sequence[Said], due: Sequence[Due]) -> dict[str, Count]:
    """Each system's own count: of the one-stop's land dossiers two must have everything, of the stories those that they name."""
    land = {LAND: said, PORTAL: said}
    return {
        name: count(
            cast()[name].declared["id"],
            [*land.get(name, ()), *(one for one in due if one.system == name)],
            arrivals(name, scene.journal(name)),
        )
        for name in cast()
    }


def _show(counts: Mapping[str, Count], tell: Told) -> None:
    tell.line()
    tell("count", "■")
    tell("head", " ")
    for name, one in counts.items():
        tell.line(
            f"    {one.partner:<13} {cast()[name].protocol:<17}"
            f" {one.sent:>5} {one.delivered:>5}   {one.lost:>3} {one.doubled:>3} {one.out_of_order:>3}"
        )


def _look_around(scene: Scene, bundle: Path, tell: Told) -> None:
    program = short(Path(sys.argv[0])) if Path(sys.argv[0]).name == "lienthong" else "lienthong"
    tell.line()
    tell("next", "■")
    tell.line(f"    export LIENTHONG_SETTINGS={short(scene.settings)}")
    for words in (
        "queue list",
        f"transfer list --partner {scene.partner('soap')} --limit 5",
        "dossier show 000.00.15.H47-261120-8001",
        "coverage",
        f"evidence verify {short(bundle)} --anchor {short(scene.root)}",
        "error explain HUB-SCH-007",
    ):
        tell.line(f"    {program} {words}")
    tell.line()
