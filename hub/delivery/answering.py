"""For partners that want answers: what is sealed for them knows the message by which they opened its dossier.

Only what opened the dossier counts: what a partner said later about one that others brought is no question that waits for an answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from connectors.contract import Sealed
    from hub.documents.contract import Waits
    from hub.documents.links import Sealery
    from hub.store.contract.delivery import Work
    from hub.store.contract.said import Sayings
    from schemas.problems import Problem


class Answering:
    """A sealery in front of the one that encodes (``hub.delivery.delivery.Sealery``). ``partners``: those that want answers."""

    def __init__(self, inner: Sealery, said: Sayings, partners: Collection[str]) -> None:
        self._inner, self._said, self._partners = inner, said, partners

    async def seal(self, works: Sequence[Work]) -> Mapping[str, Sealed | Problem | Waits]:
        if not any(work.partner in self._partners for work in works):
            return await self._inner.seal(works)
        return await self._inner.seal([await self._with_opened(work) for work in works])

    async def _with_opened(self, work: Work) -> Work:
        """One whose content is not kept any more is answered as everybody else is told."""
        if work.partner not in self._partners or work.dossier is None:
            return work
        said = await self._said.of(work.dossier)
        if not said or said[0].sender != work.partner:
            return work
        return msgspec.structs.replace(work, opened=await self._said.raw(said[0].id))
