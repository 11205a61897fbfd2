"""Hours of a hub's store in minutes: accept, deliver, prune, again and again; does what it takes on disk stay bounded?

``python -m bench.soak [--seconds N] [--engine sqlite|postgres]`` prints a line per round: megabytes of the database, of the
write-ahead log and of large files, and how much is free inside. Time is the store's own and runs as fast as the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hub.rounds.upkeep import Pruner
from hub.store.upkeep import Stage
from tests.doubles.postgres import cluster
from tests.keeping.places import PLACES
from tests.store.samples import acceptance, at, delivered, roomy, sealed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from hub.store.contract.intake import Acceptance
    from hub.store.contract.store import Store
    from hub.store.upkeep import Ages
    from tests.keeping.places import Place

DAY = 86_400.0
PARTNERS = ("so-tnmt", "dvcqg")
AGES: Ages = {
    Stage.PAYLOADS: 2 * DAY,
    Stage.EVIDENCE: 3 * DAY,
    Stage.RECORDS: 4 * DAY,
    Stage.JOURNAL: 4 * DAY,
    Stage.REFUSALS: DAY,
}
TOGETHER = 50
SMALL, LARGE = b"x" * 5_000, b"x" * 120_000


class Sizes(NamedTuple):
    """Megabytes."""

    round: int
    database: float
    log: float
    files: float
    free: float


class Soak:
    """One round is a day: ``messages`` come in, are delivered but for one that waits for ever, and what is old goes."""

    def __init__(self, place: Place, messages: int) -> None:
        self._place, self._messages = place, messages
        self._day = 0

    async def run(self, store: Store, rounds: int = 0, seconds: float = 0.0) -> list[Sizes]:
        await store.capacities(roomy(*PARTNERS))
        end = time.monotonic() + seconds
        sizes = []
        while self._day < rounds or time.monotonic() < end:
            await self._one(store)
            sizes.append(self.sizes())
        return sizes

    async def _one(self, store: Store) -> None:
        begin = self._day * DAY
        for start in range(0, self._messages, TOGETHER):
            some = range(start, min(start + TOGETHER, self._messages))
            await asyncio.gather(*(store.accept(self._message(n, at(begin))) for n in some))
        now = at(begin + 60)
        await store.pause("slow", paused=True, reason="soak", by="soak", now=now)
        while works := await store.claim("w", now, 100, 30):
            await store.seal(works[0].token, {work.transfer: sealed("x" * 5_000) for work in works})
            await store.settle(works[0].token, [delivered(work.transfer) for work in works], now)
        self._day += 1
        late = at(self._day * DAY)
        await store.tick(late)
        await Pruner(store, AGES, now=lambda: late, holder="soak", every=1, rest=0).round()
        await store.documents.sweep(late, grace=0, quarantine=0)
        await asyncio.to_thread(self._place.tidy)  # a day is long enough for the engine to do so itself

    def _message(self, n: int, when: datetime) -> Acceptance:
        name = f"r{self._day}m{n}"
        raw = (LARGE if n % 50 == 1 else SMALL) + name.encode()
        parties = ("slow",) if n == 0 else PARTNERS
        return acceptance(name, dossier=f"d{name}", partners=parties, raw=raw, when=when)

    def sizes(self) -> Sizes:
        figures = self._place.keeper.figures()
        files = sum(size for _, size in self._place.keeper.blobs.files())
        parts = (figures.size, figures.log or 0, files, figures.free)
        return Sizes(self._day, *(round(part / 1e6, 2) for part in parts))


@contextmanager
def place_for(engine: str, folder: Path) -> Iterator[Place]:
    if engine == "sqlite":
        yield PLACES[engine](folder, "")
        return
    with cluster() as server:
        database = server.database()
        place = PLACES[engine](folder, server.conninfo(database))

        def tidy() -> None:
            with server.connect(database) as db:
                db.execute("VACUUM")

        place.tidy = tidy
        yield place


async def soak(place: Place, messages: int, rounds: int, seconds: float) -> list[Sizes]:
    store = place.open()
    try:
        sizes = await Soak(place, messages).run(store, rounds, seconds)
        broken = await store.conservation()
        if broken:
            raise AssertionError(broken)
        return sizes
    finally:
        await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.soak")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--messages", type=int, default=500)
    parser.add_argument("--engine", choices=sorted(PLACES), action="append")
    asked = parser.parse_args()
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    for engine in asked.engine or sorted(PLACES):
        with tempfile.TemporaryDirectory() as folder, place_for(engine, Path(folder)) as place:
            print(f"{engine}: {asked.messages} messages a day\n  day  database   log  files  free (MB)")
            for sizes in asyncio.run(soak(place, asked.messages, 0, asked.seconds)):
                print(f"{sizes.round:5} {sizes.database:9} {sizes.log:5} {sizes.files:6} {sizes.free:5}")


if __name__ == "__main__":
    main()
