"""P15: the small hub of a district: how soon it answers, how much memory it has after a thousand messages.

The process that the kernel shows, from its start to the first answered request, over a file that is there; its resident memory
after messages were taken in by the REST desk and lie delivered at a simulated department or wait for it.
"""

from __future__ import annotations

import asyncio
import time
from http import HTTPStatus
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import aiohttp

from bench.house import House, house, tree

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = ("hub.cli.main", "edge", "run")
MESSAGES, STARTS = 1_000, 5


def rows() -> list[dict[str, object]]:
    starts, sizes = asyncio.run(measured(MESSAGES, STARTS))
    return [
        {
            "row": "P15",
            "what": "edge: seconds from start to the first answered request",
            "value": median(starts),
            "unit": "s",
            "target": "< 2",
            "each": starts,
        },
        {
            "row": "P15",
            "what": f"edge: resident memory after {MESSAGES:,} messages",
            "value": sizes[-1],
            "unit": "MB",
            "target": "< 150",
            "at_start": sizes[0],
        },
    ]


async def measured(messages: int, starts: int) -> tuple[list[float], Sequence[float]]:
    """Return seconds of each start, and megabytes before and after the messages."""
    async with house(program=PROGRAM, workers=1) as opened:
        before = resident(opened)
        await opened.send(0, messages, 8)
        await opened.arrived(messages)
        after = resident(opened)
        return [await _started(opened) for _ in range(starts)], (before, after)


def resident(opened: House) -> float:
    """Megabytes of the hub's process and of all below it."""
    pages = (
        int(Path(f"/proc/{pid}/statm").read_text("utf-8").split()[1])
        for pid in tree(opened.processes.pid("hub"))
    )
    return sum(pages) * 4096 / 1e6


async def _started(opened: House) -> float:
    opened.processes.stop("hub")
    began = time.perf_counter()
    opened.processes.start("hub", [*PROGRAM, "--settings", str(opened.scene.settings)])
    url = f"http://127.0.0.1:{opened.scene.hub_port}/readyz"
    async with aiohttp.ClientSession() as session, asyncio.timeout(60):
        while True:
            try:
                async with session.get(url) as reply:
                    if reply.status == HTTPStatus.OK:
                        return time.perf_counter() - began
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.01)
