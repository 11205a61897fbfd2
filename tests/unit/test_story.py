from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.story.advance import Advanced, Noted, Quarantined, Sender, advance
from hub.story.joining import join
from hub.story.moves import (
    HANDLING,
    MOVES,
    NOTES,
    OPENING,
    OVERALL,
    SCOPES,
    WITHOUT_DOSSIER,
    overall,
    picture,
)
from hub.story.record import Story, StoryLeg, from_json, to_json
from hub.story.telling import Flag
from schemas import errors
from schemas.dossier import Actor, Dossier, Event, Kind, Message, Procedure, State
from schemas.problems import Refusal

K, S = Kind, State
DESK, LAND, TAX = "000.00.00.H47", "000.00.15.H47", "000.00.47.G12"
CODE = "000.00.15.H47-190412-0007"
AT = datetime(2019, 4, 12, 9, tzinfo=UTC)
ON = date(2019, 4, 12)

DESK_SPEAKS = Sender(partner="desk", agency=DESK)
LAND_SPEAKS = Sender(partner="land", agency=LAND)

PORTAL_NUMBERS = {state: number for number, state in enumerate(State, 1)}
ALLOWED = {1: {2, 3}, 2: {4, 3, 7, 8}, 4: {5, 6, 7, 8, 9}, 5: {4, 7, 8}, 6: {4, 7, 8}, 8: {4}, 9: {10}}
"""The state machine of docs/explanation/national-portal.md §9; 9 and 10 → 4 by an explicit recall only."""


def say(kind: Kind, **said: Any) -> Message:
    dossier = Dossier(code=CODE, **said.pop("dossier", {}))
    return Message(
        event=Event(kind=kind, at=AT, **said), key="k", sender="any", agency="any", dossier=dossier
    )


def tell(story: Story | None, kind: Kind, sender: Sender = DESK_SPEAKS, **said: Any) -> Story:
    """Advance by a message that must fit."""
    judged = advance(story, say(kind, **said), sender, on=ON)
    assert isinstance(judged, Advanced), judged
    assert judged.story is not None
    return judged.story


def opened(**said: Any) -> Story:
    return tell(None, K.RECEIVED, **said)


def transferred() -> Story:
    return tell(opened(), K.TRANSFERRED, to_agency=LAND)


def legs(story: Story) -> dict[str, State]:
    return {leg.agency: leg.state for leg in story.legs}


def in_state(state: State) -> Story:
    return Story(
        origin="desk",
        origin_agency=DESK,
        received_by=LAND,
        opened_on=ON,
        state=state,
        legs=(StoryLeg(agency=DESK, state=state),),
        parties=("desk", "land"),
    )


# --- the table --------------------------------------------------------------------------------------------------


def test_the_table_moves_only_as_the_state_machine_allows() -> None:
    for (state, kind), targets in MOVES.items():
        for target in targets:
            begin, end = PORTAL_NUMBERS[state], PORTAL_NUMBERS[target]
            by_recall = kind is K.RECALLED and begin in {9, 10} and end == 4
            assert begin == end or end in ALLOWED.get(begin, set()) or by_recall, (state, kind, target)


def test_every_move_of_the_state_machine_has_a_kind() -> None:
    moves = {
        (PORTAL_NUMBERS[state], PORTAL_NUMBERS[end]) for (state, _), ends in MOVES.items() for end in ends
    }
    assert moves >= {(begin, end) for begin, ends in ALLOWED.items() for end in ends}


def test_only_a_recall_leads_out_of_finished_and_returned() -> None:
    for (state, kind), targets in MOVES.items():
        if state in {S.FINISHED, S.RETURNED} and set(targets) - {S.FINISHED, S.RETURNED}:
            assert kind is K.RECALLED


@pytest.mark.parametrize("state", [S.REFUSED, S.WITHDRAWN])
def test_nothing_but_notes_follows_an_end(state: State) -> None:
    assert {kind for begin, kind in MOVES if begin is state} == NOTES


def test_every_state_counts_once_in_the_overall_state() -> None:
    assert sorted(OVERALL) == sorted(State)


