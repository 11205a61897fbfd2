"""What is sealed where its message alone does not say enough: it is made again with what the dossier said before (``hub.story.filling``).

What lacks nothing is sealed at once and costs nothing more.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from hub.story.apologies import apologies, which
from hub.story.filling import Earlier, lacks, worth
from schemas.dossier import from_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from connectors.contract import Sealed
    from hub.documents.contract import Waits
    from hub.documents.links import Sealery
    from hub.store.contract.delivery import Work
    from hub.store.contract.said import Sayings
    from hub.story.apologies import Apology, Spoken
    from schemas.problems import Problem


async def remembered(said: Sayings, dossier: str, sender: str, message: str = "") -> tuple[Earlier, ...]:
    """Return what a dossier said before ``message``, which ``sender`` says: in the order in which it is believed, as far as it can
    still be read.
    """
    past = await said.past(dossier)
    if past is None:
        return ()
    wanted = worth(past, sender, message)
    kept = await said.readable([id_ for id_, _ in wanted])
    return tuple(Earlier(id_, kept[id_], keeps) for id_, keeps in wanted if id_ in kept)


async def apologised(said: Sayings, dossier: str, messages: Iterable[Spoken]) -> tuple[Apology, ...]:
    """Return the apologies among a dossier's messages: those that were believed, as far as they can still be read."""
    if not which(messages):
        return ()
    past = await said.past(dossier)
    order = which(past.messages) if past else []
    return apologies(await said.readable(order), order)


class Remembering:
    """A sealery in front of the one that encodes (``hub.delivery.delivery.Sealery``)."""

    def __init__(self, inner: Sealery, said: Sayings) -> None:
        self._inner, self._said = inner, said

    async def seal(self, works: Sequence[Work]) -> Mapping[str, Sealed | Problem | Waits]:
        made = await self._inner.seal(works)
        lacking = [work for work in works if work.dossier and lacks(made[work.transfer])]
        if not lacking:
            return made
        again = [work for work in await asyncio.gather(*map(self._whole, lacking)) if work.earlier]
        return {**made, **await self._inner.seal(again)} if again else made

    async def _whole(self, work: Work) -> Work:
        sender = from_json(work.canonical).sender
        earlier = await remembered(self._said, work.dossier or "", sender, work.message)
        return msgspec.structs.replace(work, earlier=earlier)
