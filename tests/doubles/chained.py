"""What an evidence keeper does in a hub, done at once in a test; and the check that follows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hub.evidence import merkle
from hub.evidence.audit import Audit, Finding
from hub.evidence.contract import Root
from tests.store.samples import NOON

if TYPE_CHECKING:
    from hub.store.contract.store import Store

PATIENCE = 30.0


async def chain_all(store: Store) -> int:
    """Chain every row; return how many. Gaps are asked until they are closed: other tests' transactions may keep them open."""
    chained = 0
    async with asyncio.timeout(PATIENCE):
        while True:
            while done := await store.evidence.chain(NOON, 1000):
                chained += done
            if not (await store.evidence.standing()).gaps:
                return chained
            await asyncio.sleep(0.02)


async def rooted(store: Store, token: bytes = b"") -> bool:
    """Make a root over what none covers; false when there is nothing."""
    what = await store.evidence.unrooted(1_000_000)
    if what is None:
        return False
    digest = merkle.root(what.leaves)
    root = Root(
        first=what.first, last=what.last, leaves=len(what.leaves), digest=digest, at=NOON, token=token
    )
    return await store.evidence.keep_root(root)


async def audited(store: Store) -> list[Finding]:
    """Look at everything, a segment at a time."""
    audit = Audit(lambda _: "")
    found: list[Finding] = []
    begun = (await store.evidence.standing()).segments
    while (page := await store.evidence.page(audit.after, audit.top, 1)).segments:
        found += audit.feed(page)
    return [*found, *audit.end(await store.evidence.standing(), begun=begun)]
