"""What is read: for the console, the command line and the API. Cost never grows with the depth of the queue."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time

from connectors.contract import Sealed  # noqa: TC001 - msgspec reads the annotations at run time
from hub.going_live.stages import Stage  # noqa: TC001 - msgspec reads the annotations at run time
from hub.lifecycle import State  # noqa: TC001 - msgspec reads the annotations at run time
from hub.store.contract.delivery import Attempt  # noqa: TC001 - msgspec reads the annotations at run time
from hub.store.contract.intake import Alias  # noqa: TC001 - msgspec reads the annotations at run time
from hub.store.contract.value import Value


class TransferView(Value, frozen=True):
    id: str
    message: str
    partner: str
    operation: str
    part: int
    key: str
    kind: str
    dossier: str | None
    code: str | None  # the dossier's code as its origin wrote it
    state: State
    blocked: bool
    problem: str
    detail: str
    attempts: int
    sends: int
    accepted_at: datetime
    wake_at: datetime | None
    settled_at: datetime | None
    deadline: datetime | None
    reference: str
    stage: Stage
    sender: str
    supersedes: str = ""
    superseded_by: tuple[str, ...] = ()
    receipt_by: datetime | None = None  # until when the partner's receipt is awaited
    receipt_at: datetime | None = None  # when it came
    offered_at: datetime | None = None  # since when it lies where the partner fetches it
    fetched_at: datetime | None = None  # when it was fetched first
    taken: Mapping[
        str, str
    ] = {}  # what its message left out: canonical place → the message that said it before


class AttemptView(Value, frozen=True):
    number: int
    attempt: Attempt


class GaveWay(Value, frozen=True):
    """Why a message does not count where several hubs hold its dossier. ``fate``: set aside, or overruled; ``rule``: of docs/reference/conflicts.md;
    ``by``: the message that stands, by its id at its first hub.
    """

    fate: str
    code: str
    rule: str
    by: str


class MessageView(Value, frozen=True):
    """``quarantine``: why it changed nothing of its dossier, a code; empty: it did, or was to change nothing. ``gave_way``: to which concurrent
    message, by which rule; ``None``: to none.
    """

    id: str
    sender: str
    key: str
    kind: str
    digest: str
    dossier: str | None
    accepted_at: datetime
    receipt: bytes
    transfers: tuple[str, ...]
    confirmation: str = ""
    quarantine: str = ""
    gave_way: GaveWay | None = None


class DossierView(Value, frozen=True):
    """``merged``: ids of the dossiers that became part of this one; their messages and transfers are among these."""

    id: str
    origin: str
    version: int
    aliases: tuple[Alias, ...]
    story: bytes
    messages: tuple[MessageView, ...]
    transfers: tuple[TransferView, ...]
    merged: tuple[str, ...] = ()


class QueueRow(Value, frozen=True):
    """Counts of one partner by state; ``blocked`` is derived. ``oldest``: acceptance of its oldest unfinished transfer that is no trial.
    ``expired``: transfers that were given back because their worker's lease ran out, ever.

    ``overdue``: delivered ones whose receipt did not come in time. ``unfetched``: since when the first of those lies there that
    the partner could fetch and has not.
    ``circuit_until``: when an open circuit is tried again; ``circuit_code``: what opened it. ``window``: how many may be under
    way while it comes back; ``None``: as many as declared. ``opens``, ``closes``: the window of its hours; ``None``: always. ``trial``: how many
    of ``counts`` are only trials; ``trial_blocked``: and of ``blocked``. Figures are ``real``: without them.
    """

    partner: str
    counts: Mapping[str, int]
    blocked: int
    oldest: datetime | None
    paused: bool
    circuit: str  # closed, open, half_open
    overdue: int = 0
    expired: int = 0
    circuit_until: datetime | None = None
    circuit_code: str = ""
    window: int | None = None
    opens: datetime | None = None
    closes: datetime | None = None
    unfetched: datetime | None = None
    trial: Mapping[str, int] = {}
    trial_blocked: int = 0

    def real(self, state: str) -> int:
        return max(0, self.counts.get(state, 0) - self.trial.get(state, 0))


class JournalRow(Value, frozen=True):
    seq: int
    at: datetime
    what: str
    message: str
    transfer: str
    facts: Mapping[str, str]


class Payloads(Value, frozen=True):
    """Every stored form of one transfer's content."""

    raw: bytes
    raw_media_type: str
    canonical: bytes
    sealed: Sealed | None


class Filter(Value, frozen=True):
    """Which transfers to list. ``after``: opaque cursor, the id of the last one seen."""

    partner: str = ""
    states: tuple[str, ...] = ()
    sender: str = ""
    dossier_code: str = ""
    problem: str = ""
    after: str = ""
    limit: int = 50
