"""The hub above's side of a line: what hubs below call. Knows no HTTP."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from connectors.edge import tokens
from connectors.edge.frames import Frames
from connectors.edge.values import MAJOR, Wants
from hub.edges.comparing import below, late
from hub.edges.exchanging import ours, said
from hub.replicating import succession
from hub.store.contract.edges import Contact
from schemas.problems import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from datetime import datetime

    from connectors.edge.values import Acks, Hello
    from hub.edges.exchanging import Exchanging
    from hub.edges.papers import Papers
    from hub.edges.peers import Peer
    from hub.edges.returning import Returning
    from hub.store.contract.edges import Link
    from hub.store.contract.store import Store

NO_HUB = "HUB-EDG-023"
LOOK_EVERY = 0.3
"""Seconds between two looks for something to send, while a hub waits."""
LONGEST_WAIT = 60.0
ANSWER = 1 << 20
"""Bytes of batches in one answer."""


class Below:
    """One per web process."""

    def __init__(
        self,
        store: Store,
        exchanging: Exchanging,
        returning: Returning,
        papers: Papers,
        now: Callable[[], datetime],
    ) -> None:
        self.papers = papers
        self._store, self._exchanging, self._returning, self._now = store, exchanging, returning, now

    @property
    def us(self) -> str:
        """What this hub calls itself."""
        return self._exchanging.peers.us

    def who(self, authorization: str) -> Peer:
        """Return the hub below that calls. Raises ``Refusal`` HUB-EDG-003, -023; HUB-SIG-*, HUB-CRT-*."""
        scheme, _, token = authorization.partition(" ")
        peers = self._exchanging.peers
        peer = peers.called(tokens.hint(token.strip())) if scheme.lower() == "bearer" else None
        if peer is None or peer.above:
            raise refuse(NO_HUB, "Authorization", rule='room = "edge"')
        tokens.check(token.strip(), peers.us, self._now(), peer.verify)
        return peer

    async def hello(self, peer: Peer, hello: Hello) -> Hello:
        """Compare what both remember; a greeting that comes late changes nothing.

        Raises ``Refusal`` HUB-EDG-020: it is not believed, now and until a person readmits it.
        """
        await self._stands(peer)
        link = await self._store.edges.link(peer.partner)
        if link.stands:
            raise refuse(link.stands, "hello", detail=link.detail)
        if not late(link, hello.clock):
            await self._compare(peer, hello, link)
        return await self._exchanging.hello(peer, await self.papers.wanted(peer.partner))

    async def _compare(self, peer: Peer, hello: Hello, link: Link) -> None:
        told = said(hello)
        found = below(link, told, await ours(self._store, link, told.has.epoch, told.has.seq))
        if found.fork:
            raise await self._exchanging.receiving.fork(peer.partner, found.fork)
        now = self._now()
        await self._store.edges.met(
            peer.partner,
            Contact(
                at=now,
                ahead=(hello.clock - now).total_seconds(),
                hub=hello.hub,
                software=hello.software,
            ),
        )
        if found.lost is None:
            await self._exchanging.sending.acknowledged(peer.partner, hello.acks)

    async def wanted(self, peer: Peer) -> Wants:
        """Say which documents the hub below should bring; nothing is compared, so it may be asked while batches are under way."""
        await self.believed(peer)
        return Wants(v=MAJOR, wanted=await self.papers.wanted(peer.partner))

    async def take(self, peer: Peer, pieces: AsyncIterator[bytes]) -> Acks:
        """Take batches in as they arrive; whatever arrived whole counts. Raises ``Refusal`` HUB-EDG-*, HUB-SIG-*."""
        await self.believed(peer)
        before = (await self._store.edges.link(peer.partner)).taken.seq
        frames = Frames()
        async for piece in pieces:
            for framed in frames.feed(piece):
                if not await self._exchanging.take(peer, framed):
                    return await self._exchanging.acks(peer, before, busy=True)
        return await self._exchanging.acks(peer, before)

    async def give(
        self, peer: Peer, epoch: int, after: int, wait: float, gone: Callable[[], Awaitable[bool]]
    ) -> Sequence[bytes]:
        """Return batches behind ``after`` in frames; waits for some for ``wait`` seconds, while it is not ``gone``."""
        link = await self.believed(peer)
        if link.made.epoch != epoch:
            return ()
        loop = asyncio.get_running_loop()
        until = loop.time() + min(wait, LONGEST_WAIT)
        found = await self._exchanging.frames(peer, ANSWER, after)
        while not found and loop.time() < until and not await gone():
            await asyncio.sleep(LOOK_EVERY)  # what is laid out another process writes
            found = await self._exchanging.frames(peer, ANSWER, after)
        return found

    async def acknowledged(self, peer: Peer, acks: Acks) -> None:
        """Raises ``Refusal`` HUB-EDG-020."""
        await self.believed(peer)
        if (acks.source, acks.target) != (peer.code, self._exchanging.peers.us):
            raise refuse("HUB-EDG-002", "acks", rule=f"from {peer.code} to {self._exchanging.peers.us}")
        await self._exchanging.sending.acknowledged(peer.partner, acks)

    async def returned(self, peer: Peer, epoch: int, after: int) -> Sequence[bytes]:
        """Give the hub below back what it lost, as texts."""
        await self.believed(peer)
        return [each.text for each in await self._returning.give(peer, epoch, after, ANSWER)]

    async def take_back(self, peer: Peer, raw: bytes, epoch: int) -> None:
        """Take back what this hub lost; nothing: that was the last of it, and a new epoch begins behind ``epoch``, because its numbers were used.

        Raises ``Refusal`` HUB-EDG-025, which is written down, and whatever may be tried again: no epoch begins before all of it is here.
        """
        await self.believed(peer)
        if raw:
            await self._taken_back(peer, raw)
            return
        link = await self._store.edges.link(peer.partner)
        out = max(epoch or link.made.epoch, link.made.epoch - 1) + 1
        await self._store.edges.begin(peer.partner, out=out, taken=link.taken.epoch, now=self._now())

    async def _taken_back(self, peer: Peer, raw: bytes) -> None:
        try:
            await self._returning.take(raw)
        except Refusal as refusal:
            contact = Contact(at=self._now(), error=refusal.code, detail=refusal.problems[0].detail)
            await self._store.edges.met(peer.partner, contact)
            raise

    async def _stands(self, peer: Peer) -> None:
        """Raises ``Refusal`` HUB-EDG-044 for a hub whose unit was taken over, once it is drained."""
        taken = succession.of(await self._store.replicas.successions(), peer.partner)
        succession.may_call(taken, self._now())

    async def believed(self, peer: Peer) -> Link:
        """Raises ``Refusal`` HUB-EDG-044, or why this hub stands."""
        await self._stands(peer)
        link = await self._store.edges.link(peer.partner)
        if link.stands:
            raise refuse(link.stands, "hub", detail=link.detail)
        return link
