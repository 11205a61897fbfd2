"""The dossier's story: what the hub must remember of a dossier to judge the next message about it. Pure.

* State is kept per agency leg; the overall state is derived from the legs that have the dossier in hand.
* ``MOVES`` is the whole table: (state, kind) → states it may lead to, the first being the usual one. What is not in it is
  quarantined: the message is accepted, the story keeps but its sequence, and the message's transfers are born parked.
* A finished or returned dossier goes back to processing by an explicit recall only; a late step never reopens it.
* Order is the order of acceptance. A source's sequence that does not rise is flagged, never reordered.
* The story holds codes, states and times; never personal data.

A leg that handed the dossier on is *passed*: it waits for the agencies it named and takes no part in the overall state.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import date, datetime  # noqa: TC003
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from schemas.dossier import Dossier, Kind, Message, State
from schemas.problems import Problem, refuse

K, S = Kind, State

_AS_WRITTEN: Mapping[str, str] = MappingProxyType({})


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Common shape: frozen, closed, defaults left out in JSON."""


class StoryLeg(Value, frozen=True):
    """The part one agency has in hand. ``passed_to``: agencies it handed the dossier on to and waits for."""

    agency: str
    state: State
    passed_to: tuple[str, ...] = ()


class Counted(Value, frozen=True):
    """What a deadline was counted from (``hub.deadline``). ``provisional``: years that were not announced then. ``asked``: the
    applicant is waited for since; ``pauses``: asked and answered.
    """

    since: datetime
    hours: float
    calendar: str = ""
    provisional: tuple[int, ...] = ()
    asked: datetime | None = None
    pauses: tuple[tuple[datetime, datetime], ...] = ()


class Story(Value, frozen=True):
    """``origin``: the partner whose message opened it. ``received_by``: agency part of its code, or the origin's agency.

    ``parties``: partners that may speak about it. ``sequences``: last sequence per source. ``opened_on``: the day whose
    catalogue versions the dossier keeps. ``custody``: who holds the paper original of the result. ``counted``: how the
    hub came to ``deadline``, when nobody promised one.
    """

    origin: str
    origin_agency: str
    received_by: str
    opened_on: date
    state: State
    legs: tuple[StoryLeg, ...]
    parties: tuple[str, ...] = ()
    sequences: Mapping[str, int] = {}
    national: str | None = None
    local: str | None = None
    deadline: datetime | None = None
    counted: Counted | None = None
    custody: str | None = None
    parent: str | None = None
    children: tuple[str, ...] = ()


class Flag(StrEnum):
    """Something an operator may want to know; it decides nothing."""

    SEQUENCE_NOT_RISING = "sequence_not_rising"
    STATE_DIFFERS = "state_differs"
    PROCEDURE_DIFFERS = "procedure_differs"
    PARENT_DIFFERS = "parent_differs"


class Advanced(Value, frozen=True):
    """The story after the message; ``None`` for a message without a dossier."""

    story: Story | None
    flags: tuple[Flag, ...] = ()


class Quarantined(Value, frozen=True):
    """The message does not fit: accept it, keep ``story``, and park its transfers with ``problem``."""

    story: Story
    problem: Problem
    flags: tuple[Flag, ...] = ()


class Scope(StrEnum):
    """Which legs a kind moves."""

    OWN = "own"  # the speaker's own leg if it has the dossier in hand, otherwise every leg that has
    WAITING = "waiting"  # the speaker's own leg if the kind moves it, otherwise every leg that the kind moves
    ALL = "all"  # every leg that has the dossier in hand


SCOPES: dict[Kind, Scope] = {
    K.SUPPLEMENT_SUBMITTED: Scope.WAITING,
    K.DUTY_PAID: Scope.WAITING,
    K.RESUMED: Scope.WAITING,
    K.REFUSED_AT_RECEPTION: Scope.ALL,
    K.WITHDRAWN: Scope.ALL,
    K.RETURNED: Scope.ALL,
    K.RECALLED: Scope.ALL,
}
"""Every other kind moves the speaker's own leg."""

