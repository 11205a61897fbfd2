"""Proof on any engine: ``chain`` and ``proofs`` in the engine's transactions. What is chained is hashed outside of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.store.sql import chain, proofs
from hub.store.sql.times import micros

if TYPE_CHECKING:
    from datetime import datetime

    from hub.evidence.contract import Contents, Page, Proven, Root, Standing, TheirReceipt, Unrooted
    from hub.store.sql.bodies import Bodies
    from hub.store.sql.db import Db
    from hub.store.sql.engine import Reads, Writes


class SqlEvidence:
    def __init__(self, reads: Reads, writes: Writes, payloads: Bodies) -> None:
        self._reads, self._writes, self._bodies = reads, writes, payloads

    async def chain(self, now: datetime, most: int) -> int:
        def look(db: Db) -> tuple[chain.Found, chain.Longer]:
            found = chain.find(db, most)
            return found, chain.longer(found, now)

        found, after = await self._reads.run(look)
        if not await self._writes.run(lambda db: chain.grow(db, found, after, micros(now))):
            return 0
        return sum(len(segment.links) for segment in after.segments)

    async def unrooted(self, most: int) -> Unrooted | None:
        return await self._reads.run(lambda db: proofs.unrooted(db, most))

    async def keep_root(self, root: Root) -> bool:
        return await self._writes.run(lambda db: proofs.keep_root(db, root))

    async def page(self, after: int, top: int, most: int) -> Page:
        return await self._reads.run(lambda db: proofs.page(db, after, top, most))

    async def standing(self) -> Standing:
        return await self._reads.run(proofs.standing)

    async def contents(self, transfer: str) -> Contents:
        return await self._reads.run(lambda db: proofs.contents(db, self._bodies, transfer))

    async def their_receipt(self, transfer: str) -> TheirReceipt | None:
        return await self._reads.run(lambda db: proofs.their_receipt(db, self._bodies, transfer))

    async def prove(self, message: str) -> tuple[Proven, ...]:
        return await self._reads.run(lambda db: tuple(proofs.prove(db, message)))
