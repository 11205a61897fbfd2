"""Takes in what another hub sends: batch after batch, strictly in order; inside one, the entries of one dossier in order.

Entries go through intake as everybody's messages do, so what comes twice is taken once. A batch moves the way in only when all of it is
durable or refused for good; whatever was taken of a batch that did not move is known when it comes again.
"""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import msgspec
import structlog

from hub.edges.failing import whose
from hub.judging.contract import Inbound
from hub.judging.wrapping import KEY_HEADER
from hub.replicating import succession
from hub.store.contract.edges import FIRST, Batch
from schemas.problems import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from connectors.edge import values
    from hub.edges.stamping import Stamping
    from hub.metrics.counts import Counts
    from hub.store.contract.edges import Link
    from hub.store.contract.intake import Accepted
    from hub.store.contract.store import Store
    from schemas.errors import Catalogue

log = structlog.get_logger(__name__)

NOW_OR_LATER = datetime.max.replace(tzinfo=UTC) - timedelta(days=2)
FORK = "HUB-EDG-020"
AT_ONCE = 16
"""Dossiers of one batch that are taken in at once."""


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """A batch whose form, digests and signature were found good. ``raw``: its manifest byte for byte; ``digest``: SHA-256 of that, hex."""

    manifest: values.Manifest
    raw: bytes
    digest: str
    signature: str
    entries: tuple[bytes, ...]


