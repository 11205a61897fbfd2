"""What a hub lost and another still has goes back to it: in the batches that it made itself, signed by its own key.

So nobody is believed but oneself. What comes back is taken in under its original sender and key; whoever of its systems says it again hears
that it is there. What it had relayed for others comes again from them.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import structlog

from connectors.edge import texts, values
from hub.delivery.failure import HUB
from hub.judging.contract import Inbound
from hub.judging.wrapping import KEY_HEADER
from schemas.problems import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from hub.edges.peers import Peer, Peers
    from hub.edges.receiving import Take
    from hub.store.contract.edges import Batch
    from hub.store.contract.store import Store
    from schemas.errors import Catalogue

log = structlog.get_logger(__name__)

FORM = "HUB-EDG-002"
NO_SENDER = "HUB-EDG-025"
PAGE = 50


class Given(NamedTuple):
    """A batch that goes back. ``seq``: its number."""

    seq: int
    text: bytes


class Returning:
    """One per process. ``senders``: partners here that send, and the hub itself, which says again what it has to say."""

    def __init__(
        self,
        store: Store,
        peers: Peers,
        take: Take,
        *,
        senders: Mapping[str, object],
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        catalogue: Catalogue,
    ) -> None:
        self._store, self._peers, self._take = store, peers, take
        self._senders, self._now, self._new_id = senders, now, new_id
        self._catalogue = catalogue

    async def give(self, peer: Peer, epoch: int, after: int, most: int) -> tuple[Given, ...]:
        """Return batches of the other hub that came here, behind ``after``, as texts of together some ``most`` bytes."""
        found: list[Given] = []
        for batch in await self._store.edges.all_that_came(peer.partner, epoch, after, PAGE):
            found.append(Given(batch.seq, texts.write(await self._returned(peer, batch))))
            if sum(len(each.text) for each in found) >= most:
                break
        return tuple(found)

    async def _returned(self, peer: Peer, batch: Batch) -> values.Returned:
        rows = msgspec.json.decode(batch.manifest, type=values.Manifest).entries
        kept = await self._store.edges.came_as(peer.partner, [row.id for row in rows])
        entries = tuple(_matching(kept.get(row.id), row) for row in rows)
        return values.Returned(manifest=batch.manifest, signature=batch.signature, entries=entries)

    async def take(self, raw: bytes) -> values.Manifest:
        """Take a batch of this hub's own back in; what is known already is left as it is.

        Raises ``Refusal`` HUB-EDG-002, HUB-SIG-*: this hub never made it; HUB-EDG-025: a sender's partner file is not here; whatever may be tried
        again (intake is full): then not all of it is here yet, and it must come again.
        """
        returned = texts.read(values.Returned, raw, limit=64 * 2**20)
        self._peers.verify(returned.manifest, returned.signature, self._now())
        manifest = texts.read(values.Manifest, returned.manifest)
        if manifest.source != self._peers.us or len(manifest.entries) != len(returned.entries):
            raise refuse(FORM, "manifest", rule=f"a batch from {self._peers.us}")
        for row, entry in zip(manifest.entries, returned.entries, strict=True):
            if entry is not None and _matching(entry, row) is not None:
                await self._again(entry)
        return manifest

    async def _again(self, raw: bytes) -> None:
        entry = msgspec.json.decode(raw, type=values.Entry)
        if entry.stamp.hub != self._peers.us or entry.sender == HUB:
            return
        if await self._store.message(entry.id) is not None:
            return
        if entry.sender not in self._senders:
            raise refuse(NO_SENDER, "sender", detail=entry.sender)
        inbound = Inbound(
            message=self._new_id(),
            sender=entry.sender,
            headers={"content-type": "application/json", KEY_HEADER: entry.key},
            body=raw,
            received_at=self._now(),
            clocked=True,
            returned=True,
        )
        try:
            await self._take(inbound, entry.sender)
        except Refusal as refusal:
            if self._catalogue[refusal.code].retry == "yes":
                raise
            log.warning("not_taken_back", sender=entry.sender, code=refusal.code, message=entry.id)


def _matching(entry: bytes | None, row: values.Row) -> bytes | None:
    """An entry may have come first as another's history; then its bytes are not those of its row."""
    return entry if entry is not None and hashlib.sha256(entry).hexdigest() == row.sha256 else None
