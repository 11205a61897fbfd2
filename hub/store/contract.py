"""What the hub asks of a store. Frozen values in, frozen values out; only ``hub/store`` speaks SQL.

Promises (each held by the store suite):

* ``accept`` returns only after its transaction is on disk; it is one transaction with everything that follows from it.
* (sender, key) is unique and bound on acceptance only. The same bytes again give the stored receipt.
* ``claim`` hands out heads of lanes only, already in doubt, under a lease with a fencing token.
* ``settle`` with a token that was lost changes nothing.
* Order inside a lane is the order of acceptance. Time never orders anything.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import date, datetime  # noqa: TC003
from typing import Protocol

import msgspec

from connectors.contract import Exchange, Sealed  # noqa: TC001
from hub.circuit import AFTER, WAITS, Health
from hub.documents.contract import Documents, New  # noqa: TC001
from hub.lifecycle import Move, State  # noqa: TC001
from hub.store.upkeep import Upkeep  # noqa: TC001
from schemas.problems import Problem  # noqa: TC001


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Common shape: frozen, named fields."""


# --- intake -----------------------------------------------------------------------------------------------------


class Known(Value, frozen=True):
    """What the hub knows of a dossier before this message. ``story`` is ``hub.story``'s own JSON; ``version`` counts its changes."""

    dossier: str
    version: int
    origin: str  # the partner whose message created it
    story: bytes


class NewTransfer(Value, frozen=True):
    """One transfer to make. ``key`` = ``<message>:<partner>:<part>``, the partner's idempotency key for ever.

    ``lane_subject``: dossier id, or document/catalogue/report id for a message without a dossier.
    ``problem`` set: born parked. ``deadline``: when the dossier is due, for the order of claims.
    """

    id: str
    partner: str
    operation: str
    part: int
    key: str
    lane_subject: str
    deadline: datetime | None = None
    problem: Problem | None = None
    stage: str = "live"


class Alias(Value, frozen=True):
    authority: str
    code: str


class Acceptance(Value, frozen=True):
    """All rows of one accepted message. ``digest``: SHA-256 hex of ``raw``. ``canonical``: ``schemas.dossier.to_json``.

    ``dossier`` is ``None`` for a message without one. ``expected_version``: the ``Known.version`` that routing was
    decided on (0: the dossier must not exist yet); when it moved meanwhile the store answers ``Stale`` and intake decides anew.
    ``natural_key``: the format's own key beside ``key``; bound in the same way, so that a client which makes a new
    Idempotency-Key for each try doubles nothing. ``documents``: those that it names by their digest; they become its
    dossier's. ``facts`` go to the journal: digests, codes and structure, never personal data.
    """

    message: str
    sender: str
    key: str
    digest: str
    raw: bytes
    media_type: str
    headers: Mapping[str, str]
    canonical: bytes
    kind: str
    accepted_at: datetime
    receipt: bytes
    dossier: str | None = None
    aliases: tuple[Alias, ...] = ()
    expected_version: int = 0
    story: bytes = b""
    natural_key: str = ""
    transfers: tuple[NewTransfer, ...] = ()
    facts: Mapping[str, str] = {}
    documents: tuple[New, ...] = ()


class Accepted(Value, frozen=True):
    """``replayed``: the same bytes had been accepted before under this key; ``receipt`` is the stored original."""

    message: str
    receipt: bytes
    replayed: bool = False


class Stale(Exception):  # noqa: N818 - says what it is
    """The dossier moved between reading and accepting; read again and decide again."""


# --- delivery ---------------------------------------------------------------------------------------------------


class Work(Value, frozen=True):
    """A claimed head. ``doubt``: something may already have left in an earlier attempt, so ask first.

    ``attempts`` counts sends that used up schedule entries; ``sends`` counts every send. ``sealed`` is ``None`` until
    ``seal`` stored it. ``facts``: what this partner told in earlier deliveries about this dossier. ``probe``: claimed to see
    whether a partner that was down is back.
    """

    token: str
    transfer: str
    message: str
    partner: str
    operation: str
    part: int
    key: str
    kind: str
    dossier: str | None
    canonical: bytes
    sealed: Sealed | None
    doubt: bool
    attempts: int
    sends: int
    accepted_at: datetime
    deadline: datetime | None = None
    facts: Mapping[str, str] = {}
    probe: bool = False


