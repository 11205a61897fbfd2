"""P3: what claiming and settling costs when a million transfers are queued, on both stores.

Against a hundred thousand even and against a thousand, worked turn by turn; and over minutes beside a reader that never
ends. Worked through the store's own ``claim`` and ``settle`` in groups. Counted per item: CPU of this process and of the
database server, and pages.
"""

from __future__ import annotations

import asyncio
import statistics
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from bench.engines import START, Engine, Layout, Opened, Sqlite
from bench.postgres import Postgres
from hub.lifecycle import Move
from hub.store.contract.delivery import Attempt, Settlement
from hub.store.contract.intake import Acceptance, NewTransfer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.store.contract.delivery import Work

TARGET, TARGET_OF_FEW = 1.2, 1.5
GROUP = 50
SIZES = (100_000, 1_000_000)
FEW = 1_000
READER_SECONDS, READER_RATE, WINDOW = 180.0, 400, 20.0

LAYOUTS = (
    Layout("even"),
    Layout("90 % of the lanes blocked", shelf="CASE WHEN l % 10 <> 0 THEN 'wait' ELSE 'ready' END"),
    Layout(
        "half due behind a paused partner",
        partner="CASE WHEN l % 2 <> 0 THEN 0 ELSE 1 + l / 2 % 15 END",
        depth=1,
        paused=0,
    ),
    Layout("80 % on one partner", partner="CASE WHEN l % 5 <> 0 THEN 0 ELSE 1 + l / 5 % 15 END"),
    Layout("3,000 partners", partners=3000, partner="l % 3000"),
)


def rows(
    sizes: tuple[int, int] = SIZES, items: int = 4_000, layouts: Sequence[Layout] = LAYOUTS
) -> list[dict[str, object]]:
    """``sizes``: the base's size first; ``items``: how many are worked per figure."""
    return [row for engine in engines() for row in asyncio.run(_rows(engine, sizes, items, layouts))]


def engines() -> tuple[Engine, ...]:
    return (Sqlite(), Postgres())