@pytest.mark.parametrize(("state", "kind"), sorted(product(State, set(Kind) - WITHOUT_DOSSIER)))
def test_every_kind_in_every_state_is_moved_or_quarantined(state: State, kind: Kind) -> None:
    judged = advance(in_state(state), say(kind), DESK_SPEAKS, on=ON)
    assert judged.story is not None
    if (state, kind) in MOVES:
        assert isinstance(judged, Advanced)
        assert judged.story.state is MOVES[state, kind][0]
    else:
        assert isinstance(judged, Quarantined)
        assert judged.problem.code == "HUB-DOS-004"
        assert judged.story == in_state(state)


def test_the_picture_shows_every_move_of_the_table() -> None:
    drawn = picture()
    assert drawn.startswith("stateDiagram-v2\n")
    assert "    finished --> processing : recalled\n" in drawn
    assert "    [*] --> accepted : received\n" in drawn
    for (state, kind), targets in MOVES.items():
        for target in targets:
            shown = any(f"{state} --> {target} :" in line and kind in line for line in drawn.splitlines())
            assert shown == (state != target)


# --- the usual way ----------------------------------------------------------------------------------------------


def test_a_dossier_goes_its_way_with_the_desk_telling_everything() -> None:
    story = transferred()
    assert legs(story) == {DESK: S.PROCESSING, LAND: S.PROCESSING}
    for kind, state in (
        (K.STEP, S.PROCESSING),
        (K.SUPPLEMENT_REQUESTED, S.SUPPLEMENT),
        (K.SUPPLEMENT_SUBMITTED, S.PROCESSING),
        (K.DUTY_ANNOUNCED, S.DUTY),
        (K.DUTY_PAID, S.PROCESSING),
        (K.FINISHED, S.FINISHED),
        (K.RESULT_HANDED_OVER, S.FINISHED),
        (K.RETURNED, S.RETURNED),
    ):
        story = tell(story, kind)
        assert story.state is state
    assert legs(story) == {DESK: S.RETURNED, LAND: S.RETURNED}


def test_a_dossier_goes_its_way_with_the_department_telling_its_own_part() -> None:
    story = tell(transferred(), K.SUPPLEMENT_REQUESTED, LAND_SPEAKS)
    assert legs(story)[LAND] is S.SUPPLEMENT
    story = tell(story, K.SUPPLEMENT_SUBMITTED)
    story = tell(story, K.FINISHED, LAND_SPEAKS)
    story = tell(story, K.RESULT_HANDED_OVER, LAND_SPEAKS)
    assert story.custody == DESK
    story = tell(story, K.RETURNED)
    assert (story.state, story.custody) == (S.RETURNED, None)


def test_a_dossier_from_the_portal_is_submitted_first_and_then_accepted() -> None:
    story = opened(state=S.SUBMITTED)
    assert story.state is S.SUBMITTED
    assert tell(story, K.RECEIVED).state is S.ACCEPTED
    assert tell(story, K.REFUSED_AT_RECEPTION).state is S.REFUSED


def test_a_dossier_may_be_opened_by_its_refusal() -> None:
    assert tell(None, K.REFUSED_AT_RECEPTION).state is S.REFUSED


def test_two_departments_work_at_once_and_the_dossier_is_finished_when_both_are() -> None:
    story = tell(transferred(), K.TRANSFERRED, to_agency=TAX)
    assert legs(story) == {DESK: S.PROCESSING, LAND: S.PROCESSING, TAX: S.PROCESSING}
    story = tell(story, K.FINISHED, LAND_SPEAKS)
    assert story.state is S.PROCESSING
    story = tell(story, K.FINISHED, Sender(partner="tax", agency=TAX))
    assert story.state is S.FINISHED


def test_a_result_is_returned_only_when_every_department_has_finished() -> None:
    story = tell(tell(transferred(), K.TRANSFERRED, to_agency=TAX), K.FINISHED, LAND_SPEAKS)
    judged = advance(story, say(K.RETURNED), DESK_SPEAKS, on=ON)
    assert isinstance(judged, Quarantined)
    assert legs(judged.story)[LAND] is S.FINISHED


def test_one_agency_waiting_for_the_applicant_pauses_the_dossier() -> None:
    story = tell(transferred(), K.TRANSFERRED, to_agency=TAX)
    story = tell(story, K.DUTY_ANNOUNCED, Sender(partner="tax", agency=TAX))
    assert legs(story)[LAND] is S.PROCESSING
    assert story.state is S.DUTY
    assert legs(tell(story, K.DUTY_PAID))[TAX] is S.PROCESSING


