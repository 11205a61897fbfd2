"""P2: signed transfers from end to end against what the same cores sign with bare RSA-2048.

JSON over HTTP in → canonical → SOAP/XML with an RSA-2048 enveloped signature out → receipt recorded, durable at every
step. Counted is the CPU of all hub processes; the sender and the department are processes of their own.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import time

from bench.house import House, house

WARM, COUNT, CONCURRENCY, CORES = 300, 2000, 64, 2
PATIENCE = 180.0


def rows() -> list[dict[str, object]]:
    signs = openssl_signs()
    cpu, wall = asyncio.run(run())
    rate = COUNT / cpu
    return [
        {
            "row": "P2",
            "what": "signed transfers per hub CPU second / openssl rsa2048 signs per CPU second",
            "value": rate / signs,
            "unit": "ratio",
            "target": "≥ 0.15",
            "transfers_per_cpu_s": rate,
            "openssl_signs_per_s": signs,
            "cpu_ms_per_transfer": cpu / COUNT * 1000,
            "transfers_per_wall_s": COUNT / wall,
        }
    ]


def openssl_signs() -> float:
    said = subprocess.run(
        ["openssl", "speed", "-seconds", "3", "rsa2048"], capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"^rsa 2048 bits .*?s .*?s +([\d.]+)", said, re.MULTILINE)
    if found is None:
        raise RuntimeError("openssl speed said nothing about rsa2048")
    return float(found[1])


async def run() -> tuple[float, float]:
    async with house(program=("hub.cli.main", "serve"), workers=CORES) as opened:
        await opened.send(0, WARM, CONCURRENCY)
        await all_delivered(opened, WARM)
        cpu, began = opened.hub_cpu(), time.perf_counter()
        await opened.send(WARM, COUNT, CONCURRENCY)
        await all_delivered(opened, WARM + COUNT)
        wall = time.perf_counter() - began
        await asyncio.sleep(0.5)  # the last settlements
        return opened.hub_cpu() - cpu, wall


async def all_delivered(opened: House, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while opened.delivered() < count:  # noqa: ASYNC110 - another process writes the journal
            await asyncio.sleep(0.05)
