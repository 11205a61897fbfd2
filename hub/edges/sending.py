"""Makes numbered batches of what is laid out for another hub, sends them as often as it takes, and hears what became of them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import structlog

from connectors.edge import texts, values
from hub.delivery.failure import failed
from hub.edges.receiving import FORK
from hub.lifecycle import State
from hub.receipts.receipts import unsigned
from hub.store.contract.delivery import Attempt
from hub.store.contract.mailbox import Rejection
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from datetime import datetime

    from connectors.contract import Codec
    from hub.receipts.receipts import Confirm
    from hub.store.contract.edges import Batch, Head, Link, Offered
    from hub.store.contract.store import Store

log = structlog.get_logger(__name__)

BATCH_BYTES = 256 << 10
"""Bytes of entries in one batch, unless a single entry is larger: some 64 KB on the line."""
PAGE = 16
WINDOW = 64
"""Batches that may be under way: what nobody acknowledges need not be made."""


class Sent(NamedTuple):
    """A batch as it travels."""

    batch: Batch
    entries: tuple[bytes, ...]


class _Id(msgspec.Struct):
    id: str


_ID = msgspec.json.Decoder(_Id)


class Sending:
    """One per process. ``hub``: what this hub calls itself; ``sign``: its detached JWS over a manifest.

    ``codec_of``, ``confirm``: for telling a sender that another hub refused its message.
    """

    def __init__(
        self,
        store: Store,
        *,
        hub: str,
        sign: Callable[[bytes, datetime], str],
        now: Callable[[], datetime],
        codec_of: Callable[[str], Codec | None],
        confirm: Confirm = unsigned,
    ) -> None:
        self._store, self._hub, self._sign, self._now = store, hub, sign, now
        self._codec_of, self._confirm = codec_of, confirm

    async def batches(self, partner: str, peer: str, after: int | None = None) -> AsyncIterator[Sent]:
        """Return what the partner has not acknowledged, oldest first, then what is made now. ``after``: it has those up to there.

        ``peer``: what the other hub calls itself.
        """
        link = await self._store.edges.link(partner)
        seq = link.acked if after is None else after
        while found := await self._store.edges.batches(partner, link.made.epoch, seq, PAGE):
            for batch in found:
                yield Sent(batch, await self._contents(partner, batch))
                seq = batch.seq
        while seq < link.acked + WINDOW and (made := await self._make(partner, peer)) is not None:
            yield Sent(made, await self._contents(partner, made))
            seq = made.seq

    async def _make(self, partner: str, peer: str) -> Batch | None:
        """Make the next batch of what waits; ``None``: nothing waits, or somebody else makes it."""
        link = await self._store.edges.link(partner)
        rows = cut(await self._store.edges.offered(partner, values.ENTRIES))
        if not rows:
            return None
        now = self._now()

        def write(after: Head) -> tuple[bytes, str, str]:
            manifest = values.Manifest(
                v=values.MAJOR,
                m=values.MINOR,
                source=self._hub,
                target=peer,
                epoch=after.epoch,
                seq=after.seq + 1,
                prev=after.digest,
                made_at=now,
                entries=tuple(_row(each) for each in rows),
            )
            raw = texts.write(manifest)
            return raw, self._sign(raw, now), hashlib.sha256(raw).hexdigest()

        return await self._store.edges.make(partner, link.made, [each.n for each in rows], write, now)

    async def _contents(self, partner: str, batch: Batch) -> tuple[bytes, ...]:
        found = await self._store.edges.payloads(keys_of(batch), partner)
        if found is None:
            raise refuse(
                "HUB-INT-001", "batch", detail=f"batch {batch.epoch}.{batch.seq} cannot be read any more"
            )
        return found

    async def acknowledged(self, partner: str, acks: values.Acks) -> int:
        """Settle what the other hub says that it has, or refuses. Return how many transfers that ended.

        Raises ``Refusal`` HUB-EDG-020 when it says that it has what was never made for it.
        """
        link = await self._store.edges.link(partner)
        if acks.epoch != link.made.epoch:
            return 0  # of an epoch that is over, or of one that begins with the next exchange
        if acks.upto > link.made.seq or not await self._agrees(link, acks):
            detail = f"it has {acks.epoch}.{acks.upto}, which was not made here"
            await self._store.edges.stand(partner, FORK, detail, self._now())
            raise refuse(FORK, "acks", detail=detail)
        if acks.upto < link.acked:
            log.warning("edge_lost", partner=partner, reason=f"{acks.upto} instead of {link.acked}")
            await self._store.edges.fall_back(partner, acks.upto)
            return 0
        refused = {each.key: each for each in acks.refused}
        ended, seq = 0, link.acked
        while found := await self._store.edges.batches(partner, acks.epoch, seq, PAGE):
            for batch in found:
                if batch.seq > acks.upto:
                    return ended
                ended += await self._settle(partner, batch, refused)
                seq = batch.seq
        return ended

    async def _agrees(self, link: Link, acks: values.Acks) -> bool:
        if acks.upto == 0:
            return True
        found = await self._store.edges.batches(link.partner, acks.epoch, acks.upto - 1, 1)
        return not found or found[0].seq != acks.upto or found[0].digest == acks.head

    async def _settle(self, partner: str, batch: Batch, refused: dict[str, values.Refused]) -> int:
        keys = keys_of(batch)
        for key in keys:
            if key in refused and batch.done_at is None:
                await self._refuse(partner, refused[key])
        taken = [key for key in keys if key not in refused]
        return (
            await self._store.edges.acknowledged(partner, batch, taken, self._now()) + len(keys) - len(taken)
        )

    async def _refuse(self, partner: str, said: values.Refused) -> None:
        """The other hub will never take it: it is refused, and its sender told."""
        now = self._now()
        view = await self._store.edges.transfer(partner, said.key)
        work = await self._store.mailbox.letter(partner, view) if view else None
        if work is None or work.sealed is None:
            return
        attempt = Attempt(
            verb="answer", outcome="refused", code=said.code, detail=said.rule, started_at=now, seconds=0.0
        )
        told = failed(
            work,
            code=said.code,
            state=State.REFUSED,
            now=now,
            codec_of=self._codec_of,
            confirm=self._confirm,
            detail=said.rule,
        )
        digest = hashlib.sha256(work.sealed.payload).hexdigest()
        await self._store.mailbox.reject(
            Rejection(
                partner=partner, transfer=work.transfer, digest=digest, attempt=attempt, follow_up=told
            ),
            now,
        )


def cut(offered: Sequence[Offered]) -> tuple[Offered, ...]:
    """Return the first of them that go into one batch; at least one."""
    size = 0
    found: list[Offered] = []
    for each in offered[: values.ENTRIES]:
        size += len(each.payload)
        if found and size > BATCH_BYTES:
            break
        found.append(each)
    return tuple(found)


def keys_of(batch: Batch) -> tuple[str, ...]:
    return tuple(row.key for row in msgspec.json.decode(batch.manifest, type=values.Manifest).entries)


def _row(offered: Offered) -> values.Row:
    payload = offered.payload
    digest = hashlib.sha256(payload).hexdigest()
    return values.Row(key=offered.key, id=_ID.decode(payload).id, sha256=digest, size=len(payload))