def test_a_department_may_hand_back_what_it_was_given() -> None:
    story = tell(transferred(), K.TRANSFERRED, LAND_SPEAKS, to_agency=DESK)
    assert [leg.agency for leg in story.legs if not leg.passed_to] == [DESK]
    assert legs(tell(story, K.FINISHED))[DESK] is S.FINISHED


def test_an_agency_takes_over_what_was_transferred_without_saying_to_whom() -> None:
    story = tell(opened(), K.TRANSFERRED)
    story = join(story, ["land"])
    story = tell(story, K.RECEIVED, LAND_SPEAKS)
    assert [leg.agency for leg in story.legs if not leg.passed_to] == [LAND]


def test_a_withdrawal_ends_every_leg() -> None:
    assert set(legs(tell(transferred(), K.WITHDRAWN)).values()) == {S.WITHDRAWN}


def test_a_returned_dossier_can_be_recalled_finished_and_returned_again() -> None:
    story = tell(tell(transferred(), K.FINISHED, LAND_SPEAKS), K.RETURNED)
    for kind, sender, state in (
        (K.RECALLED, DESK_SPEAKS, S.PROCESSING),
        (K.FINISHED, LAND_SPEAKS, S.FINISHED),
        (K.RETURNED, DESK_SPEAKS, S.RETURNED),
    ):
        story = tell(story, kind, sender)
        assert story.state is state
    assert set(legs(story).values()) == {S.RETURNED}


def test_a_recalled_dossier_can_be_transferred_again_by_the_desk() -> None:
    story = tell(tell(transferred(), K.FINISHED, LAND_SPEAKS), K.RETURNED)
    story = tell(tell(story, K.RECALLED), K.TRANSFERRED, to_agency=TAX)
    assert legs(story)[TAX] is S.PROCESSING


# --- while a duty is due ----------------------------------------------------------------------------------------


def owing(**said: Any) -> Story:
    return tell(transferred(), K.DUTY_ANNOUNCED, LAND_SPEAKS, **said)


def test_who_asked_for_a_duty_goes_on_when_it_hands_the_dossier_on() -> None:
    story = tell(owing(), K.TRANSFERRED, LAND_SPEAKS)
    assert (story.state, legs(story)[LAND]) == (S.PROCESSING, S.PROCESSING)
    assert tell(story, K.FINISHED, LAND_SPEAKS).state is S.FINISHED
    handed = tell(owing(), K.TRANSFERRED, LAND_SPEAKS, to_agency=TAX)
    assert (handed.state, legs(handed)[TAX]) == (S.PROCESSING, S.PROCESSING)


def test_a_step_leaves_a_duty_due_unless_it_says_that_it_goes_on() -> None:
    assert tell(owing(), K.STEP, LAND_SPEAKS).state is S.DUTY
    assert tell(owing(), K.STEP, LAND_SPEAKS, state=S.PROCESSING).state is S.PROCESSING


def test_a_finish_while_a_duty_is_due_counts_only_from_a_system_that_tells_of_no_payments() -> None:
    assert isinstance(advance(owing(), say(K.FINISHED), LAND_SPEAKS, on=ON), Quarantined)
    settles = Sender(partner="land", agency=LAND, settles_duty=True)
    assert tell(owing(), K.FINISHED, settles).state is S.FINISHED
    for kind in set(Kind) - WITHOUT_DOSSIER - {K.FINISHED}:
        judged = [advance(owing(), say(kind), each, on=ON) for each in (LAND_SPEAKS, settles)]
        assert judged[0] == judged[1]


def test_a_duty_of_one_agency_keeps_no_other_from_going_on() -> None:
    story = tell(transferred(), K.TRANSFERRED, to_agency=TAX)
    owes = tell(story, K.DUTY_ANNOUNCED, Sender(partner="tax", agency=TAX))
    assert owes.state is S.DUTY
    on = tell(owes, K.TRANSFERRED, LAND_SPEAKS, to_agency="000.00.09.H47")
    assert legs(on)["000.00.09.H47"] is S.PROCESSING
    assert legs(tell(owes, K.FINISHED, LAND_SPEAKS))[LAND] is S.FINISHED