class Busy(Exception):  # noqa: N818 - says what it is
    """Intake cannot take more just now: nothing of this batch counts yet, and it may come again."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Take(Protocol):
    """``hub.intake.intake.Intake.receive``."""

    async def __call__(self, inbound: Inbound, sender: str) -> Accepted: ...


class Receiving:
    """One per process. ``may_begin``: partners whose new epochs are believed: the hub above."""

    def __init__(  # noqa: PLR0913 - everything that it works with
        self,
        store: Store,
        take: Take,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        catalogue: Catalogue,
        counts: Counts,
        stamping: Stamping,
        may_begin: frozenset[str] = frozenset(),
    ) -> None:
        self._store, self._take, self._now, self._new_id = store, take, now, new_id
        self._catalogue, self._counts, self._may_begin = catalogue, counts, may_begin
        self._stamping = stamping

    async def receive(self, partner: str, came: Came) -> bool:
        """Take one batch in; false: it is not the next one, so nothing was done. Raises ``Refusal`` HUB-EDG-020; ``Busy``."""
        link = await self._begun(partner, came)
        if not await self._is_next(link, came):
            return False
        refused = await self._entries(partner, came)
        batch = Batch(
            epoch=came.manifest.epoch,
            seq=came.manifest.seq,
            digest=came.digest,
            manifest=came.raw,
            signature=came.signature,
            refused=msgspec.json.encode(refused),
        )
        return await self._store.edges.take(partner, batch, came.manifest.prev, self._now())

    async def _begun(self, partner: str, came: Came) -> Link:
        link = await self._store.edges.link(partner)
        begins = came.manifest.epoch > link.taken.epoch and partner in self._may_begin
        if begins and (came.manifest.seq, came.manifest.prev) == (1, FIRST):
            await self._store.edges.begin(
                partner, out=link.made.epoch, taken=came.manifest.epoch, now=self._now()
            )
            link = await self._store.edges.link(partner)
        return link

    async def _is_next(self, link: Link, came: Came) -> bool:
        if link.stands:
            raise refuse(link.stands, "batch", detail=link.detail)
        told, taken = came.manifest, link.taken
        if told.epoch != taken.epoch:
            raise await self.fork(link.partner, f"epoch {told.epoch}, not {taken.epoch}")
        if told.seq <= taken.seq:
            kept = await self._store.edges.came(link.partner, told.epoch, told.seq)
            if kept is not None and kept.digest != came.digest:
                raise await self.fork(link.partner, f"batch {told.epoch}.{told.seq} came with other content")
            return False
        if told.seq == taken.seq + 1 and told.prev != taken.digest:
            raise await self.fork(
                link.partner, f"batch {told.epoch}.{told.seq} follows on another {taken.seq}"
            )
        return told.seq == taken.seq + 1

    async def fork(self, partner: str, detail: str) -> Refusal:
        """Take nothing more of this hub until a person readmits it; return what it is told."""
        log.error("edge_fork", partner=partner, reason=detail)
        await self._store.edges.stand(partner, FORK, detail, self._now())
        return refuse(FORK, "batch", detail=detail)

    async def _entries(self, partner: str, came: Came) -> list[dict[str, str]]:
        """Take them in, different dossiers at once; return those that were refused for good, in their order."""
        lines: dict[str, list[tuple[values.Row, bytes]]] = {}
        for row, entry in zip(came.manifest.entries, came.entries, strict=True):
            lines.setdefault(_subject(entry) or row.key, []).append((row, entry))
        places = asyncio.Semaphore(AT_ONCE)

        async def line(rows: Iterable[tuple[values.Row, bytes]]) -> list[dict[str, str]]:
            async with places:
                found = [await self._one(partner, row, entry) for row, entry in rows]
                return [each for each in found if each is not None]

        made = await asyncio.gather(*(line(rows) for rows in lines.values()), return_exceptions=True)
        for each in made:
            if isinstance(each, BaseException):
                raise each
        found = {said["key"]: said for each in made if not isinstance(each, BaseException) for said in each}
        return [found[row.key] for row in came.manifest.entries if row.key in found]

    async def _one(self, partner: str, row: values.Row, entry: bytes) -> dict[str, str] | None:
        try:
            successions = await self._store.replicas.successions()
            taken = succession.of(successions, partner)
            for each in (*_history(entry), entry):
                if taken is not None:
                    succession.may_say(taken, _said_at(each), self._now())
                await self._stamping.may_bring(partner, _stamped_by(each), successions, self._now())
            if hashlib.sha256(entry).hexdigest() != row.sha256:
                raise refuse("HUB-EDG-002", "entries", rule="sha256 of its row")
            for earlier in _history(entry):
                await self.accept(partner, _id(earlier), earlier)
                await self._stamping.brought(partner, _stamped_by(earlier), self._now())
            await self.accept(partner, row.id, entry)
            await self._stamping.brought(partner, _stamped_by(entry), self._now())
        except Refusal as refusal:
            if self._catalogue[refusal.code].retry == "yes":
                raise Busy(refusal.code) from None
            self._counts.add("intake", partner, refusal.code)
            log.info("entry_refused", sender=partner, code=refusal.code, key=row.key)
            return {"key": row.key, "code": refusal.code, "rule": refusal.problems[0].rule[:200]}
        return None

    async def accept(self, partner: str, id_: str, entry: bytes) -> Accepted:
        """Take one entry in, once. Raises ``Refusal``."""
        inbound = Inbound(
            message=self._new_id(),
            sender=partner,
            headers={"content-type": "application/json", KEY_HEADER: id_},
            body=entry,
            received_at=self._now(),
            relayed=True,
            clocked=True,  # the same entry may come with its dossier's history and without
            told=await whose(self._store, entry),
        )
        return await self._take(inbound, partner)


class _Dossier(msgspec.Struct):
    code: str = ""


class _Message(msgspec.Struct):
    dossier: _Dossier | None = None


def _said_at(entry: bytes) -> datetime:
    """When its first hub accepted it; one that does not say so is judged as said now."""
    try:
        at = _PEEK.decode(entry).accepted_at
    except msgspec.MsgspecError:
        at = None
    return at if at is not None and at.tzinfo is not None else NOW_OR_LATER


class _Stamp(msgspec.Struct):
    hub: str = ""


class _Entry(msgspec.Struct):
    """What is read of an entry before it is judged; whatever is wrong with it the judge says."""

    id: str = ""
    message: _Message = msgspec.field(default_factory=_Message)
    history: tuple[msgspec.Raw, ...] = ()
    accepted_at: datetime | None = None
    stamp: _Stamp = msgspec.field(default_factory=_Stamp)


_PEEK = msgspec.json.Decoder(_Entry)


def _peek(entry: bytes) -> _Entry:
    try:
        return _PEEK.decode(entry)
    except msgspec.MsgspecError:
        return _Entry()


def _subject(entry: bytes) -> str:
    dossier = _peek(entry).message.dossier
    return dossier.code if dossier else ""


def _stamped_by(entry: bytes) -> str:
    return _peek(entry).stamp.hub


def _id(entry: bytes) -> str:
    return _peek(entry).id


def _history(entry: bytes) -> Sequence[bytes]:
    return [bytes(each) for each in _peek(entry).history]
