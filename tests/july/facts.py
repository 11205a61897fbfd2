"""What is true of the plan's dossiers, beside any message: the plan makes these, messages tell them, the oracle counts them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

    from tests.july.places import Counter, Work

Channel = Literal["counter", "online", "post"]
Pausing = Literal["supplement", "duty", "stopped"]
Stage = Literal["live", "parallel", "trial"]


@dataclass(frozen=True)
class Fee:
    """One fee, paid. đồng. ``receipt``: number of the receipt; ``account``: where it went."""

    name: str
    amount: int
    receipt: str
    account: str
    paid_at: datetime
    remitted_at: datetime | None = None
    refunded_at: datetime | None = None


@dataclass(frozen=True)
class Pause:
    """``until``: ``None`` while it lasts. ``due``: the new due date that was told with its end; ``None``: nobody told one."""

    what: Pausing
    since: datetime
    until: datetime | None = None
    due: datetime | None = None


@dataclass(frozen=True)
class Excuse:
    """Why a dossier is late: by an apology, or with the result itself. ``due``: the date that the apology names."""

    reason: str
    unit: str
    at: datetime
    due: datetime | None = None


@dataclass(frozen=True)
class Case:
    """One dossier and what became of it. ``promised``: the due date told at reception; ``None``: nobody tells one, the hub counts.

    ``due``: the one in force at the end. ``moved``: when a new one was announced, and which. ``finished_before``: a first result that was
    recalled, and when. ``handed_in``: at the national portal, before it was received. ``parent``, ``children``: of a chain.
    ``taken_in`` false: it was refused at reception, or nobody has taken it in yet.
    """

    code: str
    unit: str
    work: Work
    counter: Counter
    channel: Channel
    received_at: datetime
    due: datetime
    promised: datetime | None
    stage: Stage = "live"
    taken_in: bool = True
    handed_in: datetime | None = None
    refused_at: datetime | None = None
    moved: tuple[tuple[datetime, datetime], ...] = ()
    pauses: tuple[Pause, ...] = ()
    finished_before: tuple[datetime, datetime] | None = None
    finished_at: datetime | None = None
    handed_over_at: datetime | None = None
    returned_at: datetime | None = None
    withdrawn_at: datetime | None = None
    fees: tuple[Fee, ...] = ()
    excuse: Excuse | None = None
    parent: str = ""
    children: tuple[str, ...] = ()
    twice: str = field(default="")
    """How it is told more often than once; empty: it is not."""