# --- what does not fit ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", [K.STEP, K.SUPPLEMENT_REQUESTED, K.DUTY_ANNOUNCED, K.FINISHED, K.TRANSFERRED, K.RECEIVED]
)
@pytest.mark.parametrize("last", [K.FINISHED, K.RETURNED])
def test_a_late_message_reopens_nothing(kind: Kind, last: Kind) -> None:
    story = tell(transferred(), K.FINISHED, LAND_SPEAKS)
    if last is K.RETURNED:
        story = tell(story, K.RETURNED)
    judged = advance(story, say(kind, sequence=9), LAND_SPEAKS, on=ON)
    assert isinstance(judged, Quarantined)
    assert judged.story == tell(
        story, K.CORRECTED, LAND_SPEAKS, sequence=9
    )  # nothing but the sequence has moved


def test_a_quarantine_says_what_would_have_been_possible() -> None:
    judged = advance(opened(), say(K.FINISHED, dossier={"due_at": AT}), DESK_SPEAKS, on=ON)
    assert isinstance(judged, Quarantined)
    assert judged.problem.rule == "accepted cannot be followed by finished"
    assert "transferred" in judged.problem.detail
    assert judged.story.deadline is None


def test_a_result_that_is_incorrect_keeps_the_dossier_where_it_is() -> None:
    assert tell(transferred(), K.RESULT_INCORRECT, LAND_SPEAKS).state is S.PROCESSING
    finished = tell(transferred(), K.FINISHED, LAND_SPEAKS)
    assert tell(finished, K.RESULT_INCORRECT).state is S.FINISHED


def test_a_correction_never_moves_a_dossier() -> None:
    story = tell(transferred(), K.FINISHED, LAND_SPEAKS)
    judged = advance(story, say(K.CORRECTED, state=S.PROCESSING), DESK_SPEAKS, on=ON)
    assert isinstance(judged, Advanced)
    assert judged.story is not None
    assert judged.story.state is S.FINISHED
    assert judged.flags == (Flag.STATE_DIFFERS,)


# --- who may speak ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(set(Kind) - WITHOUT_DOSSIER - set(OPENING)))
def test_a_message_about_an_unknown_dossier_is_refused(kind: Kind) -> None:
    with pytest.raises(Refusal) as refusal:
        advance(None, say(kind), DESK_SPEAKS, on=ON)
    assert refusal.value.code == "HUB-DOS-002"


def test_a_code_outside_the_senders_trees_opens_no_dossier() -> None:
    with pytest.raises(Refusal) as refusal:
        advance(None, say(K.RECEIVED), Sender(partner="desk", agency=DESK, may_create=False), on=ON)
    assert refusal.value.code == "HUB-DOS-007"


def test_someone_elses_dossier_is_refused() -> None:
    with pytest.raises(Refusal) as refusal:
        advance(opened(), say(K.STEP), LAND_SPEAKS, on=ON)
    assert refusal.value.code == "HUB-DOS-003"


@pytest.mark.parametrize(
    ("story", "sender"),
    [
        (opened(), Sender(partner="desk", agency="another")),  # the origin
        (join(opened(), ["land"]), LAND_SPEAKS),  # a recipient
        (transferred(), Sender(partner="another system", agency=LAND)),  # its agency has a leg
        (opened(), Sender(partner="land", agency=LAND, entitled=True)),  # the routes name it
    ],
)
def test_origin_recipients_and_legs_may_speak(story: Story, sender: Sender) -> None:
    assert isinstance(advance(story, say(K.FEE_PAID), sender, on=ON), Advanced)


def test_only_the_origin_speaks_for_another_agencys_officer() -> None:
    story = tell(transferred(), K.TRANSFERRED, to_agency=TAX)
    officer = Actor(agency=TAX)
    assert legs(tell(story, K.FINISHED, actor=officer))[TAX] is S.FINISHED
    by_land = tell(story, K.FINISHED, LAND_SPEAKS, actor=officer)
    assert legs(by_land) == {DESK: S.PROCESSING, LAND: S.FINISHED, TAX: S.PROCESSING}


