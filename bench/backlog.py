"""A backlog of real messages, accepted through the store: one is judged and decided, the rest are its copies.

Each copy is another dossier with a code, ids and keys of its own, so every one opens a lane and can be sealed and sent.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from typing import TYPE_CHECKING

import msgspec

from hub.intake.acceptance import Accepting
from hub.judging.contract import Inbound
from hub.judging.judge import judge
from hub.judging.trying import transfer_key
from hub.partners.partner import capacities, parties
from hub.routing import table as routes
from hub.routing.parties import roster
from hub.routing.router import Router
from hub.store.contract.intake import Alias
from hub.wiring.declared import declared
from hub.wiring.parts import new_ids, store_of, utc_now
from hub.wiring.tools import pool_tools

if TYPE_CHECKING:
    from hub.demo.scene import Scene
    from hub.ids import Ids
    from hub.store.contract.intake import Acceptance

AT_ONCE = 200
_CODE = re.compile(r"-\d{6}-\d{4}$")


async def fill_with_real(scene: Scene, body: bytes, count: int, partner: str) -> None:
    """Accept ``count`` copies of one message for ``partner``, which is paused. The hub is not running."""
    what = declared(scene.settings)
    first, new_id = _accepted(scene, body), new_ids()
    store = store_of(what.settings)
    try:
        await store.capacities(capacities(what.partners))
        await store.pause(partner, paused=True, reason="bench", by="bench", now=utc_now())
        for start in range(0, count, AT_ONCE):
            numbers = range(start, min(start + AT_ONCE, count))
            await asyncio.gather(*(store.accept(_copy(first, number, new_id)) for number in numbers))
    finally:
        await store.close()


def _accepted(scene: Scene, body: bytes) -> Acceptance:
    what, (desk, _), new_id = declared(scene.settings), pool_tools(str(scene.settings)), new_ids()
    router = Router(table=routes.load(what.agencies), agencies=what.agencies, procedures=what.procedures)
    known = roster(parties(what.partners), what.agencies)
    inbound = Inbound(
        message=new_id(),
        sender=next(iter(desk.senders)),
        headers={"content-type": "application/json", "idempotency-key": "backlog"},
        body=body,
        received_at=utc_now(),
    )
    judged = judge(inbound, desk, utc_now())
    return Accepting(router=router, parties=known, days=what.days)(judged, None, inbound, utc_now())


def _copy(first: Acceptance, number: int, new_id: Ids) -> Acceptance:
    """Return the same message about another dossier, received last year."""
    message, dossier = new_id(), new_id()
    days, sequence = divmod(number, 9999)
    old = first.aliases[0].code
    code = _CODE.sub(f"-25{1 + days // 28:02d}{1 + days % 28:02d}-{sequence + 1:04d}", old)
    changes = ((old.encode(), code.encode()), ((first.dossier or "").encode(), dossier.encode()))
    canonical = first.canonical
    for before, after in changes:
        canonical = canonical.replace(before, after)
    return msgspec.structs.replace(
        first,
        message=message,
        key=f"backlog-{number}",
        natural_key="",
        digest=hashlib.sha256(canonical).hexdigest(),
        canonical=canonical,
        dossier=dossier,
        aliases=(Alias(authority=first.aliases[0].authority, code=code),),
        transfers=tuple(
            msgspec.structs.replace(
                one, id=new_id(), key=transfer_key(message, one.partner, one.part), lane_subject=dossier
            )
            for one in first.transfers
        ),
    )
