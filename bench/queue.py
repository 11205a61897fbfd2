"""P3: what claiming and settling costs when a million transfers are queued, against a hundred thousand.

The queue is filled by SQL (a million accepted messages would take minutes), then worked through the store's own
``claim`` and ``settle`` in groups. Counted per item: CPU of this process (SQLite runs inside it) and pages written.
Base of every ratio: the even layout at the first size, measured in the same run.
"""

from __future__ import annotations

import asyncio
import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from hub.ids import Ids
from hub.lifecycle import Move
from hub.store.contract import Attempt, Capacity, Settlement
from hub.store.sqlite.store import open_store

if TYPE_CHECKING:
    from collections.abc import Sequence

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
INSERT INTO message(n,id,sender,key,kind,digest,dossier,accepted_at,first,parts,media_type,headers,receipt,canonical,raw)
  SELECT n, printf('M%025d', n), 'sender', n, 'received', '', printf('D%025d', l), :at+n, n, 1, 'application/json', '{}',
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
    base: tuple[float, float] | None = None
    table: list[dict[str, object]] = []
    for size in sizes:
        for layout in layouts if size != sizes[0] else layouts[:1]:
            cpu, pages = asyncio.run(_measure(layout, size, items))
            base = base or (cpu, pages)
            table.append(
                {
                    "row": "P3",
                    "what": f"claim + settle, {size:,} queued, {layout.name}",
                    "value": round(cpu / base[0], 2),
                    "unit": f"× CPU at {sizes[0]:,} even",
                    "target": f"≤ {TARGET}",
                    "cpu_us_per_item": round(cpu, 1),
                    "pages_per_item": round(pages, 2),
                    "pages_ratio": round(pages / base[1], 2),
                }
            )
    return table


async def _measure(layout: Layout, size: int, items: int) -> tuple[float, float]:
    """Return CPU microseconds and pages written per item: medians over slices of the run."""
    folder = Path(tempfile.mkdtemp(prefix="queue-"))
    try:
        store = open_store(folder / "hub.db", ids=Ids(time.time, lambda n: b"\0" * n))
        await store.capacities(
            [Capacity(partner=f"p{n:04}", concurrency=CONCURRENCY) for n in range(layout.partners)]
        )
        await store.close()
        _fill(folder / "hub.db", layout, size)
        store = open_store(folder / "hub.db", ids=Ids(time.time, lambda n: b"\0" * n))
        if layout.paused is not None:
            await store.pause(f"p{layout.paused:04}", paused=True, reason="", now=START)
        result = await _work(store, items)
        await store.close()
        return result
    finally:
        shutil.rmtree(folder)


def _fill(path: Path, layout: Layout, size: int) -> None:
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


async def _work(store: SqliteStore, items: int) -> tuple[float, float]:
    pages = _count_pages(store)
    slices: list[tuple[float, float]] = []
    done = second = 0
    while done < items * 5 // 4:
        before, written, got = time.process_time(), pages[0], 0
        while got < items // 8:
            second += 1
            got += await _group(store, START + timedelta(hours=1, seconds=second))
        done += got
        slices.append(((time.process_time() - before) * 1e6 / got, (pages[0] - written) / got))
    kept = slices[2:]  # the first fifth warms the caches
    return statistics.median(cpu for cpu, _ in kept), statistics.median(page for _, page in kept)


async def _group(store: SqliteStore, now: datetime) -> int:
    works = await store.claim("bench", now, GROUP, 60)
    if not works:
        raise RuntimeError("the layout has too little that is due")
    await store.settle(works[0].token, [_delivered(work, now) for work in works], now)
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

    store._writer._db.set_wal_hook(committed)  # noqa: SLF001 - counting pages is this measurement's own need
    return total


if __name__ == "__main__":
    for row in rows():
        print(row)
