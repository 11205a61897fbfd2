"""How far partners are with procedures, as persons decided; what their files say stands where nobody did."""

from __future__ import annotations

from collections.abc import Callable, Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import datetime  # noqa: TC003
from typing import Protocol

from hub.going_live.stages import Queued, Stage  # noqa: TC001
from hub.store.contract.value import Value


class Staged(Value, frozen=True):
    """What counts for a partner and a procedure since ``at``. ``procedure`` empty: all that are not named."""

    partner: str
    procedure: str
    stage: Stage
    at: datetime
    by: str
    reason: str


class Stages(Value, frozen=True):
    """``edition``: grows with every change; 0: nobody ever changed one."""

    edition: int
    staged: tuple[Staged, ...]


class Promotion(Value, frozen=True):
    """A change, promotion or rollback. ``edition``: what the person saw. ``becomes``: the stages of a story's procedure before and
    after, for what is queued; empty bytes for what has no dossier. ``facts``: for the journal, with the hub's signature.
    """

    staged: Staged
    edition: int
    becomes: Callable[[bytes], tuple[Stage, Stage]]
    queued: Queued = "finish"
    facts: Mapping[str, str] = {}


class Promoted(Value, frozen=True):
    """``held``, ``withdrawn``: ids of transfers that were queued."""

    edition: int
    held: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()


class Leave(Value, frozen=True):
    """By what stages a person lets something leave. ``edition``: of the stages; ``stage``: the recipient's for a story; empty bytes
    for what has no dossier.
    """

    edition: int
    stage: Callable[[bytes], Stage]


class StageBook(Protocol):
    async def stages(self) -> Stages: ...

    async def promote(self, what: Promotion) -> Promoted:
        """Write it down, in the journal too, and deal with what is queued, in one transaction: whatever is accepted after it was
        decided by it. Raises ``Refusal`` HUB-STG-002 when a stage changed since the person looked, or a trial is being sent.
        """
        ...

    async def clear(
        self, edition: int, stage: Callable[[str, bytes], Stage], now: datetime
    ) -> tuple[str, ...]:
        """Withdraw what is on trial for partners whose files say that they no longer are; return the ids. ``stage``: of a partner for
        a story. What another worker is sending stays. Raises ``Stale`` when a stage changed since they were read.
        """
        ...
