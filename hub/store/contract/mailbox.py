"""What lies where its partner fetches it: shown, fetched, and answered with a no. A yes is a receipt (``Store.acknowledge``)."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING, Protocol

from connectors.contract import Sealed  # noqa: TC001 - msgspec reads the annotations at run time
from hub.lifecycle import State  # noqa: TC001 - msgspec reads the annotations at run time
from hub.store.contract.value import Value

if TYPE_CHECKING:
    from hub.store.contract.delivery import Attempt, Work
    from hub.store.contract.intake import Acceptance


class Letter(Value, frozen=True):
    """One transfer that its partner can fetch. ``dossier``: the code as its origin wrote it; ``digest``: SHA-256 hex of the payload;
    ``fetches``: how often it was sent or fetched; ``cursor``: where a list goes on behind it.
    """

    transfer: str
    key: str
    kind: str
    operation: str
    dossier: str | None
    deadline: datetime | None
    digest: str
    media_type: str
    offered_at: datetime
    fetched_at: datetime | None
    fetches: int
    cursor: str


class Content(Value, frozen=True):
    """``digest``: SHA-256 hex of the payload."""

    sealed: Sealed
    digest: str


class Rejection(Value, frozen=True):
    """A partner's word that it cannot process what it fetched. ``digest``: of the payload that it holds; ``attempt``: the evidence;
    ``follow_up``: tells the sender, in the same transaction.
    """

    partner: str
    transfer: str
    digest: str
    attempt: Attempt
    follow_up: Acceptance | None = None


class Rejected(Value, frozen=True):
    """What the partner is answered, now and whenever it says so again."""

    transfer: str
    key: str
    state: State
    received_at: datetime
    replayed: bool = False


class Mailbox(Protocol):
    async def letters(self, partner: str, *, after: str = "", limit: int = 50) -> tuple[Letter, ...]:
        """What lies there, longest first; nothing while the partner is paused. ``after``: a letter's cursor.

        Raises ``ValueError`` for a cursor that is none.
        """
        ...

    async def fetch(self, partner: str, transfer: str, now: datetime) -> Content | None:
        """Take a copy out: in doubt, on disk, before this returns. ``None``: no such letter lies there for this partner.

        Raises ``Refusal`` HUB-BOX-002 while the partner is paused.
        """
        ...

    async def letter(self, partner: str, transfer: str) -> Work | None:
        """Return a transfer to this partner with all that belongs to it, whatever its state."""
        ...

    async def reject(self, rejection: Rejection, now: datetime) -> Rejected:
        """Refuse what was fetched and free nothing: its lane waits for a person. The same again gets the stored answer.

        Raises ``Refusal`` HUB-BOX-001 (no such letter), HUB-BOX-003 (acknowledged, or decided otherwise), HUB-RCP-002 (other
        bytes), HUB-RCP-003 (never fetched).
        """
        ...
