"""P1: durable accepts over HTTP against the same intake without its commit. P1b: from accept to the partner's receipt.

*Without its commit* is taken in both ways it can be read: the same transaction that does not wait for the disk, and no
transaction at all.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Any

import aiohttp
import uvicorn
import uvloop

from bench.house import House, house
from hub.store.contract.intake import Acceptance, Accepted
from hub.wiring.parts import store_of
from hub.wiring.web import open_web

if TYPE_CHECKING:
    from hub.settings.file import Settings

CONCURRENCY, WARM, COUNT, ROUNDS = 64, 500, 3000, 3
LATENCIES = 200


def rows() -> list[dict[str, object]]:
    rates = {"durable": [0.0], "undurable": [0.0], "unwritten": [0.0]}
    for _ in range(ROUNDS):
        for kind, found in rates.items():
            found.append(asyncio.run(_rate(kind)))
    best = {kind: max(found) for kind, found in rates.items()}
    return [
        *(
            {
                "row": "P1",
                "what": f"durable accepts/s, 5 KB JSON over HTTP, c = 64 / {without}",
                "value": best["durable"] / best[kind],
                "unit": "ratio",
                "target": "≥ 0.8",
                "durable_per_s": best["durable"],
                "base_per_s": best[kind],
                "all": rates,
            }
            for kind, without in (("undurable", "not waiting for the disk"), ("unwritten", "writing nothing"))
        ),
        _latency("idle", 0, "< 60"),
        _latency("behind 100,000 queued for another", 100_000, "< 250"),
    ]


def _latency(when: str, queued: int, target: str) -> dict[str, object]:
    cuts = quantiles(asyncio.run(_latencies(queued)), n=100)
    return {
        "row": "P1b",
        "what": f"accept → partner's receipt, {when}, p95",
        "value": cuts[94] * 1000,
        "unit": "ms",
        "target": target,
        "p50_ms": cuts[49] * 1000,
        "p99_ms": cuts[98] * 1000,
    }


async def _rate(kind: str) -> float:
    async with house(program=("bench.accept", kind), workers=1, land=False) as opened:
        await opened.send(0, WARM, CONCURRENCY)
        began = time.perf_counter()
        await opened.send(WARM, COUNT, CONCURRENCY)
        return COUNT / (time.perf_counter() - began)


async def _latencies(queued: int) -> list[float]:
    async with house(program=("hub.cli.main", "serve"), workers=1, queued=queued) as opened:
        posted: list[datetime] = []
        async with aiohttp.ClientSession() as session:
            for number in range(LATENCIES + 20):
                await opened.post(session, number)
                posted.append(datetime.now(UTC))
                await _arrived(opened, number + 1)
        lines = opened.scene.journal("land").read_text("utf-8").splitlines()
        taken = [datetime.fromisoformat(json.loads(line)["at"]) for line in lines]
        return [max(0.0, (at - sent).total_seconds()) for sent, at in zip(posted, taken, strict=True)][20:]


async def _arrived(opened: House, count: int) -> None:
    async with asyncio.timeout(30):
        while opened.delivered() < count:  # noqa: ASYNC110 - another process writes the journal
            await asyncio.sleep(0.002)


# --- the two web processes ----------------------------------------------------------------------------------------


class Unwritten:
    """The store, but ``accept`` says yes without writing anything."""

    def __init__(self, store: Any) -> None:  # noqa: ANN401 - stands in for the store
        self._store = store

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - everything else is the store's
        return getattr(self._store, name)

    async def accept(self, acceptance: Acceptance) -> Accepted:
        return Accepted(message=acceptance.message, receipt=acceptance.receipt)


def _durable(settings: Settings) -> Any:  # noqa: ANN401 - a store
    return store_of(settings)


def _undurable(settings: Settings) -> Any:  # noqa: ANN401 - a store
    store: Any = store_of(settings)
    store._writes._db.pragma("synchronous", 0)  # noqa: SLF001 - exactly this is what a hub must never do
    return store


def _unwritten(settings: Settings) -> Any:  # noqa: ANN401 - a store
    return Unwritten(store_of(settings))


STORES = {"durable": _durable, "undurable": _undurable, "unwritten": _unwritten}


def _serve(kind: str, settings: Path) -> None:
    async def serve() -> None:
        async with open_web(settings, store_of=STORES[kind]) as (app, read):
            await _uvicorn(app, read)

    uvloop.run(serve())


async def _uvicorn(app: Any, read: Settings) -> None:  # noqa: ANN401 - FastAPI
    config = uvicorn.Config(
        app, host=read.host, port=read.port, http="httptools", log_config=None, access_log=False
    )
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    _serve(sys.argv[1], Path(sys.argv[3]))
