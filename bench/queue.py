"""P3: what claiming and settling costs when a million transfers are queued, against a hundred thousand.

The queue is filled by SQL (a million accepted messages would take minutes), then worked through the store's own
``claim`` and ``settle`` in groups. Counted per item: CPU of this process (SQLite runs inside it) and pages written.
Base of every ratio: the even layout at the first size, worked turn by turn with the other one.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import tempfile
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import apsw

from hub.ids import Ids
from hub.lifecycle import Move
from hub.store.contract import Attempt, Capacity, Settlement
from hub.store.sqlite.store import open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from hub.store.contract import Work
    from hub.store.sqlite.store import SqliteStore

TARGET = 1.2
GROUP = 50
CONCURRENCY = 64
START = datetime(2026, 11, 23, tzinfo=UTC)
SIZES = (100_000, 1_000_000)


@dataclass(frozen=True)
class Layout:
    """``partner``: SQL of the partner's number for the lane ``l``; ``depth``: transfers per lane; ``shelf``: SQL of the lane's ticket."""

    name: str
    partners: int = 16
    partner: str = "l % 16"
    depth: int = 10
    shelf: str = "'ready'"
    paused: int | None = None


LAYOUTS = (
    Layout("even"),
    Layout("90 % of the lanes blocked", shelf="CASE WHEN l % 10 THEN 'wait' ELSE 'ready' END"),
    Layout(
        "half due behind a paused partner",
        partner="CASE WHEN l % 2 THEN 0 ELSE 1 + l / 2 % 15 END",
        depth=1,
        paused=0,
    ),
    Layout("80 % on one partner", partner="CASE WHEN l % 5 THEN 0 ELSE 1 + l / 5 % 15 END"),
    Layout("3,000 partners", partners=3000, partner="l % 3000"),
)

FILL = """
CREATE TEMP TABLE made AS
WITH RECURSIVE one(k) AS (SELECT 0 UNION ALL SELECT k+1 FROM one WHERE k+1 < :size)
SELECT k+1 AS n, k % :lanes AS l, k / :lanes AS step FROM one;
INSERT INTO message(n,id,sender,key,kind,digest,dossier,accepted_at,parts,media_type,headers,receipt,canonical,raw)
  SELECT n, printf('M%025d', n), 'sender', n, 'received', '', printf('D%025d', l), :at+n, 1, 'application/json', '{}',
  x'', zeroblob(200), zeroblob(200) FROM made;
INSERT INTO transfer(n,id,message,dest,subject,operation,part,key,stage,state)
  SELECT n, printf('T%025d', n), n, 1 + (PARTNER), printf('D%025d', l), 'submit', 0, n, 'live', 'waiting' FROM made;
INSERT INTO item(subject,dest,n,shelf,class,at)
  SELECT printf('D%025d', l), 1 + (PARTNER), n, CASE step WHEN 0 THEN SHELF END,
  CASE WHEN step=0 AND SHELF='ready' THEN 3 END,
  CASE WHEN step=0 THEN CASE SHELF WHEN 'ready' THEN :at+n ELSE :far END END FROM made ORDER BY l, n;
INSERT INTO ready(dest,class,since,subject)
  SELECT 1 + (PARTNER), 3, :at+n, printf('D%025d', l) FROM made WHERE step=0 AND SHELF='ready' ORDER BY 1, 3;
INSERT INTO wait(wake,dest,subject)
  SELECT :far, 1 + (PARTNER), printf('D%025d', l) FROM made WHERE step=0 AND SHELF='wait' ORDER BY 2, 3;
INSERT OR IGNORE INTO due(dest) SELECT DISTINCT dest FROM ready;
INSERT INTO cnt(dest,what,n) SELECT dest, 'waiting', count(*) FROM transfer GROUP BY dest;
INSERT INTO cnt(dest,what,n) SELECT dest, 'accepted', count(*) FROM transfer GROUP BY dest;
INSERT INTO cnt(dest,what,n) SELECT dest, 'items', count(*) FROM item GROUP BY dest;
INSERT INTO cnt(dest,what,n) SELECT dest, 'lanes', count(*) FROM (SELECT DISTINCT subject, dest FROM item) GROUP BY dest;
DROP TABLE made;
"""


def rows(
    sizes: Sequence[int] = SIZES, items: int = 4_000, layouts: Sequence[Layout] = LAYOUTS
) -> list[dict[str, object]]:
    """``sizes``: the base's size first; ``items``: how many are worked per figure."""
    return asyncio.run(_rows(sizes, items, layouts))


