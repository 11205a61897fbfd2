"""For other hubs: what is sealed for them says where the message stands in its dossier, and tells the dossier's history where they had none of it.

What another hub accepted first keeps its id, its stamp and its sender's words, however often it is relayed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from connectors.contract import Relayed, Relays
from connectors.edge import values
from hub.edges.failing import as_known_there
from hub.judging.relaying import AUTHORITY, relayed
from schemas.dossier import from_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from connectors.contract import Codec, Sealed
    from hub.documents.contract import Waits
    from hub.documents.links import Sealery
    from hub.store.contract.delivery import Work
    from hub.store.contract.edges import Told
    from hub.store.contract.store import Store
    from schemas.problems import Problem


class Place(msgspec.Struct, frozen=True):
    """Where a message of this hub's own stands in its dossier, and what it means there."""

    no: int
    seen: Mapping[str, int] = {}
    words: Mapping[str, str | bool | int] = {}


class Places(Protocol):
    async def __call__(self, told: Told) -> Place: ...


class Relaying:
    """A sealery in front of the one that encodes (``hub.delivery.delivery.Sealery``).

    ``hub``: this hub's own code; ``hubs``: codecs of partners that are hubs; ``authorities``: of systems here, whose aliases their codes are.
    """

    def __init__(
        self,
        inner: Sealery,
        store: Store,
        *,
        hub: str,
        hubs: Mapping[str, Codec],
        authorities: Mapping[str, str],
        place: Places,
    ) -> None:
        self._inner, self._store, self._hub = inner, store, hub
        self._hubs, self._authorities, self._place = hubs, authorities, place

    async def seal(self, works: Sequence[Work]) -> Mapping[str, Sealed | Problem | Waits]:
        if not any(work.partner in self._hubs for work in works):
            return await self._inner.seal(works)
        return await self._inner.seal([await self._with_place(work) for work in works])

    async def _with_place(self, work: Work) -> Work:
        if work.partner not in self._hubs:
            return work
        found = await self._store.edges.told([work.message])
        if not found:
            return work
        about = await self._about(found[0])
        canonical = await as_known_there(self._store, work.partner, work.canonical)
        history = await self._history(work)
        return msgspec.structs.replace(
            work, canonical=canonical, relayed=msgspec.structs.replace(about, history=history)
        )

    async def _history(self, work: Work) -> tuple[bytes, ...]:
        """Return the entries of the dossier that the other hub never had, oldest first."""
        if work.dossier is None:
            return ()
        before = await self._store.edges.unheard(work.partner, work.message)
        told = await self._store.edges.told(before)
        return tuple([await self._entry(work.partner, each) for each in told if each.sender != work.partner])

    async def _entry(self, partner: str, told: Told) -> bytes:
        codec, message = self._hubs[partner], from_json(told.canonical)
        draft = codec.encode(codec.operations(message)[0], message, told.key)
        about = await self._about(told)
        return codec.relay(draft, about).payload if isinstance(codec, Relays) else draft.payload

    async def _about(self, told: Told) -> Relayed:
        if told.sender in self._hubs:
            return relayed(msgspec.json.decode(told.raw, type=values.Entry))
        place = await self._place(told)
        message = from_json(told.canonical)
        authority = self._authorities.get(told.sender, "")
        return Relayed(
            id=told.id,
            hub=self._hub,
            no=place.no,
            seen=place.seen,
            sender=told.sender,
            agency=message.agency,
            key=told.key,
            digest=told.digest,
            accepted_at=told.accepted_at,
            stage=told.stage,
            words={**place.words, AUTHORITY: authority} if authority else place.words,
        )
