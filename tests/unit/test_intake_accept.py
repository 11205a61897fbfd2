"""What follows from a message: pure, on real registries, routes and stories."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from hub.delivery import supplying
from hub.figures import facts
from hub.intake.acceptance import Accepting
from hub.judging.contract import Inbound, Judged, Said
from hub.routing.parties import Party
from hub.routing.router import Router
from hub.routing.table import load
from hub.store.contract.intake import Acceptance, Known
from hub.story import record
from hub.story.filling import believed
from schemas import workdays
from schemas.agencies import Agencies
from schemas.dossier import (
    Alias,
    Dossier,
    Event,
    Kind,
    Message,
    Procedure,
    State,
    Supplement,
    from_json,
    to_json,
)
from schemas.problems import Problem, Refusal
from schemas.procedures import Procedures

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)
PROVINCE, LAND = "000.00.00.H47", "000.00.15.H47"
CODE = f"{PROVINCE}-261120-0001"
UNSAYABLE = Problem(code="HUB-MAP-002", place="/x")
TWO = (Said(operation="dossier"), Said(operation="progress"))


@pytest.fixture(scope="module")
def router() -> Router:
    agencies = Agencies.load()
    return Router(table=load(agencies), agencies=agencies, procedures=Procedures.load(agencies))


@pytest.fixture
def accepting(router: Router) -> Accepting:
    kinds = tuple(str(kind) for kind in Kind)
    return Accepting(
        router=router,
        parties=(
            Party(partner_id="desk", agency=PROVINCE, sends=kinds, role="informed"),
            Party(partner_id="land", agency=LAND, kinds=kinds),
            Party(partner_id="portal", agency="000.00.00.G22", kinds=kinds, role="informed"),
        ),
        days=workdays.load(),
    )


def unheard(story: bytes) -> record.Story:
    """Without what every message changes: that it was heard."""
    return msgspec.structs.replace(record.from_json(story), heard={}, chains={})


def judged(
    kind: Kind = Kind.RECEIVED,
    trials: Mapping[str, tuple[Said, ...]] | None = None,
    *,
    may_create: bool = True,
) -> Judged:
    message = Message(
        event=Event(kind=kind, at=NOW),
        key="k",
        sender="desk",
        agency=PROVINCE,
        dossier=Dossier(
            code=CODE,
            procedure=Procedure(national="1.009999"),
            due_at=NOW,
            aliases=(Alias(authority="elsewhere", code="7"), Alias(authority=PROVINCE, code=CODE)),
        ),
    )
    return Judged(
        sender="desk",
        key="k",
        digest="d" * 64,
        size=3,
        media_type="application/json",
        format="motcua.rest@1",
        kind=kind,
        canonical=to_json(message),
        agency=PROVINCE,
        authority=PROVINCE,
        code=CODE,
        received_by=PROVINCE,
        may_create=may_create,
        aliases=(("elsewhere", "7"), (PROVINCE, CODE)),
        trials={"land": (Said(operation="submit"),), "portal": TWO} if trials is None else trials,
        signer="f" * 64,
        algorithm="RS256",
    )


def inbound() -> Inbound:
    return Inbound(
        message="m1",
        sender="a",
        headers={"content-type": "x/y"},
        body=b"raw",
        received_at=NOW,
    )


def received(
    received_at: datetime | None = None, *, kind: Kind = Kind.RECEIVED, at: datetime = NOW
) -> Judged:
    """As ``judged``, without a promised date."""
    said = judged(kind)
    message = from_json(said.canonical)
    assert message.dossier is not None
    dossier = msgspec.structs.replace(message.dossier, due_at=None, received_at=received_at)
    event = msgspec.structs.replace(message.event, at=at)
    return msgspec.structs.replace(
        said, canonical=to_json(msgspec.structs.replace(message, dossier=dossier, event=event))
    )


def known(acceptance: Acceptance) -> Known:
    return Known(dossier=acceptance.dossier or "", version=1, origin="desk", story=acceptance.story)


def test_a_first_message_makes_a_dossier_and_one_transfer_per_operation(accepting: Accepting) -> None:
    made = accepting(judged(), None, inbound(), NOW)
    assert [(each.partner, each.operation, each.part, each.key) for each in made.transfers] == [
        ("land", "submit", 1, f"{made.message}:land:1"),
        ("portal", "dossier", 1, f"{made.message}:portal:1"),
        ("portal", "progress", 2, f"{made.message}:portal:2"),
    ]
    assert {each.lane_subject for each in made.transfers} == {made.dossier}
    assert {each.deadline for each in made.transfers} == {NOW}
    assert len({each.id for each in made.transfers}) == 3
    assert made.expected_version == 0
    dossier = from_json(made.canonical).dossier
    assert dossier is not None
    assert dossier.id == made.dossier


def ids(made: Acceptance) -> set[str | None]:
    return {
        made.message,
        made.dossier,
        *(each.id for each in made.transfers),
        *(t.key for t in made.transfers),
    }


def test_what_is_said_again_to_a_hub_that_forgot_it_gets_the_same_ids_and_keys(accepting: Accepting) -> None:
    first = accepting(judged(), None, inbound(), NOW)
    later = msgspec.structs.replace(inbound(), message="m2", received_at=NOW + timedelta(days=2))
    again = accepting(judged(), None, later, NOW + timedelta(days=2))
    assert ids(first) == ids(again)
    assert len(ids(first)) == 2 + 2 * len(first.transfers)


@pytest.mark.parametrize("other", [{"sender": "bureau"}, {"key": "k2"}, {"digest": "e" * 64}])
def test_another_sender_key_or_other_bytes_are_another_message(
    accepting: Accepting, other: dict[str, str]
) -> None:
    first = accepting(judged(), None, inbound(), NOW)
    made = accepting(msgspec.structs.replace(judged(), **other), None, inbound(), NOW)
    assert not ids(first) & ids(made)


def test_the_formats_own_key_names_the_message_whatever_key_the_client_made_up(accepting: Accepting) -> None:
    tries = (msgspec.structs.replace(judged(), key=key, natural_key="n") for key in ("one", "two"))
    one, two = (accepting(each, None, inbound(), NOW) for each in tries)
    assert ids(one) == ids(two)


def test_a_dossier_keeps_its_id_and_the_version_it_was_decided_on(accepting: Accepting) -> None:
    first = accepting(judged(), None, inbound(), NOW)
    made = accepting(judged(Kind.STEP), known(first), inbound(), NOW)
    assert (made.dossier, made.expected_version) == (first.dossier, 1)


def test_codes_are_aliases_under_their_authorities_each_once(accepting: Accepting) -> None:
    made = accepting(judged(), None, inbound(), NOW)
    assert [(alias.authority, alias.code) for alias in made.aliases] == [(PROVINCE, CODE), ("elsewhere", "7")]


def test_the_part_that_cannot_be_said_is_born_parked_and_only_that(accepting: Accepting) -> None:
    half = (Said(operation="dossier"), Said(operation="progress", problem=UNSAYABLE))
    made = accepting(
        judged(trials={"land": (Said(operation="submit"),), "portal": half}), None, inbound(), NOW
    )
    assert [each.problem for each in made.transfers] == [None, None, UNSAYABLE]
    lines = json.loads(made.receipt)["transfers"]
    assert [(each["state"], each.get("problem", "")) for each in lines] == [
        ("waiting", ""),
        ("waiting", ""),
        ("parked", "HUB-MAP-002"),
    ]


def test_a_recipient_whose_format_has_no_word_for_it_is_not_forgotten(accepting: Accepting) -> None:
    made = accepting(judged(trials={"land": ()}), None, inbound(), NOW)
    assert [(each.partner, each.problem.code if each.problem else "") for each in made.transfers] == [
        ("land", "HUB-MAP-009"),
        ("portal", "HUB-MAP-009"),
    ]


def test_nobody_to_decide_parks_the_transfer(router: Router) -> None:
    alone = Accepting(router=router, parties=(), days=workdays.load())
    [transfer] = alone(judged(), None, inbound(), NOW).transfers
    assert transfer.problem is not None
    assert (transfer.partner, transfer.problem.code) == ("unrouted", "HUB-RTE-001")


def test_what_does_not_fit_the_story_parks_all_and_leaves_the_story(accepting: Accepting) -> None:
    first = accepting(judged(), None, inbound(), NOW)
    made = accepting(judged(Kind.RETURNED), known(first), inbound(), NOW)
    assert made.transfers
    assert {each.problem.code if each.problem else "" for each in made.transfers} == {"HUB-DOS-004"}
    assert record.from_json(made.story).state == record.from_json(first.story).state
    assert made.facts["quarantine"] == "HUB-DOS-004"
    assert made.numbered is not None
    assert b'"set_aside"' in made.numbered.aside, "so it is in no figure, unless the story is told anew"
    assert facts.from_json(made.fact).kind is Kind.RETURNED


def test_what_moves_the_story_is_kept_for_the_figures_without_a_persons_data(accepting: Accepting) -> None:
    made = accepting(judged(), None, inbound(), NOW)
    fact = facts.from_json(made.fact)
    assert (fact.kind, fact.state, fact.due_at) == (Kind.RECEIVED, State.ACCEPTED, NOW)
    assert (fact.code, fact.received_by, fact.national, fact.origin) == (CODE, PROVINCE, "1.009999", True)
    later = facts.from_json(accepting(judged(Kind.STEP), known(made), inbound(), NOW).fact)
    assert (later.kind, later.state) == (Kind.STEP, State.PROCESSING)
    brought = msgspec.structs.replace(judged(Kind.STEP), agency=LAND)
    message = msgspec.structs.replace(from_json(brought.canonical), agency=LAND)
    brought = msgspec.structs.replace(brought, canonical=to_json(message))
    other = facts.from_json(accepting(brought, known(made), inbound(), NOW).fact)
    assert (other.agency, other.origin) == (LAND, False), "another hub brings what many agencies say"


def test_recipients_may_speak_about_the_dossier_from_then_on(accepting: Accepting) -> None:
    made = accepting(judged(), None, inbound(), NOW)
    assert set(record.from_json(made.story).parties) == {"desk", "land", "portal"}


def test_a_code_outside_the_senders_trees_opens_nothing(accepting: Accepting) -> None:
    with pytest.raises(Refusal, match="HUB-DOS-007"):
        accepting(judged(may_create=False), None, inbound(), NOW)


def test_a_message_without_a_dossier_has_a_lane_of_its_own(accepting: Accepting) -> None:
    told = judged(Kind.CATALOGUE_PUBLISHED)
    message = Message(
        event=Event(kind=Kind.CATALOGUE_PUBLISHED, at=NOW),
        key="k",
        sender="desk",
        agency=PROVINCE,
        subject="fees",
    )
    told = Judged(**{
        **{name: getattr(told, name) for name in told.__struct_fields__},
        "canonical": to_json(message), "code": None, "received_by": None,
    })  # fmt: skip
    made = accepting(told, None, inbound(), NOW)
    assert (made.dossier, made.aliases, made.story) == (None, (), b"")
    assert {each.lane_subject for each in made.transfers} == {"fees"}
    assert {each.partner for each in made.transfers} == {"land", "portal"}


def test_what_a_recipient_has_no_service_for_waits_for_whoever_runs_it(accepting: Accepting) -> None:
    made = accepting(judged(trials={"land": (Said(operation="submit"),), "portal": ()}), None, inbound(), NOW)
    (waits,) = [each for each in made.transfers if each.partner == "portal"]
    assert waits.problem
    assert (waits.operation, waits.problem.code) == ("none", "HUB-MAP-009")
    assert supplying.supplier(waits.problem.code, supplying.said(waits.problem)) == "recipient"


def test_the_journal_learns_structure_and_never_content_or_credentials(accepting: Accepting) -> None:
    made = accepting(judged(), None, inbound(), NOW)
    assert made.facts == {
        "format": "motcua.rest@1",
        "size": "3",
        "rule": "reception",
        "decider": accepting.router.agencies.successor(LAND, NOW.date()).code,
        "signer": "f" * 64,
        "algorithm": "RS256",
    }
    assert "secret" not in str(made.headers)


def test_the_agency_that_decides_may_speak_though_nothing_was_routed_to_it(accepting: Accepting) -> None:
    first = accepting(judged(), None, inbound(), NOW)
    untold = msgspec.structs.replace(record.from_json(first.story), parties=("desk",), legs=())
    before = Known(dossier="d", version=1, origin="desk", story=record.to_json(untold))
    land = msgspec.structs.replace(judged(Kind.STEP), sender="land", agency=LAND, may_create=False)
    assert accepting(land, before, inbound(), NOW).dossier == "d"
    stranger = msgspec.structs.replace(land, sender="other", agency="001.00.10.H47")
    with pytest.raises(Refusal, match="HUB-DOS-003"):
        accepting(stranger, before, inbound(), NOW)


# --- a deadline that nobody promised ----------------------------------------------------------------------------

FRIDAY = datetime(2026, 2, 13, 9, tzinfo=UTC)  # 16:00 in Vietnam, the last hour before Tết
EIGHTY_HOURS_LATER = datetime(2026, 3, 6, 9, tzinfo=UTC)


def deadline_of(made: Acceptance) -> datetime | None:
    return record.from_json(made.story).deadline


def test_a_deadline_that_nobody_promised_is_counted_from_the_procedure_and_journaled(
    accepting: Accepting,
) -> None:
    made = accepting(received(FRIDAY), None, inbound(), NOW)
    assert deadline_of(made) == EIGHTY_HOURS_LATER
    assert {each.deadline for each in made.transfers} == {EIGHTY_HOURS_LATER}
    assert made.facts["deadline"] == EIGHTY_HOURS_LATER.isoformat()
    assert made.facts["calendar"] == accepting.days.version
    assert "provisional" not in made.facts


def test_a_counted_deadline_in_a_year_that_is_not_announced_is_journaled_as_provisional(
    accepting: Accepting,
) -> None:
    made = accepting(received(datetime(2026, 12, 28, 2, tzinfo=UTC)), None, inbound(), NOW)
    assert made.facts["provisional"] == "2027"


def test_a_promise_stands_before_what_was_counted_whoever_tells_it(accepting: Accepting) -> None:
    assert deadline_of(accepting(judged(), None, inbound(), NOW)) == NOW
    first = accepting(received(FRIDAY), None, inbound(), NOW)
    promised = accepting(judged(Kind.STEP), known(first), inbound(), NOW)
    told = record.from_json(promised.story)
    assert (told.deadline, told.counted) == (NOW, None)
    assert "calendar" not in promised.facts


def test_waiting_for_the_applicant_moves_a_counted_deadline(accepting: Accepting) -> None:
    made = accepting(received(FRIDAY), None, inbound(), NOW)
    for kind, at in (
        (Kind.TRANSFERRED, FRIDAY),
        (Kind.SUPPLEMENT_REQUESTED, datetime(2026, 3, 2, 2, tzinfo=UTC)),
        (Kind.STEP, datetime(2026, 3, 3, 2, tzinfo=UTC)),
        (Kind.SUPPLEMENT_SUBMITTED, datetime(2026, 3, 5, 2, tzinfo=UTC)),
    ):
        made = accepting(received(kind=kind, at=at), known(made), inbound(), NOW)
    assert deadline_of(made) == datetime(
        2026, 3, 9, 9, tzinfo=UTC
    )  # + 3 - 1 = Sunday the 8th, then a working day
    assert made.facts["deadline"] == "2026-03-09T09:00:00+00:00"


ASKED, ANSWERED = datetime(2026, 3, 2, 2, tzinfo=UTC), datetime(2026, 3, 5, 2, tzinfo=UTC)
PROMISE = datetime(2026, 3, 6, 9, tzinfo=UTC)
MOVED = datetime(2026, 3, 9, 9, tzinfo=UTC)


def waited(accepting: Accepting, answer: Judged, *, pauses: bool | None = None) -> Acceptance:
    """A dossier with a promised date whose applicant was asked, and what came of the answer."""
    said = received()
    message = from_json(said.canonical)
    assert message.dossier is not None
    dossier = msgspec.structs.replace(message.dossier, due_at=PROMISE)
    promised = msgspec.structs.replace(message, dossier=dossier)
    made = accepting(msgspec.structs.replace(said, canonical=to_json(promised)), None, inbound(), NOW)
    asking = received(kind=Kind.SUPPLEMENT_REQUESTED, at=ASKED)
    told = from_json(asking.canonical)
    event = msgspec.structs.replace(told.event, pauses_clock=pauses)
    asking = msgspec.structs.replace(asking, canonical=to_json(msgspec.structs.replace(told, event=event)))
    for each in (received(kind=Kind.TRANSFERRED, at=FRIDAY), asking):
        made = accepting(each, known(made), inbound(), NOW)
        assert deadline_of(made) == PROMISE
    return accepting(answer, known(made), inbound(), NOW)


def answer_with(**more: Any) -> Judged:
    return telling(Kind.SUPPLEMENT_SUBMITTED, **more)


def telling(kind: Kind, **more: Any) -> Judged:
    said = received(kind=kind, at=ANSWERED)
    message = from_json(said.canonical)
    assert message.dossier is not None
    dossier = msgspec.structs.replace(message.dossier, **more)
    return msgspec.structs.replace(said, canonical=to_json(msgspec.structs.replace(message, dossier=dossier)))


def test_waiting_for_the_applicant_moves_a_promise_too_and_says_by_which_calendar(
    accepting: Accepting,
) -> None:
    made = waited(accepting, answer_with())
    assert deadline_of(made) == MOVED
    assert made.facts["deadline"] == MOVED.isoformat()
    assert made.facts["calendar"] == accepting.days.version
    assert {each.deadline for each in made.transfers} == {MOVED}


def test_a_due_date_that_comes_with_the_supplement_is_the_new_promise(accepting: Accepting) -> None:
    later = datetime(2026, 3, 20, 9, tzinfo=UTC)
    made = waited(accepting, answer_with(supplements=(Supplement(due_after=later),)))
    assert (deadline_of(made), "calendar" in made.facts) == (later, False)


def test_a_promise_that_the_origin_says_again_with_the_supplement_stands(accepting: Accepting) -> None:
    assert deadline_of(waited(accepting, answer_with(due_at=PROMISE))) == PROMISE


def test_a_clock_that_was_said_to_go_on_moves_nothing(accepting: Accepting) -> None:
    assert deadline_of(waited(accepting, answer_with(), pauses=False)) == PROMISE


def test_a_new_date_that_is_told_while_the_applicant_is_waited_for_is_not_moved_once_more(
    accepting: Accepting,
) -> None:
    """As a client does that says its record, with the new date, before the step by which all goes on."""
    later = datetime(2026, 3, 20, 9, tzinfo=UTC)
    made = waited(accepting, telling(Kind.CORRECTED, due_at=later))
    for kind in (Kind.FEE_DUE, Kind.RESUMED):
        made = accepting(received(kind=kind, at=ANSWERED), known(made), inbound(), NOW)
        assert deadline_of(made) == later


def test_what_is_said_beside_while_the_clock_goes_on_begins_no_waiting(accepting: Accepting) -> None:
    made = waited(accepting, telling(Kind.FEE_DUE), pauses=False)
    made = accepting(answer_with(), known(made), inbound(), NOW)
    assert deadline_of(made) == PROMISE


def test_a_provisional_deadline_is_counted_again_when_the_calendar_has_changed(
    accepting: Accepting, tmp_path: Path
) -> None:
    december = datetime(2026, 12, 28, 2, tzinfo=UTC)
    made = accepting(received(december), None, inbound(), NOW)
    site = tmp_path / "own.toml"
    site.write_text(
        'id = "own"\npublished = [2027]\n[[day]]\ndate = 2027-01-04\nworks = false\nreason = { vi = "a", en = "b" }\n',
        "utf-8",
    )
    announced = msgspec.structs.replace(accepting, days=workdays.load(site))
    again = announced(received(kind=Kind.STEP, at=december), known(made), inbound(), NOW)
    assert (deadline_of(made), deadline_of(again)) == (
        datetime(2027, 1, 12, 2, tzinfo=UTC),
        datetime(2027, 1, 13, 2, tzinfo=UTC),
    )
    assert "provisional" not in again.facts
    settled = accepting(received(kind=Kind.STEP, at=december), known(again), inbound(), NOW)
    assert deadline_of(settled) == deadline_of(again), (
        "what was final stays, whatever the calendar says later"
    )


@pytest.mark.parametrize("since", [datetime(1815, 6, 18, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)])
def test_a_clock_in_another_century_leaves_a_dossier_without_a_deadline(
    accepting: Accepting, since: datetime
) -> None:
    assert deadline_of(accepting(received(since), None, inbound(), NOW)) is None


def test_a_finish_while_a_duty_is_due_is_quarantined_unless_its_sender_is_declared_to_settle(
    accepting: Accepting,
) -> None:
    made = accepting(judged(), None, inbound(), NOW)
    for kind in (Kind.STEP, Kind.DUTY_ANNOUNCED):
        made = accepting(judged(kind), known(made), inbound(), NOW)
    finished = judged(Kind.FINISHED)
    waits = accepting(finished, known(made), inbound(), NOW)
    assert waits.facts["quarantine"] == "HUB-DOS-004"
    settled = accepting(msgspec.structs.replace(finished, settles_duty=True), known(made), inbound(), NOW)
    assert "quarantine" not in settled.facts
    assert record.from_json(settled.story).state == "finished"


def test_what_one_says_that_is_only_told_is_kept_as_its_word_and_told_to_nobody(accepting: Accepting) -> None:
    made = accepting(judged(), None, inbound(), NOW)
    for kind in (Kind.RECEIVED, Kind.STEP, Kind.FINISHED, Kind.SUPPLEMENT_REQUESTED):
        word = msgspec.structs.replace(
            judged(kind), sender="portal", agency="000.00.00.G22", may_create=False
        )
        heard = accepting(word, known(made), inbound(), NOW)
        assert (heard.kind, heard.sender, heard.dossier) == (kind, "portal", made.dossier)
        assert heard.transfers == ()
        assert unheard(heard.story) == unheard(made.story)
        assert heard.facts["flags"] == "noted"
        assert heard.fact == b""
        assert "quarantine" not in heard.facts
        assert not believed(heard.facts)  # nor is anything filled in from it


def test_progress_about_one_message_is_told_though_it_moves_nothing(accepting: Accepting) -> None:
    made = accepting(judged(), None, inbound(), NOW)
    said = msgspec.structs.replace(from_json(judged(Kind.STEP).canonical), sender="land", agency=LAND)
    step = msgspec.structs.replace(judged(Kind.STEP), sender="land", agency=LAND, canonical=to_json(said))
    heard = accepting(
        msgspec.structs.replace(step, answers=Kind.SUPPLEMENT_SUBMITTED), known(made), inbound(), NOW
    )
    assert {each.partner for each in heard.transfers} == {"portal"}
    assert record.from_json(heard.story).state == "accepted"
    moved = accepting(msgspec.structs.replace(step, answers=Kind.RECEIVED), known(made), inbound(), NOW)
    assert record.from_json(moved.story).state == "processing"


def test_a_recipient_that_decides_other_things_may_act_on_what_it_was_sent(accepting: Accepting) -> None:
    made = accepting(judged(), None, inbound(), NOW)
    step = msgspec.structs.replace(judged(Kind.STEP), sender="portal", agency="000.00.00.G22")
    assert isinstance(accepting.parties, tuple)
    parties = tuple(
        msgspec.structs.replace(each, role="decides") if each.partner_id == "portal" else each
        for each in accepting.parties
    )
    acting = msgspec.structs.replace(accepting, parties=parties)
    assert record.from_json(acting(step, known(made), inbound(), NOW).story).state == "processing"
