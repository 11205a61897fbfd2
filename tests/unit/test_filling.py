"""What a message leaves out and its dossier said before: what is taken, from whom, and what never is."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from hub.story.filling import (
    FIRST,
    NEWEST,
    PARTS,
    RECORD,
    Earlier,
    Past,
    Remembered,
    believed,
    fill,
    lacks,
    read,
    worth,
    written,
)
from schemas.dossier import (
    Applicant,
    Dossier,
    Event,
    Fee,
    Identity,
    Kind,
    Message,
    Procedure,
    Result,
    State,
    to_json,
)
from schemas.problems import Problem

AT = datetime(2026, 11, 20, 1, tzinfo=UTC)
OWNER = Applicant(name="Nguyễn Văn Mẫu", identities=(Identity(kind="cccd", number="049000000001"),))
LAND = Procedure(national="1.009999", name="Đăng ký biến động", local="QNM-01")


def message(dossier: Dossier | None, kind: Kind = Kind.FINISHED) -> Message:
    return Message(
        event=Event(kind=kind, at=AT), key="k", sender="so-tnmt", agency="000.00.15.H47", dossier=dossier
    )


def said(id_: str, dossier: Dossier, *, keeps: bool = True) -> Earlier:
    return Earlier(id_, to_json(message(dossier, Kind.RECEIVED)), keeps)


def dossier(**told: object) -> Dossier:
    return Dossier(code="D-1", **told)  # type: ignore[arg-type]


BARE = message(Dossier(code="D-1"))


def test_each_place_is_taken_from_the_first_that_says_it_and_is_told_with_its_message() -> None:
    newest = said("m2", dossier(summary="Thửa 15", applicant=Applicant(phone="0900000000")))
    oldest = said("m1", dossier(summary="Thửa 7", applicant=OWNER, procedure=LAND, due_at=AT))
    filled = fill(BARE, [newest, oldest])
    told = filled.message.dossier
    assert told == Dossier(
        code="D-1",
        summary="Thửa 15",
        due_at=AT,
        applicant=Applicant(name=OWNER.name, identities=OWNER.identities, phone="0900000000"),
        procedure=Procedure(national="1.009999", name="Đăng ký biến động"),
    )
    assert filled.taken == {
        "dossier.summary": "m2",
        "dossier.applicant.phone": "m2",
        "dossier.applicant.name": "m1",
        "dossier.applicant.identities": "m1",
        "dossier.due_at": "m1",
        "dossier.procedure.national": "m1",
        "dossier.procedure.name": "m1",
    }


def test_what_the_message_says_itself_stays() -> None:
    own = message(dossier(summary="Thửa 16", procedure=Procedure(national="1.009999", local="L")))
    filled = fill(own, [said("m1", dossier(summary="Thửa 15", procedure=LAND))])
    assert filled.message.dossier == dossier(
        summary="Thửa 16",
        procedure=Procedure(national="1.009999", local="L", name="Đăng ký biến động"),
    )
    assert filled.taken == {"dossier.procedure.name": "m1"}


def test_a_number_and_a_name_that_nobody_said_together_are_not_put_together() -> None:
    """The newest names somebody without a number; whose number it is an older message says."""
    stranger = said("m2", dossier(applicant=Applicant(name="Trần Khác"), procedure=Procedure(name="Khác")))
    both = said("m1", dossier(applicant=OWNER, procedure=LAND))
    own = message(
        dossier(applicant=Applicant(identities=OWNER.identities), procedure=Procedure(national=LAND.national))
    )
    filled = fill(own, [stranger, both])
    assert filled.message.dossier == dossier(
        applicant=OWNER, procedure=Procedure(national=LAND.national, name=LAND.name)
    )
    assert {*filled.taken.values()} == {"m1"}
    assert fill(own, [stranger]).taken == {}


def test_nothing_that_means_now_is_ever_taken() -> None:
    before = dossier(
        state=State.PROCESSING,
        finished_at=AT,
        returned_at=AT,
        refused_at=AT,
        note="cũ",
        return_note="cũ",
        results=(Result(name="cũ"),),
        fees=(Fee(code="PTD"),),
        overdue_reason="cũ",
        apologies=1,
    )
    filled = fill(BARE, [said("m1", before)])
    assert (filled.message, filled.taken) == (BARE, {})


def test_every_place_that_may_be_taken_is_one_that_there_is() -> None:
    assert {*RECORD, *PARTS} <= {*Dossier.__struct_fields__}
    assert {*PARTS["applicant"]} == {*Applicant.__struct_fields__}
    assert {*PARTS["procedure"]} == {*Procedure.__struct_fields__} - {"local"}


@pytest.mark.parametrize(
    ("own", "other"),
    [
        (Applicant(name="Trần Thị Khác"), OWNER),
        (Applicant(identities=(Identity(kind="cccd", number="049000000002"),)), OWNER),
    ],
)
def test_nobody_is_given_what_was_said_of_somebody_else(own: Applicant, other: Applicant) -> None:
    bare = message(dossier(applicant=own))
    assert fill(bare, [said("m1", dossier(applicant=other))]).taken == {}


def test_a_person_is_the_same_by_number_whatever_the_name_is_written_like() -> None:
    own = message(dossier(applicant=Applicant(name="NGUYEN VAN MAU", identities=OWNER.identities)))
    before = msgspec.structs.replace(OWNER, address="An Mỹ")
    taken = fill(own, [said("m1", dossier(applicant=before))]).taken
    assert taken == {"dossier.applicant.address": "m1"}


def test_a_procedure_is_given_no_other_procedures_name() -> None:
    own = message(dossier(procedure=Procedure(national="1.009996")))
    assert fill(own, [said("m1", dossier(procedure=LAND))]).taken == {}


def test_from_who_keeps_no_record_only_the_due_date_is_taken() -> None:
    filled = fill(BARE, [said("m1", dossier(summary="Thửa 15", due_at=AT), keeps=False)])
    assert filled.taken == {"dossier.due_at": "m1"}


def test_a_message_without_a_dossier_is_left_alone() -> None:
    nothing = message(None, Kind.REPORT_PUBLISHED)
    assert fill(nothing, [said("m1", dossier(summary="x"))]) == (nothing, {})


# --- which messages are read -------------------------------------------------------------------------------------


def past(*told: tuple[str, str, Kind], origin: str = "motcua") -> Past:
    return Past(origin, tuple(Remembered(id_, sender, kind) for id_, sender, kind in told))


def test_the_newest_before_it_counts_first_and_what_came_after_it_last() -> None:
    history = past(*((f"m{n}", "motcua", Kind.STEP) for n in range(5)))
    assert [id_ for id_, _ in worth(history, "dat", "m2")] == ["m1", "m0", "m3", "m4"]
    assert [id_ for id_, _ in worth(history, "dat")] == ["m4", "m3", "m2", "m1", "m0"]


def test_who_opened_it_who_received_it_and_who_speaks_keep_its_record_nobody_else() -> None:
    history = past(
        ("m1", "cong", Kind.RECEIVED),
        ("m2", "motcua", Kind.RECEIVED),
        ("m3", "thue", Kind.DUTY_ANNOUNCED),
        ("m4", "thue", Kind.DUE_DATE_CHANGED),
        ("m5", "dat", Kind.STEP),
        origin="cong",
    )
    found = worth(history, "dat")
    assert found == (("m5", True), ("m4", False), ("m2", True), ("m1", True))
    assert ("m5", True) not in worth(history, "xay-dung")


def test_a_correction_counts_from_then_on() -> None:
    told = {"m1": dossier(summary="Thửa 15", applicant=OWNER), "m3": dossier(summary="Thửa 51")}
    history = past(
        ("m1", "motcua", Kind.RECEIVED), ("m2", "dat", Kind.STEP), ("m3", "motcua", Kind.CORRECTED)
    )
    for message, summary in (("m2", "Thửa 15"), ("", "Thửa 51")):
        read_ = [id_ for id_, _ in worth(history, "dat", message) if id_ in told]
        filled = fill(BARE, [said(id_, told[id_]) for id_ in read_]).message.dossier
        assert filled is not None
        assert (filled.summary, filled.applicant) == (summary, OWNER)


def test_of_a_dossier_with_very_many_messages_the_newest_and_the_first_are_read() -> None:
    history = past(*((f"m{n}", "motcua", Kind.STEP) for n in range(1000)))
    found = [id_ for id_, _ in worth(history, "motcua")]
    assert len(found) == NEWEST + FIRST
    assert (found[0], found[NEWEST - 1], found[NEWEST], found[-1]) == ("m999", "m800", "m19", "m0")


@pytest.mark.parametrize(
    ("facts", "trial", "counts"),
    [
        ({}, False, True),
        ({"rule": "deciders"}, False, True),
        ({"quarantine": "HUB-DOS-004"}, False, False),
        ({"rule": "stages: recorded, not believed"}, False, False),
        ({"stage": "parallel"}, False, True),
        ({"stage": "trial"}, False, False),
        ({"stage": "trial"}, True, True),
        ({}, True, False),
    ],
)
def test_what_was_quarantined_only_recorded_or_on_trial_is_not_believed(
    facts: dict[str, str], trial: bool, counts: bool
) -> None:
    assert believed(facts, trial=trial) is counts


@pytest.mark.parametrize(
    ("problem", "is_lacking"),
    [
        (None, False),
        (Problem(code="HUB-MAP-004", rule="dvcqg.g1@1 required dossier.summary"), True),
        (Problem(code="HUB-MAP-002", rule="required dossier.procedure.national"), True),
        (Problem(code="HUB-MAP-004", rule="dvcqg.g1@1 required event.actor.name"), False),
        (Problem(code="HUB-MAP-004", rule="xsd", detail="HUB-SCH-003"), True),
        (Problem(code="HUB-MAP-004", rule="xsd", detail="HUB-SCH-004"), True),
        (Problem(code="HUB-MAP-004", rule="xsd", detail="HUB-SCH-005"), False),
        (Problem(code="HUB-SCH-003", rule="/dossier"), False),
        (Problem(code="HUB-MAP-004", rule="maxLength 10"), False),
        (Problem(code="HUB-DOS-004", rule="x"), False),
    ],
)
def test_only_what_may_have_been_said_before_is_looked_for(problem: Problem | None, is_lacking: bool) -> None:
    assert lacks(problem) is is_lacking


def test_what_was_taken_is_written_in_one_line_and_read_again() -> None:
    taken = {"dossier.summary": "01-a", "dossier.applicant.name": "01-b"}
    assert read(written(taken)) == taken
    assert read(written({})) == {}
