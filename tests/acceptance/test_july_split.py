"""Three districts with hubs of their own and the province: the province counts what one hub that was told everything counts.

One works without a line, those of the others break while the half year is told. Each district's own hub counts the same for its own tree.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from hub.figures.counting import BYS, World
from schemas.agencies import Agencies
from schemas.procedures import Procedures
from tests.doubles.proxy import Fault
from tests.july.comparing import counted, differing
from tests.july.oracle import Window
from tests.july.places import PROVINCE, agencies
from tests.july.plan import plan
from tests.july.split import DISTRICTS, apart, split, tell
from tests.july.targets import BEGAN, FIRST, LAST

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hub.figures.counting import By
    from tests.doubles.proxy import Proxy
    from tests.integration.hubs import Hub
    from tests.july.plan import Plan

ONE_IN = 200
PATIENCE = 120.0
WINDOWS = (Window(BEGAN, LAST), Window(FIRST, LAST))


@pytest.mark.timeout(300)
async def test_the_province_counts_what_its_districts_were_told(tmp_path: Path) -> None:
    made = apart(plan(ONE_IN))
    async with split(tmp_path) as running:
        province, *edges = running
        spoil(edges)
        await tell(running, made)
        assert await wrong(province, PROVINCE, made, WINDOWS[0], "agency")
        for edge in edges:
            line_of(edge).faults()
        await agreed(province, PROVINCE, made)
        by_name = {hub.name: hub for hub in edges}
        for code, name in DISTRICTS.items():
            own = within(made, code)
            assert len(own.cases) > 5
            await agreed(by_name[name], code, own)
        for window in WINDOWS:
            for by in BYS:
                assert await wrong(province, PROVINCE, made, window, by) == []


def spoil(edges: Sequence[Hub]) -> None:
    """One district has no line at all while it works; those of the others break at many places."""
    first, *others = edges
    line_of(first).faults(Fault(refuse=True))
    line_of(first).cut()
    for number, edge in enumerate(others, 1):
        line_of(edge).fault(*(Fault(cut_up=number * 700 * k, cut_down=900 * k) for k in range(1, 8)))


def line_of(edge: Hub) -> Proxy:
    assert edge.line is not None
    return edge.line


async def agreed(hub: Hub, agency: str, made: Plan) -> None:
    """Wait until a hub counts in both windows, unit by unit, what the register has; say what is still other when it does not."""
    found: list[str] = ["nothing was counted"]
    try:
        async with asyncio.timeout(PATIENCE):
            while found:
                found = [
                    each for window in WINDOWS for each in await wrong(hub, agency, made, window, "agency")
                ]
                await asyncio.sleep(0.5 if found else 0)
    except TimeoutError:
        raise AssertionError(f"{hub.name}: {found}") from None


async def wrong(hub: Hub, agency: str, made: Plan, window: Window, by: By) -> list[str]:
    known = Agencies.load()
    world = World(agencies=known, procedures=Procedures.load(known))
    return differing(await counted(hub.store, world, window, by, datetime.now(UTC), agency), made, window, by)


def within(made: Plan, district: str) -> Plan:
    """What a district's own hub was told of: what it and its communes received."""
    tree = {unit for unit, row in agencies().items() if district in (unit, row["parent"])}
    cases, others = (
        tuple(case for case in group if case.unit in tree) for group in (made.cases, made.others)
    )
    return replace(made, cases=cases, others=others)
