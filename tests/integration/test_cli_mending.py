"""``transfer correct|route`` and ``dossier merge`` over the real store, as an operator meets them."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import msgspec
import pytest

from connectors.contract import Deferred, Delivered, Outcome, Reason, Refused, Unsure
from hub.judging.contract import Said
from hub.lifecycle import Move
from hub.routing.recipients import NOBODY, Recipient, Role
from hub.store.contract.delivery import Settlement
from hub.story import joining, record
from schemas.dossier import Dossier, Event, Kind, Message, State, to_json
from schemas.problems import Problem, Refusal
from tests.integration.test_cli_store import BY_TWO, SCRIPT, StoreHub, line
from tests.store.samples import NOON, acceptance, at, attempt, delivered, roomy, sealed
from tests.unit.test_cli_double import Today

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "m1.so-tnmt.0"
AGENCY = "000.00.00.H47"
UNSURE = Unsure(reason=Reason(code="HUB-NET-004"))
NOT_HERE = Deferred(reason=Reason(code="HUB-PAR-010"))


def told(dossier: str, agency: str = AGENCY, state: State = State.ACCEPTED) -> record.Story:
    return record.Story(
        origin=f"desk-{dossier}",
        origin_agency=agency,
        received_by=agency,
        opened_on=date(2026, 11, 20),
        state=state,
        legs=(record.StoryLeg(agency=agency, state=state),),
        parties=(f"desk-{dossier}",),
        national="1.009999",
    )


async def fill(
    path: Path,
    move: Move | None = Move.REFUSE,
    *,
    partner: str = "so-tnmt",
    problem: str = "",
    part: int = 0,
) -> None:
    """A dossier with two messages; what came of the first. ``part``: the number of its only part."""
    hub = StoreHub(path)
    await hub.store.capacities(roomy("so-tnmt", "dvcqg", NOBODY))
    for number in (1, 2):
        message = Message(
            event=Event(kind=Kind.RECEIVED, at=NOON),
            key=f"k{number}",
            sender="motcua-tinh",
            agency=AGENCY,
            dossier=Dossier(code="000.00.00.H47-261120-0001", id="d1"),
        )
        new = acceptance(
            f"m{number}",
            dossier="d1",
            version=number - 1,
            partners=(partner if number == 1 else "so-tnmt",),
            problem=problem if number == 1 else "",
        )
        parts = tuple(msgspec.structs.replace(each, part=part) for each in new.transfers)
        new = msgspec.structs.replace(
            new, canonical=to_json(message), story=record.to_json(told("d1")), transfers=parts
        )
        await hub.store.accept(new)
    if not problem:
        (work,) = await hub.store.claim("w", NOON, 10, 30.0)
        await hub.store.seal(work.token, {work.transfer: sealed()})
        what = Settlement(
            transfer=work.transfer, move=move, attempts=(attempt("refused"),), code="HUB-PAR-001"
        )
        assert await hub.store.settle(work.token, [what], NOON)
    await hub.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hub.db"


def shown(path: Path, transfer: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(line(path, "transfer", "show", transfer, "--json").out)
    return found


# --- correct ----------------------------------------------------------------------------------------------------


def test_a_correction_names_both_directions_and_keeps_the_order(path: Path) -> None:
    asyncio.run(fill(path))
    ran = line(
        path,
        "transfer",
        "correct",
        "m1",
        *SCRIPT,
        "--json",
        means=Today(parts={"so-tnmt": (Said(operation="v2"),)}),
    )
    assert ran.status == 0, ran.err
    assert "mã hóa lại" in ran.err
    (made,) = json.loads(ran.out)
    old, new = shown(path, HEAD), shown(path, made["id"])
    assert (old["state"], old["superseded_by"], new["supersedes"]) == ("withdrawn", [made["id"]], HEAD)
    assert (new["state"], new["key"], new["sends"]) == ("waiting", "m1:so-tnmt:0.2", 0)
    assert (new["operation"], old["operation"]) == ("v2", "submit")
    assert shown(path, "m2")["blocked"] is True
    assert line(path, "queue", "verify").status == 0


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (NOT_HERE, 0, ""),
        (Refused(reason=Reason(code="HUB-PAR-001")), 0, ""),
        (Delivered(), 1, "HUB-LAN-008"),
        (UNSURE, 1, "HUB-LAN-007"),
        (None, 1, "HUB-LAN-007"),
    ],
    ids=["not there", "refused", "there", "cannot tell", "cannot be asked"],
)
def test_what_is_in_doubt_is_corrected_only_after_asking(
    path: Path, answer: Outcome | None, status: int, code: str
) -> None:
    asyncio.run(fill(path, None))
    means = Today(answer=answer)
    ran = line(path, "transfer", "correct", "m1", *SCRIPT, means=means)
    assert (ran.status, code in ran.err) == (status, True)
    assert means.asked == [HEAD]
    assert shown(path, HEAD)["state"] == ("withdrawn" if status == 0 else "in_doubt")


def test_where_nobody_can_be_asked_a_person_says_that_people_there_were(path: Path) -> None:
    asyncio.run(fill(path, None))
    assert line(path, "transfer", "correct", "m1", "--asked", *SCRIPT).status == 0
    rows = json.loads(line(path, "transfer", "journal", "m1", "--json").out)
    assert next(row for row in rows if row["what"] == "supersede")["facts"]["asked"] == "person"


TWO = (Said(operation="dossier"), Said(operation="progress"))


def test_what_todays_format_says_in_more_parts_is_corrected_into_all_of_them(path: Path) -> None:
    asyncio.run(fill(path, part=1))
    ran = line(path, "transfer", "correct", "m1", *SCRIPT, "--json", means=Today(parts={"so-tnmt": TWO}))
    assert ran.status == 0, ran.err
    made = shown(path, HEAD)["superseded_by"]
    assert isinstance(made, list)
    found = [shown(path, each) for each in made]
    assert sorted((one["operation"], one["part"], one["state"]) for one in found) == [
        ("dossier", 1, "waiting"),
        ("progress", 2, "waiting"),
    ]


def test_a_further_part_that_cannot_be_said_keeps_the_whole_from_being_corrected(path: Path) -> None:
    asyncio.run(fill(path, part=1))
    half = (TWO[0], msgspec.structs.replace(TWO[1], problem=Problem(code="HUB-MAP-002", place="/x")))
    ran = line(path, "transfer", "correct", "m1", *SCRIPT, means=Today(parts={"so-tnmt": half}))
    assert (ran.status, "HUB-MAP-002" in ran.err) == (1, True)
    assert shown(path, HEAD)["state"] == "refused"


def test_what_still_cannot_be_said_is_not_corrected(path: Path) -> None:
    asyncio.run(fill(path))
    problem = Problem(code="HUB-MAP-002", place="/dossier/procedure")
    means = Today(parts={"so-tnmt": (Said(operation="submit", problem=problem),)})
    ran = line(path, "transfer", "correct", "m1", *SCRIPT, means=means)
    assert (ran.status, "HUB-MAP-002" in ran.err) == (1, True)
    assert line(path, "transfer", "correct", "m1", *SCRIPT, means=Today(parts={"so-tnmt": ()})).status == 1
    assert shown(path, HEAD)["state"] == "refused"


def test_what_is_done_is_not_corrected(path: Path) -> None:
    asyncio.run(fill(path, Move.DELIVER))
    ran = line(path, "transfer", "correct", "m1", *SCRIPT)
    assert (ran.status, "HUB-LAN-002" in ran.err) == (1, True)


# --- route again ------------------------------------------------------------------------------------------------


def test_what_had_no_recipient_goes_where_routing_says_today(path: Path) -> None:
    asyncio.run(fill(path, partner=NOBODY, problem="HUB-RTE-001"))
    recipients = tuple(Recipient(partner=one, role=Role.DECIDER) for one in ("dvcqg", "so-tnmt"))
    ran = line(path, "transfer", "route", "m1.u", *SCRIPT, "--json", means=Today(recipients=recipients))
    assert ran.status == 0, ran.err
    assert "dvcqg, so-tnmt (quy tắc today)" in ran.err
    made = json.loads(ran.out)
    assert [(one["partner"], one["state"]) for one in made] == [("dvcqg", "waiting"), ("so-tnmt", "waiting")]
    old = shown(path, "m1.unrouted")
    assert (old["state"], old["superseded_by"]) == ("withdrawn", [one["id"] for one in made])
    again = line(path, "transfer", "route", "m1.u", *SCRIPT, means=Today(recipients=recipients))
    assert (again.status, "HUB-LAN-009" in again.err) == (1, True)
    assert line(path, "queue", "verify").status == 0


def test_what_still_has_no_recipient_stays(path: Path) -> None:
    asyncio.run(fill(path, partner=NOBODY, problem="HUB-RTE-001"))
    problem = Problem(code="HUB-RTE-002", rule="routes: decider", detail="both decide: a, b")
    nobody = Recipient(partner=NOBODY, role=Role.DECIDER, problem=problem)
    ran = line(path, "transfer", "route", "m1.u", *SCRIPT, means=Today(recipients=(nobody,)))
    assert (ran.status, "HUB-RTE-002" in ran.err) == (1, True)
    assert shown(path, "m1.u")["state"] == "parked"


def test_nobody_else_is_said_before_it_is_done(path: Path) -> None:
    asyncio.run(fill(path, partner=NOBODY, problem="HUB-RTE-001"))
    ran = line(path, "transfer", "route", "m1.u", *SCRIPT, "--lang", "en")
    assert (ran.status, "NOBODY else" in ran.err) == (0, True)
    assert shown(path, "m1.u")["state"] == "withdrawn"


@pytest.mark.parametrize("problem", ["HUB-MAP-002", "HUB-DOS-004"])
def test_what_is_parked_for_another_reason_is_not_routed_again(path: Path, problem: str) -> None:
    asyncio.run(fill(path, problem=problem))
    ran = line(path, "transfer", "route", "m1", *SCRIPT)
    assert (ran.status, "HUB-LAN-009" in ran.err) == (1, True)


# --- merge ------------------------------------------------------------------------------------------------------


async def two(path: Path, *, open_: bool = False) -> None:
    hub = StoreHub(path)
    await hub.store.capacities(roomy("so-tnmt"))
    for dossier, agency, state in (("d1", AGENCY, State.ACCEPTED), ("d2", "000.00.15.H47", State.PROCESSING)):
        new = acceptance(f"m-{dossier}", dossier=dossier)
        await hub.store.accept(
            msgspec.structs.replace(new, story=record.to_json(told(dossier, agency, state)))
        )
        if not open_:
            (work,) = await hub.store.claim("w", at(1), 10, 30)
            await hub.store.settle(work.token, [delivered(work.transfer)], at(2))
    await hub.close()


def test_two_dossiers_become_one_and_both_codes_lead_there(path: Path) -> None:
    asyncio.run(two(path))
    ran = line(path, "dossier", "merge", "code-d1", "code-d2", *BY_TWO, "--json")
    assert ran.status == 0, ran.err
    assert "trạng thái chung: processing" in ran.err
    found = json.loads(ran.out)
    assert (found["id"], found["merged"]) == ("d1", ["d2"])
    assert [one["code"] for one in found["aliases"]] == ["code-d1", "code-d2"]
    assert json.loads(line(path, "dossier", "show", "code-d2", "--json").out) == found
    assert json.loads(line(path, "dossier", "show", "d2", "--json").out)["id"] == "d1"
    again = line(path, "dossier", "merge", "code-d1", "code-d2", *BY_TWO)
    assert (again.status, "HUB-DOS-009" in again.err) == (1, True)


def test_merging_needs_a_second_person(path: Path) -> None:
    asyncio.run(two(path))
    assert line(path, "dossier", "merge", "code-d1", "code-d2", *SCRIPT).status == 6
    alone = line(path, "dossier", "merge", "code-d1", "code-d2", *SCRIPT, "--approver", "lan")
    assert (alone.status, "trạng thái chung" in alone.err) == (6, False)


def test_merging_needs_nothing_open(path: Path) -> None:
    asyncio.run(two(path, open_=True))
    ran = line(path, "dossier", "merge", "code-d1", "code-d2", *BY_TWO)
    assert (ran.status, "HUB-DOS-008" in ran.err) == (1, True)
    assert "trạng thái chung" not in ran.err, "what would follow is not said of what is refused"
    assert line(path, "dossier", "merge", "code-d1", "nobody", *BY_TWO).status == 1


def test_a_trial_is_merged_with_nothing_real() -> None:
    with pytest.raises(Refusal) as refused:
        joining.merge(told("a"), msgspec.structs.replace(told("b"), stage="trial"))
    assert refused.value.code == "HUB-STG-001"


def test_the_kept_story_stands_and_the_other_fills_in_what_it_lacks() -> None:
    due = datetime(2026, 12, 1, tzinfo=UTC)
    kept = msgspec.structs.replace(told("a"), sequences={"x": 5, "y": 1}, national=None, local="L1")
    other = msgspec.structs.replace(
        told("b", "000.00.15.H47", State.PROCESSING),
        sequences={"x": 3, "z": 2},
        deadline=due,
        custody="c",
        children=("k",),
    )
    both = joining.merge(kept, other)
    assert (both.origin, both.origin_agency, both.opened_on) == (
        kept.origin,
        kept.origin_agency,
        kept.opened_on,
    )
    assert [leg.agency for leg in both.legs] == [AGENCY, "000.00.15.H47"]
    assert both.state is State.PROCESSING
    assert both.sequences == {"x": 5, "y": 1, "z": 2}
    assert (both.national, both.local, both.deadline) == ("1.009999", "L1", due)
    assert both.parties == ("desk-a", "desk-b")
    assert (both.custody, both.children) == ("c", ("k",))


def test_a_leg_that_both_have_and_a_date_that_both_promised_are_the_kept_ones() -> None:
    first, second = datetime(2026, 12, 1, tzinfo=UTC), datetime(2026, 12, 9, tzinfo=UTC)
    kept = msgspec.structs.replace(told("a", state=State.FINISHED), deadline=first)
    other = msgspec.structs.replace(told("b", state=State.PROCESSING), deadline=second)
    both = joining.merge(kept, other)
    assert (both.state, both.deadline, len(both.legs)) == (State.FINISHED, first, 1)
    counted = msgspec.structs.replace(kept, counted=record.Counted(since=first, hours=8))
    assert joining.merge(counted, other).deadline == second  # a promise goes before what the hub counted