class Attempt(Value, frozen=True):
    """One try on the wire, as it will be shown. ``verb``: ``deliver`` or ``find``."""

    verb: str
    outcome: str  # delivered, refused, deferred, unsure
    code: str
    detail: str
    started_at: datetime
    seconds: float
    exchanges: tuple[Exchange, ...] = ()


class Settlement(Value, frozen=True):
    """What was decided for one claimed transfer; written in one transaction with its attempts and what follows from it.

    ``move``: DELIVER, DEFER, REFUSE, EXHAUST, PARK, UNSENT, or ``None``: still in doubt (``wake_at`` set: ask again then;
    not set: waits for a person). ``counts``: uses up one entry of the schedule. ``follow_up``: the ``delivery_failed``
    message to the sender, accepted in the same transaction; its ``expected_version``, ``aliases`` and ``story`` are not
    looked at (it says nothing new about the dossier), and a key that is taken does not undo the settlement.
    ``receipt_by``: until when the partner's receipt for a delivered transfer is awaited; ``None``: nobody awaits one.
    A receipt that came while it was leased wins over whatever is settled. ``health``: what it says about the partner as a
    whole, ``rest``: seconds that the partner asked everybody to wait (``hub.circuit``); ``probe``: as the work said.
    """

    transfer: str
    move: Move | None
    attempts: tuple[Attempt, ...] = ()
    code: str = ""
    detail: str = ""
    wake_at: datetime | None = None
    counts: bool = True
    reference: str = ""
    facts: Mapping[str, str] = {}
    follow_up: Acceptance | None = None
    receipt_by: datetime | None = None
    health: Health = Health.NOTHING
    rest: float | None = None
    probe: bool = False


class Capacity(Value, frozen=True):
    """A partner's limits as the claim must respect them. ``order_sensitive`` false: a stopped head does not hold its lane.

    ``circuit_after``, ``circuit_waits``: its breaker's policy, in the store because every worker's outcomes count together.
    """

    partner: str
    concurrency: int
    rate: float | None = None
    burst: int = 1
    order_sensitive: bool = True
    circuit_after: int = AFTER
    circuit_waits: tuple[float, ...] = WAITS


class Window(Value, frozen=True):
    """When a partner may be sent to by its declared hours: claimed only from ``opens`` until before ``closes``; ``None``: always."""

    partner: str
    opens: datetime | None = None
    closes: datetime | None = None


# --- quotas -----------------------------------------------------------------------------------------------------


class Use(Value, frozen=True):
    """What one web process let in of one sender since it last told: requests, and of those accepted messages, their bytes
    and transfers.
    """

    sender: str
    requests: int = 0
    messages: int = 0
    octets: int = 0
    transfers: int = 0


class Usage(Value, frozen=True):
    """What all web processes let in of one sender today. ``open``: its unfinished transfers as last counted, and what came since."""

    sender: str
    requests: int
    messages: int
    octets: int
    open: int


# --- what partners say later ------------------------------------------------------------------------------------


class Acknowledgement(Value, frozen=True):
    """A partner's receipt as it came: its proof that it has a transfer (what *we* hand to senders is ``hub.receipts``).

    ``key`` or ``reference`` (the partner's own) names the transfer; ``digest``: SHA-256 hex of the payload that it says it
    received, empty when it does not say. ``said_at``: when it says that it received it. ``raw``: evidence, kept encrypted.
    """

    partner: str
    raw: bytes
    received_at: datetime
    said_at: datetime
    key: str = ""
    reference: str = ""
    digest: str = ""


class Acknowledged(Value, frozen=True):
    """What the partner is answered, now and whenever it brings the receipt again. ``state``: of the transfer, by then."""

    transfer: str
    key: str
    state: State
    received_at: datetime
    replayed: bool = False


# --- what persons change ----------------------------------------------------------------------------------------


class Correction(Value, frozen=True):
    """A new transfer that takes the old one's place in its lane. ``new``: its id; ``operation``: what today's format calls it.

    ``tries``: how many tries the old one had when the partner was asked (or the person looked); one more means that
    something left meanwhile. ``asked``: who answered that the partner does not have it: ``partner``, ``person`` or nobody.
    """

    old: str
    new: str
    operation: str
    expected: State
    tries: int
    reason: str
    by: str
    asked: str = ""


