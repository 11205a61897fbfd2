"""What this side says of a day with a partner, and what became of comparing it with what the partner says."""

from __future__ import annotations

from datetime import date, datetime  # noqa: TC003 - msgspec reads the annotations at run time
from typing import Protocol

from hub.lifecycle import Move, State  # noqa: TC001 - msgspec reads the annotations at run time
from hub.store.contract.stages import Leave  # noqa: TC001 - msgspec reads the annotations at run time
from hub.store.contract.value import Value

MOST = 100_000
"""Things of one way, partner and day that are compared."""


class Sent(Value, frozen=True):
    """A transfer of a message that was accepted then. ``digest``: SHA-256 (hex) of the sealed bytes, empty while there are none;
    ``receipted``: the partner's own receipt is there.
    """

    transfer: str
    key: str
    kind: str
    code: str
    state: State
    digest: str
    receipted: bool


class Came(Value, frozen=True):
    """A message that was accepted from it then. ``digest``: SHA-256 (hex) of the bytes that came."""

    message: str
    key: str
    kind: str
    code: str
    digest: str


class Crossed(Value, frozen=True):
    """What a batch between two hubs brought, by its manifest. ``out``: from here. ``digest``: SHA-256 (hex) of the entry's bytes.

    ``state``: of the transfer that went out; ``None``: what came is here, or it is forgotten where it is from. ``refused``: what came was
    not taken. ``under_way``: the other hub did not acknowledge that batch.
    """

    out: bool
    key: str
    digest: str
    state: State | None = None
    refused: bool = False
    under_way: bool = False


class Days(Protocol):
    """``since`` up to before ``until``, by when the hub accepted each message. The cost is that of what was accepted then by anybody.

    Raises ``Refusal`` HUB-LIM-003 for more than ``MOST``.
    """

    async def sent(self, partner: str, since: datetime, until: datetime) -> tuple[Sent, ...]:
        """Without those that were withdrawn, skipped or superseded: nobody claims them any more. One that is being sent is in doubt."""
        ...

    async def came(self, partner: str, since: datetime, until: datetime) -> tuple[Came, ...]: ...

    async def crossed(self, partner: str, since: datetime, until: datetime) -> tuple[Crossed, ...]:
        """What went in batches that were made then, by either hub; of what came only what is here or was refused."""
        ...


class Kept(Value, frozen=True):
    """One comparison; it never changes. ``source``: where the other side's word came from (list, receipts, hub). ``digest``: SHA-256 (hex)
    of ``document``, which is ``hub.reconciling.results``' own JSON.
    """

    partner: str
    day: date
    version: int
    at: datetime
    by: str
    source: str
    digest: str
    document: bytes


class Mended(Value, frozen=True):
    """What was done about one finding. ``transfer``: what was moved, ``approver``: who else agreed to that; both empty: it was explained."""

    way: str
    id: str
    fix: str
    at: datetime
    by: str
    reason: str
    approver: str = ""
    transfer: str = ""


class Signed(Value, frozen=True):
    """Who signed a version off. ``digest``: SHA-256 (hex) of ``protocol``; ``signature``: the hub's over it, empty where it has no key for that."""

    at: datetime
    by: str
    digest: str
    signature: str
    protocol: bytes


class Act(Value, frozen=True):
    """A person's move that mends something: of the transfer in ``expected``; ``leave``: by what stages it may leave."""

    move: Move
    expected: State
    leave: Leave | None = None


class Reconciled(Protocol):
    """Results by partner and day. Everything that is written is journaled in its transaction."""

    async def keep(self, new: Kept) -> Kept:
        """Write the next version, whatever ``version`` says; the last one where it says the same and nobody acted on it."""
        ...

    async def last(self, partner: str, day: date) -> Kept | None: ...

    async def listed(self, since: date) -> tuple[Kept, ...]:
        """The last version of each partner and day from then on, the latest day first."""
        ...

    async def mended(self, partner: str, day: date, version: int) -> tuple[Mended, ...]: ...

    async def mend(self, of: Kept, new: Mended, act: Act | None) -> None:
        """Move the transfer and write down why, in one transaction. Raises ``Refusal`` HUB-RCN-003: this one was settled before, or the
        version is signed off or not the last; HUB-LAN-* as the move itself.
        """
        ...

    async def sign(self, of: Kept, new: Signed) -> None:
        """Raises ``Refusal`` HUB-RCN-003: it is signed off, or not the last."""
        ...

    async def signed(self, partner: str, day: date, version: int) -> Signed | None: ...
