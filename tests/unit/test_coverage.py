"""The board of coverage, on the real registries: nobody is absent, and what is broken comes first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hub.going_live.coverage import Line, World, board
from hub.routing.parties import Party, roster
from hub.routing.recipients import NOBODY
from hub.store.contract.coverage import Moved, Stuck
from schemas import workdays
from schemas.agencies import Agencies
from schemas.procedures import Procedures

NOW = datetime(2024, 3, 15, 5, tzinfo=UTC)  # a Friday, before the province was merged
PROVINCE, LAND = "000.00.00.H47", "000.00.15.H47"
PROCEDURE = "1.009999"
AGENCIES = Agencies.load()
PROCEDURES = Procedures.load(AGENCIES)
DESK = Party(partner_id="desk", agency=PROVINCE, role="informed")
OFFICE = Party(partner_id="land", agency=LAND, kinds=("received",), stages={"1.009995": "retired"})


def world(*parties: Party) -> World:
    known = roster(parties or (DESK, OFFICE), AGENCIES)
    return World(agencies=AGENCIES, procedures=PROCEDURES, parties=known, days=workdays.load())


def moved(
    partner: str = "land", *, days: float = 0, unit: str = PROVINCE, procedure: str = PROCEDURE
) -> Moved:
    at = NOW - timedelta(days=days)
    return Moved(partner=partner, unit=unit, procedure=procedure, first_at=at, last_at=at, messages=3)


def line(
    *what: Moved | Stuck, agency: str = LAND, procedure: str = PROCEDURE, parties: tuple[Party, ...] = ()
) -> Line:
    lines = board(
        world(*parties),
        [each for each in what if isinstance(each, Moved)],
        [each for each in what if isinstance(each, Stuck)],
        NOW,
    )
    return next(each for each in lines if (each.agency, each.procedure) == (agency, procedure))


def test_an_agency_with_nothing_stands_there_with_nothing_and_silent() -> None:
    lines = board(world(), (), (), NOW)
    standing = {
        each.code for each in AGENCIES.rows.values() if each.stands(NOW.date()) and each.code.endswith("H47")
    }
    assert standing <= {each.agency for each in lines}
    bare = [each for each in lines if not each.procedure and not each.partners]
    assert bare
    assert {(each.state, each.messages) for each in bare} == {("silent", 0)}


def test_what_nobody_connected_is_only_published() -> None:
    assert line(parties=(DESK,)).state == "published"


@pytest.mark.parametrize(
    ("days", "state"), [(0, "connected"), (4, "connected"), (5, "silent"), (60, "silent")]
)
def test_what_is_connected_is_silent_after_so_many_working_days(days: int, state: str) -> None:
    found = line(moved(days=days))
    assert (found.state, found.messages, found.partners) == (state, 3, {"land": "live"})
    assert found.since == NOW - timedelta(days=days)


def test_the_weekend_is_no_working_day() -> None:
    """Five working days that end on a Friday begin on its Monday; on a Monday they begin on the Tuesday before."""
    monday = NOW + timedelta(days=3)
    (found,) = [
        each
        for each in board(world(), [moved(days=3)], (), monday)
        if (each.agency, each.procedure) == (LAND, PROCEDURE)
    ]
    assert found.state == "connected"


def test_who_is_retired_covers_nothing() -> None:
    assert line(procedure="1.009995").partners == {}


@pytest.mark.parametrize("what", ["circuit", "dead", "parked"])
def test_what_is_stuck_is_broken_since_it_began(what: str) -> None:
    since = NOW - timedelta(days=2)
    where = {} if what == "circuit" else {"unit": PROVINCE, "procedure": PROCEDURE}
    found = line(moved(), Stuck(partner="land", what=what, since=since, code="HUB-NET-001", **where))  # type: ignore[arg-type]
    assert (found.state, found.since) == ("broken", since)
    assert found.why == (f"{what} land HUB-NET-001",)


def test_what_is_stuck_with_one_procedure_breaks_no_other() -> None:
    stuck = Stuck(partner="land", what="dead", since=NOW, unit=PROVINCE, procedure=PROCEDURE)
    assert line(stuck, procedure="1.009995").state != "broken"


def test_what_goes_to_nobody_breaks_who_should_have_decided_it() -> None:
    stuck = Stuck(
        partner=NOBODY, what="parked", since=NOW, unit=PROVINCE, procedure=PROCEDURE, code="HUB-RTE-001"
    )
    assert line(stuck, parties=(DESK,)).why == (f"parked {NOBODY} HUB-RTE-001",)


def test_a_unit_without_a_system_is_seen_by_the_dossiers_that_it_received() -> None:
    district = next(
        each.code
        for each in AGENCIES.rows.values()
        if each.level == "district" and each.stands(NOW.date()) and each.code.endswith("H47")
    )
    found = line(moved("desk", unit=district, procedure="1.009998"), agency=district, procedure="1.009998")
    assert (found.state, found.messages, found.partners) == ("connected", 3, {})


def test_what_is_broken_comes_first() -> None:
    stuck = Stuck(partner="land", what="dead", since=NOW, unit=PROVINCE, procedure=PROCEDURE)
    states = [each.state for each in board(world(), [moved()], [stuck], NOW)]
    assert states[0] == "broken"
    assert states == sorted(states, key=["broken", "silent", "published", "connected"].index)
