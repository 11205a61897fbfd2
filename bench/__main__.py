"""Run the rows asked for (all by default), print one table, write ``bench/results/<time>.json``.

A row's module has ``rows() -> list[dict]``; each dict has ``row``, ``what``, ``value``, ``unit``, ``target`` and whatever
explains it. Figures are ratios to something measured in the same run, because the machine's own speed drifts.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROWS = {
    "P1": "bench.accept",
    "P2": "bench.transfers",
    "baseline": "bench.baseline",
    "P3": "bench.queue",
    "P4": "bench.translate",
    "P5": "bench.signing",
    "P6": "bench.nodes",
    "P7": "bench.outages",
    "P10": "bench.overload",
    "P11": "bench.documents",
    "P13": "bench.lines",
    "P14": "bench.evidence",
    "P15": "bench.edges",
}
RESULTS = Path(__file__).parent / "results"
LIBRARIES = ("apsw", "cryptography", "fastapi", "lxml", "msgspec", "signxml", "uvicorn", "zeep")


def hardware() -> dict[str, object]:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
        **{name: version(name) for name in LIBRARIES},
    }


def main(wanted: list[str]) -> int:
    unknown = [name for name in wanted if name not in ROWS]
    if unknown:
        print(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}", file=sys.stderr)
        return 2
    report: dict[str, object] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": hardware()}
    figures: list[dict[str, object]] = []
    for name in wanted or list(ROWS):
        began = time.perf_counter()
        print(f"… {name}", file=sys.stderr, flush=True)
        found = importlib.import_module(ROWS[name]).rows()
        print(f"  {name} took {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
        figures.extend(found)
    report["figures"] = figures
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(f"{'row':<5} {'what':<66} {'value':>12} {'unit':<12} target")
    for figure in figures:
        value = figure["value"]
        shown = (
            f"{value:,.3g}"
            if isinstance(value, float) and abs(value) < 100
            else f"{value:,.0f}"
            if isinstance(value, float | int)
            else str(value)
        )
        print(
            f"{figure['row']!s:<5} {figure['what']!s:<66} {shown:>12} {figure['unit']!s:<12} {figure['target']}"
        )
    print(f"\n{path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
