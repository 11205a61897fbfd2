"""What a partner wants back: a message that it brought itself, named by the key under which it was taken.

Taking it back is said in the hub's words, by what was said: the message that opened a dossier is withdrawn, the one that ended it is
recalled. Whether that may happen now the dossier's story says, as it is at this moment; what it does not allow stays as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hub.judging.contract import Meant
from hub.receipts.receipts import Receipt
from hub.story import record
from hub.story.moves import MOVES, TAKES_BACK
from schemas.dossier import Kind
from schemas.problems import refuse

if TYPE_CHECKING:
    from hub.store.contract.store import Store
    from schemas.problems import Refusal

_RECEIPT = msgspec.json.Decoder(Receipt)


async def meant(store: Store, partner: str, recalls: str) -> Meant:
    """Return what a recall means. Raises ``Refusal`` HUB-DOS-002: nothing was taken under that key; HUB-DOS-010: it cannot be taken back now."""
    brought = await store.replay(partner, recalls, None)
    said = _RECEIPT.decode(brought.receipt) if brought and brought.receipt else None
    if said is None or said.dossier is None or said.code is None:
        raise refuse("HUB-DOS-002", "/dossier/code", rule="a document that was taken")
    kind = TAKES_BACK.get(Kind(said.kind))
    if kind is None:
        raise _too_late(said.kind)
    view = await store.dossier(said.dossier)
    state = record.from_json(view.story).state if view else None
    same = [each.id for each in await store.said.of(said.dossier) if each.kind == said.kind]
    if state is None or (state, kind) not in MOVES or same[-1:] != [said.message]:
        raise _too_late(f"{said.kind}, {state}")
    return Meant(kind=kind, code=said.code, corrects=said.message)


def _too_late(detail: str) -> Refusal:
    return refuse("HUB-DOS-010", "/event/kind", rule="what opened or ended the dossier last", detail=detail)
