"""The round that brings published catalogues to partners, built from what is declared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.going_live.staging import Standing
from hub.judging.contract import Recipient
from hub.judging.trying import trial
from hub.partners.partner import parties
from hub.rounds.publishing import Publishing
from hub.wiring.parts import utc_now

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from connectors.contract import Codec
    from hub.judging.contract import Said
    from hub.store.contract.store import Store
    from hub.wiring.declared import Declared
    from schemas.dossier import Message


def publishing(store: Store, what: Declared, speak: Mapping[str, Codec]) -> Publishing:
    standing = Standing(store.stages, parties(what.partners), what.agencies, store.catalogues)

    def encoded(message: Message, identity: str, partner: str) -> Sequence[Said]:
        recipient = Recipient(partner=partner, kinds=frozenset({str(message.kind)}), codec=speak[partner])
        return tuple(trial(message, identity, recipient))

    return Publishing(store, standing, encoded, now=utc_now)
