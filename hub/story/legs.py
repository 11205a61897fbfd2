"""Whose legs a message moves, where to, and who has the dossier in hand after it. Pure; the table is ``hub.story.moves``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hub.story.moves import CLOSING, MOVES, PASSED, SCOPES, Scope, targets
from hub.story.record import Story, StoryLeg, more_of
from schemas.dossier import Kind, State

if TYPE_CHECKING:
    from hub.story.words import Words

K, S = Kind, State


def takes_over(story: Story, words: Words) -> bool:
    """Whether an agency without a leg confirms that it received what was transferred without saying to whom."""
    return (
        words.kind is K.RECEIVED
        and story.state is S.PROCESSING
        and all(leg.agency != words.speaker for leg in story.legs)
    )


def movable(story: Story, words: Words) -> tuple[str, ...]:
    """Return the legs that this message moves; none when the move is illegal."""
    kind, own = words.kind, _own(story, words)
    in_hand = tuple(leg for leg in story.legs if not leg.passed_to) or story.legs
    scope = SCOPES.get(kind, Scope.OWN)
    if scope is Scope.ALL and (story.state, kind) not in MOVES:
        return ()
    if scope is Scope.WAITING:
        return _legal(own, words) or _legal(in_hand, words)
    return _legal(own if own and scope is Scope.OWN else in_hand, words)


def _own(story: Story, words: Words) -> tuple[StoryLeg, ...]:
    return tuple(
        leg
        for leg in story.legs
        if leg.agency == words.speaker and (not leg.passed_to or words.kind in PASSED)
    )


def _legal(legs: tuple[StoryLeg, ...], words: Words) -> tuple[str, ...]:
    return tuple(
        leg.agency for leg in legs if targets(leg.state, words.kind, settles_duty=words.settles_duty)
    )


def settled(legs: dict[str, StoryLeg], words: Words, moved: tuple[str, ...]) -> dict[str, StoryLeg]:
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
            passed = more_of(legs[agency].passed_to, (receiver,))
            legs[agency] = msgspec.structs.replace(legs[agency], passed_to=passed)
    legs[receiver] = StoryLeg(agency=receiver, state=S.PROCESSING)


def custody(story: Story, words: Words) -> str | None:
    if words.kind is K.RESULT_HANDED_OVER:
        return words.receiver or story.origin_agency
    return None if words.kind is K.RETURNED else story.custody
