"""``python -m tests.simulation [SEEDS] [FIRST]``: play that many worlds on all cores; print the trace of the first that breaks."""

from __future__ import annotations

import logging
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

import structlog

from tests.simulation.world import Broken, play

CHUNK = 500


def chunk(first: int) -> str:
    """Play ``CHUNK`` worlds; return what broke."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        for seed in range(first, first + CHUNK):
            play(seed)
    except Broken as broken:
        return str(broken)
    return ""


def main() -> int:
    seeds, first = (int(word) for word in (sys.argv[1:] + ["100000", "0"][len(sys.argv) - 1 :])[:2])
    began = time.monotonic()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for broken in pool.map(chunk, range(first, first + seeds, CHUNK)):
            if broken:
                print(broken)  # noqa: T201 - that is what it is for
                pool.shutdown(cancel_futures=True)
                return 1
    print(  # noqa: T201 - that is what it is for
        f"{seeds} worlds from seed {first} in {time.monotonic() - began:.0f} s: nothing lost, doubled or out of order"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
