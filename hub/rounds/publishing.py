"""Brings published catalogues to partners that want them: in every worker; the store lets one of them. A look that finds nothing owed only reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.deadlines.calendar import VIETNAM
from hub.registries import pushing
from hub.rounds.rounds import again
from hub.store.contract.store import Stale

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from hub.going_live.staging import Standing
    from hub.judging.contract import Said
    from hub.registries.pushing import Owed
    from hub.store.contract.store import Store
    from schemas.dossier import Message

EVERY = 5.0


class Publishing:
    """``standing``: parties, stages and versions; ``encoded``: what a partner's format makes of a message."""

    def __init__(
        self,
        store: Store,
        standing: Standing,
        encoded: Callable[[Message, str, str], Sequence[Said]],
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._store, self._standing, self._encoded = store, standing, encoded
        self._now = now

    async def run(self) -> None:
        """Until cancelled."""
        await again(EVERY, self._once, "publishing")

    async def _once(self) -> None:
        await self.round()

    async def round(self) -> int:
        """Push what is owed; return how many versions."""
        await self._standing.read()
        if not self._standing.versions:
            return 0
        await self._store.catalogues.keep_pushed()
        return sum([await self._push(each) for each in await self._owed()])

    async def _owed(self) -> list[Owed]:
        pushed = await self._store.catalogues.pushed()
        had = await self._store.catalogues.had()
        have = {(each.partner, each.id, each.version) for each in pushed}
        have |= {(each.partner, each.id, each.version) for each in had}
        parties, _ = self._standing.now
        today = self._now().astimezone(VIETNAM).date()
        return list(pushing.owed(self._standing.versions, have, tuple(parties.by_id.values()), today))

    async def _push(self, what: Owed) -> bool:
        """What was decided on stages that count no longer is decided anew in the next round."""
        version = what.version
        raw = await self._store.catalogues.document(version.id, version.version)
        if raw is None:
            return False
        _, edition = self._standing.now
        said = pushing.message(version, raw)
        new = pushing.acceptance(what, said, self._encoded, edition, self._now())
        try:
            return await self._store.catalogues.push(new, version)
        except Stale:
            return False