WITHOUT_DOSSIER = frozenset({K.CATALOGUE_PUBLISHED, K.REPORT_PUBLISHED})
NOTES = frozenset({K.APOLOGY, K.FEE_DUE, K.FEE_PAID, K.FEE_REFUNDED, K.CORRECTED, K.DELIVERY_FAILED})
"""Kinds that may come in any state and change none."""

OPENING: dict[Kind, tuple[State, ...]] = {
    K.RECEIVED: (S.ACCEPTED, S.SUBMITTED),
    K.REFUSED_AT_RECEPTION: (S.REFUSED,),
}
"""Kinds that may open a dossier, and the state it then has."""

MOVES: dict[tuple[State, Kind], tuple[State, ...]] = {
    # 1 → 2 | 3
    (S.SUBMITTED, K.RECEIVED): (S.ACCEPTED,),
    (S.SUBMITTED, K.REFUSED_AT_RECEPTION): (S.REFUSED,),
    # 2 → 4 | 3 | 7 | 8
    (S.ACCEPTED, K.TRANSFERRED): (S.PROCESSING,),
    (S.ACCEPTED, K.STEP): (S.PROCESSING, S.ACCEPTED),
    (S.ACCEPTED, K.REFUSED_AT_RECEPTION): (S.REFUSED,),
    (S.ACCEPTED, K.WITHDRAWN): (S.WITHDRAWN,),
    (S.ACCEPTED, K.SUSPENDED): (S.STOPPED,),
    # 4 → 5 | 6 | 7 | 8 | 9
    (S.PROCESSING, K.TRANSFERRED): (S.PROCESSING,),
    (S.PROCESSING, K.STEP): (S.PROCESSING,),
    (S.PROCESSING, K.SUPPLEMENT_REQUESTED): (S.SUPPLEMENT,),
    (S.PROCESSING, K.DUTY_ANNOUNCED): (S.DUTY,),
    (S.PROCESSING, K.DUTY_PAID): (S.PROCESSING,),  # the receipt of a further notice
    (S.PROCESSING, K.DUTY_CORRECTED): (S.DUTY, S.PROCESSING),
    (S.PROCESSING, K.RESULT_INCORRECT): (S.PROCESSING,),
    (S.PROCESSING, K.WITHDRAWN): (S.WITHDRAWN,),
    (S.PROCESSING, K.SUSPENDED): (S.STOPPED,),
    (S.PROCESSING, K.FINISHED): (S.FINISHED,),
    # 5 → 4 | 7 | 8
    (S.SUPPLEMENT, K.SUPPLEMENT_SUBMITTED): (S.PROCESSING,),
    (S.SUPPLEMENT, K.RESUMED): (S.PROCESSING,),
    (S.SUPPLEMENT, K.STEP): (S.SUPPLEMENT,),
    (S.SUPPLEMENT, K.WITHDRAWN): (S.WITHDRAWN,),
    (S.SUPPLEMENT, K.SUSPENDED): (S.STOPPED,),
    # 6 → 4 | 7 | 8
    (S.DUTY, K.DUTY_ANNOUNCED): (S.DUTY,),  # a further notice
    (S.DUTY, K.DUTY_CORRECTED): (S.DUTY, S.PROCESSING),
    (S.DUTY, K.DUTY_PAID): (S.PROCESSING, S.DUTY),
    (S.DUTY, K.RESUMED): (S.PROCESSING,),
    (S.DUTY, K.STEP): (S.DUTY,),
    (S.DUTY, K.WITHDRAWN): (S.WITHDRAWN,),
    (S.DUTY, K.SUSPENDED): (S.STOPPED,),
    # 8 → 4
    (S.STOPPED, K.RESUMED): (S.PROCESSING,),
    (S.STOPPED, K.STEP): (S.STOPPED,),
    # 9 → 10, and → 4 by recall
    (S.FINISHED, K.RESULT_HANDED_OVER): (S.FINISHED,),
    (S.FINISHED, K.RESULT_INCORRECT): (S.FINISHED,),
    (S.FINISHED, K.DUTY_PAID): (S.FINISHED,),  # a receipt that comes late reopens nothing
    (S.FINISHED, K.RETURNED): (S.RETURNED,),
    (S.FINISHED, K.RECALLED): (S.PROCESSING,),
    # 10, → 4 by recall
    (S.RETURNED, K.RESULT_INCORRECT): (S.RETURNED,),
    (S.RETURNED, K.RECALLED): (S.PROCESSING,),
    # a new due date is told while there is one
    **{
        (state, K.DUE_DATE_CHANGED): (state,)
        for state in (S.ACCEPTED, S.PROCESSING, S.SUPPLEMENT, S.DUTY, S.STOPPED)
    },
    **{(state, kind): (state,) for state in State for kind in NOTES},
}

