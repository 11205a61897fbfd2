"""What both sides of a line do alike: greet, make frames, take frames in, say up to where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from connectors.edge import frames
from connectors.edge.values import MAJOR, MINOR, Acks, Head, Hello, Refused, Speaks, Wanted
from hub.edges.comparing import Said
from hub.edges.receiving import Busy, Came
from hub.edges.sending import WINDOW
from hub.store.contract import edges
from hub.version import own_version
from schemas.dossier import SCHEMA_ID, Kind
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from connectors.edge.frames import Framed
    from hub.edges.peers import Peer, Peers
    from hub.edges.receiving import Receiving
    from hub.edges.sending import Sending
    from hub.store.contract.edges import Link
    from hub.store.contract.store import Store

FORM = "HUB-EDG-002"
BUSY_WAIT = 2.0
"""Seconds that a hub is asked to wait while intake cannot take more."""
PAGE = 100


class Exchanging:
    """One per process, for every hub that is a partner here."""

    def __init__(
        self, store: Store, peers: Peers, sending: Sending, receiving: Receiving, now: Callable[[], datetime]
    ) -> None:
        self.store, self.peers, self.sending, self.receiving, self.now = store, peers, sending, receiving, now

    async def hello(self, peer: Peer, wanted: tuple[Wanted, ...] = ()) -> Hello:
        """Say what this hub remembers of the other. ``wanted``: documents that the other one should bring."""
        link = await self.store.edges.link(peer.partner)
        return Hello(
            v=MAJOR,
            hub=self.peers.us,
            speaks=(Speaks(major=MAJOR, minor=MINOR),),
            clock=self.now(),
            made=Head(epoch=link.made.epoch, seq=link.made.seq, sha256=link.made.digest),
            acks=await self.acks(peer, link.taken.seq),
            schemas=(SCHEMA_ID,),
            kinds=tuple(str(kind) for kind in Kind),
            wanted=wanted,
            software=own_version(),
        )

    async def acks(self, peer: Peer, after: int, *, busy: bool = False) -> Acks:
        """Say up to where the other hub's batches were taken in, and what of those behind ``after`` was refused: and of all that may be under
        way, because an answer in which a refusal stood may have been lost, and what is not refused counts as taken.
        """
        link = await self.store.edges.link(peer.partner)
        after = min(after, max(0, link.taken.seq - WINDOW))
        told = await self.store.edges.refusals(peer.partner, link.taken.epoch, after, PAGE)
        refused = [each for batch in told for each in _REFUSED.decode(batch.refused)]
        return Acks(
            v=MAJOR,
            m=MINOR,
            source=self.peers.us,
            target=peer.code,
            epoch=link.taken.epoch,
            upto=link.taken.seq,
            head=link.taken.digest,
            after=after,
            refused=tuple(refused),
            retry_after=BUSY_WAIT if busy else 0.0,
            made_at=self.now(),
        )

    async def frames(self, peer: Peer, most: int, after: int | None = None) -> list[bytes]:
        """Return what the other hub does not have, in frames of together some ``most`` bytes; at least one where there is any."""
        found: list[bytes] = []
        async for sent in self.sending.batches(peer.partner, peer.code, after):
            manifest = sent.batch.manifest
            signature = self.peers.sign(manifest, self.now())  # the key may be another than when it was made
            found.append(frames.frame(manifest, signature, sent.entries))
            if sum(map(len, found)) >= most:
                break
        return found

    async def take(self, peer: Peer, framed: Framed) -> bool:
        """Take one batch of the other hub in; false: intake is busy, and it may come again. Raises ``Refusal`` HUB-EDG-*, HUB-SIG-*."""
        told = framed.manifest
        if (told.source, told.target) != (peer.code, self.peers.us):
            raise refuse(FORM, "manifest", rule=f"from {peer.code} to {self.peers.us}")
        peer.verify(framed.raw, framed.signature, self.now())
        try:
            await self.receiving.receive(peer.partner, came(framed))
        except Busy:
            return False
        return True


_REFUSED = msgspec.json.Decoder(tuple[Refused, ...])


def came(framed: Framed) -> Came:
    return Came(
        manifest=framed.manifest,
        raw=framed.raw,
        digest=framed.digest,
        signature=framed.signature,
        entries=framed.entries,
    )


def said(hello: Hello) -> Said:
    """Return what it says of both ways."""
    return Said(
        made=edges.Head(epoch=hello.made.epoch, seq=hello.made.seq, digest=hello.made.sha256),
        has=edges.Head(epoch=hello.acks.epoch, seq=hello.acks.upto, digest=hello.acks.head),
    )


async def ours(store: Store, link: Link, epoch: int, seq: int) -> str | None:
    """Return the digest of our batch of that number; ``None``: it is not known any more, or never was."""
    if seq == 0 or epoch != link.made.epoch:
        return None
    found = await store.edges.batches(link.partner, epoch, seq - 1, 1)
    return found[0].digest if found and found[0].seq == seq else None
