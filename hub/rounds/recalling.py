"""What a partner means that names another message: one of ours that it says a status about, or one of its own that it wants back.

Its own it names by the key under which it was taken. Taking it back is said in the hub's words, by what was said: the message that opened a dossier is withdrawn, the one that ended it is
recalled. Whether that may happen now the dossier's story says, as it is at this moment; what it does not allow stays as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hub.judging.contract import Answers, Meant
from hub.receipts.receipts import Receipt
from hub.story import record
from hub.story.moves import MOVES, TAKES_BACK
from schemas.dossier import Kind, from_json
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.store.contract.intake import Accepted
    from hub.store.contract.said import SaidMessage
    from hub.store.contract.store import Store
    from schemas.problems import Refusal

_RECEIPT = msgspec.json.Decoder(Receipt)


async def answered(store: Store, partner: str, key: str) -> Answers | None:
    """Return what a status is about; ``None``: nothing that this partner was sent. ``key``: of a transfer."""
    view = await store.message(key.partition(":")[0]) if key else None
    for transfer in view.transfers if view else ():
        sent = await store.transfer(transfer)
        if sent is not None and (sent.key, sent.partner) == (key, partner):
            return Answers(kind=Kind(sent.kind))
    return None


async def recalled(store: Store, partner: str, recalls: str) -> Meant | Accepted:
    """Return what a recall means, or what was accepted when the same was taken back before: whoever asks again hears the same.

    Raises ``Refusal`` HUB-DOS-002: nothing was taken under that key; HUB-DOS-010: it cannot be taken back now.
    """
    brought = await store.replay(partner, recalls, None)
    said = _RECEIPT.decode(brought.receipt) if brought and brought.receipt else None
    if said is None or said.dossier is None or said.code is None:
        raise refuse("HUB-DOS-002", "/dossier/code", rule="a document that was taken")
    kind = TAKES_BACK.get(Kind(said.kind))
    if kind is None:
        raise _too_late(said.kind)
    told = await store.said.of(said.dossier)
    before = await _taken_back(store, said.message, [each for each in told if each.kind == kind])
    if before is not None:
        return before
    view = await store.dossier(said.dossier)
    state = record.from_json(view.story).state if view else None
    past = await store.said.past(said.dossier)
    same = [each.id for each in (past.messages if past else ()) if each.kind == said.kind]
    if state is None or (state, kind) not in MOVES or same[-1:] != [said.message]:
        raise _too_late(f"{said.kind}, {state}")
    return Meant(kind=kind, code=said.code, corrects=said.message)


async def _taken_back(store: Store, message: str, recalls: Sequence[SaidMessage]) -> Accepted | None:
    said = await store.said.canonical([each.id for each in recalls]) or ()
    for each, canonical in zip(recalls, said, strict=False):
        if from_json(canonical).event.corrects == message:
            return await store.replay(each.sender, each.key, None)
    return None


def _too_late(detail: str) -> Refusal:
    return refuse("HUB-DOS-010", "/event/kind", rule="what opened or ended the dossier last", detail=detail)
