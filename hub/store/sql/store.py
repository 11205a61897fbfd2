"""The store on any engine: what is asked of it becomes functions of a connection, which the engine runs.

Encrypting and large files are done before, decrypting after, so that a transaction holds its locks for SQL only.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import msgspec

from hub.lifecycle import Move
from hub.store.contract.delivery import Settlement, Work
from hub.store.sql import accept as accepting
from hub.store.sql import acknowledge as acknowledging
from hub.store.sql import (
    actions,
    bodies,
    check,
    chores,
    destinations,
    documents,
    fetches,
    forgotten,
    health,
    inspecting,
    journal,
    lateness,
    leases,
    links,
    listing,
    merging,
    processes,
    reading,
    refusals,
    successors,
    usage,
    verdicts,
)
from hub.store.sql import settle as settling
from hub.store.sql.access import SqlAccess
from hub.store.sql.activity import SqlCoverage
from hub.store.sql.catalogues import SqlCatalogues
from hub.store.sql.edges import SqlEdges
from hub.store.sql.engine import Closed, Unavailable
from hub.store.sql.enrolments import SqlEnrolments
from hub.store.sql.evidence import SqlEvidence
from hub.store.sql.governing import SqlMappings
from hub.store.sql.history import SqlHistory
from hub.store.sql.ledger import SqlLedger
from hub.store.sql.mailbox import SqlMailbox
from hub.store.sql.people import SqlPeople
from hub.store.sql.reconciled import SqlReconciled
from hub.store.sql.reconciling import SqlDays
from hub.store.sql.replicas import SqlReplicas
from hub.store.sql.said import SqlSayings
from hub.store.sql.shelf import Shelf
from hub.store.sql.stages import SqlStages
from hub.store.sql.times import SECOND, micros, moment
from hub.store.sql.trust import SqlBook
from hub.store.sql.upkeep import SqlUpkeep
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import date, datetime

    from connectors.contract import Link, Sealed
    from hub.lifecycle import State
    from hub.store.blobs import Blobs
    from hub.store.contract.delivery import Acknowledged, Acknowledgement, Attempt, Capacity, Window
    from hub.store.contract.intake import Acceptance, Accepted, Known, RefusedMessage, Usage, Use
    from hub.store.contract.mending import Correction, Merging, Rerouting
    from hub.store.contract.stages import Leave
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
    from hub.store.sql.db import Db
    from hub.store.sql.engine import Queue, Reads, Writes

T = TypeVar("T")

_MOST_OWNERS = 4096


def _unreadable(transfer: str) -> Settlement:
    """Stops one lane and shows it to a person; the rest of the group goes on."""
    return Settlement(
        transfer=transfer, move=Move.PARK, code="HUB-INT-001", detail="a stored payload cannot be read"
    )


@contextmanager
def _storage() -> Iterator[None]:
    """What a sender hears when the storage cannot take it."""
    try:
        yield
    except Unavailable as error:
        raise refuse("HUB-LIM-003", detail=str(error)) from error


class SqlStore:
    """``rules``: what the engine's own tables promise, for the check of conservation. ``ids`` makes lease tokens.

    ``leave``: called when everything is closed.
    """

    def __init__(  # noqa: PLR0913 - an engine hands in every part
        self,
        *,
        reads: Reads,
        writes: Writes,
        queue: Queue,
        payloads: bodies.Bodies,
        rules: check.Rules,
        ids: Callable[[], str],
        blobs: Blobs,
        leave: Callable[[], None],
    ) -> None:
        self.documents = Shelf(blobs, payloads, reads, writes)
        self.upkeep = SqlUpkeep(reads, writes, queue)
        self.access = SqlAccess(reads, writes)
        self.evidence = SqlEvidence(reads, writes, payloads)
        self.trust = SqlBook(reads, writes)
        self.stages = SqlStages(reads, writes)
        self.mappings = SqlMappings(writes)
        self.coverage = SqlCoverage(reads, writes)
        self.catalogues = SqlCatalogues(reads, writes, self._packed, self._under_a_living_key)
        self.history = SqlHistory(reads, writes)
        self.ledger = SqlLedger(reads, writes)
        self.days = SqlDays(reads)
        self.reconciled = SqlReconciled(reads, writes, self._said_before)
        self.said = SqlSayings(reads, payloads)
        self.people = SqlPeople(reads, writes)
        self.enrolments = SqlEnrolments(reads, writes)
        self.edges = SqlEdges(reads, writes, payloads)
        self.replicas = SqlReplicas(reads, writes)
        self.mailbox = SqlMailbox(
            reads, writes, payloads, self._pen_of, self._packed, self._under_a_living_key
        )
        self._reads = reads
        self._writes = writes
        self._queue = queue
        self._bodies = payloads
        self._rules = rules
        self._ids = ids
        self._leave = leave
        self._owners: dict[str, str] = {}
        self._pause = float("inf")
        self._next = float("inf")
        self._horizon: str | None = None

    # --- intake

    async def known(self, authority: str, code: str) -> Known | None:
        with _storage():
            return await self._reads.look(lambda db: accepting.known(db, authority, code))

    async def replay(self, sender: str, key: str, digest: str | None) -> Accepted | None:
        with _storage():
            return await self._reads.look(lambda db: accepting.replay(db, sender, key, digest))

    async def accept(self, acceptance: Acceptance) -> Accepted:
        with _storage():
            return await self._under_a_living_key(lambda: self._accept(acceptance))

    async def _accept(self, acceptance: Acceptance) -> Accepted:
        packed = await self._packed(acceptance)
        accepted = await self._queue.accept(packed)
        if packed.pen is not None and not accepted.replayed:
            self._bodies.remember(packed.pen.key)
        return accepted

    async def _packed(self, acceptance: Acceptance, under: bodies.Pen | None = None) -> accepting.Packed:
        """``under``: the pen of the message that it tells of, whose dossier may be new like its key."""
        if acceptance.message < (before := await self._said_before()):
            born = forgotten.doubted(acceptance.message, acceptance.transfers, before)
            acceptance = msgspec.structs.replace(acceptance, transfers=born)
        owner = acceptance.dossier or acceptance.message
        pen = under if under is not None and under.key.owner == owner else await self._pen(owner)
        raw = await self._pack(pen, acceptance.raw, f"{acceptance.message}/raw")
        canonical = await self._pack(pen, acceptance.canonical, f"{acceptance.message}/canonical")
        tells = tuple([await self._packed(each, pen) for each in acceptance.tells])
        return accepting.Packed(acceptance, pen, raw, canonical, self._enclose(acceptance, pen), tells)

    async def _said_before(self) -> str:
        """Return the horizon of a restored store, looked at once: nobody restores one that is open."""
        if self._horizon is None:
            self._horizon = await self._reads.look(forgotten.horizon)
        return self._horizon

    def _enclose(self, new: Acceptance, pen: bodies.Pen | None) -> Callable[[Db], None] | None:
        """Documents change their owner in the accepting transaction: from there on the dossier's key is theirs."""
        if not new.documents:
            return None
        who = documents.Binding(new.dossier or new.message, new.sender, new.message, pen)
        plans = {
            each.place: fetches.Plan(self._ids(), *self.documents.blobs.new())
            for each in new.documents
            if each.url
        }

        def enclose(db: Db) -> None:
            at = micros(new.accepted_at)
            for absent in documents.bind(db, self._bodies, who, new.documents, at):
                fetches.plan(db, self._bodies, who, absent, plans[absent.place], at)

        return enclose

    async def _pen(self, owner: str) -> bodies.Pen | None:
        if not self._bodies.encrypted:
            return None
        return self._bodies.cached(owner) or await self._reads.look(lambda db: self._bodies.key(db, owner))

    async def _pack(self, pen: bodies.Pen | None, data: bytes, place: str) -> bytes:
        if len(data) <= bodies.INLINE_BYTES // 2:
            return self._bodies.pack(pen, data, place)
        return await asyncio.get_running_loop().run_in_executor(None, self._bodies.pack, pen, data, place)

    async def _under_a_living_key(self, write: Callable[[], Awaitable[T]]) -> T:
        """Do it again under a new key when the dossier's key was destroyed between packing and commit."""
        while True:
            try:
                return await write()
            except bodies.KeyDestroyed as destroyed:
                self._bodies.forget(destroyed.owner)

    # --- delivery

    async def claim(
        self, worker: str, now: datetime, limit: int, lease: float, *, without: Collection[str] = ()
    ) -> tuple[Work, ...]:
        token = self._ids()
        taken = await self._queue.claim(token, worker, micros(now), limit, lease, without)
        self._pause = taken.pause
        if not taken.heads:
            return ()
        works = await self._reads.run(
            lambda db: reading.works(db, self._bodies, token, [head.n for head in taken.heads])
        )
        self._remember(one for one in works if isinstance(one, Work))
        lost = [one for one in works if isinstance(one, str)]
        if lost:
            await self.settle(token, [_unreadable(transfer) for transfer in lost], now)
        return tuple(one for one in works if not isinstance(one, str))

    def _remember(self, works: Iterable[Work]) -> None:
        """Whose keys what is under way lies under, so that nobody has to ask again."""
        self._owners |= {work.transfer: work.dossier or work.message for work in works}
        while len(self._owners) > _MOST_OWNERS:
            del self._owners[next(iter(self._owners))]

    async def seal(self, token: str, sealed: Mapping[str, Sealed]) -> bool:
        return await self._under_a_living_key(lambda: self._seal(token, sealed))

    async def _seal(self, token: str, sealed: Mapping[str, Sealed]) -> bool:
        seals = {}
        for id_, one in sealed.items():
            pen = await self._pen_of(id_)
            payload = await self._pack(pen, one.payload, f"{id_}/sealed")
            digest = hashlib.sha256(one.payload).hexdigest()
            seals[id_] = settling.Seal(one, pen, payload, digest, *await self._linked(id_, one, pen))
        return await self._queue.seal(token, seals)

    async def _linked(
        self, transfer: str, sealed: Sealed, pen: bodies.Pen | None
    ) -> tuple[str, tuple[tuple[Link, bytes], ...]]:
        """Return the owner of the linked documents, and each link as it will stand in its row."""
        if not sealed.links:
            return "", ()
        owner = await self._reads.look(lambda db: reading.owner(db, transfer))
        return owner or "", tuple((link, links.pack(self._bodies, pen, link)) for link in sealed.links)

    async def _pen_of(self, transfer: str) -> bodies.Pen | None:
        if not self._bodies.encrypted:
            return None
        owner = self._owners.get(transfer) or await self._reads.look(lambda db: reading.owner(db, transfer))
        return await self._pen(owner) if owner else None

    async def settle(self, token: str, settlements: Sequence[Settlement], now: datetime) -> bool:
        return await self._under_a_living_key(lambda: self._settle(token, settlements, micros(now)))

    async def _settle(self, token: str, settlements: Sequence[Settlement], at: int) -> bool:
        outcomes = {one.transfer: await self._outcome(one) for one in settlements}
        return await self._queue.settle(token, outcomes, at)

    async def _outcome(self, settlement: Settlement) -> settling.Outcome:
        pen = await self._pen_of(settlement.transfer) if settlement.attempts else None
        place = f"{settlement.transfer}/exchanges"
        exchanges = [
            await self._pack(pen, msgspec.msgpack.encode(attempt.exchanges), place)
            for attempt in settlement.attempts
        ]
        follow_up = await self._packed(settlement.follow_up) if settlement.follow_up else None
        return settling.Outcome(settlement, pen, tuple(exchanges), follow_up)

    async def renew(self, token: str, now: datetime, lease: float) -> bool:
        return await self._queue.renew(token, micros(now), lease)

    async def tick(self, now: datetime) -> None:
        at = micros(now)
        due = await self._queue.tick(at)
        self._next = float("inf") if due is None else max(0.0, (due - at) / SECOND)

    async def wait_for_work(self, seconds: float) -> None:
        """Also return when a partner's declared rate allows the next transfer, and when something waits for that time.

        Always lets others on the loop run.
        """
        await asyncio.sleep(0)
        await self._queue.news(min(seconds, self._pause, self._next))

    # --- operating

    async def capacities(self, capacities: Sequence[Capacity]) -> None:
        def write(db: Db) -> None:
            leased = {item.lane for item in leases.everything(db).values()}
            destinations.set_capacities(db, capacities, leased)

        await self._writes.run(write)

    async def pause(self, partner: str, *, paused: bool, reason: str, by: str, now: datetime) -> None:
        await self._writes.run(
            lambda db: destinations.pause(db, partner, paused=paused, reason=reason, by=by, now=now)
        )

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
        why = {"reason": reason, "by": by}
        await self._writes.run(lambda db: health.set_circuit(db, partner, state, until, now, why))

    async def windows(self, windows: Sequence[Window], now: datetime) -> None:
        await self._writes.run(lambda db: health.set_windows(db, windows, now))

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
        actions.approved(move, by, approver)
        before = await self._said_before()
        order = actions.Order(transfer, move, expected, reason, by, approver, before, leave)

        def write(db: Db) -> TransferView:
            n = actions.act(db, order, micros(now))
            return reading.view(db, n, leases.everything(db))

        return await self._writes.run(write)

    async def correct(self, correction: Correction, now: datetime) -> TransferView:
        def write(db: Db) -> TransferView:
            n = successors.correct(db, correction, micros(now))
            return reading.view(db, n, leases.everything(db))

        return await self._writes.run(write)

    async def reroute(self, rerouting: Rerouting, now: datetime) -> tuple[TransferView, ...]:
        before = await self._said_before()

        def write(db: Db) -> tuple[TransferView, ...]:
            ids = successors.reroute(db, rerouting, micros(now), before)
            leased = leases.everything(db)
            return tuple(
                reading.view(db, n, leased) for id_ in ids if (n := reading.number(db, id_)) is not None
            )

        return await self._writes.run(write)

    async def merge(self, what: Merging, now: datetime) -> None:
        await self._writes.run(lambda db: merging.merge(db, what, micros(now)))

    async def forget(self, dossier: str, *, reason: str, by: str, now: datetime) -> bool:
        def write(db: Db) -> tuple[list[str], bool]:
            owners = merging.family(db, merging.root(db, dossier))
            facts = {"dossier": owners[0], "reason": reason, "by": by}
            journal.write(db, micros(now), "forgotten", facts=facts)
            for owner in owners:
                documents.forget(db, owner, micros(now))
            return owners, bodies.destroy(db, owners)

        owners, forgotten = await self._writes.run(write)
        for owner in owners:
            self._bodies.forget(owner)
        await self._queue.purge()
        return forgotten

    # --- what partners say later, and what time brings

    async def acknowledge(self, receipt: Acknowledgement) -> Acknowledged:
        taken = await self._under_a_living_key(lambda: self._acknowledge(receipt))
        if taken is None:
            raise refuse(acknowledging.OTHER_BYTES, "/digest")
        return taken

    async def _acknowledge(self, receipt: Acknowledgement) -> Acknowledged | None:
        transfer = await self._reads.look(lambda db: acknowledging.find(db, receipt))
        pen = await self._pen_of(transfer)
        raw = await self._pack(pen, receipt.raw, f"{transfer}/receipt")
        digest = hashlib.sha256(receipt.raw).hexdigest()
        packed = acknowledging.Packed(receipt, transfer, digest, pen, raw)
        return await self._writes.run(lambda db: acknowledging.acknowledge(db, packed))

    async def overdue(self, now: datetime, limit: int, lease: float) -> tuple[Work, ...]:
        at = micros(now)
        if not await self._reads.look(lambda db: acknowledging.anything_to_ask(db, at)):
            return ()
        numbers = await self._writes.run(lambda db: acknowledging.to_ask(db, at, limit, int(lease * SECOND)))
        return await self._works(numbers)

    async def asked(self, transfer: str, attempt: Attempt | None, now: datetime) -> None:
        await self._under_a_living_key(lambda: self._asked(transfer, attempt, micros(now)))

    async def _asked(self, transfer: str, attempt: Attempt | None, at: int) -> None:
        pen = await self._pen_of(transfer) if attempt else None
        exchanges = msgspec.msgpack.encode(attempt.exchanges if attempt else ())
        packed = await self._pack(pen, exchanges, f"{transfer}/exchanges")
        await self._writes.run(lambda db: acknowledging.asked(db, transfer, attempt, pen, packed, at))

    async def late(self, now: datetime, limit: int) -> tuple[Work, ...]:
        at = micros(now)
        if not await self._reads.look(lambda db: lateness.anything_due(db, at)):
            return ()
        return await self._works(await self._writes.run(lambda db: lateness.to_tell(db, at, limit)))

    async def _works(self, numbers: Sequence[int]) -> tuple[Work, ...]:
        """Those whose payloads can be read, without a lease."""
        works = await self._reads.run(lambda db: reading.works(db, self._bodies, "", numbers))
        return tuple(one for one in works if not isinstance(one, str))

    async def tell(self, follow_up: Acceptance, about: str, now: datetime) -> bool:
        return await self._under_a_living_key(lambda: self._tell(follow_up, about, micros(now)))

    async def _tell(self, follow_up: Acceptance, about: str, at: int) -> bool:
        packed = await self._packed(follow_up)
        return await self._writes.run(lambda db: settling.tell(db, packed, about, at))

    async def note_refused(self, refused: Sequence[RefusedMessage]) -> None:
        await self._writes.run(lambda db: refusals.note(db, refused))

    # --- reading

    async def transfers(self, which: Filter) -> tuple[TransferView, ...]:
        return await self._reads.run(lambda db: listing.transfers(db, which))

    async def transfer(self, id_prefix: str) -> TransferView | None:
        return await self._reads.run(lambda db: reading.by_prefix(db, id_prefix))

    async def attempts(self, transfer: str) -> tuple[AttemptView, ...]:
        return await self._reads.run(lambda db: reading.attempts(db, self._bodies, transfer))

    async def payloads(self, transfer: str) -> Payloads | None:
        return await self._reads.run(lambda db: reading.payloads(db, self._bodies, transfer))

    async def message(self, id: str) -> MessageView | None:  # noqa: A002 - the field's word
        return await self._reads.run(lambda db: reading.message(db, id))

    async def messages(self, sender: str, after: str, limit: int) -> tuple[MessageView, ...]:
        return await self._reads.run(lambda db: reading.messages(db, sender, after, limit))

    async def dossier(self, code_or_id: str) -> DossierView | None:
        return await self._reads.run(lambda db: reading.dossier(db, code_or_id))

    async def refused(
        self, *, sender: str = "", after: int = 0, limit: int = 50
    ) -> tuple[RefusedMessage, ...]:
        return await self._reads.run(lambda db: refusals.listed(db, sender, after, limit))

    async def queue(self) -> tuple[QueueRow, ...]:
        return await self._reads.run(reading.queue)

    async def signed(
        self, fingerprint: str, since: datetime, after: int, limit: int
    ) -> tuple[JournalRow, ...]:
        return await self._reads.run(lambda db: reading.signed(db, fingerprint, micros(since), after, limit))

    async def journal(
        self, *, message: str = "", transfer: str = "", after: int = 0, limit: int = 100
    ) -> tuple[JournalRow, ...]:
        return await self._reads.run(lambda db: reading.journal(db, message, transfer, after, limit))

    async def conservation(self) -> tuple[str, ...]:
        return await self._reads.run(lambda db: check.conservation(db, self._rules))

    # --- watching

    async def beat(self, process: Process, now: datetime, *, first: bool) -> bool:
        return await self._writes.run(lambda db: processes.beat(db, process, micros(now), first=first))

    async def leave(self, process: str) -> None:
        await self._writes.run(lambda db: processes.leave(db, process))

    async def processes(self) -> tuple[Process, ...]:
        return await self._reads.run(processes.living)

    async def counted(self) -> Mapping[Series, float]:
        return await self._reads.run(lambda db: processes.counted(db, processes.living(db)))

    async def figures(self) -> Figures:
        return await self._queue.figures()

    async def inspect(self, now: datetime) -> Inspection:
        settings, clock = await self._queue.settings()
        by = await self._queue.lease_time(micros(now))
        found = await self._reads.run(lambda db: inspecting.inspect(db, by, micros(now)))
        return msgspec.structs.replace(found, settings=settings, clock=moment(clock))

    async def use(self, day: date, uses: Sequence[Use]) -> tuple[Usage, ...]:
        if uses:
            await self._writes.run(lambda db: usage.tell(db, day.isoformat(), uses))
        return await self._reads.run(lambda db: usage.hear(db, day.isoformat()))

    async def count_unfinished(self) -> None:
        counted = await self._reads.run(usage.unfinished)
        if counted:
            await self._writes.run(lambda db: usage.book(db, counted))

    async def turn(self, chore: str, holder: str, now: datetime, seconds: float) -> bool:
        return await self._writes.run(lambda db: chores.take(db, chore, holder, micros(now), seconds))

    async def end_turn(self, chore: str, holder: str) -> None:
        await self._writes.run(lambda db: chores.end(db, chore, holder))

    async def balance(self) -> tuple[str, ...]:
        return await self._reads.run(lambda db: check.balance(db, self._rules))

    async def survey(self, mark: Mark, size: int) -> tuple[tuple[str, ...], Mark | None]:
        return await self._reads.run(lambda db: check.survey(db, mark, size))

    async def judge(self, verdict: Verdict) -> Verdict:
        return await self._writes.run(lambda db: verdicts.judge(db, verdict))

    async def verdict(self, name: str) -> Verdict | None:
        return await self._reads.run(lambda db: verdicts.last(db, name))

    async def ready(self) -> bool:
        """Commit a change that changes nothing: a full or read-only disk shows here before a sender meets it."""
        try:
            await self._queue.probe()
        except (Unavailable, Closed):
            return False
        return True

    async def close(self) -> None:
        """Readers first: a writer that goes last takes the log in."""
        await self._reads.close()
        await self._writes.close()
        self._leave()
