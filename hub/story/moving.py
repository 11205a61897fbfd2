"""The story after words that mean the same at every hub. Pure, and the same wherever it is computed.

What the table does not know is quarantined: the message is accepted, the story keeps, and the message's transfers are born parked.
A late step never reopens what is finished.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from hub.story.legs import custody, movable, settled, takes_over
from hub.story.moves import BARRED, MOVES, NOTES, OPENING, overall, targets
from hub.story.record import Story, StoryLeg, Value
from hub.story.telling import Flag, Told, tell
from hub.story.words import Effect, Words
from schemas.problems import Problem

if TYPE_CHECKING:
    from schemas.dossier import Kind, State


class Advanced(Value, frozen=True):
    """The story after the message; ``None`` for a message without a dossier."""

    story: Story | None
    flags: tuple[Flag, ...] = ()


class Quarantined(Value, frozen=True):
    """The message does not fit: accept it, keep ``story``, and park its transfers with ``problem``."""

    story: Story
    problem: Problem
    flags: tuple[Flag, ...] = ()


class Noted(Value, frozen=True):
    """Heard and recorded as its sender's word; it moves nothing, and the story keeps. ``aside``: from who has
    no more than a copy, or about one message: nobody else need hear it.
    """

    story: Story
    flags: tuple[Flag, ...] = ()
    aside: bool = True


def begin(words: Words, partner: str) -> Advanced:
    """Open a dossier. ``partner``: through which the words came to this hub."""
    state, differs = _pick(OPENING[words.kind], words.state)
    blank = Story(
        origin=partner,
        origin_agency=words.speaker,
        received_by=words.received_by or words.speaker,
        opened_on=words.opened_on or date.min,
        state=state,
        legs=(StoryLeg(agency=words.speaker, state=state),),
        parties=(partner,),
    )
    told = tell(blank, words)
    return Advanced(story=told.story, flags=_flags(told, differs=differs))


def opens(words: Words) -> bool:
    return words.kind in OPENING and words.effect is Effect.MOVES


def move(story: Story, words: Words) -> Advanced | Noted | Quarantined:
    """Say these words on a story."""
    told = tell(story, words)
    if words.effect is Effect.UNFIT:
        return _quarantine(story, told, words.kind)
    if words.effect is not Effect.MOVES:
        return _noted(story, told, aside=words.effect is not Effect.PROGRESS)
    judged = _moved(story, told, words)
    return _noted(story, told) if words.confirms and isinstance(judged, Quarantined) else judged


def _noted(before: Story, told: Told, *, aside: bool = True) -> Noted:
    return Noted(story=before, flags=(*told.flags, Flag.NOTED), aside=aside)


def _moved(before: Story, told: Told, words: Words) -> Advanced | Quarantined:
    if told.story.state in BARRED.get(words.kind, ()):
        return _quarantine(before, told, words.kind)
    legs = {leg.agency: leg for leg in told.story.legs}
    moved = movable(told.story, words)
    differs = False
    for agency in moved:
        possible = targets(legs[agency].state, words.kind, settles_duty=words.settles_duty)
        state, other = _pick(possible, words.state)
        legs[agency] = msgspec.structs.replace(legs[agency], state=state)
        differs = differs or other
    if not moved and not takes_over(told.story, words):
        return _quarantine(before, told, words.kind)
    after = tuple(settled(legs, words, moved).values())
    story = msgspec.structs.replace(
        told.story, legs=after, state=overall(after), custody=custody(told.story, words)
    )
    return Advanced(story=story, flags=_flags(told, differs=differs))


def _flags(told: Told, *, differs: bool) -> tuple[Flag, ...]:
    return (*told.flags, Flag.STATE_DIFFERS) if differs else told.flags


def _pick(possible: tuple[State, ...], said: State | None) -> tuple[State, bool]:
    """Return the state that the sender says if the table allows it, otherwise the usual one; and whether they differ."""
    if said in possible:
        return possible[possible.index(said)], False
    return possible[0], said is not None


def _quarantine(before: Story, told: Told, kind: Kind) -> Quarantined:
    allowed = sorted({possible for (begin, possible) in MOVES if begin is before.state} - NOTES)
    problem = Problem(
        code="HUB-DOS-004",
        place="/event/kind",
        rule=f"{before.state} cannot be followed by {kind}",
        detail=f"possible now: {', '.join(allowed) or 'nothing but notes'}",
    )
    return Quarantined(story=before, problem=problem, flags=told.flags)
