"""P7, P8, P9: what an outage costs. Real processes, real sockets, simulated partners that misbehave when they are ordered to.

P7: from SIGKILL of the worker that holds an open call to the delivery of what it held. P8: what healthy partners receive per
second while another one hangs, resets or answers slowly, against the same load with that one paused. P9: how fast a
backlog goes out after an outage, against the rate that the partner declared, and what that does to live traffic.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from typing import TYPE_CHECKING

import aiohttp

from bench.backlog import fill_with_real
from bench.house import House, house
from hub.demo.processes import children_of, owns_port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WHOLE = ("hub.cli.main", "serve")
GRACE = 5.0

HEALTHY = 1500
TROUBLES: Mapping[str, Mapping[str, object]] = {
    "hangs": {"kind": "silence", "seconds": 60.0, "times": 10**9},
    "resets": {"kind": "reset", "times": 10**9},
    "answers slowly": {"kind": "late", "seconds": 2.0, "times": 10**9, "after": True},
}
ROUNDS = 3

BACKLOG, RATE, WATCHED, LIVE = 100_000, 150.0, 20.0, 10.0


def rows() -> list[dict[str, object]]:
    return [asyncio.run(_killed()), *asyncio.run(_isolation()), *asyncio.run(_drain())]


# --- P7 -----------------------------------------------------------------------------------------------------------


async def _killed() -> dict[str, object]:
    seconds = sorted([await _resumed() for _ in range(ROUNDS)])
    return {
        "row": "P7",
        "what": "SIGKILL of the worker with an open call → what it held is delivered, worst",
        "value": seconds[-1],
        "unit": "s beyond lease",
        "target": f"≤ {GRACE:g}",
        "all_s": seconds,
    }


async def _resumed() -> float:
    async with house(program=WHOLE, workers=2) as opened, aiohttp.ClientSession() as session:
        await opened.send(0, 50, 8)
        await opened.arrived(50)
        await opened.order("land", {"kind": "silence", "seconds": 60.0, "times": 4}, session)
        await opened.send(50, 4, 4)
        worker = await _holder(opened, session)
        await opened.order("land", None, session)
        os.kill(worker, signal.SIGKILL)
        began = time.perf_counter()
        await opened.arrived(54, every=0.02)
        return max(0.0, time.perf_counter() - began - opened.lease)


async def _holder(opened: House, session: aiohttp.ClientSession) -> int:
    """Return the worker whose call the department holds back."""
    while True:
        held = (await opened.control("land", session))["held"]
        workers = [pid for pid, words in children_of(opened.processes.pid("hub")) if " work " in f" {words} "]
        for port in held:
            for pid in workers:
                if owns_port(pid, port):
                    return pid
        await asyncio.sleep(0.02)


# --- P8 -----------------------------------------------------------------------------------------------------------


async def _isolation() -> list[dict[str, object]]:
    found: dict[str, list[float]] = {name: [] for name in ("paused", *TROUBLES)}
    for _ in range(ROUNDS):
        for name, rates in found.items():  # turn by turn, so that the machine's own speed falls on all alike
            rates.append(await _healthy(TROUBLES.get(name)))
    alone = median(found["paused"])
    return [
        {
            "row": "P8",
            "what": f"healthy partner's transfers/s while another one {name} / while it is paused",
            "value": median(found[name]) / alone,
            "unit": "ratio",
            "target": "≥ 0.95",
            "per_s": found[name],
            "alone_per_s": found["paused"],
        }
        for name in TROUBLES
    ]


async def _healthy(trouble: Mapping[str, object] | None) -> float:
    async with (
        house(program=WHOLE, workers=2, others=("other",)) as opened,
        aiohttp.ClientSession() as session,
    ):
        if trouble is None:
            await opened.lienthong("partner", "pause", "other", "--reason", "bench")
        else:
            await opened.order("other", dict(trouble), session)
        await opened.send(0, 200, 32)
        await opened.arrived(200)
        began = time.perf_counter()
        await opened.send(200, HEALTHY, 32)
        await opened.arrived(200 + HEALTHY)
        return HEALTHY / (time.perf_counter() - began)


# --- P9 -----------------------------------------------------------------------------------------------------------


async def _drain() -> list[dict[str, object]]:
    async with house(program=WHOLE, workers=2, rate=RATE) as opened, aiohttp.ClientSession() as session:
        await _live(opened, session, 10_000, 2.0)  # connections and caches are made once
        idle = await _live(opened, session, 0, 10.0)
    backed_up = house(program=WHOLE, workers=2, rate=RATE, prepare=_queue_backlog)
    async with backed_up as opened, aiohttp.ClientSession() as session:
        await opened.lienthong("partner", "resume", "so-tnmt", "--reason", "bench")
        await opened.arrived(1)
        await asyncio.sleep(3)  # the slow start after an outage is not what is measured
        before, began = opened.delivered(), time.perf_counter()
        live = await _live(opened, session, 0, WATCHED)
        rate = (opened.delivered() - before) / (time.perf_counter() - began)
    return [
        {
            "row": "P9",
            "what": f"drain of {BACKLOG:,} after an outage / the partner's declared rate",
            "value": rate / RATE,
            "unit": "ratio",
            "target": "≥ 0.9",
            "per_s": rate,
        },
        {
            "row": "P9",
            "what": "live p95 beside the drain / idle",
            "value": _p95(live) / _p95(idle),
            "unit": "ratio",
            "target": "≤ 1.2",
            "live_p95_ms": _p95(live) * 1000,
            "idle_p95_ms": _p95(idle) * 1000,
        },
    ]


async def _queue_backlog(opened: House) -> None:
    await fill_with_real(opened.scene, opened.body(0), BACKLOG, "so-tnmt")


async def _live(opened: House, session: aiohttp.ClientSession, first: int, seconds: float) -> list[float]:
    """Post at an even pace and return each message's seconds from its post to the partner's journal."""
    posted: dict[str, datetime] = {}
    end = time.perf_counter() + seconds
    number = first
    while time.perf_counter() < end:
        number += 1
        posted[opened.code(number)] = datetime.now(UTC)
        await opened.post(session, number)
        await asyncio.sleep(1 / LIVE)
    deadline = time.perf_counter() + 60
    while True:
        found = _arrivals(opened, posted)
        if len(found) == len(posted) or time.perf_counter() > deadline:
            missing = [timedelta(seconds=60).total_seconds()] * (len(posted) - len(found))
            return [*found, *missing]
        await asyncio.sleep(0.2)


def _arrivals(opened: House, posted: Mapping[str, datetime]) -> list[float]:
    journal = opened.scene.journal("land")
    lines = journal.read_text("utf-8").splitlines() if journal.exists() else []
    entries = (json.loads(line) for line in lines if line.endswith("}"))
    return [
        max(0.0, (datetime.fromisoformat(entry["at"]) - posted[entry["dossier"]]).total_seconds())
        for entry in entries
        if entry["dossier"] in posted
    ]


def _p95(values: Sequence[float]) -> float:
    return quantiles(values, n=100)[94]
