"""P6: two nodes on one PostgreSQL against one, a partner that answers in 50 ms.

What bounds a node here is how many transfers it has in hand (`[workers] hand`), not this machine's two cores, which server,
partner and both nodes share: so the figure says whether nodes get in each other's way, until the CPU is full.
"""

from __future__ import annotations

import asyncio
import time
from statistics import median
from typing import TYPE_CHECKING

import aiohttp

from bench.backlog import fill_with_real
from bench.house import House, house
from bench.postgres import SIZED
from tests.doubles.postgres import cluster

if TYPE_CHECKING:
    from tests.doubles.postgres import Cluster

HAND = 5
"""In hand per node: 5 / 50 ms = at most 100 a second."""
COUNT, SLOW, ROUNDS = 900, 0.05, 3
LATE = {"kind": "late", "seconds": SLOW, "after": True, "times": 10**9}


def rows() -> list[dict[str, object]]:
    with cluster(durable=True, options=SIZED) as server:
        rates: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(ROUNDS):
            for nodes, found in rates.items():  # turn by turn
                found.append(asyncio.run(_rate(server, nodes)))
    return [
        {
            "row": "P6",
            "what": "two nodes on one PostgreSQL / one node, the partner answers in 50 ms",
            "value": median(rates[2]) / median(rates[1]),
            "unit": "ratio",
            "target": "≥ 1.7",
            "one_per_s": rates[1],
            "two_per_s": rates[2],
        }
    ]


async def _rate(server: Cluster, nodes: int) -> float:
    async def backlog(opened: House) -> None:
        await fill_with_real(opened.scene, opened.body(0), COUNT, "so-tnmt")

    database = server.conninfo(server.database())
    open_house = house(
        program=("hub.cli.main", "serve"), workers=1, prepare=backlog, database=database, hand=HAND
    )
    async with open_house as opened, aiohttp.ClientSession() as session:
        await opened.order("land", LATE, session)
        for number in range(2, nodes + 1):
            words = ["hub.cli.main", "work", "--settings", str(opened.scene.settings)]
            opened.processes.start(f"node-{number}", words)
        await asyncio.sleep(6)  # both are up
        await opened.lienthong("partner", "resume", "so-tnmt", "--reason", "bench")
        await opened.arrived(COUNT // 10, every=0.01)
        before, began = opened.delivered(), time.perf_counter()
        await opened.arrived(COUNT * 9 // 10, every=0.01)
        return (opened.delivered() - before) / (time.perf_counter() - began)
