"""One message judged by its dossier's story so far, and the story after it. Pure.

Two steps: ``resolve`` says what the message means, by who said it here (once, at the hub that accepts it first); ``hub.story.moving`` says
those words on the story, alike at every hub. Order is the order of acceptance, and between hubs that of ``hub.story.merging``.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from hub.story.moves import ABOUT_ONE, BROUGHT, HANDLING, OPENING, WITHOUT_DOSSIER
from hub.story.moving import Advanced, Noted, Quarantined, begin, move
from hub.story.record import Story, Value
from hub.story.telling import due_of, numbered
from hub.story.words import Effect, Words
from schemas.dossier import Kind
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from schemas.dossier import Dossier, Message

__all__ = ["Advanced", "Noted", "Quarantined", "Sender", "advance", "resolve", "said"]

_AS_WRITTEN: Mapping[str, str] = MappingProxyType({})


def _itself(agency: str) -> str:
    return agency


class Sender(Value, frozen=True):
    """Who speaks: the authenticated partner and the agency it speaks for.

    ``may_create``: the dossier's code lies in the partner's agency trees. ``entitled``: the routes name this partner for
    the dossier, although it is not in the story yet. ``settles_duty``: its *finished* says that duties are settled, too.
    ``informed``: its file says that it is only told. ``answers``: the kind of the hub's message to it that this one is a
    status about; ``None``: it is none, or about nothing that the hub sent it. ``below``: it is a hub below this one.
    """

    partner: str
    agency: str
    may_create: bool = True
    entitled: bool = False
    settles_duty: bool = False
    informed: bool = False
    answers: Kind | None = None
    below: bool = False


def advance(
    story: Story | None,
    message: Message,
    sender: Sender,
    *,
    on: date,
    received_by: str | None = None,
    forms: Mapping[str, str] = _AS_WRITTEN,
    heirs: Callable[[str], str] = _itself,
) -> Advanced | Noted | Quarantined:
    """Judge a message by the story so far and return the story after it. Parameters and what is raised: as of ``resolve``."""
    words = resolve(story, message, sender, on=on, received_by=received_by, forms=forms, heirs=heirs)
    return Advanced(story=None) if words is None else said(story, message, words, sender.partner)


def said(story: Story | None, message: Message, words: Words, partner: str) -> Advanced | Noted | Quarantined:
    """Say what a message means, and remember the sequence of the partner that brought it."""
    if story is None:
        judged = begin(words, partner)
        told = numbered(judged.story, message, partner) if judged.story else None
        return judged if told is None else msgspec.structs.replace(judged, story=told.story)
    told = numbered(story, message, partner)
    moved = move(told.story, words)
    return msgspec.structs.replace(moved, flags=(*told.flags, *moved.flags))


def resolve(
    story: Story | None,
    message: Message,
    sender: Sender,
    *,
    on: date,
    received_by: str | None = None,
    forms: Mapping[str, str] = _AS_WRITTEN,
    heirs: Callable[[str], str] = _itself,
) -> Words | None:
    """Return what a message means by who says it; ``None`` for one without a dossier.

    ``on``: the day of acceptance. ``received_by``: the agency part of the dossier's code. ``forms``: leads every written
    form of an agency code to one (``Agencies.forms``), so that both forms mean the same leg. ``heirs``: who answers for
    an agency that day, by ``Agencies.successor``: whoever took an agency over speaks for its leg, and as the origin where that opened the dossier.

    Raises ``Refusal``: HUB-SCH-003 (no dossier in a message that needs one), HUB-DOS-002 (unknown dossier), HUB-DOS-003
    (someone else's), HUB-DOS-007 (a code outside the sender's trees).
    """
    if message.kind in WITHOUT_DOSSIER and message.dossier is None:
        return None
    if message.dossier is None:
        raise refuse("HUB-SCH-003", "/dossier", rule=f"a dossier belongs to {message.kind}")
    agency = forms.get(sender.agency, sender.agency)
    words = _plain(message, message.dossier, agency, forms)
    if story is None:
        if message.kind not in OPENING:
            raise refuse(
                "HUB-DOS-002", "/dossier/code", rule=f"{message.kind} needs a dossier that was received"
            )
        if not sender.may_create:
            raise refuse("HUB-DOS-007", "/dossier/code", rule="sends.codes of the sender's file")
        received = forms.get(received_by, received_by) if received_by else agency
        return msgspec.structs.replace(words, by_origin=True, received_by=received, opened_on=on)
    inherited = tuple(
        leg.agency for leg in story.legs if leg.agency != agency and heirs(leg.agency) == agency
    )
    opened = story.origin_agency != agency and heirs(story.origin_agency) == agency
    if not has_part(story, sender, agency, heirs):
        raise refuse("HUB-DOS-003", "/dossier/code", rule="origin, leg or recipient of the dossier")
    return msgspec.structs.replace(
        words,
        speaker=_speaker(story, message, sender.partner, agency, forms, inherited),
        settles_duty=sender.settles_duty,
        effect=_effect(story, message.kind, sender, inherited[0] if inherited else agency),
        confirms=sender.answers is not None and message.kind is Kind.RECEIVED,
        by_origin=sender.partner == story.origin or opened,
    )


def _plain(message: Message, dossier: Dossier, agency: str, forms: Mapping[str, str]) -> Words:
    """What it says, whoever says it."""
    due, moves_due = due_of(message)
    procedure = dossier.procedure
    return Words(
        kind=message.kind,
        speaker=agency,
        state=message.event.state,
        receiver=forms.get(message.event.to_agency or "", message.event.to_agency),
        code=dossier.code,
        national=procedure.national if procedure else None,
        local=procedure.local if procedure else None,
        parent=dossier.parent,
        children=dossier.children,
        due=due,
        moves_due=moves_due,
    )


def _effect(story: Story, kind: Kind, sender: Sender, agency: str) -> Effect:
    """A status about a message that brought no dossier: progress others may hear, a receipt nobody else need; a refusal needs a person."""
    if kind not in HANDLING:
        return Effect.MOVES
    if _has_a_copy(story, sender, agency):
        return Effect.NOTED
    if sender.answers is None or sender.answers in BROUGHT:
        return Effect.MOVES
    if kind not in ABOUT_ONE:
        return Effect.UNFIT
    return Effect.PROGRESS if kind is Kind.STEP else Effect.NOTED


def has_part(story: Story, sender: Sender, agency: str, heirs: Callable[[str], str] = _itself) -> bool:
    """Whether it may speak of the dossier. ``agency``: in the one form of its code; it has a leg, or took over who has one or opened it."""
    return (
        sender.entitled
        or sender.partner in story.parties
        or any(agency in {leg.agency, heirs(leg.agency)} for leg in story.legs)
        or (story.origin_agency != agency and heirs(story.origin_agency) == agency)
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


def _speaker(
    story: Story,
    message: Message,
    sender: str,
    agency: str,
    forms: Mapping[str, str],
    inherited: tuple[str, ...],
) -> str:
    """Return the agency whose leg is meant: the origin may speak for the agency of the officer it names, nobody else may; who has no leg of
    its own speaks for the one it took over, the one that has the dossier in hand first.
    """
    actor = message.event.actor.agency if message.event.actor else None
    named = forms.get(actor, actor) if actor else None
    has_leg = any(leg.agency == named for leg in story.legs)
    if named and has_leg and sender == story.origin:
        return named
    if not inherited or any(leg.agency == agency for leg in story.legs):
        return agency
    in_hand = {leg.agency for leg in story.legs if not leg.passed_to}
    return next((each for each in inherited if each in in_hand), inherited[0])