def test_a_message_that_needs_a_dossier_and_has_none_is_refused() -> None:
    message = Message(event=Event(kind=K.STEP, at=AT), key="k", sender="desk", agency=DESK)
    with pytest.raises(Refusal) as refusal:
        advance(None, message, DESK_SPEAKS, on=ON)
    assert refusal.value.code == "HUB-SCH-003"


@pytest.mark.parametrize("kind", sorted(WITHOUT_DOSSIER))
def test_a_catalogue_or_report_has_no_story(kind: Kind) -> None:
    message = Message(event=Event(kind=kind, at=AT), key="k", sender="desk", agency=DESK, subject="s")
    assert advance(None, message, DESK_SPEAKS, on=ON) == Advanced(story=None)


def test_both_forms_of_a_code_mean_the_same_leg() -> None:
    forms = {"H47": DESK, DESK: DESK, "H47.15": LAND, LAND: LAND}
    judged = advance(
        None, say(K.RECEIVED), Sender(partner="desk", agency="H47"), on=ON, received_by="H47.15", forms=forms
    )
    assert judged.story is not None
    assert (judged.story.origin_agency, judged.story.received_by) == (DESK, LAND)
    judged = advance(judged.story, say(K.TRANSFERRED, to_agency="H47.15"), DESK_SPEAKS, on=ON, forms=forms)
    assert judged.story is not None
    assert set(legs(judged.story)) == {DESK, LAND}


# --- what else is remembered ------------------------------------------------------------------------------------


def test_a_sequence_that_does_not_rise_is_flagged_and_not_reordered() -> None:
    story = opened(sequence=5)
    for sequence in (5, 4):
        judged = advance(story, say(K.STEP, sequence=sequence), DESK_SPEAKS, on=ON)
        assert isinstance(judged, Advanced)
        assert judged.story is not None
        assert judged.flags == (Flag.SEQUENCE_NOT_RISING,)
        assert judged.story.state is S.PROCESSING
        assert judged.story.sequences == {"desk": 5}
    assert tell(story, K.STEP, sequence=6).sequences == {"desk": 6}


def test_sequences_are_counted_per_source() -> None:
    story = tell(transferred(), K.STEP, LAND_SPEAKS, sequence=1)
    story = tell(story, K.APOLOGY, sequence=7)
    assert story.sequences == {"land": 1, "desk": 7}


def test_the_procedure_a_dossier_began_with_stays() -> None:
    story = opened(dossier={"procedure": Procedure(national="1.009999", local="QNA-DD-0123")})
    judged = advance(
        story, say(K.STEP, dossier={"procedure": Procedure(national="1.000001")}), DESK_SPEAKS, on=ON
    )
    assert isinstance(judged, Advanced)
    assert judged.story is not None
    assert judged.flags == (Flag.PROCEDURE_DIFFERS,)
    assert (judged.story.national, judged.story.local) == ("1.009999", "QNA-DD-0123")


def test_a_recipients_own_word_for_the_procedure_is_not_taken_for_the_origins() -> None:
    story = tell(transferred(), K.STEP, LAND_SPEAKS, dossier={"procedure": Procedure(local="LAND-7")})
    assert story.local is None


def test_the_due_date_is_the_origins_last_word_or_an_announced_change() -> None:
    first, second, third = (datetime(2019, 5, day, tzinfo=UTC) for day in (1, 2, 3))
    story = tell(opened(dossier={"due_at": first}), K.TRANSFERRED, to_agency=LAND)
    assert tell(story, K.STEP, LAND_SPEAKS, dossier={"due_at": second}).deadline == first
    assert tell(story, K.STEP, dossier={"due_at": second}).deadline == second
    assert tell(story, K.DUE_DATE_CHANGED, LAND_SPEAKS, due_at=third).deadline == third
    assert tell(story, K.STEP).deadline == first


def test_an_apology_and_a_supplement_move_the_due_date_whoever_tells_it() -> None:
    first, second = (datetime(2019, 5, day, tzinfo=UTC) for day in (1, 2))
    story = tell(opened(dossier={"due_at": first}), K.TRANSFERRED, to_agency=LAND)
    assert tell(story, K.APOLOGY, LAND_SPEAKS, due_at=second).deadline == second
    assert tell(story, K.APOLOGY, LAND_SPEAKS, dossier={"due_at": second}).deadline == first
    asked = tell(story, K.SUPPLEMENT_REQUESTED, LAND_SPEAKS)
    given = tell(asked, K.SUPPLEMENT_SUBMITTED, LAND_SPEAKS, dossier={"due_at": second})
    assert given.deadline == second


