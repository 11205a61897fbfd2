"""One message judged by its dossier's story so far, and the story after it. Pure.

What the table does not know is quarantined: the message is accepted, the story keeps but its sequence, and the message's
transfers are born parked. Order is the order of acceptance; a late step never reopens what is finished.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hub.story.legs import Words, custody, movable, settled, takes_over
from hub.story.moves import (
    ABOUT_ONE,
    BARRED,
    BROUGHT,
    HANDLING,
    MOVES,
    NOTES,
    OPENING,
    WITHOUT_DOSSIER,
    overall,
    targets,
)
from hub.story.record import Story, StoryLeg, Value
from hub.story.telling import Flag, Told, tell
from schemas.dossier import Kind, State
from schemas.problems import Problem, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from schemas.dossier import Dossier, Message

K, S = Kind, State


_AS_WRITTEN: Mapping[str, str] = MappingProxyType({})


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
    """Heard and recorded as its sender's word; it moves nothing, and the story keeps but its sequence. ``aside``: from who has
    no more than a copy, or about one message: nobody else need hear it.
    """

    story: Story
    flags: tuple[Flag, ...] = ()
    aside: bool = True


class Sender(Value, frozen=True):
    """Who speaks: the authenticated partner and the agency it speaks for.

    ``may_create``: the dossier's code lies in the partner's agency trees. ``entitled``: the routes name this partner for
    the dossier, although it is not in the story yet. ``settles_duty``: its *finished* says that duties are settled, too.
    ``informed``: its file says that it is only told. ``answers``: the kind of the hub's message to it that this one is a
    status about; ``None``: it is none, or about nothing that the hub sent it.
    """

    partner: str
    agency: str
    may_create: bool = True
    entitled: bool = False
    settles_duty: bool = False
    informed: bool = False
    answers: Kind | None = None


def advance(
    story: Story | None,
    message: Message,
    sender: Sender,
    *,
    on: date,
    received_by: str | None = None,
    forms: Mapping[str, str] = _AS_WRITTEN,
) -> Advanced | Noted | Quarantined:
    """Judge a message by the story so far and return the story after it.

    ``on``: the day of acceptance. ``received_by``: the agency part of the dossier's code. ``forms``: leads every written
    form of an agency code to one (``Agencies.forms``), so that both forms mean the same leg.

    Raises ``Refusal``: HUB-SCH-003 (no dossier in a message that needs one), HUB-DOS-002 (unknown dossier), HUB-DOS-003
    (someone else's), HUB-DOS-007 (a code outside the sender's trees).
    """
    if message.kind in WITHOUT_DOSSIER and message.dossier is None:
        return Advanced(story=None)
    if message.dossier is None:
        raise refuse("HUB-SCH-003", "/dossier", rule=f"a dossier belongs to {message.kind}")
    agency = forms.get(sender.agency, sender.agency)
    if story is None:
        if message.kind not in OPENING:
            raise refuse(
                "HUB-DOS-002", "/dossier/code", rule=f"{message.kind} needs a dossier that was received"
            )
        if not sender.may_create:
            raise refuse("HUB-DOS-007", "/dossier/code", rule="sends.codes of the sender's file")
        received = forms.get(received_by, received_by) if received_by else agency
        return _open(message, message.dossier, _Opening(sender.partner, agency, received, on))
    if not _may_speak(story, sender, agency):
        raise refuse("HUB-DOS-003", "/dossier/code", rule="origin, leg or recipient of the dossier")
    told = tell(story, message, message.dossier, sender.partner)
    if _has_a_copy(story, sender, agency) and message.kind in HANDLING:
        return _noted(story, told)
    if sender.answers is not None and sender.answers not in BROUGHT and message.kind in HANDLING:
        return _about_one(story, told, message.kind)
    words = Words(
        kind=message.kind,
        speaker=_speaker(story, message, sender.partner, agency, forms),
        state=message.event.state,
        receiver=forms.get(message.event.to_agency or "", message.event.to_agency),
        settles_duty=sender.settles_duty,
    )
    judged = _move(story, told, words)
    confirms = sender.answers is not None and message.kind is K.RECEIVED
    return _noted(story, told) if confirms and isinstance(judged, Quarantined) else judged


class _Opening(NamedTuple):
    partner: str
    agency: str
    received_by: str
    on: date


def _open(message: Message, dossier: Dossier, by: _Opening) -> Advanced:
    state, differs = _pick(OPENING[message.kind], message.event.state)
    blank = Story(
        origin=by.partner,
        origin_agency=by.agency,
        received_by=by.received_by,
        opened_on=by.on,
        state=state,
        legs=(StoryLeg(agency=by.agency, state=state),),
        parties=(by.partner,),
    )
    told = tell(blank, message, dossier, by.partner)
    return Advanced(story=told.story, flags=_flags(told, differs=differs))


def _may_speak(story: Story, sender: Sender, agency: str) -> bool:
    return (
        sender.entitled or sender.partner in story.parties or any(leg.agency == agency for leg in story.legs)
    )


def _has_a_copy(story: Story, sender: Sender, agency: str) -> bool:
    """Whether it is only told of this dossier: it did not open it, has no leg, and the routes do not name it. Who may open such codes
    (reception desks, portals that hand on what others say) speaks of the dossier, but not by a status about what it was sent.
    """
    return (
        sender.informed
        and not sender.entitled
        and not (sender.may_create and sender.answers is None)
        and sender.partner != story.origin
        and all(leg.agency != agency for leg in story.legs)
    )


def _about_one(story: Story, told: Told, kind: Kind) -> Noted | Quarantined:
    """A status about a message that brought no dossier: progress others may hear, a receipt nobody else need; a refusal needs a person."""
    if kind not in ABOUT_ONE:
        return _quarantine(story, told, kind)
    return _noted(story, told, aside=kind is not K.STEP)


def _noted(before: Story, told: Told, *, aside: bool = True) -> Noted:
    kept = msgspec.structs.replace(before, sequences=told.story.sequences)
    return Noted(story=kept, flags=(*told.flags, Flag.NOTED), aside=aside)


def _speaker(story: Story, message: Message, sender: str, agency: str, forms: Mapping[str, str]) -> str:
    """Return the agency whose leg is meant: the origin may speak for the agency of the officer it names, nobody else may."""
    actor = message.event.actor.agency if message.event.actor else None
    named = forms.get(actor, actor) if actor else None
    has_leg = any(leg.agency == named for leg in story.legs)
    return named if named and has_leg and sender == story.origin else agency


def _move(before: Story, told: Told, words: Words) -> Advanced | Quarantined:
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
    kept = msgspec.structs.replace(before, sequences=told.story.sequences)
    return Quarantined(story=kept, problem=problem, flags=told.flags)