class Rerouting(Value, frozen=True):
    """What routing says today about the message of a parked transfer. ``rule``: the one that decided.

    ``expected_version``: of the dossier whose story was routed by; ``story``: with the new recipients among those who may
    speak. Keys of ``transfers`` are the store's to number: the same message to the same partner again gets a further generation.
    """

    old: str
    transfers: tuple[NewTransfer, ...]
    rule: str
    reason: str
    by: str
    expected_version: int = 0
    story: bytes = b""


class Merging(Value, frozen=True):
    """``kept`` and ``other``: hub ids; ``story``: of both, decided on the versions that are expected."""

    kept: str
    other: str
    kept_version: int
    other_version: int
    story: bytes
    reason: str
    by: str
    approver: str


class RefusedMessage(Value, frozen=True):
    """All that is left of a message that was refused. ``sender``: empty when nobody knows who it was."""

    at: datetime
    sender: str
    code: str
    digest: str
    size: int
    request: str
    n: int = 0


# --- watching ---------------------------------------------------------------------------------------------------

Series = tuple[str, tuple[str, ...]]
"""A figure's name and the values of its labels, in the order that ``hub.metrics.catalogue`` gives them."""


class Process(Value, frozen=True):
    """One process of the hub, on any machine. ``role``: web or worker. ``gauges``: what is so now; ``counts``: what only grows."""

    id: str
    host: str
    pid: int
    role: str
    version: str
    since: datetime
    seen: datetime
    gauges: Mapping[str, float] = {}
    counts: Mapping[Series, float] = {}


class Mark(Value, frozen=True):
    """How far a survey has come: which part, and the last key that was looked at."""

    part: int = 0
    after: tuple[str | int, ...] = ()


class Verdict(Value, frozen=True):
    """What a check last said. ``at``: when; ``since``: from when on it said the same; ``broken``: rules, empty when all hold."""

    name: str
    at: datetime
    since: datetime
    seconds: float
    broken: tuple[str, ...] = ()


class Figures(Value, frozen=True):
    """``size``: bytes of the database; ``log``: of the write-ahead log that waits to be taken in, where that is the hub's business."""

    engine: str
    version: str
    size: int
    log: int | None = None


class Inspection(Value, frozen=True):
    """What the doctor asks of a store. ``settings``: the engine's own, by name; ``clock``: the database server's, where it has
    one of its own; ``newest``: time of the last journal row; ``stuck``: leases that ran out a minute ago and are still
    there; ``backup``: when the last one was made.
    """

    settings: Mapping[str, str]
    stuck: int
    clock: datetime | None = None
    newest: datetime | None = None
    backup: datetime | None = None


# --- reading ----------------------------------------------------------------------------------------------------


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
    stage: str
    sender: str
    supersedes: str = ""
    superseded_by: tuple[str, ...] = ()
    receipt_by: datetime | None = None  # until when the partner's receipt is awaited
    receipt_at: datetime | None = None  # when it came


class AttemptView(Value, frozen=True):
    number: int
    attempt: Attempt


