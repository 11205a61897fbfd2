"""The seam itself: what is asked of a store, and what it raises beside refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date, datetime

    from connectors.contract import Sealed
    from hub.documents.contract import Documents
    from hub.evidence.contract import Evidence
    from hub.lifecycle import Move, State
    from hub.store.contract.access import AccessStore
    from hub.store.contract.catalogues import CatalogueStore
    from hub.store.contract.coverage import Coverage
    from hub.store.contract.delivery import (
        Acknowledged,
        Acknowledgement,
        Attempt,
        Capacity,
        Settlement,
        Window,
        Work,
    )
    from hub.store.contract.edges import Edges
    from hub.store.contract.enrolments import Enrolments
    from hub.store.contract.governing import MappingBook
    from hub.store.contract.history import History
    from hub.store.contract.intake import Acceptance, Accepted, Known, RefusedMessage, Usage, Use
    from hub.store.contract.ledger import Ledger
    from hub.store.contract.mailbox import Mailbox
    from hub.store.contract.mending import Correction, Merging, Rerouting
    from hub.store.contract.people import PeopleStore
    from hub.store.contract.reconciling import Days, Reconciled
    from hub.store.contract.replicas import Replicas
    from hub.store.contract.said import Sayings
    from hub.store.contract.stages import Leave, StageBook
    from hub.store.contract.views import (
        AttemptView,
        DossierView,
        Filter,
        JournalRow,
        MessageView,
        Payloads,
        QueueRow,
        TransferView,
    )
    from hub.store.contract.watching import Figures, Inspection, Mark, Process, Series, Verdict
    from hub.store.upkeep import Upkeep
    from hub.trust.contract import Book


class Stale(Exception):  # noqa: N818 - says what it is
    """The dossier moved between reading and accepting; read again and decide again."""


class Store(Protocol):
    """Opened once per process by the wiring. Writes are coalesced by one writer thread; awaiting a write waits for its commit."""

    @property
    def documents(self) -> Documents: ...
    @property
    def upkeep(self) -> Upkeep: ...
    @property
    def access(self) -> AccessStore: ...
    @property
    def evidence(self) -> Evidence: ...
    @property
    def trust(self) -> Book: ...
    @property
    def mailbox(self) -> Mailbox: ...
    @property
    def stages(self) -> StageBook: ...
    @property
    def mappings(self) -> MappingBook: ...
    @property
    def coverage(self) -> Coverage: ...
    @property
    def catalogues(self) -> CatalogueStore: ...
    @property
    def history(self) -> History: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def days(self) -> Days: ...
    @property
    def reconciled(self) -> Reconciled: ...
    @property
    def said(self) -> Sayings: ...
    @property
    def people(self) -> PeopleStore: ...
    @property
    def enrolments(self) -> Enrolments: ...
    @property
    def edges(self) -> Edges: ...
    @property
    def replicas(self) -> Replicas: ...

    async def known(self, authority: str, code: str) -> Known | None: ...

    async def replay(self, sender: str, key: str, digest: str | None) -> Accepted | None:
        """Return the stored receipt for the same bytes, without ``digest`` for any; ``None`` when the key is free.

        Raises ``Refusal`` HUB-IDM-002 for other bytes.
        """
        ...

    async def accept(self, acceptance: Acceptance) -> Accepted:
        """One transaction. Raises ``Stale``; ``Refusal`` HUB-IDM-002 when the key is bound to other bytes, HUB-DOS-003 when a
        further code names another dossier, HUB-DOC-001 to -004 for a document that cannot be had, HUB-LIM-003 when the
        storage cannot take it; nothing is written then.

        In a restored store what was said before the restore is born in doubt, or parked and in doubt once it is retried.
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

    async def act(  # noqa: PLR0913 - the transfer, the move, and one parameter for each thing that the journal says of it
        self,
        transfer: str,
        move: Move,
        *,
        expected: State,
        reason: str,
        by: str,
        now: datetime,
        approver: str = "",
        leave: Leave | None = None,
    ) -> TransferView:
        """A person's move of ``hub.lifecycle.ALONE``. Raises ``Refusal`` HUB-LAN-* when it is not valid now.

        One of ``APPROVED`` needs an ``approver`` who is somebody else: HUB-LAN-010.
        After a move of ``hub.lifecycle.LEAVING`` something may leave: HUB-STG-004 where the recipient's stage does not let it,
        HUB-STG-002 when a stage changed since ``leave`` was made. Without ``leave`` only what is live may, while nobody ever set one.
        """
        ...

    async def correct(self, correction: Correction, now: datetime) -> TransferView:
        """Put a new transfer of the same message in the old one's place; the old one becomes withdrawn. Returns the new one.

        Raises ``Refusal`` HUB-LAN-002, -003, -004 when the old one is not what the person saw, HUB-STG-002, -004 as for a move.
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
    async def messages(self, sender: str, after: str, limit: int) -> tuple[MessageView, ...]:
        """Return what a sender said, newest first. ``after``: the last that was seen; the newest follow where it is none."""
        ...

    async def dossier(self, code_or_id: str) -> DossierView | None: ...
    async def queue(self) -> tuple[QueueRow, ...]: ...
    async def journal(
        self, *, message: str = "", transfer: str = "", after: int = 0, limit: int = 100
    ) -> tuple[JournalRow, ...]: ...
    async def signed(
        self, fingerprint: str, since: datetime, after: int, limit: int
    ) -> tuple[JournalRow, ...]:
        """Return entries of what one certificate of ours signed: receipts, what was sealed, envelopes. Reads the whole journal."""
        ...

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