async def _rows(sizes: Sequence[int], items: int, layouts: Sequence[Layout]) -> list[dict[str, object]]:
    table: list[dict[str, object]] = []
    async with _queue(LAYOUTS[0], sizes[0]) as base:
        for size in sizes[1:]:
            for layout in layouts:
                async with _queue(layout, size) as queue:
                    before, after = await _side_by_side(base, queue, items)
                table.append(_row(f"{size:,} queued, {layout.name}", sizes[0], before, after))
    return table


def _row(what: str, size: int, base: Cost, cost: Cost) -> dict[str, object]:
    return {
        "row": "P3",
        "what": f"claim + settle, {what}",
        "value": round(cost.cpu / base.cpu, 2),
        "unit": f"× {size:,} even",
        "target": f"≤ {TARGET}",
        "cpu_us_per_item": round(cost.cpu, 1),
        "base_cpu_us_per_item": round(base.cpu, 1),
        "pages_per_item": round(cost.pages, 2),
        "base_pages_per_item": round(base.pages, 2),
    }


class Cost(NamedTuple):
    """Per item: CPU microseconds, pages written."""

    cpu: float
    pages: float


@asynccontextmanager
async def _queue(layout: Layout, size: int) -> AsyncIterator[Queue]:
    folder = Path(tempfile.mkdtemp(prefix="queue-"))
    ids = Ids(time.time, os.urandom)
    try:
        store = open_store(folder / "hub.db", ids=ids)
        partners = [f"p{n:04}" for n in range(layout.partners)]
        await store.capacities([Capacity(partner=name, concurrency=CONCURRENCY) for name in partners])
        await store.close()
        fill(folder / "hub.db", layout, size)
        store = open_store(folder / "hub.db", ids=ids)
        if layout.paused is not None:
            await store.pause(partners[layout.paused], paused=True, reason="", by="thu", now=START)
        yield Queue(store)
        await store.close()
    finally:
        shutil.rmtree(folder)


async def _side_by_side(base: Queue, queue: Queue, items: int) -> tuple[Cost, Cost]:
    """Turn by turn, so that the machine's moods fall on both; the first two turns warm the caches."""
    turns = [(await base.work(items // 8), await queue.work(items // 8)) for _ in range(10)][2:]
    return _median([before for before, _ in turns]), _median([after for _, after in turns])


def _median(costs: list[Cost]) -> Cost:
    return Cost(
        statistics.median(cost.cpu for cost in costs), statistics.median(cost.pages for cost in costs)
    )


def fill(path: Path, layout: Layout, size: int) -> None:
    db = apsw.Connection(str(path))
    db.execute("PRAGMA synchronous=OFF")
    db.execute("PRAGMA cache_size=-262144")
    db.execute("PRAGMA temp_store=MEMORY")
    at = int(START.timestamp()) * 1_000_000
    script = FILL.replace("PARTNER", layout.partner).replace("SHELF", layout.shelf)
    with db:
        db.execute(
            script, {"size": size, "lanes": max(1, size // layout.depth), "at": at, "far": at + 10**13}
        )
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


class Queue:
    """An open store with its own clock, worked in groups."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._now = START + timedelta(hours=1)
        self._pages = _count_pages(store)

    async def work(self, items: int) -> Cost:
        began, written, done = time.process_time(), self._pages[0], 0
        while done < items:
            done += await self._group()
        return Cost((time.process_time() - began) * 1e6 / done, (self._pages[0] - written) / done)

    async def _group(self) -> int:
        self._now += timedelta(seconds=1)
        works = await self._store.claim("bench", self._now, GROUP, 60)
        if not works:
            raise RuntimeError("the layout has too little that is due")
        settlements = [_delivered(work, self._now) for work in works]
        await self._store.settle(works[0].token, settlements, self._now)
        return len(works)


def _delivered(work: Work, now: datetime) -> Settlement:
    attempt = Attempt(verb="deliver", outcome="delivered", code="", detail="", started_at=now, seconds=0.01)
    return Settlement(transfer=work.transfer, move=Move.DELIVER, attempts=(attempt,))


def _count_pages(store: SqliteStore) -> list[int]:
    """Count frames as commits append them to the WAL; checkpoint ourselves, since the hook replaces SQLite's own."""
    total, last = [0], [0]

    def committed(db: apsw.Connection, _name: str, frames: int) -> int:
        total[0] += frames - last[0] if frames >= last[0] else frames
        last[0] = frames
        if frames > 10_000:
            db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        return apsw.SQLITE_OK

    store._writes._db.set_wal_hook(committed)  # noqa: SLF001 - counting pages is this measurement's own need
    return total


if __name__ == "__main__":
    for row in rows():
        print(row)
