"""The embedded store: one SQLite file, shared by any number of processes on one machine.

Every write is a function of a connection that the writer thread runs; every read one that a reader runs. Encrypting
and large files are done before, decrypting after, so that the write lock is held for SQL only.
"""

from __future__ import annotations

import asyncio
import hashlib
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import apsw
import msgspec

from hub.lifecycle import Move
from hub.store.blobs import Blobs
from hub.store.contract import Settlement
from hub.store.sqlite import accept as accepting
from hub.store.sqlite import actions, bodies, check, destinations, journal, leases, listing, reading, timers
from hub.store.sqlite import claim as claiming
from hub.store.sqlite import settle as settling
from hub.store.sqlite.connection import empty_wal, migrate, open_writer
from hub.store.sqlite.readers import Readers
from hub.store.sqlite.times import micros
from hub.store.sqlite.writer import Closed, Writer
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from connectors.contract import Sealed
    from hub.lifecycle import State
    from hub.store.contract import (
        Acceptance,
        Accepted,
        AttemptView,
        Capacity,
        DossierView,
        Filter,
        JournalRow,
        Known,
        MessageView,
        Payloads,
        QueueRow,
        TransferView,
        Work,
    )
    from hub.store.vault import Vault

T = TypeVar("T")

POLL_SECONDS = 0.005
"""How often a waiting worker looks whether some process has committed: 4 µs each."""


