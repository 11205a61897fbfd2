"""Which earlier messages of this hub's own systems a message of another hub puts aside, so that who said them is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.delivery.failure import Born
from hub.story import merging, record, tellings
from hub.story.merging import Fate

if TYPE_CHECKING:
    from hub.store.contract.intake import Acceptance
    from hub.store.contract.said import Tellings
    from hub.store.contract.store import Store


def yielding(new: Acceptance, past: Tellings) -> tuple[str, ...]:
    """Return the messages, by their ids here, that counted until now and that were accepted first where they came in: at this hub."""
    others = new.numbered.others if new.numbered else None
    if others is None:
        return ()
    found = []
    for each in past.said:
        told = tellings.from_json(each.telling)
        now = others.get(told.stamp.place)
        aside = now is not None and merging.from_json(now).fate is Fate.SET_ASIDE
        if aside and not each.aside and told.message == each.message:
            found.append(each.message)
    return tuple(found)


async def born(store: Store, new: Acceptance, message: str) -> Born | None:
    """Return the message as its failure is told; ``None``: it went nowhere, or cannot be read any more."""
    view = await store.message(message)
    kept = (await store.said.readable([message])).get(message)
    sent = await store.transfer(view.transfers[0]) if view and view.transfers else None
    if view is None or kept is None or sent is None:
        return None
    stage = record.from_json(new.story).stage
    return Born(message, sent.id, sent.partner, sent.key, new.dossier, kept, view.accepted_at, stage)
