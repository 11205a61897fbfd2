"""A hub is killed at every point that can be found, one run each, and started again: nothing is lost or doubled.

A first run without kills finds the points; a run that recovers from a kill finds those of recovering, and they are
killed in their turn, behind the kill that led there. A point that was reached and where nothing was ever killed fails
the test, so new code cannot come in without being killed. ``CRASH_EVERY=1`` (``make soak``) kills at every occurrence.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.acceptance.crash_play import Kill, Place, Play
from tests.acceptance.nursery import Nursery
from tests.acceptance.stage import ENGINES, room, stage

if TYPE_CHECKING:
    from tests.acceptance.crash_play import Outcome
    from tests.acceptance.stage import Stage

EVERY = bool(os.environ.get("CRASH_EVERY"))
ON = os.environ.get("CRASH_ON", " ".join(ENGINES)).split()
"""The engines of this run: ``make test`` takes the embedded one, ``make crash`` both."""
COUNTS = os.environ.get("CRASH_COUNTS", "")
"""The page with the table of counts (``make counts``)."""
AT_ONCE = 3
TRIES = 8
LINGER = 15.0
"""Seconds that a second try waits for what only a round of the hub's own does."""
MOST = 40
"""Occurrences of one point in one run that are killed one by one."""
LIVES = 3
"""Kills of one run beyond those that lead to its rarest point: each is a further life of a process."""


@dataclass
class Search:
    """Points found and killed. ``found``: ways to each: the kills of a run that showed it, then its own; shortest first."""

    found: dict[str, list[tuple[Kill, ...]]] = field(default_factory=dict)
    places: set[Place] = field(default_factory=set)
    killed: set[str] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)
    tries: Counter[str] = field(default_factory=Counter)
    more: list[tuple[Kill, ...]] = field(default_factory=list)
    besides: set[str] = field(default_factory=set)
    under_way: Counter[str] = field(default_factory=Counter)
    runs: int = 0

    @property
    def never(self) -> list[str]:
        return sorted(self.found.keys() - self.killed)

    @property
    def by_kind(self) -> Counter[str]:
        return Counter(point.split()[0] for point in self.found)

    def learn(self, plan: tuple[Kill, ...], outcome: Outcome) -> None:
        self.runs += 1
        died = {point for place in outcome.died for point in place.points}
        missed = [kill.point for kill in plan if kill.point not in died]
        said = f"{self.runs} {_said(plan)}: {f'not reached: {missed}' if missed else 'killed'}"
        print(said, flush=True)  # noqa: T201 - shown on failure, and live with -s
        self.under_way.subtract(kill.point for kill in plan)
        self.killed |= died
        self.broken += [f"{_said(plan)}: {one}" for one in outcome.broken]
        self.places |= outcome.reached
        met = tuple(kill for kill in plan if kill.point in died)
        for place in sorted(outcome.reached):
            for point in place.points:
                self._way(point, (*met, Kill(place.role, point)))
        if EVERY and plan and plan[-1].point in died and plan[-1].nth < MOST:
            self.more.append((*plan[:-1], msgspec.structs.replace(plan[-1], nth=plan[-1].nth + 1)))

    def _way(self, point: str, plan: tuple[Kill, ...]) -> None:
        ways = self.found.setdefault(point, [])
        if EVERY and not ways:
            self.more.append(plan)
        if len(ways) < TRIES or len(plan) < len(ways[-1]):
            ways.append(plan)
            ways.sort(key=len)
            del ways[TRIES:]

    def next(self) -> tuple[Kill, ...] | None:
        """The next plan: the rarest point that was never killed; what is reached together with it dies with it."""
        plan = self.more.pop(0) if self.more else self._rarest()
        self.under_way.update(kill.point for kill in plan)
        return plan or None

    def _rarest(self) -> tuple[Kill, ...]:
        often = Counter(point for place in self.places for point in place.points)
        open_ = [point for point in self.never if self.tries[point] < TRIES and not self.under_way[point]]
        if not open_:
            return ()
        rarest = min(open_, key=lambda point: (self.tries[point], often[point], point))
        ways = self._ways(rarest)
        self.tries[rarest] += 1
        plan = ways[(self.tries[rarest] - 1) % len(ways)]
        return plan if EVERY or self.tries[rarest] > 1 else self._besides(plan, open_)

    def _ways(self, point: str) -> list[tuple[Kill, ...]]:
        """The ways that showed it, the second of them its own kill alone: what a killed process held for a minute (a turn) may keep
        the next life from the point.
        """
        first, *others = self.found[point]
        alone = first[-1:]
        return (
            [first, alone, *(way for way in others if way != alone)] if len(first) > 1 else [first, *others]
        )

    def _besides(self, plan: tuple[Kill, ...], open_: list[str]) -> tuple[Kill, ...]:
        """Kill the next lives, too, at points that come up again: each is tried so once, and alone when it did not come."""
        for point in open_:
            way, lives = self.found[point][0], Counter(kill.role for kill in plan)
            tried = self.tries[point] or point in self.besides
            if (
                len(way) == 1
                and not tried
                and lives[way[0].role] <= LIVES
                and not self._together(point, plan)
            ):
                self.besides.add(point)
                plan = (*plan, way[0])
        return plan

    def _together(self, point: str, plan: tuple[Kill, ...]) -> bool:
        chosen = {kill.point for kill in plan}
        return any(point in place.points and chosen & set(place.points) for place in self.places)


