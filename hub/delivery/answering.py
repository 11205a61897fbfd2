"""For partners that want answers: what is sealed for them knows the message by which they opened its dossier.

Only what opened the dossier counts: what a partner said later about one that others brought is no question that waits for an answer.
For those that want to hear what is taken back, a recall knows what they were sent of the end that it takes back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hub.lifecycle import State
from hub.store.vault import Unreadable
from hub.story.moves import TAKES_BACK
from schemas.dossier import Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from connectors.contract import Sealed
    from hub.documents.contract import Waits
    from hub.documents.links import Sealery
    from hub.store.contract.delivery import Work
    from hub.store.contract.store import Store
    from schemas.problems import Problem

_THERE = frozenset({State.DELIVERED, State.ACKNOWLEDGED})
_ENDS = frozenset(str(kind) for kind, taken in TAKES_BACK.items() if taken is Kind.RECALLED)


class Answering:
    """A sealery in front of the one that encodes (``hub.delivery.delivery.Sealery``). ``answers``, ``recalls``: partners that want
    the one and the other.
    """

    def __init__(
        self, inner: Sealery, store: Store, answers: Collection[str], recalls: Collection[str] = ()
    ) -> None:
        self._inner, self._store = inner, store
        self._answers, self._recalls = answers, recalls

    async def seal(self, works: Sequence[Work]) -> Mapping[str, Sealed | Problem | Waits]:
        if not any(self._wants(work) for work in works):
            return await self._inner.seal(works)
        return await self._inner.seal(
            [await self._with_opened(work) if self._wants(work) else work for work in works]
        )

    def _wants(self, work: Work) -> bool:
        return work.dossier is not None and work.partner in (
            self._recalls if work.kind == Kind.RECALLED else self._answers
        )

    async def _with_opened(self, work: Work) -> Work:
        """One whose content is not kept any more is answered as everybody else is told."""
        raw = await (self._ended(work) if work.kind == Kind.RECALLED else self._brought(work))
        return msgspec.structs.replace(work, opened=raw) if raw else work

    async def _brought(self, work: Work) -> bytes:
        said = await self._store.said.of(work.dossier or "")
        mine = said and said[0].sender == work.partner
        return await self._store.said.raw(said[0].id) if mine else b""

    async def _ended(self, work: Work) -> bytes:
        """Return what the partner has of the last end before this recall; nothing where it never got that."""
        dossier = await self._store.dossier(work.dossier or "")
        ends = [
            each
            for each in (dossier.transfers if dossier else ())
            if each.partner == work.partner
            and each.kind in _ENDS
            and each.accepted_at <= work.accepted_at
            and not each.superseded_by
        ]
        last = max(ends, key=lambda each: each.accepted_at, default=None)
        if last is None or last.state not in _THERE:
            return b""
        try:
            held = await self._store.payloads(last.id)
        except Unreadable:
            return b""
        return held.sealed.payload if held and held.sealed else b""