async def _rows(
    engine: Engine, sizes: tuple[int, int], items: int, layouts: Sequence[Layout]
) -> list[dict[str, object]]:
    base_size, size = sizes
    table: list[dict[str, object]] = []
    async with engine.filled(LAYOUTS[0], base_size) as base:
        for layout in layouts:
            async with engine.filled(layout, size) as queue:
                costs = await _side_by_side(Queue(base), Queue(queue), items)
            what = f"{engine.name}: claim + settle, {size:,} queued, {layout.name}"
            table.append(_row(what, f"× {base_size:,} even", TARGET, *costs))
    async with engine.filled(LAYOUTS[0], FEW) as few, engine.filled(LAYOUTS[0], size) as queue:
        costs = await _side_by_side(Queue(few), Queue(queue), FEW * 3 // 4)
    what = f"{engine.name}: claim + settle, {size:,} queued, even"
    table.append(_row(what, f"× {FEW:,}", TARGET_OF_FEW, *costs))
    table.append(await _beside_a_reader(engine))
    return table


def _row(what: str, unit: str, target: float, base: Cost, cost: Cost) -> dict[str, object]:
    return {
        "row": "P3",
        "what": what,
        "value": round(cost.cpu / base.cpu, 2),
        "unit": unit,
        "target": f"≤ {target}",
        "cpu_us_per_item": round(cost.cpu, 1),
        "base_cpu_us_per_item": round(base.cpu, 1),
        "pages_per_item": round(cost.pages, 2),
        "base_pages_per_item": round(base.pages, 2),
    }


class Cost(NamedTuple):
    """Per item: CPU microseconds, pages."""

    cpu: float
    pages: float


async def _side_by_side(base: Queue, queue: Queue, items: int) -> tuple[Cost, Cost]:
    """Turn by turn, so that the machine's moods fall on both; the first two turns warm the caches."""
    turns = [(await base.work(items // 8), await queue.work(items // 8)) for _ in range(10)][2:]
    return _median([before for before, _ in turns]), _median([after for _, after in turns])


def _median(costs: list[Cost]) -> Cost:
    return Cost(
        statistics.median(cost.cpu for cost in costs), statistics.median(cost.pages for cost in costs)
    )


async def _beside_a_reader(engine: Engine) -> dict[str, object]:
    """Accept, claim and settle at an even pace while one snapshot stays open; the last seconds against the first."""
    async with engine.filled(LAYOUTS[3], SIZES[0]) as opened:
        queue = Queue(opened)
        await _paced(queue, WINDOW, nullcontext())
        alone = (await _paced(queue, WINDOW, nullcontext()))[-1]
        windows = await _paced(queue, READER_SECONDS, opened.reader())
    return {
        "row": "P3",
        "what": f"{engine.name}: accept + claim + settle after {READER_SECONDS:.0f} s beside an open reader",
        "value": round(windows[-1].cpu / alone.cpu, 2),
        "unit": "× without it",
        "target": f"≤ {TARGET}",
        "cpu_us_per_item": [round(cost.cpu, 1) for cost in windows],
        "alone_us_per_item": round(alone.cpu, 1),
    }


async def _paced(queue: Queue, seconds: float, reader: object) -> list[Cost]:
    """Return the cost per item of each window."""
    clock, costs = asyncio.get_running_loop().time, []
    with reader:  # type: ignore[attr-defined]  # a context manager
        for _ in range(max(1, round(seconds / WINDOW))):
            end, spent, done = clock() + WINDOW, 0.0, 0
            while clock() < end:
                began = clock()
                cost = await queue.turn(GROUP)
                spent, done = spent + cost.cpu * GROUP, done + GROUP
                await asyncio.sleep(max(0.0, GROUP / READER_RATE - (clock() - began)))
            costs.append(Cost(spent / done, 0.0))
    return costs


class Queue:
    """An open store with its own clock, worked in groups."""

    def __init__(self, opened: Opened) -> None:
        self._opened, self._store = opened, opened.store
        self._now = START + timedelta(hours=1)
        self._number = 0

    async def work(self, items: int) -> Cost:
        began, touched, done = self._opened.cpu(), self._opened.pages(), 0
        while done < items:
            done += await self._group()
        return Cost((self._opened.cpu() - began) * 1e6 / done, (self._opened.pages() - touched) / done)

    async def turn(self, items: int) -> Cost:
        """Take in as many as are worked."""
        began = self._opened.cpu()
        await asyncio.gather(*(self._store.accept(self._new()) for _ in range(items)))
        done = 0
        while done < items:
            done += await self._group()
        return Cost((self._opened.cpu() - began) * 1e6 / items, 0.0)

    async def _group(self) -> int:
        self._now += timedelta(seconds=1)
        works = await self._store.claim("bench", self._now, GROUP, 60)
        if not works:
            raise RuntimeError("the layout has too little that is due")
        settlements = [_delivered(work, self._now) for work in works]
        await self._store.settle(works[0].token, settlements, self._now)
        return len(works)

    def _new(self) -> Acceptance:
        self._number += 1
        name = f"N{self._number:025d}"
        transfer = NewTransfer(
            id=f"T{name}",
            partner="p0000",
            operation="submit",
            part=0,
            key=f"{name}:p0000:0",
            lane_subject=name,
        )
        return Acceptance(
            message=name,
            sender="sender",
            key=name,
            digest=name,
            raw=bytes(200),
            media_type="application/json",
            headers={},
            canonical=bytes(200),
            kind="report_published",
            accepted_at=self._now,
            receipt=b"{}",
            transfers=(transfer,),
        )


def _delivered(work: Work, now: datetime) -> Settlement:
    attempt = Attempt(verb="deliver", outcome="delivered", code="", detail="", started_at=now, seconds=0.01)
    return Settlement(transfer=work.transfer, move=Move.DELIVER, attempts=(attempt,))


if __name__ == "__main__":
    for row in rows():
        print(row)
