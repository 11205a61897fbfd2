"""P2's other half: the same transfers through a plain FastAPI + Celery + Redis + zeep + signxml stack (``tests/bench/baseline``).

Same sender, same messages, same simulated department, same count of worker processes; counted is the CPU of web, workers
and Redis. Run twice: Redis with an fsync for each acknowledgement, as the hub has it, and with one a second.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench import transfers
from bench.house import House, tree_cpu
from hub.demo.processes import Processes, answers, free_ports
from hub.demo.scene import build

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

ROOT = Path(__file__).parents[1]
TARGET = 5
SYNCS = {"always": "an fsync per acknowledgement", "everysec": "an fsync a second"}


def rows() -> list[dict[str, object]]:
    _have_parts()
    hub_cpu, _ = asyncio.run(transfers.run())
    made = []
    for sync, words in SYNCS.items():
        cpu, wall = asyncio.run(_run(sync))
        made.append(
            {
                "row": "P2",
                "what": f"hub's signed transfers per CPU s / plain stack's (Celery, Redis with {words})",
                "value": cpu / hub_cpu,
                "unit": "ratio",
                "target": f"≥ {TARGET}",
                "hub_cpu_ms_per_transfer": hub_cpu / transfers.COUNT * 1000,
                "baseline_cpu_ms_per_transfer": cpu / transfers.COUNT * 1000,
                "baseline_transfers_per_wall_s": transfers.COUNT / wall,
            }
        )
    return made


def _have_parts() -> None:
    """Celery is no part of what we ship: it comes with the group ``baseline`` of the lock, Redis from Debian."""
    if importlib.util.find_spec("celery") is None:
        uv = ROOT / ".venv" / "tools" / "bin" / "uv"
        print("==> installing the plain stack's parts (group baseline of uv.lock)", file=sys.stderr)
        environment = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(ROOT / ".venv")}
        subprocess.run(
            [uv, "sync", "--frozen", "--quiet", "--group", "baseline"], cwd=ROOT, env=environment, check=True
        )
    if shutil.which("redis-server") is None:
        subprocess.run([ROOT / "tools" / "packages", "redis-server"], check=True)


async def _run(sync: str) -> tuple[float, float]:
    async with _stack(sync) as (opened, cpu_now):
        await opened.send(0, transfers.WARM, transfers.CONCURRENCY)
        await transfers.all_delivered(opened, transfers.WARM)
        cpu, began = cpu_now(), time.perf_counter()
        await opened.send(transfers.WARM, transfers.COUNT, transfers.CONCURRENCY)
        await transfers.all_delivered(opened, transfers.WARM + transfers.COUNT)
        wall = time.perf_counter() - began
        await asyncio.sleep(0.5)  # the last receipts
        return cpu_now() - cpu, wall


@asynccontextmanager
async def _stack(sync: str) -> AsyncIterator[tuple[House, Callable[[], float]]]:
    with tempfile.TemporaryDirectory() as folder:
        web_port, land_port, portal_port, redis_port = free_ports(4)
        scene = build(Path(folder) / "bench", web_port, (land_port, land_port, portal_port))
        environment = {
            **os.environ,
            "BASELINE_REDIS": f"redis://127.0.0.1:{redis_port}/0",
            "BASELINE_LAND": f"http://127.0.0.1:{land_port}/TiepNhanHoSo",
            "BASELINE_KEY": str(scene.settings.parent / "keys" / "province-seal"),
            "BASELINE_API_KEY": scene.api_key,
        }
        with (
            _redis(redis_port, Path(folder), sync) as redis,
            Processes(scene.folder / "log", environment) as processes,
        ):
            arguments = ["--port", str(land_port), "--journal", str(scene.journal("land"))]
            processes.start("land", ["connectors.simulators.land", *arguments])
            processes.start(
                "worker",
                [
                    *("celery", "-A", "tests.bench.baseline.tasks", "worker", "-c", str(transfers.CORES)),
                    *("--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "WARNING"),
                ],
            )
            web = ["uvicorn", "tests.bench.baseline.web:app", "--port", str(web_port), "--no-access-log"]
            processes.start(
                "web", [*web, "--loop", "uvloop", "--http", "httptools", "--log-level", "warning"]
            )
            await answers(f"http://127.0.0.1:{web_port}/readyz", processes, 60)

            def cpu_now() -> float:
                pids = (processes.pid("web"), processes.pid("worker"), redis)
                return sum(tree_cpu(pid) for pid in pids)

            yield House(scene, processes), cpu_now


@contextmanager
def _redis(port: int, folder: Path, sync: str) -> Iterator[int]:
    """Run a Redis of our own and yield its pid."""
    words = f"--port {port} --bind 127.0.0.1 --dir {folder} --appendonly yes --appendfsync {sync} --save"
    process = subprocess.Popen(["redis-server", *words.split(), ""], stdout=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()
