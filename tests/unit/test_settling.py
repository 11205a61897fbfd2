"""What a message says in one of two places is said in both; nothing is made up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from hub.judging.settling import settled
from schemas.dossier import Dossier, Event, Kind, Message, Supplement

AT, DUE, LATER = (datetime(2026, 12, day, 1, tzinfo=UTC) for day in (1, 4, 11))


def said(kind: Kind, event: dict[str, Any], dossier: dict[str, Any]) -> Message:
    return Message(
        event=Event(kind=kind, at=AT, **event),
        key="k",
        sender="s",
        agency="a",
        dossier=Dossier(code="000.00.15.H47-261120-0001", **dossier),
    )


def due(message: Message) -> tuple[datetime | None, datetime | None]:
    assert message.dossier is not None
    return message.event.due_at, message.dossier.due_at


@pytest.mark.parametrize("kind", [Kind.DUE_DATE_CHANGED, Kind.APOLOGY])
def test_a_date_that_the_event_moves_to_is_the_dossiers(kind: Kind) -> None:
    assert due(settled(said(kind, {"due_at": LATER}, {"due_at": DUE}))) == (LATER, LATER)


def test_a_changed_date_that_the_dossier_tells_is_the_events() -> None:
    assert due(settled(said(Kind.DUE_DATE_CHANGED, {}, {"due_at": LATER}))) == (LATER, LATER)


def test_an_apology_without_a_new_date_changes_none() -> None:
    assert due(settled(said(Kind.APOLOGY, {}, {"due_at": DUE}))) == (None, DUE)


def test_what_a_supplement_moved_the_date_to_is_the_dossiers_and_a_steps_own_date_stays_the_steps() -> None:
    given = {"due_at": DUE, "supplements": (Supplement(due_before=DUE, due_after=LATER),)}
    assert due(settled(said(Kind.SUPPLEMENT_SUBMITTED, {"due_at": AT}, given))) == (AT, LATER)


def test_the_date_of_a_step_is_not_the_dossiers() -> None:
    step = said(Kind.STEP, {"due_at": LATER}, {"due_at": DUE})
    assert settled(step) is step


def test_the_reason_of_an_apology_is_why_it_is_overdue_both_ways() -> None:
    one = settled(said(Kind.APOLOGY, {"reason": "Thiếu người"}, {}))
    other = settled(said(Kind.APOLOGY, {}, {"overdue_reason": "Thiếu người"}))
    both = settled(said(Kind.APOLOGY, {"reason": "Bão"}, {"overdue_reason": "Thiếu người"}))
    assert one.dossier is not None
    assert both.dossier is not None
    assert (one.dossier.overdue_reason, other.event.reason) == ("Thiếu người", "Thiếu người")
    assert (both.event.reason, both.dossier.overdue_reason) == ("Bão", "Thiếu người")