OVERALL: tuple[State, ...] = (
    S.SUPPLEMENT,  # somebody waits for the applicant: the clock is paused
    S.DUTY,
    S.PROCESSING,
    S.STOPPED,
    S.ACCEPTED,
    S.SUBMITTED,
    S.FINISHED,
    S.RETURNED,
    S.WITHDRAWN,
    S.REFUSED,
)
"""The overall state is the first of these that any leg with the dossier in hand is in."""

CLOSING = frozenset({S.WITHDRAWN, S.RETURNED, S.REFUSED})
"""States that a passed leg shares, because they end the dossier for everyone."""


class Sender(Value, frozen=True):
    """Who speaks: the authenticated partner and the agency it speaks for.

    ``may_create``: the dossier's code lies in the partner's agency trees. ``entitled``: the routes name this partner for
    the dossier, although it is not in the story yet.
    """

    partner: str
    agency: str
    may_create: bool = True
    entitled: bool = False


def advance(
    story: Story | None,
    message: Message,
    sender: Sender,
    *,
    on: date,
    received_by: str | None = None,
    forms: Mapping[str, str] = _AS_WRITTEN,
) -> Advanced | Quarantined:
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
    told = _tell(story, message, message.dossier, sender.partner)
    words = _Words(
        kind=message.kind,
        speaker=_speaker(story, message, sender.partner, agency, forms),
        state=message.event.state,
        receiver=forms.get(message.event.to_agency or "", message.event.to_agency),
    )
    return _move(story, told, words)


def join(story: Story, partners: Iterable[str]) -> Story:
    """Return the story with these recipients among the partners that may speak about it."""
    return msgspec.structs.replace(story, parties=_with(story.parties, partners))


def merge(kept: Story, other: Story) -> Story:
    """Return the story of two dossiers that turn out to be one; pure, and never empty-handed.

    What the kept one knows stands: who opened it, under whose code, from which day's catalogues, its procedure, custody,
    and the leg of every agency that it has. The other one fills in what it does not know: further legs, partners that may
    speak, parent and children. A promised due date goes before one that the hub counted. Of sequences the higher counts,
    so that no late message looks new. The overall state follows from the legs of both.
    """
    dated = next((one for one in (kept, other) if one.deadline and one.counted is None), None)
    dated = dated or next((one for one in (kept, other) if one.deadline), kept)
    known = {leg.agency for leg in kept.legs}
    legs = (*kept.legs, *(leg for leg in other.legs if leg.agency not in known))
    sequences = {
        source: max(kept.sequences.get(source, number), number) for source, number in other.sequences.items()
    }
    return msgspec.structs.replace(
        kept,
        state=overall(legs),
        legs=legs,
        parties=_with(kept.parties, (*other.parties, other.origin)),
        sequences={**kept.sequences, **sequences},
        national=kept.national or other.national,
        local=kept.local or other.local,
        deadline=dated.deadline,
        counted=dated.counted,
        custody=kept.custody or other.custody,
        parent=kept.parent or other.parent,
        children=_with(kept.children, other.children),
    )


def overall(legs: Collection[StoryLeg]) -> State:
    """Derive the dossier's state from the legs that have it in hand, or from all when each has passed it on."""
    in_hand = {leg.state for leg in legs if not leg.passed_to} or {leg.state for leg in legs}
    return next(state for state in OVERALL if state in in_hand)