def _said(plan: tuple[Kill, ...]) -> str:
    return " then ".join(f"{kill.role} at {kill.point} ({kill.nth})" for kill in plan) or "no kill"


async def hunt(search: Search, place: Stage, nursery: Nursery, idle: asyncio.Event, busy: list[int]) -> None:
    while not search.broken:
        plan = search.next()
        if plan is None:
            if not busy[0]:
                idle.set()
                return
            await asyncio.sleep(0.05)
            continue
        busy[0] += 1
        try:
            linger = LINGER if search.tries[plan[-1].point] > 1 else 0.0
            search.learn(plan, await Play(place, nursery, plan, linger=linger).run())
        finally:
            busy[0] -= 1


@pytest.fixture(params=[each for each in ENGINES if each in ON])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.timeout(7200 if EVERY else 1800)
async def test_a_hub_killed_at_every_point_loses_doubles_and_reorders_nothing(engine: str) -> None:
    search, began = Search(), time.monotonic()
    async with AsyncExitStack() as opened:
        folder = opened.enter_context(room())
        make = opened.enter_context(ENGINES[engine]())
        nursery = await opened.enter_async_context(Nursery())
        places = [
            await opened.enter_async_context(stage(folder / str(number), make())) for number in range(AT_ONCE)
        ]
        search.learn((), await Play(places[0], nursery, ()).run())
        idle, busy = asyncio.Event(), [0]
        await asyncio.gather(*(hunt(search, place, nursery, idle, busy) for place in places))
    print(f"{engine}: {len(search.found)} points, {search.runs} runs, {dict(search.by_kind)}")  # noqa: T201 - shown on failure
    assert search.broken == []
    assert search.never == []
    assert {"commit", "send", "hear", "file"} <= search.by_kind.keys()
    if COUNTS:
        note(Path(COUNTS), engine, search, time.monotonic() - began)


def note(page: Path, engine: str, search: Search, seconds: float) -> None:
    """Write the engine's row of the table in the docs."""
    kinds = [search.by_kind[kind] for kind in ("commit", "disk", "file", "hear", "send")]
    row = " | ".join(map(str, [engine, len(search.found), *kinds, search.runs, round(seconds)]))
    text = page.read_text("utf-8")
    page.write_text(re.sub(rf"(?m)^\| {engine} \|.*$", f"| {row} |", text), "utf-8")