def open_store(path: Path, *, ids: Callable[[], str], vault: Vault | None = None) -> SqliteStore:
    """Open or create the file and bring its schema up to date. Raises ``SchemaUnknown``; ``Unreadable`` for a wrong master key.

    ``ids`` makes lease tokens. ``vault``: payloads are encrypted under a key per dossier; ``None`` keeps them plain.
    Use the store from one event loop.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    payloads = bodies.Bodies(Blobs(path.with_name(f"{path.name}.blobs")), vault)
    db = open_writer(path)
    try:
        migrate(db)
        payloads.prove(db)
    except BaseException:
        db.close()
        raise
    return SqliteStore(path, Writer(db), Readers(path), payloads, ids)


def _unreadable(transfer: str) -> Settlement:
    """Stops one lane and shows it to a person; the rest of the group goes on."""
    return Settlement(
        transfer=transfer, move=Move.PARK, code="HUB-INT-001", detail="a stored payload cannot be read"
    )


class SqliteStore:
    def __init__(
        self, path: Path, writer: Writer, readers: Readers, payloads: bodies.Bodies, ids: Callable[[], str]
    ) -> None:
        self._path = path
        self._writer = writer
        self._readers = readers
        self._bodies = payloads
        self._ids = ids
        self._ring = 0
        self._seen = -1
        self._rate_pause = float("inf")

    # --- intake

    async def known(self, authority: str, code: str) -> Known | None:
        return self._readers.here(lambda db: accepting.known(db, authority, code))

    async def replay(self, sender: str, key: str, digest: str) -> Accepted | None:
        return self._readers.here(lambda db: accepting.replay(db, sender, key, digest))

    async def accept(self, acceptance: Acceptance) -> Accepted:
        try:
            return await self._under_a_living_key(lambda: self._accept(acceptance))
        except apsw.Error as error:  # the disk is full, broken or busy beyond patience: nothing was written
            raise refuse("HUB-LIM-003", detail=type(error).__name__) from error

    async def _accept(self, acceptance: Acceptance) -> Accepted:
        packed = await self._packed(acceptance)
        accepted = await self._writer.run(lambda db: accepting.accept(db, packed))
        if packed.pen is not None and not accepted.replayed:
            self._bodies.remember(packed.pen.key)
        return accepted

    async def _packed(self, acceptance: Acceptance) -> accepting.Packed:
        pen = self._pen(acceptance.dossier or acceptance.message)
        raw = await self._pack(pen, acceptance.raw, f"{acceptance.message}/raw")
        canonical = await self._pack(pen, acceptance.canonical, f"{acceptance.message}/canonical")
        return accepting.Packed(acceptance, pen, raw, canonical)

    def _pen(self, owner: str) -> bodies.Pen | None:
        return self._readers.here(lambda db: self._bodies.key(db, owner))

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

    async def claim(self, worker: str, now: datetime, limit: int, lease: float) -> tuple[Work, ...]:
        """An idle claim takes no lock."""
        self._seen = self._readers.version()
        self._rate_pause = float("inf")
        if limit <= 0 or not self._readers.here(claiming.anything_due):
            return ()
        token = self._ids()
        take = partial(
            claiming.claim,
            token=token,
            worker=worker,
            now=micros(now),
            limit=limit,
            lease=lease,
            position=self._ring,
        )
        claim = await self._writer.run(take)
        self._ring, self._rate_pause = claim.position, claim.pause
        if not claim.taken:
            return ()
        works = await self._readers.run(lambda db: reading.works(db, self._bodies, token, claim.taken))
        lost = [one for one in works if isinstance(one, str)]
        if lost:
            await self.settle(token, [_unreadable(transfer) for transfer in lost], now)
        return tuple(one for one in works if not isinstance(one, str))

    async def seal(self, token: str, sealed: Mapping[str, Sealed]) -> bool:
        return await self._under_a_living_key(lambda: self._seal(token, sealed))

    async def _seal(self, token: str, sealed: Mapping[str, Sealed]) -> bool:
        seals = {}
        for id_, one in sealed.items():
            pen = self._pen_of(id_)
            payload = await self._pack(pen, one.payload, f"{id_}/sealed")
            seals[id_] = settling.Seal(one, pen, payload, hashlib.sha256(one.payload).hexdigest())
        return await self._writer.run(lambda db: settling.seal(db, token, seals))

    def _pen_of(self, transfer: str) -> bodies.Pen | None:
        owner = self._readers.here(lambda db: reading.owner(db, transfer))
        return self._pen(owner) if owner else None

    async def settle(self, token: str, settlements: Sequence[Settlement], now: datetime) -> bool:
        return await self._under_a_living_key(lambda: self._settle(token, settlements, micros(now)))

    async def _settle(self, token: str, settlements: Sequence[Settlement], at: int) -> bool:
        outcomes = {one.transfer: await self._outcome(one) for one in settlements}
        return await self._writer.run(lambda db: settling.settle(db, token, outcomes, at))

    async def _outcome(self, settlement: Settlement) -> settling.Outcome:
        pen = self._pen_of(settlement.transfer) if settlement.attempts else None
        place = f"{settlement.transfer}/exchanges"
        exchanges = [
            await self._pack(pen, msgspec.msgpack.encode(attempt.exchanges), place)
            for attempt in settlement.attempts
        ]
        follow_up = await self._packed(settlement.follow_up) if settlement.follow_up else None
        return settling.Outcome(settlement, pen, tuple(exchanges), follow_up)

    async def renew(self, token: str, now: datetime, lease: float) -> bool:
        return await self._writer.run(lambda db: leases.renew(db, token, micros(now), lease))

    async def tick(self, now: datetime) -> None:
        at = micros(now)
        more = self._readers.here(lambda db: timers.anything_due(db, at))
        while more:
            more = await self._writer.run(lambda db: timers.tick(db, at))

    async def wait_for_work(self, seconds: float) -> None:
        """Also return when a partner's declared rate allows the next transfer. Always lets others on the loop run."""
        await asyncio.sleep(0)
        clock = asyncio.get_running_loop().time
        end = clock() + min(seconds, self._rate_pause)
        while self._readers.version() == self._seen and (left := end - clock()) > 0:  # noqa: ASYNC110 - another process rings no bell
            await asyncio.sleep(min(POLL_SECONDS, left))

    # --- operating

    async def capacities(self, capacities: Sequence[Capacity]) -> None:
        await self._writer.run(lambda db: destinations.set_capacities(db, capacities))

    async def pause(self, partner: str, *, paused: bool, reason: str, now: datetime) -> None:
        await self._writer.run(
            lambda db: destinations.pause(db, partner, paused=paused, reason=reason, now=now)
        )

    async def circuit(self, partner: str, state: str, until: datetime | None, now: datetime) -> None:
        await self._writer.run(lambda db: destinations.circuit(db, partner, state, until, now))

    async def act(
        self, transfer: str, move: Move, *, expected: State, reason: str, by: str, now: datetime
    ) -> TransferView:
        order = actions.Order(transfer, move, expected, reason, by)

        def write(db: apsw.Connection) -> TransferView:
            n = actions.act(db, order, micros(now))
            return reading.view(db, n, leases.everything(db))

        return await self._writer.run(write)

    async def forget(self, dossier: str, *, reason: str, by: str, now: datetime) -> bool:
        def write(db: apsw.Connection) -> bool:
            facts = {"dossier": dossier, "reason": reason, "by": by}
            journal.write(db, micros(now), "forgotten", facts=facts)
            return bodies.destroy(db, dossier)

        forgotten = await self._writer.run(write)
        self._bodies.forget(dossier)
        await asyncio.get_running_loop().run_in_executor(None, empty_wal, self._path)
        return forgotten

    # --- reading

    async def transfers(self, which: Filter) -> tuple[TransferView, ...]:
        return await self._readers.run(lambda db: listing.transfers(db, which))

    async def transfer(self, id_prefix: str) -> TransferView | None:
        return await self._readers.run(lambda db: reading.by_prefix(db, id_prefix))

    async def attempts(self, transfer: str) -> tuple[AttemptView, ...]:
        return await self._readers.run(lambda db: reading.attempts(db, self._bodies, transfer))

    async def payloads(self, transfer: str) -> Payloads | None:
        return await self._readers.run(lambda db: reading.payloads(db, self._bodies, transfer))

    async def message(self, id: str) -> MessageView | None:  # noqa: A002 - the field's word
        return await self._readers.run(lambda db: reading.message(db, id))

    async def dossier(self, code_or_id: str) -> DossierView | None:
        return await self._readers.run(lambda db: reading.dossier(db, code_or_id))

    async def queue(self) -> tuple[QueueRow, ...]:
        return await self._readers.run(reading.queue)

    async def journal(
        self, *, message: str = "", transfer: str = "", after: int = 0, limit: int = 100
    ) -> tuple[JournalRow, ...]:
        return await self._readers.run(lambda db: reading.journal(db, message, transfer, after, limit))

    async def conservation(self) -> tuple[str, ...]:
        return await self._readers.run(check.conservation)

    async def ready(self) -> bool:
        """Commit a change that changes nothing: a full or read-only disk shows here before a sender meets it."""

        def probe(db: apsw.Connection) -> None:
            db.pragma("user_version", db.pragma("user_version"))

        try:
            await self._writer.run(probe)
        except (apsw.Error, Closed):
            return False
        return True

    async def close(self) -> None:
        await self._writer.close()
        await self._readers.close()
