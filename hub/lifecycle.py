"""The life of a transfer: one table of moves; the picture in the docs is drawn from it.

*Blocked* is not a state: a transfer is blocked when it is not the head of its lane.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    WAITING = "waiting"
    IN_DOUBT = "in_doubt"
    DELIVERED = "delivered"
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    PARKED = "parked"
    DEAD = "dead"
    HELD = "held"
    WITHDRAWN = "withdrawn"
    SKIPPED = "skipped"


class Move(StrEnum):
    """Why a transfer changes its state."""

    CLAIM = "claim"  # a worker takes the head: in doubt before anything leaves
    DELIVER = "deliver"  # the partner has it
    ACKNOWLEDGE = "acknowledge"  # the partner's receipt proves that it has it, whatever the hub believed
    DEFER = "defer"  # the partner does not have it; try later
    REFUSE = "refuse"  # the partner said no for good
    EXHAUST = "exhaust"  # the schedule has no further entry
    PARK = "park"  # cannot be encoded or routed: a configuration error
    UNSENT = "unsent"  # the claim ended before anything left
    OFFER = "offer"  # it lies where the partner fetches it; nothing has left
    FETCH = "fetch"  # the partner fetches it: in doubt before the bytes leave
    HOLD = "hold"
    RELEASE = "release"
    RETRY = "retry"  # a person sends it again; asks the partner first
    RESEND = "resend"  # a retry of what was refused where nobody can be asked: the refusal proves that it is not there
    SEND_ANYWAY = "send_anyway"  # a person sends it without asking; it may arrive twice
    WITHDRAW = "withdraw"
    SEND_AGAIN = (
        "send_again"  # a person sends again what the partner said it has and, as it turned out, has not
    )
    SKIP = "skip"
    SUPERSEDE = "supersede"  # a person makes another transfer in its stead: corrected, or routed again


_S, _M = State, Move

MOVES: dict[tuple[State, Move], State] = {
    (_S.WAITING, _M.CLAIM): _S.IN_DOUBT,
    (_S.WAITING, _M.FETCH): _S.IN_DOUBT,
    (_S.WAITING, _M.PARK): _S.PARKED,
    (_S.WAITING, _M.HOLD): _S.HELD,
    (_S.WAITING, _M.WITHDRAW): _S.WITHDRAWN,
    (_S.WAITING, _M.SKIP): _S.SKIPPED,
    (_S.WAITING, _M.RETRY): _S.WAITING,
    (_S.WAITING, _M.ACKNOWLEDGE): _S.ACKNOWLEDGED,
    (_S.WAITING, _M.SUPERSEDE): _S.WITHDRAWN,
    (_S.IN_DOUBT, _M.CLAIM): _S.IN_DOUBT,
    (_S.IN_DOUBT, _M.UNSENT): _S.WAITING,
    (_S.IN_DOUBT, _M.OFFER): _S.WAITING,
    (_S.IN_DOUBT, _M.FETCH): _S.IN_DOUBT,
    (_S.IN_DOUBT, _M.DELIVER): _S.DELIVERED,
    (_S.IN_DOUBT, _M.DEFER): _S.WAITING,
    (_S.IN_DOUBT, _M.REFUSE): _S.REFUSED,
    (_S.IN_DOUBT, _M.EXHAUST): _S.DEAD,
    (_S.IN_DOUBT, _M.PARK): _S.PARKED,
    (_S.IN_DOUBT, _M.ACKNOWLEDGE): _S.ACKNOWLEDGED,
    (_S.IN_DOUBT, _M.RETRY): _S.IN_DOUBT,
    (_S.IN_DOUBT, _M.SEND_ANYWAY): _S.WAITING,
    (_S.IN_DOUBT, _M.SKIP): _S.SKIPPED,
    (_S.IN_DOUBT, _M.SUPERSEDE): _S.WITHDRAWN,
    (_S.DELIVERED, _M.ACKNOWLEDGE): _S.ACKNOWLEDGED,
    (_S.DELIVERED, _M.SEND_AGAIN): _S.WAITING,
    (_S.ACKNOWLEDGED, _M.SEND_AGAIN): _S.WAITING,
    (_S.REFUSED, _M.RETRY): _S.IN_DOUBT,
    (_S.REFUSED, _M.RESEND): _S.WAITING,
    (_S.REFUSED, _M.SEND_ANYWAY): _S.WAITING,
    (_S.REFUSED, _M.SKIP): _S.SKIPPED,
    (_S.REFUSED, _M.WITHDRAW): _S.WITHDRAWN,
    (_S.REFUSED, _M.SUPERSEDE): _S.WITHDRAWN,
    (_S.PARKED, _M.RETRY): _S.WAITING,
    (_S.PARKED, _M.SKIP): _S.SKIPPED,
    (_S.PARKED, _M.WITHDRAW): _S.WITHDRAWN,
    (_S.PARKED, _M.SUPERSEDE): _S.WITHDRAWN,
    (_S.DEAD, _M.ACKNOWLEDGE): _S.ACKNOWLEDGED,
    (_S.DEAD, _M.RETRY): _S.IN_DOUBT,
    (_S.DEAD, _M.SEND_ANYWAY): _S.WAITING,
    (_S.DEAD, _M.SKIP): _S.SKIPPED,
    (_S.DEAD, _M.WITHDRAW): _S.WITHDRAWN,
    (_S.DEAD, _M.SUPERSEDE): _S.WITHDRAWN,
    (_S.HELD, _M.ACKNOWLEDGE): _S.ACKNOWLEDGED,
    (_S.HELD, _M.RELEASE): _S.WAITING,
    (_S.HELD, _M.SKIP): _S.SKIPPED,
    (_S.HELD, _M.WITHDRAW): _S.WITHDRAWN,
    (_S.HELD, _M.SUPERSEDE): _S.WITHDRAWN,
}

BIRTHS = (State.WAITING, State.PARKED, State.IN_DOUBT)
"""States that a transfer may begin in. In doubt: it was said before a restore, and nobody knows whether it went out."""

DONE = frozenset({State.DELIVERED, State.ACKNOWLEDGED, State.WITHDRAWN, State.SKIPPED})
"""States that release the lane; every other state holds it."""

ALONE = frozenset(
    {
        Move.HOLD,
        Move.RELEASE,
        Move.RETRY,
        Move.RESEND,
        Move.SEND_ANYWAY,
        Move.SEND_AGAIN,
        Move.SKIP,
        Move.WITHDRAW,
    }
)
"""Moves that a person makes with nothing but a reason."""

PERSONS = ALONE | {Move.SUPERSEDE}
"""Moves that a person makes; the others follow from what a partner or a worker did."""

APPROVED = frozenset({Move.SEND_ANYWAY, Move.SEND_AGAIN, Move.SKIP})
"""A person's moves that a second person must approve: they give up what the hub promises, once and complete."""

