"""What a message tells of its dossier beside its move: sequence, procedure, family, due date. Pure.

A source's sequence that does not rise is flagged, never reordered.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from hub.story.record import Story, Value, more_of
from schemas.dossier import Kind

if TYPE_CHECKING:
    from datetime import datetime

    from schemas.dossier import Dossier, Message


class Flag(StrEnum):
    """Something an operator may want to know; it decides nothing."""

    SEQUENCE_NOT_RISING = "sequence_not_rising"
    STATE_DIFFERS = "state_differs"
    PROCEDURE_DIFFERS = "procedure_differs"
    PARENT_DIFFERS = "parent_differs"
    NOTED = "noted"  # heard, and moves nothing (hub.story.advance.Noted)
    APOLOGY_AGAIN = "apology_again"  # a return may be put off once (NĐ 61/2018, Điều 19)


class Told(Value, frozen=True):
    story: Story
    flags: tuple[Flag, ...] = ()


def tell(story: Story, message: Message, dossier: Dossier, sender: str) -> Told:
    flags: list[Flag] = []
    sequence = message.event.sequence
    last = story.sequences.get(sender)
    if sequence is not None and last is not None and sequence <= last:
        flags.append(Flag.SEQUENCE_NOT_RISING)
    sequences = dict(story.sequences)
    if sequence is not None:
        sequences[sender] = max(sequence, last if last is not None else sequence)
    procedure = dossier.procedure
    national, local = (procedure.national, procedure.local) if procedure else (None, None)
    if _differs(story.national, national) or (sender == story.origin and _differs(story.local, local)):
        flags.append(Flag.PROCEDURE_DIFFERS)
    if _differs(story.parent, dossier.parent):
        flags.append(Flag.PARENT_DIFFERS)
    if message.kind is Kind.APOLOGY and story.apologies:
        flags.append(Flag.APOLOGY_AGAIN)
    return Told(
        story=msgspec.structs.replace(
            story,
            sequences=sequences,
            national=story.national or national,
            local=story.local or (local if sender == story.origin else None),
            parent=story.parent or dossier.parent,
            children=more_of(story.children, dossier.children),
            deadline=_deadline(story, message, sender),
            apologies=story.apologies + (message.kind is Kind.APOLOGY),
        ),
        flags=tuple(flags),
    )


def _differs(known: str | None, told: str | None) -> bool:
    return known is not None and told is not None and known != told


def _deadline(story: Story, message: Message, teller: str) -> datetime | None:
    """Return the due date in force: an announced change (by itself, with an apology, or with what the applicant has supplied), what
    the origin last said, or what anyone said first.

    One that the hub counted itself is no promise: anyone's stands before it.
    """
    told = message.dossier.due_at if message.dossier else None
    if message.kind is Kind.DUE_DATE_CHANGED:
        return message.event.due_at or told or story.deadline
    if message.kind is Kind.APOLOGY and message.event.due_at is not None:
        return message.event.due_at
    if (
        message.kind is Kind.SUPPLEMENT_SUBMITTED
        and (supplied := _after_supplement(message) or told) is not None
    ):
        return supplied
    promised = story.deadline is not None and story.counted is None
    return told if told is not None and (teller == story.origin or not promised) else story.deadline


def _after_supplement(message: Message) -> datetime | None:
    """Return the new due date that the last supplement tells, if it tells one."""
    told = message.dossier.supplements if message.dossier else ()
    return told[-1].due_after if told else None
