"""P10: ten times the load that gives the peak. What is still accepted, how the rest is refused, what it costs in memory.

Clients of the first kind wait as ``Retry-After`` asks; those of the second come again at once, which no honest sender does.
The driver runs on the same cores, so what it burns on refusals is missing to the hub: the ratio is a lower bound.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from bench.house import House, house
from hub.demo.processes import children_of

if TYPE_CHECKING:
    from collections.abc import Iterator

PEAK, TIMES, SECONDS = 64, 10, 10.0


def rows() -> list[dict[str, object]]:
    return asyncio.run(_rows())


async def _rows() -> list[dict[str, object]]:
    async with house(program=("hub.cli.main", "serve"), workers=1, land=False) as opened:
        numbers = itertools.count()
        await opened.send(next(numbers), 300, PEAK)
        for _ in range(300):
            next(numbers)
        before, _ = await _load(opened, numbers, PEAK, polite=True)
        small = _memory(opened)
        found = []
        for polite in (True, False):
            taken, codes = await _load(opened, numbers, TIMES * PEAK, polite=polite)
            how = "waiting as told" if polite else "coming again at once"
            found.append(
                {
                    "row": "P10",
                    "what": f"goodput at {TIMES} × {PEAK} clients, {how} / at {PEAK}",
                    "value": taken / before,
                    "unit": "ratio",
                    "target": "≥ 0.9",
                    "peak_per_s": before,
                    "overload_per_s": taken,
                    "answers": dict(codes),
                    "refused_other_than_429_503": sum(
                        count for code, count in codes.items() if code not in {202, 429, 503}
                    ),
                }
            )
        large = _memory(opened)
        found.append(
            {
                "row": "P10",
                "what": "memory of the web process and its pool after the overload / before",
                "value": large / small,
                "unit": "ratio",
                "target": "bounded",
                "before_mb": small / 2**20,
                "after_mb": large / 2**20,
            }
        )
        return found


async def _load(
    opened: House, numbers: Iterator[int], clients: int, *, polite: bool
) -> tuple[float, Counter[int]]:
    """Return accepts a second, and the answers by status (0: no answer)."""
    codes: Counter[int] = Counter()
    end = time.perf_counter() + SECONDS
    connector = aiohttp.TCPConnector(limit=clients)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def one() -> None:
            number = next(numbers)
            while time.perf_counter() < end:
                status, wait = await _post(opened, session, number)
                codes[status] += 1
                if status == 202:
                    number = next(numbers)
                elif polite:
                    await asyncio.sleep(min(wait, max(0.0, end - time.perf_counter())))

        await asyncio.gather(*(one() for _ in range(clients)))
    return codes[202] / SECONDS, codes


async def _post(opened: House, session: aiohttp.ClientSession, number: int) -> tuple[int, float]:
    try:
        async with session.post(
            opened.url, data=opened.body(number), headers=opened.headers(number)
        ) as reply:
            await reply.read()
            return reply.status, float(reply.headers.get("Retry-After", 1))
    except aiohttp.ClientError:
        return 0, 1.0


def _memory(opened: House) -> int:
    """Resident bytes of the web process and of its pool."""
    (web,) = [pid for pid, words in children_of(opened.processes.pid("hub")) if " web " in words]
    return sum(_resident(pid) for pid in (web, *(child for child, _ in children_of(web))))


def _resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    return 0
