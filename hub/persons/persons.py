"""What a person may do with a transfer, given what its partner's file declares. Pure; the store checks the rest.

A retry asks first. Where nobody can be asked and keys are not kept, it depends on what is known: a refusal proves that
the partner does not have it, so a retry just sends; in doubt or dead, only a person may take the risk (``send anyway``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.lifecycle import MOVES, Move, State
from schemas.problems import Problem

if TYPE_CHECKING:
    from hub.partners.declaration import Receives
    from hub.store.contract.views import TransferView

ROUTABLE = ("HUB-RTE-", "HUB-CFG-001")


def blind(receives: Receives | None) -> bool:
    """Whether a second copy can neither be ruled out by asking nor is dropped there."""
    return receives is not None and not (receives.can_be_asked or receives.keeps_keys)


def again(view: TransferView, receives: Receives | None) -> Move:
    """Return the move that a retry is."""
    return Move.RESEND if view.state is State.REFUSED and blind(receives) else Move.RETRY


def why_not(move: Move, view: TransferView, receives: Receives | None) -> Problem | None:
    """Say why this move is not for this transfer; ``None`` when it may be tried."""
    if (view.state, move) not in MOVES:
        return Problem(code="HUB-LAN-002", place=view.id, rule=f"{view.state} → {move}")
    if move is Move.SEND_ANYWAY and not blind(receives):
        return Problem(
            code="HUB-LAN-006", place=view.id, rule="can_be_asked, keeps_keys", detail=view.partner
        )
    return None


def routable(view: TransferView) -> bool:
    """Whether it is parked for want of somebody to send it to."""
    return view.state is State.PARKED and view.problem.startswith(ROUTABLE)
