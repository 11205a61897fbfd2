"""The weekly report of July 2017, from half a year of traffic through the desks, at one twentieth of what it was.

The plan (``tests/july/plan.py``) is told to a hub by all its systems, each in its own protocol, with what went wrong in practice: the
same said twice, by two systems, trials, copies in parallel, chains, pauses, refunds. ``ONE_IN=1`` tells all of it (``make july``).
"""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from hub.figures.counting import BYS, World
from hub.store.postgres import store as postgres
from hub.store.sqlite import store as sqlite
from hub.story import record
from tests.july import oracle
from tests.july.comparing import counted, differing
from tests.july.days import midnight
from tests.july.office import everything, hub, tell
from tests.july.oracle import Window
from tests.july.places import PROVINCE, agencies
from tests.july.plan import is_late, moments, plan
from tests.july.targets import BEGAN, FIRST, LAST, PUBLISHED, at_scale

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path

    from hub.figures.counting import By, Counted
    from hub.ids import Ids
    from hub.store.contract.store import Store
    from hub.story.record import Story
    from tests.july.facts import Case
    from tests.july.office import Running
    from tests.july.plan import Plan

pytestmark = [pytest.mark.xdist_group("july"), pytest.mark.timeout(3600)]
in_one_loop = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("one_in", [1, 20, 100])
def test_the_plan_has_the_published_sums(one_in: int) -> None:
    found, wanted = plan(one_in), at_scale(one_in)
    begun, over = midnight(FIRST), midnight(LAST).replace(day=LAST.day + 1)
    handed = [case.handed_over_at for case in found.cases if case.handed_over_at]
    assert len(found.cases) == wanted.received
    assert sum(case.received_at >= begun for case in found.cases) == wanted.week_received
    assert len(handed) == wanted.handed_over
    assert sum(at >= begun for at in handed) == wanted.week_handed_over
    assert sum(fee.amount for case in found.cases for fee in case.fees) == wanted.collected
    late = [case for case in found.cases if is_late(case) and case.finished_at and case.finished_at >= begun]
    assert len(late) == 4
    assert all(case.excuse and case.excuse.reason for case in late)
    assert all(midnight(BEGAN) <= at < over for case in found.cases for at in moments(case))
    assert at_scale(1) == PUBLISHED


def test_the_same_seed_makes_the_same_plan() -> None:
    assert plan(100) == plan(100) != plan(100, seed=1)


@in_one_loop
async def test_every_dossier_stands_where_the_plan_says(told: Running, half_year: Plan) -> None:
    wrong: Counter[tuple[str, ...]] = Counter()
    for case in everything(half_year):
        story = await told_of(told, case)
        if (story.state, story.stage) != (state_of(case), case.stage):
            wrong[case.counter.desk, "state", story.state, state_of(case), case.twice] += 1
        if case.taken_in and case.stage == "live" and story.deadline != case.due:
            wrong[case.counter.desk, "due", case.twice, *(pause.what for pause in case.pauses)] += 1
    assert not wrong


@in_one_loop
async def test_all_protocols_were_spoken_and_what_was_said_again_was_known(told: Running) -> None:
    assert set(told.clerks.said) == {"own", "motcua", "soap", "lgsp", "mapi", "portal"}
    assert all(count > 20 for count in told.clerks.said.values())
    assert told.clerks.again > 100
    assert told.box.taken > 50


ALL_TIME, WEEK = Window(BEGAN, LAST), Window(FIRST, LAST)
WINDOWS = {
    "since the centre began": ALL_TIME,
    "the week": WEEK,
    "March": Window(date(2017, 3, 1), date(2017, 3, 31)),
    "a week over Tet": Window(date(2017, 1, 20), date(2017, 2, 2)),
    "the week until Monday": Window(FIRST, LAST, midnight(date(2017, 7, 18))),
}


@in_one_loop
@pytest.mark.parametrize("by", BYS)
@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
async def test_each_figure_is_the_list_of_dossiers_that_the_register_has(
    told: Running, half_year: Plan, window: Window, by: By
) -> None:
    assert differing(await known_to(told, window, by), half_year, window, by) == []


@in_one_loop
@pytest.mark.parametrize("month", range(1, 7))
async def test_each_month_is_counted_as_it_was(told: Running, half_year: Plan, month: int) -> None:
    """Though all that came later is known: payments told late, records corrected since."""
    last = date(2017, month + 1, 1) - timedelta(days=1)
    window = Window(date(2017, month, 1), last)
    for by in BYS:
        assert differing(await known_to(told, window, by), half_year, window, by) == []


@in_one_loop
async def test_the_published_sums_come_out(told: Running, half_year: Plan) -> None:
    total, week = [(await known_to(told, window, "all")).row() for window in (ALL_TIME, WEEK)]
    wanted = half_year.targets
    assert (total.value("received"), total.value("handed_over")) == (wanted.received, wanted.handed_over)
    assert total.value("collected") == wanted.collected
    assert (week.value("received"), week.value("handed_over")) == (
        wanted.week_received,
        wanted.week_handed_over,
    )
    assert week.value("resolved_late") == wanted.week_late


@in_one_loop
async def test_units_with_nothing_have_their_row_and_are_silent(told: Running, half_year: Plan) -> None:
    rows = {row.key: row for row in (await known_to(told, WEEK, "agency")).rows}
    assert set(rows) == set(agencies())
    busy = {*oracle.figures(half_year, WEEK, "agency"), *oracle.money(half_year, WEEK, "agency")}
    assert {key for key, row in rows.items() if not row.silent} == busy
    assert len(busy) < len(rows) / 2


async def test_the_same_figures_come_out_of_a_postgresql(database: str, tmp_path: Path) -> None:
    def opens(ids: Ids) -> Store:
        blobs = sqlite.blobs_beside(tmp_path / "hub.db")
        return postgres.open_store(database, blobs=blobs, ids=ids)

    small = plan(100)
    async with hub(tmp_path, opens) as running:
        await tell(running, everything(small))
        for window in (ALL_TIME, WEEK):
            for by in BYS:
                assert differing(await known_to(running, window, by), small, window, by) == []


def known_to(running: Running, window: Window, by: By) -> Awaitable[Counted]:
    """What the hub that was told counts, by all that it knows."""
    router = running.hub.parts.router
    world = World(agencies=router.agencies, procedures=router.procedures)
    return counted(running.hub.store, world, window, by, running.clock.at)


async def told_of(running: Running, case: Case) -> Story:
    known = await running.hub.store.known(PROVINCE, case.code)
    assert known, case.code
    return record.from_json(known.story)


def state_of(case: Case) -> str:
    """Where the plan says that a dossier stands in the end."""
    if not case.taken_in:
        return "refused" if case.refused_at else "submitted"
    paused = bool(case.pauses) and case.pauses[-1].until is None
    ends = (
        ("returned", case.returned_at),
        ("finished", case.finished_at),
        ("withdrawn", case.withdrawn_at),
        (case.pauses[-1].what if paused else "", paused),
    )
    return next((state for state, there in ends if there), "processing")
