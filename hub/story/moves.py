"""The table of a dossier's moves: (state, kind) → states it may lead to, the first being the usual one; the picture is drawn from it.

What is not in it is quarantined. A finished or returned dossier goes back to processing by an explicit recall only.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from schemas.dossier import Kind, State

if TYPE_CHECKING:
    from collections.abc import Collection

    from hub.story.record import StoryLeg

K, S = Kind, State


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


CLOSED = frozenset({S.FINISHED, S.RETURNED})


BARRED: dict[Kind, frozenset[State]] = {K.TRANSFERRED: CLOSED}
"""What no leg may do while the dossier as a whole is in one of these states: only a recall reopens what is finished."""


PASSED = frozenset({K.TRANSFERRED})
"""What an agency may still say of its leg after it has handed the dossier on."""


WITHOUT_DOSSIER = frozenset({K.CATALOGUE_PUBLISHED, K.REPORT_PUBLISHED, K.RECORD_PUBLISHED})


NOTES = frozenset({K.APOLOGY, K.FEE_DUE, K.FEE_PAID, K.FEE_REFUNDED, K.CORRECTED, K.DELIVERY_FAILED})
"""Kinds that may come in any state and change none."""


HANDLING = frozenset(
    {
        K.RECEIVED,
        K.REFUSED_AT_RECEPTION,
        K.TRANSFERRED,
        K.STEP,
        K.SUPPLEMENT_REQUESTED,
        K.DUTY_ANNOUNCED,
        K.DUTY_CORRECTED,
        K.SUSPENDED,
        K.RESUMED,
        K.FINISHED,
        K.RESULT_HANDED_OVER,
        K.RETURNED,
        K.RECALLED,
        K.DUE_DATE_CHANGED,
    }
)
"""What only who has a dossier to handle may do with it. From who has no more than a copy it is noted, and moves nothing."""


BROUGHT = frozenset({K.RECEIVED, K.TRANSFERRED})
"""Messages that bring an agency a dossier to handle. A status about any other message tells what became of that message."""


ABOUT_ONE = frozenset({K.RECEIVED, K.STEP, K.FINISHED})
"""Kinds that a status about one message may have and that then mean that message, not the dossier."""


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
    (S.DUTY, K.TRANSFERRED): (S.PROCESSING,),  # who asked for it goes on; what is not paid stays owed
    (S.DUTY, K.STEP): (S.DUTY, S.PROCESSING),
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


TAKES_BACK: dict[Kind, Kind] = {
    K.RECEIVED: K.WITHDRAWN,
    K.FINISHED: K.RECALLED,
    K.RETURNED: K.RECALLED,
}
"""Kind of what was said → how it is taken back. What happened in between is told anew or corrected."""


SETTLING: dict[Kind, State] = {K.FINISHED: S.PROCESSING}
"""What a system that tells of no payments says only when duties are settled (``sends.settles_duty``): it moves a leg with a duty as
one in this state. 6 → 9 is in no published machine; which systems mean it is declared for each.
"""


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


def targets(state: State, kind: Kind, *, settles_duty: bool = False) -> tuple[State, ...]:
    """Return where a leg may go, the usual state first; nothing where the move is illegal."""
    if settles_duty and state is S.DUTY and kind in SETTLING:
        return MOVES[SETTLING[kind], kind]
    return MOVES.get((state, kind), ())


def overall(legs: Collection[StoryLeg]) -> State:
    """Derive the dossier's state from the legs that have it in hand, or from all when each has passed it on."""
    in_hand = {leg.state for leg in legs if not leg.passed_to} or {leg.state for leg in legs}
    return next(state for state in OVERALL if state in in_hand)


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
