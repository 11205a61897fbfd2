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

    from hub.story.words import Words
    from schemas.dossier import Message


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


def numbered(story: Story, message: Message, sender: str) -> Told:
    """Remember the sender's sequence: what each hub does for its own partners."""
    sequence = message.event.sequence
    last = story.sequences.get(sender)
    if sequence is None:
        return Told(story=story)
    falls = last is not None and sequence <= last
    sequences = {**story.sequences, sender: max(sequence, last if last is not None else sequence)}
    kept = msgspec.structs.replace(story, sequences=sequences)
    return Told(story=kept, flags=(Flag.SEQUENCE_NOT_RISING,) if falls else ())


def tell(story: Story, words: Words) -> Told:
    flags: list[Flag] = []
    if _differs(story.national, words.national) or (words.by_origin and _differs(story.local, words.local)):
        flags.append(Flag.PROCEDURE_DIFFERS)
    if _differs(story.parent, words.parent):
        flags.append(Flag.PARENT_DIFFERS)
    if words.kind is Kind.APOLOGY and story.apologies:
        flags.append(Flag.APOLOGY_AGAIN)
    return Told(
        story=msgspec.structs.replace(
            story,
            code=story.code or words.code,
            national=story.national or words.national,
            local=story.local or (words.local if words.by_origin else None),
            parent=story.parent or words.parent,
            children=more_of(story.children, words.children),
            due=_due(words, story.due, promised=story.due is not None),
            deadline=_due(
                words, story.deadline, promised=story.deadline is not None and story.counted is None
            ),
            apologies=story.apologies + (words.kind is Kind.APOLOGY),
        ),
        flags=tuple(flags),
    )


def _differs(known: str | None, told: str | None) -> bool:
    return known is not None and told is not None and known != told


def _due(words: Words, known: datetime | None, *, promised: bool) -> datetime | None:
    """Return the due date in force: an announced change (by itself, with an apology, or with what the applicant has supplied), what
    the origin last said, or what anyone said first.

    One that the hub counted itself is no promise: anyone's stands before it.
    """
    if words.due is None:
        return known
    return words.due if words.moves_due or words.by_origin or not promised else known


def due_of(message: Message) -> tuple[datetime | None, bool]:
    """Return the due date that a message tells, and whether it tells it as a change."""
    told = message.dossier.due_at if message.dossier else None
    if message.kind is Kind.DUE_DATE_CHANGED:
        return message.event.due_at or told, True
    if message.kind is Kind.APOLOGY and message.event.due_at is not None:
        return message.event.due_at, True
    if message.kind is Kind.SUPPLEMENT_SUBMITTED:
        return _after_supplement(message) or told, True
    return told, False


def _after_supplement(message: Message) -> datetime | None:
    """Return the new due date that the last supplement tells, if it tells one."""
    told = message.dossier.supplements if message.dossier else ()
    return told[-1].due_after if told else None