LEAVING = frozenset({Move.RETRY, Move.RESEND, Move.SEND_ANYWAY, Move.SEND_AGAIN, Move.RELEASE})
"""A person's moves after which something may leave."""

CONTRADICTS = frozenset({State.REFUSED, State.PARKED, State.WITHDRAWN, State.SKIPPED})
"""States that a receipt contradicts without changing them: somebody decided on something else; it is shown to a person."""


class IllegalMove(Exception):  # noqa: N818 - reads as what it is
    """A move that the table does not know; the store's row stays as it was."""


def move(state: State, by: Move) -> State:
    """Return the state after ``by``; raises ``IllegalMove``."""
    try:
        return MOVES[state, by]
    except KeyError:
        raise IllegalMove(f"{state} cannot {by}") from None


def picture() -> str:
    """Draw ``MOVES`` as a Mermaid state diagram: one arrow per move, persons' moves marked."""
    lines = ["stateDiagram-v2", *(f"    [*] --> {state}" for state in BIRTHS)]
    lines += [f"    {before} --> {after}: {_label(by)}" for (before, by), after in MOVES.items()]
    lines += [f"    {state} --> [*]" for state in State if state in DONE]
    return "\n".join(lines) + "\n"


def _label(by: Move) -> str:
    return f"{by} (person)" if by in PERSONS else str(by)