def test_who_handed_a_dossier_on_may_not_hand_it_on_again_once_it_is_finished() -> None:
    finished = tell(transferred(), K.FINISHED, LAND_SPEAKS)
    judged = advance(finished, say(K.TRANSFERRED, to_agency=TAX), DESK_SPEAKS, on=ON)
    assert isinstance(judged, Quarantined)
    assert judged.story.legs == finished.legs


def test_a_second_apology_is_counted_and_flagged() -> None:
    once = tell(opened(), K.APOLOGY, reason="Thiếu người")
    judged = advance(once, say(K.APOLOGY, reason="Thiếu người"), DESK_SPEAKS, on=ON)
    assert isinstance(judged, Advanced)
    assert judged.story is not None
    assert (once.apologies, judged.story.apologies, judged.flags) == (1, 2, (Flag.APOLOGY_AGAIN,))


def test_parent_and_children_are_kept_and_another_parent_is_flagged() -> None:
    story = opened(dossier={"parent": "P", "children": ("A",)})
    judged = advance(story, say(K.STEP, dossier={"parent": "Q", "children": ("A", "B")}), DESK_SPEAKS, on=ON)
    assert isinstance(judged, Advanced)
    assert judged.story is not None
    assert (judged.story.parent, judged.story.children) == ("P", ("A", "B"))
    assert judged.flags == (Flag.PARENT_DIFFERS,)


def test_partners_join_once() -> None:
    assert join(join(opened(), ["land", "portal"]), ["land"]).parties == ("desk", "land", "portal")


def test_when_everyone_has_passed_it_on_the_legs_still_give_a_state() -> None:
    assert overall([StoryLeg(agency=DESK, state=S.PROCESSING, passed_to=(LAND,))]) is S.PROCESSING


# --- who has no more than a copy, and statuses about one message ---------------------------------------------------

OFFICE = "000.00.09.H47"


def only_told(partner: str, agency: str) -> Sender:
    return Sender(partner=partner, agency=agency, may_create=False, informed=True)


TOLD = only_told("office", OFFICE)


@pytest.mark.parametrize("kind", sorted(HANDLING))
@pytest.mark.parametrize("state", [S.ACCEPTED, S.PROCESSING, S.DUTY, S.FINISHED])
def test_who_is_only_told_moves_nothing_and_takes_nothing_over(state: State, kind: Kind) -> None:
    story = join(in_state(state), ["office"])
    judged = advance(story, say(kind, sequence=7), TOLD, on=ON)
    kept = msgspec.structs.replace(story, sequences={"office": 7})
    assert judged == Noted(story=kept, flags=(Flag.NOTED,))


@pytest.mark.parametrize("kind", sorted(set(Kind) - WITHOUT_DOSSIER - HANDLING))
def test_what_an_applicant_does_counts_from_who_is_only_told(kind: Kind) -> None:
    story = join(in_state(S.SUPPLEMENT if kind is K.SUPPLEMENT_SUBMITTED else S.PROCESSING), ["office"])
    assert isinstance(advance(story, say(kind), TOLD, on=ON), Advanced)


@pytest.mark.parametrize(
    ("story", "sender"),
    [
        (opened(), only_told("desk", "another")),  # the origin
        (transferred(), only_told("land", LAND)),  # its agency has a leg
        (opened(), msgspec.structs.replace(only_told("land", LAND), entitled=True)),  # the routes name it
        (
            join(opened(), ["portal"]),
            msgspec.structs.replace(only_told("portal", OFFICE), may_create=True),
        ),  # a desk or a portal that may open such codes
    ],
)
def test_who_has_the_dossier_keeps_its_rights_whatever_it_is_told_of_others(
    story: Story, sender: Sender
) -> None:
    assert isinstance(advance(story, say(K.STEP), sender, on=ON), Advanced)


def answering(about: Kind) -> Sender:
    return Sender(partner="land", agency=LAND, entitled=True, answers=about)