class MessageView(Value, frozen=True):
    id: str
    sender: str
    key: str
    kind: str
    digest: str
    dossier: str | None
    accepted_at: datetime
    receipt: bytes
    transfers: tuple[str, ...]


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
    """Counts of one partner by state; ``blocked`` is derived. ``oldest``: acceptance of its oldest unfinished transfer.
    ``expired``: transfers that were given back because their worker's lease ran out, ever.

    ``overdue``: delivered ones whose receipt did not come in time.
    ``circuit_until``: when an open circuit is tried again; ``circuit_code``: what opened it. ``window``: how many may be under
    way while it comes back; ``None``: as many as declared. ``opens``, ``closes``: the window of its hours; ``None``: always.
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


# --- the seam ---------------------------------------------------------------------------------------------------


class Store(Protocol):
    """Opened once per process by the wiring. Writes are coalesced by one writer thread; awaiting a write waits for its commit."""

    @property
    def documents(self) -> Documents: ...
    @property
    def upkeep(self) -> Upkeep: ...

    async def known(self, authority: str, code: str) -> Known | None: ...

    async def replay(self, sender: str, key: str, digest: str) -> Accepted | None:
        """Return the stored receipt for the same bytes; ``None`` when the key is free; ``Refusal`` HUB-IDM-002 for other bytes."""
        ...

    async def accept(self, acceptance: Acceptance) -> Accepted:
        """One transaction. Raises ``Stale``; ``Refusal`` HUB-IDM-002 when the key is bound to other bytes, HUB-DOS-003 when a
        further code names another dossier, HUB-DOC-001 to -004 for a document that cannot be had, HUB-LIM-003 when the
        storage cannot take it; nothing is written then.
        """
        ...

    async def claim(
        self, worker: str, now: datetime, limit: int, lease: float, *, without: Collection[str] = ()
    ) -> tuple[Work, ...]:
        """Take up to ``limit`` due heads of open partners, deadline classes merged, each in doubt from here on; ``lease`` seconds.

        ``without``: partners of which this worker has enough in hand.
        """
        ...

    async def seal(self, token: str, sealed: Mapping[str, Sealed]) -> bool:
        """Store sealed bytes by transfer id, once; false when the lease was lost. Returns after commit."""
        ...

    async def settle(self, token: str, settlements: Sequence[Settlement], now: datetime) -> bool:
        """Record outcomes of claimed transfers; the rest of the token's group stays leased. False: lease lost, nothing written."""
        ...

    async def renew(self, token: str, now: datetime, lease: float) -> bool: ...

    async def tick(self, now: datetime) -> None:
        """Waiting lanes whose time has come become ready; expired leases go back: sealed ones in doubt, others waiting."""
        ...

    async def wait_for_work(self, seconds: float) -> None:
        """Return when something was committed by any process, or after ``seconds``."""
        ...

    async def capacities(self, capacities: Sequence[Capacity]) -> None:
        """Write each partner's limits at start-up."""
        ...

    async def windows(self, windows: Sequence[Window], now: datetime) -> None:
        """Write when partners with declared hours may be sent to. A window that is over closes it until the next one is written."""
        ...

    async def pause(self, partner: str, *, paused: bool, reason: str, by: str, now: datetime) -> None: ...

    async def circuit(
        self,
        partner: str,
        state: str,
        until: datetime | None,
        now: datetime,
        *,
        reason: str = "",
        by: str = "",
    ) -> None:
        """Set the breaker by hand: ``half_open`` tries now, ``closed`` forgets what was. Raises ``ValueError`` for another word."""
        ...

    async def act(
        self,
        transfer: str,
        move: Move,
        *,
        expected: State,
        reason: str,
        by: str,
        now: datetime,
        approver: str = "",
    ) -> TransferView:
        """A person's move of ``hub.lifecycle.ALONE``. Raises ``Refusal`` HUB-LAN-* when it is not valid now."""
        ...

    async def correct(self, correction: Correction, now: datetime) -> TransferView:
        """Put a new transfer of the same message in the old one's place; the old one becomes withdrawn. Returns the new one.

        Raises ``Refusal`` HUB-LAN-002, -003, -004 when the old one is not what the person saw.
        """
        ...

    async def reroute(self, rerouting: Rerouting, now: datetime) -> tuple[TransferView, ...]:
        """Withdraw a parked transfer and make those that routing names today, at the end of their lanes. Returns the new ones.

        Raises ``Refusal`` HUB-LAN-003 when it is no longer parked, or somebody routed the message meanwhile; ``Stale``.
        """
        ...

    async def merge(self, what: Merging, now: datetime) -> None:
        """Make two dossiers one. Raises ``Refusal`` HUB-DOS-008 while either has open transfers, HUB-DOS-009; ``Stale``."""
        ...

    async def forget(self, dossier: str, *, reason: str, by: str, now: datetime) -> bool:
        """Destroy the keys of a dossier: its payloads become unreadable for ever (backups keep theirs until they rotate).

        False: it had none. Raises ``Refusal`` HUB-LAN-002 while something of it is still to be delivered.
        """
        ...

    # what partners say later, and what time brings
    async def acknowledge(self, receipt: Acknowledgement) -> Acknowledged:
        """Take a partner's receipt; durable when it returns. The same transfer again gets the stored answer.

        Raises ``Refusal`` HUB-RCP-001 (no transfer to this partner), -002 (other bytes), -003 (never sent), -007 (ambiguous).
        """
        ...

    async def overdue(self, now: datetime, limit: int, lease: float) -> tuple[Work, ...]:
        """Hand out delivered transfers whose receipt is overdue and about which nobody has asked; again after ``lease`` seconds."""
        ...

    async def asked(self, transfer: str, attempt: Attempt | None, now: datetime) -> None:
        """Write down what the partner answered about an overdue receipt; ``None``: it cannot be asked."""
        ...

    async def late(self, now: datetime, limit: int) -> tuple[Work, ...]:
        """Return heads whose deadline has passed and whose sender was not told. Bounded by ``limit`` dossiers."""
        ...

    async def tell(self, follow_up: Acceptance, about: str, now: datetime) -> bool:
        """Accept a ``delivery_failed`` message of the hub's own about a transfer; false when it was told before."""
        ...

    async def note_refused(self, refused: Sequence[RefusedMessage]) -> None:
        """Remember what was refused at the door."""
        ...

    # reading; cost never grows with the depth of the queue
    async def refused(
        self, *, sender: str = "", after: int = 0, limit: int = 50
    ) -> tuple[RefusedMessage, ...]:
        """Messages that were refused, newest first; ``after``: the ``n`` of the last one seen."""
        ...

    async def transfers(self, which: Filter) -> tuple[TransferView, ...]: ...
    async def transfer(self, id_prefix: str) -> TransferView | None: ...
    async def attempts(self, transfer: str) -> tuple[AttemptView, ...]: ...
    async def payloads(self, transfer: str) -> Payloads | None:
        """Raises ``hub.store.vault.Unreadable`` when the dossier's key was destroyed."""
        ...

    async def message(self, id: str) -> MessageView | None: ...  # noqa: A002 - the field's word
    async def dossier(self, code_or_id: str) -> DossierView | None: ...
    async def queue(self) -> tuple[QueueRow, ...]: ...
    async def journal(
        self, *, message: str = "", transfer: str = "", after: int = 0, limit: int = 100
    ) -> tuple[JournalRow, ...]: ...
    # watching
    async def beat(self, process: Process, now: datetime, *, first: bool) -> bool:
        """Say that a process lives and what it counted; those silent for a minute are taken for gone. False: it was itself."""
        ...

    async def leave(self, process: str) -> None:
        """It ends; what it counted stays."""
        ...

    async def processes(self) -> tuple[Process, ...]: ...

    async def counted(self) -> Mapping[Series, float]:
        """What all processes counted, also those that are gone, as far as they have told."""
        ...

    async def figures(self) -> Figures: ...

    async def inspect(self, now: datetime) -> Inspection: ...

    async def use(self, day: date, uses: Sequence[Use]) -> tuple[Usage, ...]:
        """Book what one web process let in; return what all of them did."""
        ...

    async def count_unfinished(self) -> None:
        """Count each sender's unfinished transfers, for its quota. Costs a look at each; for one process, now and then."""
        ...

    async def turn(self, chore: str, holder: str, now: datetime, seconds: float) -> bool:
        """Take or keep what only one process of the cluster may do; false when another has it."""
        ...

    async def end_turn(self, chore: str, holder: str) -> None: ...

    async def balance(self) -> tuple[str, ...]:
        """The cheap part of conservation, from counters; for every few seconds."""
        ...

    async def survey(self, mark: Mark, size: int) -> tuple[tuple[str, ...], Mark | None]:
        """The whole of it in pieces: look at the next ``size`` rows in one short snapshot; ``None``: that was the last piece."""
        ...

    async def judge(self, verdict: Verdict) -> Verdict:
        """Keep what a check said; journaled when it says something else than before. Returns it with its ``since``."""
        ...

    async def verdict(self, name: str) -> Verdict | None: ...

    async def conservation(self) -> tuple[str, ...]:
        """Broken rules in words; empty when every accepted message is, per recipient, in exactly one state and every active lane has one ticket."""
        ...

    async def ready(self) -> bool:
        """Whether something can be committed now."""
        ...

    async def close(self) -> None: ...