def to_json(story: Story) -> bytes:
    return _ENCODER.encode(story)


def from_json(raw: bytes) -> Story:
    """Read what ``to_json`` wrote. Raises ``msgspec.ValidationError``: only the store's own bytes come this way."""
    return _DECODER.decode(raw)


def picture() -> str:
    """Draw the moves between states as a Mermaid state diagram; kinds that change no state are left out."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for opening, targets in OPENING.items():
        for target in targets:
            arrows.setdefault(("[*]", target), []).append(opening)
    for (state, kind), targets in MOVES.items():
        for target in targets:
            if target != state:
                arrows.setdefault((state, target), []).append(kind)
    lines = [f"    {begin} --> {end} : {', '.join(kinds)}" for (begin, end), kinds in arrows.items()]
    return "\n".join(["stateDiagram-v2", *lines, ""])


# --- opening ----------------------------------------------------------------------------------------------------


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
    told = _tell(blank, message, dossier, by.partner)
    return Advanced(story=told.story, flags=_flags(told, differs=differs))


# --- what a message tells beside its move -----------------------------------------------------------------------


class _Told(Value, frozen=True):
    story: Story
    flags: tuple[Flag, ...] = ()


def _tell(story: Story, message: Message, dossier: Dossier, sender: str) -> _Told:
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
    return _Told(
        story=msgspec.structs.replace(
            story,
            sequences=sequences,
            national=story.national or national,
            local=story.local or (local if sender == story.origin else None),
            parent=story.parent or dossier.parent,
            children=_with(story.children, dossier.children),
            deadline=_deadline(story, message, sender),
        ),
        flags=tuple(flags),
    )


def _differs(known: str | None, told: str | None) -> bool:
    return known is not None and told is not None and known != told


def _with(known: tuple[str, ...], more: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*known, *more)))


def _deadline(story: Story, message: Message, teller: str) -> datetime | None:
    """Return the due date in force: an announced change, what the origin last said, or what anyone said first.

    One that the hub counted itself is no promise: anyone's stands before it.
    """
    told = message.dossier.due_at if message.dossier else None
    if message.kind is K.DUE_DATE_CHANGED:
        return message.event.due_at or told or story.deadline
    promised = story.deadline is not None and story.counted is None
    return told if told is not None and (teller == story.origin or not promised) else story.deadline


# --- moving -----------------------------------------------------------------------------------------------------


class _Words(Value, frozen=True):
    """What the table needs of a message: the kind, whose leg, the state it says, to whom it hands on."""

    kind: Kind
    speaker: str
    state: State | None = None
    receiver: str | None = None


def _may_speak(story: Story, sender: Sender, agency: str) -> bool:
    return (
        sender.entitled or sender.partner in story.parties or any(leg.agency == agency for leg in story.legs)
    )


def _speaker(story: Story, message: Message, sender: str, agency: str, forms: Mapping[str, str]) -> str:
    """Return the agency whose leg is meant: the origin may speak for the agency of the officer it names, nobody else may."""
    actor = message.event.actor.agency if message.event.actor else None
    named = forms.get(actor, actor) if actor else None
    has_leg = any(leg.agency == named for leg in story.legs)
    return named if named and has_leg and sender == story.origin else agency


CLOSED = frozenset({S.FINISHED, S.RETURNED})


def _move(before: Story, told: _Told, words: _Words) -> Advanced | Quarantined:
    if words.kind is K.TRANSFERRED and told.story.state in CLOSED:
        return _quarantine(before, told, words.kind)  # only a recall reopens what is finished
    legs = {leg.agency: leg for leg in told.story.legs}
    moved = _movable(told.story, words.kind, words.speaker)
    differs = False
    for agency in moved:
        state, other = _pick(MOVES[legs[agency].state, words.kind], words.state)
        legs[agency] = msgspec.structs.replace(legs[agency], state=state)
        differs = differs or other
    if not moved and not _takes_over(told.story, words):
        return _quarantine(before, told, words.kind)
    after = tuple(_settled(legs, words, moved).values())
    story = msgspec.structs.replace(
        told.story, legs=after, state=overall(after), custody=_custody(told.story, words)
    )
    return Advanced(story=story, flags=_flags(told, differs=differs))


def _takes_over(story: Story, words: _Words) -> bool:
    """Whether an agency without a leg confirms that it received what was transferred without saying to whom."""
    return (
        words.kind is K.RECEIVED
        and story.state is S.PROCESSING
        and all(leg.agency != words.speaker for leg in story.legs)
    )


def _movable(story: Story, kind: Kind, speaker: str) -> tuple[str, ...]:
    """Return the legs that this message moves; none when the move is illegal."""
    own = tuple(
        leg for leg in story.legs if leg.agency == speaker and (not leg.passed_to or kind is K.TRANSFERRED)
    )
    in_hand = tuple(leg for leg in story.legs if not leg.passed_to) or story.legs
    scope = SCOPES.get(kind, Scope.OWN)
    if scope is Scope.ALL and (story.state, kind) not in MOVES:
        return ()
    if scope is Scope.WAITING:
        return _legal(own, kind) or _legal(in_hand, kind)
    return _legal(own if own and scope is Scope.OWN else in_hand, kind)


def _legal(legs: tuple[StoryLeg, ...], kind: Kind) -> tuple[str, ...]:
    return tuple(leg.agency for leg in legs if (leg.state, kind) in MOVES)


def _settled(legs: dict[str, StoryLeg], words: _Words, moved: tuple[str, ...]) -> dict[str, StoryLeg]:
    """Hand the dossier on where it was transferred; passed legs share its end, and its reopening."""
    if words.kind is K.TRANSFERRED and words.receiver is not None:
        _hand_on(legs, moved, words.receiver)
    if not moved:
        _hand_on(legs, tuple(leg.agency for leg in legs.values() if not leg.passed_to), words.speaker)
    states = {legs[agency].state for agency in moved}
    shared = next(iter(states & CLOSING), S.PROCESSING if words.kind is K.RECALLED else None)
    for leg in tuple(legs.values()):
        if shared and leg.passed_to:
            legs[leg.agency] = msgspec.structs.replace(leg, state=shared)
    return legs


def _hand_on(legs: dict[str, StoryLeg], givers: tuple[str, ...], receiver: str) -> None:
    for agency in givers:
        if agency != receiver:
            passed = _with(legs[agency].passed_to, (receiver,))
            legs[agency] = msgspec.structs.replace(legs[agency], passed_to=passed)
    legs[receiver] = StoryLeg(agency=receiver, state=S.PROCESSING)


def _custody(story: Story, words: _Words) -> str | None:
    if words.kind is K.RESULT_HANDED_OVER:
        return words.receiver or story.origin_agency
    return None if words.kind is K.RETURNED else story.custody


def _flags(told: _Told, *, differs: bool) -> tuple[Flag, ...]:
    return (*told.flags, Flag.STATE_DIFFERS) if differs else told.flags


def _pick(targets: tuple[State, ...], said: State | None) -> tuple[State, bool]:
    """Return the state that the sender says if the table allows it, otherwise the usual one; and whether they differ."""
    if said in targets:
        return targets[targets.index(said)], False
    return targets[0], said is not None


def _quarantine(before: Story, told: _Told, kind: Kind) -> Quarantined:
    allowed = sorted({possible for (begin, possible) in MOVES if begin is before.state} - NOTES)
    problem = Problem(
        code="HUB-DOS-004",
        place="/event/kind",
        rule=f"{before.state} cannot be followed by {kind}",
        detail=f"possible now: {', '.join(allowed) or 'nothing but notes'}",
    )
    kept = msgspec.structs.replace(before, sequences=told.story.sequences)
    return Quarantined(story=kept, problem=problem, flags=told.flags)


_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODER = msgspec.json.Decoder(Story)
