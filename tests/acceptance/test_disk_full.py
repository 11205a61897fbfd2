"""The disk is full: senders hear 503 and keep their messages; when there is room again nothing was lost or half written.

A small file system of our own where that can be mounted (root), else a limit on the size of each file; which one it was
is printed. Neither is skipped: where the kernel gives no way to fill a disk, the test fails.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import msgspec
import pytest

from hub.store.contract.views import Filter
from tests.acceptance.nursery import Nursery
from tests.acceptance.stage import Embedded, room, stage, stays, told_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from hub.demo.messages import Said
    from tests.acceptance.nursery import Child
    from tests.acceptance.stage import Stage

SMALL = 8 << 20
LARGEST = 600_000
"""Bytes of a file where only files can be limited: the write-ahead log outgrows it."""


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Whether ``folder`` is a file system of its own now."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "none", str(folder)]
    done = subprocess.run(mount, capture_output=True, check=False) if os.getuid() == 0 else None
    mounted = done is not None and done.returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def filled(folder: Path) -> Path:
    """Leave not a byte."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return filler


@pytest.mark.timeout(180)
async def test_a_full_disk_refuses_loses_nothing_and_goes_on_when_there_is_room() -> None:
    with room() as folder:
        async with stage(folder / "hub", Embedded()) as place, Nursery() as nursery:
            await place.begin_anew()
            shutil.rmtree(place.data, ignore_errors=True)
            place.data.mkdir()
            with place.settings.open("a", encoding="utf-8") as settings:
                settings.write("\n[limits]\ndisk_free = 1  # or intake would stop long before\n")
            with small_disk(place.data) as mounted:
                print("a small tmpfs" if mounted else "no mount allowed: RLIMIT_FSIZE instead")  # noqa: T201 - said aloud
                await the_disk_fills(place, nursery, mounted=mounted)


async def the_disk_fills(place: Stage, nursery: Nursery, *, mounted: bool) -> None:
    told = [
        msgspec.structs.replace(story[0], body=story[0].body + b" " * 50_000) for story in told_of(*[1] * 12)
    ]
    limit = 0 if mounted else LARGEST
    running = [await born(place, nursery, word, limit) for word in ("web", "work")]
    while not await place.answers():  # noqa: ASYNC110 - a port is looked at
        await asyncio.sleep(0.02)
    for said in told[:2]:
        await place.say(said)
    filler = filled(place.data) if mounted else None
    heard = await refused(place, told)
    assert heard == {503}, heard
    if filler is not None:
        filler.unlink()
    if not mounted:
        for child in running:
            await child.kill()
    await kept_alive(place, nursery, running)
    for said in told:
        await place.say(said)
    await at_rest(place, nursery, running)
    for child in running:
        await child.stop()
    assert place.judge(told) == []
    async with place.looking() as store:
        assert await store.conservation() == ()


async def born(place: Stage, nursery: Nursery, word: str, largest: int) -> Child:
    return await nursery.bear(place.settings, (word,), place.folder / "output", largest=largest)


async def refused(place: Stage, told: Sequence[Said]) -> set[int]:
    """Say everything until the hub takes no more; return what it answers then, and goes on answering."""
    heard: set[int] = set()
    for said in [*told, *told]:
        status, _ = await place.post(said)
        if status != 202:
            heard.add(status)
    return heard


async def kept_alive(place: Stage, nursery: Nursery, running: list[Child]) -> None:
    """As a supervisor does; a worker that a full disk ended first writes down what it knows."""
    for number, word in enumerate(("web", "work")):
        if not running[number].alive:
            running[number] = await born(place, nursery, word, 0)


async def at_rest(place: Stage, nursery: Nursery, running: list[Child]) -> None:
    async with asyncio.timeout(60):
        while True:
            await kept_alive(place, nursery, running)
            async with place.looking() as store:
                if all(stays(view) for view in await store.transfers(Filter(limit=500))):
                    return
            await asyncio.sleep(0.1)