def test_a_status_about_what_brought_the_dossier_moves_it() -> None:
    story = tell(opened(), K.TRANSFERRED)
    taken = tell(story, K.RECEIVED, answering(K.TRANSFERRED))
    assert [leg.agency for leg in taken.legs if not leg.passed_to] == [LAND]
    assert tell(taken, K.FINISHED, answering(K.RECEIVED)).state is S.FINISHED


@pytest.mark.parametrize("story", [opened(), transferred(), in_state(S.FINISHED)])
def test_that_what_brought_the_dossier_arrived_is_a_receipt_where_nothing_is_taken_over(story: Story) -> None:
    assert advance(story, say(K.RECEIVED), answering(K.RECEIVED), on=ON) == Noted(
        story=story, flags=(Flag.NOTED,)
    )


@pytest.mark.parametrize(("kind", "aside"), [(K.RECEIVED, True), (K.FINISHED, True), (K.STEP, False)])
@pytest.mark.parametrize("story", [opened(), tell(opened(), K.TRANSFERRED), transferred()])
def test_a_status_about_any_other_message_says_nothing_of_the_dossier(
    story: Story, kind: Kind, aside: bool
) -> None:
    judged = advance(story, say(kind), answering(K.SUPPLEMENT_SUBMITTED), on=ON)
    assert judged == Noted(story=story, flags=(Flag.NOTED,), aside=aside)


@pytest.mark.parametrize("story", [opened(), transferred()])
def test_that_another_message_was_turned_away_refuses_no_dossier_and_waits_for_a_person(story: Story) -> None:
    judged = advance(story, say(K.REFUSED_AT_RECEPTION), answering(K.CORRECTED), on=ON)
    assert isinstance(judged, Quarantined)
    assert judged.story == story


# --- any history ------------------------------------------------------------------------------------------------

SENDERS = {"desk": DESK_SPEAKS, "land": LAND_SPEAKS, "tax": Sender(partner="tax", agency=TAX, entitled=True)}
MESSAGES = st.tuples(
    st.sampled_from(sorted(SENDERS)),
    st.sampled_from(sorted(set(Kind) - WITHOUT_DOSSIER)),
    st.sampled_from([None, DESK, LAND, TAX]),
    st.none() | st.sampled_from(sorted(State)),
    st.none() | st.integers(0, 9),
)


@settings(deadline=None)
@given(st.lists(MESSAGES, max_size=25))
def test_whatever_comes_the_story_stays_whole(
    history: list[tuple[str, Kind, str | None, State | None, int | None]],
) -> None:
    story = join(opened(), ["land"])
    for sender, kind, receiver, state, sequence in history:
        judged = advance(
            story, say(kind, to_agency=receiver, state=state, sequence=sequence), SENDERS[sender], on=ON
        )
        after = judged.story
        assert after is not None
        assert from_json(to_json(after)) == after
        assert after.state is overall(after.legs)
        assert len({leg.agency for leg in after.legs}) == len(after.legs)
        assert any(not leg.passed_to for leg in after.legs)
        assert all(after.sequences[name] >= last for name, last in story.sequences.items())
        if story.state in {S.FINISHED, S.RETURNED} and after.state not in {S.FINISHED, S.RETURNED}:
            assert kind is K.RECALLED
        if story.state in {S.REFUSED, S.WITHDRAWN}:
            assert after.state is story.state
        if isinstance(judged, Quarantined):
            assert after.legs == story.legs
        story = after


def test_the_story_holds_no_personal_data() -> None:
    assert set(Story.__struct_fields__) == {
        "origin", "origin_agency", "received_by", "opened_on", "state", "legs", "parties", "sequences", "national",
        "local", "deadline", "counted", "asked", "moved", "apologies", "custody", "parent", "children", "stage", "catalogues",
            "heard", "chains", "code", "due",
    }  # fmt: skip


def test_scopes_name_kinds_that_the_table_knows() -> None:
    assert set(SCOPES) <= {kind for _, kind in MOVES} | set(OPENING)


@pytest.mark.parametrize("number", range(1, 8))
def test_every_code_of_this_area_is_in_the_catalogue(number: int) -> None:
    assert f"HUB-DOS-00{number}" in errors.load()
