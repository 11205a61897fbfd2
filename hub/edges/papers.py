"""Documents between hubs: named by their digest in every entry, and brought only when somebody at the other side needs them.

Both ways in pieces that can be taken up again. The hub below fetches what it needs; what the hub above needs it hears in the greeting, and brings.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from connectors.edge.values import Lying, Wanted
from hub.documents.contract import Safety
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from hub.documents.contract import Documents, Fetch

MOST = 100
INFECTED = "HUB-DOC-003"
NOT_HERE, UNKNOWN = "HUB-DOC-014", "HUB-DOC-001"
PIECE = 4 << 20
"""Bytes of a document in one request."""


class Papers:
    """One per process. ``unscanned``: what a document is before anybody scanned it; ``limit``: bytes of one."""

    def __init__(
        self, documents: Documents, *, unscanned: Safety, limit: int, now: Callable[[], datetime]
    ) -> None:
        self._documents, self._unscanned, self._limit, self._now = documents, unscanned, limit, now

    async def wanted(self, partner: str) -> tuple[Wanted, ...]:
        """Return what is needed here and lies at that hub; what has come meanwhile is given to its dossiers."""
        found = {}
        for each in await self._documents.wanted(partner, self._now(), MOST):
            if each.safety is None:
                found[each.sha256] = Wanted(sha256=each.sha256, have=each.received, size=each.size or 0)
            else:
                await self._settle(each)
        return tuple(found.values())

    async def _settle(self, what: Fetch) -> None:
        if what.safety is Safety.CLEAN:
            await self._documents.fetched(what, self._now())
        elif what.safety is Safety.INFECTED:
            await self._documents.fetch_given_up(what, INFECTED, self._now())

    async def take(self, partner: str, sha256: str, offset: int, size: int, piece: bytes) -> Lying:
        """Take a piece of what is needed; say how much is here. Raises ``Refusal`` HUB-DOC-001, -006, -007, -009."""
        wanted = await self._documents.wanted(partner, self._now(), MOST)
        mine = [each for each in wanted if each.sha256 == sha256 and each.safety is None]
        if not mine:
            return Lying(sha256=sha256, have=size, size=size)  # nobody needs it any more
        if size > self._limit or mine[0].size not in {None, size}:
            raise refuse("HUB-DOC-009", "size", rule=f"at most {self._limit} bytes")
        have = size
        for each in mine:
            have = min(have, await self._into(each, offset, size, piece))
        return Lying(sha256=sha256, have=have, size=size)

    async def _into(self, what: Fetch, offset: int, size: int, piece: bytes) -> int:
        over = what.received - offset
        if not 0 <= over <= len(piece):
            return what.received
        await self._documents.fetch_sized(what, size)
        async with await self._documents.receive(what.upload, what.received) as incoming:
            await incoming.write(piece[over:])
            if not incoming.whole:
                await incoming.keep()
                return incoming.received
            await incoming.finish(self._unscanned, self._now())
        await self.wanted(what.sender)
        return size

    async def give(self, partner: str, sha256: str, offset: int) -> tuple[bytes, int]:
        """Return a piece of a document from ``offset`` on, and its size. Raises ``Refusal`` HUB-DOC-014: it is being fetched itself; HUB-DOC-001."""
        size = await self._documents.shared(sha256, partner)
        if size is None:
            elsewhere = await self._documents.elsewhere(sha256)
            if elsewhere:
                await self._documents.want(elsewhere, self._now())
            raise refuse(NOT_HERE if elsewhere else UNKNOWN, "sha256")
        content, passed = bytearray(), 0
        async with aclosing(self._documents.content(sha256)) as pieces:
            async for each in pieces:
                content += each[max(0, offset - passed) :]
                passed += len(each)
                if len(content) >= PIECE:
                    break
        return bytes(content[:PIECE]), size
