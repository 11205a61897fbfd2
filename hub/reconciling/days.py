"""Our side of a day with a partner: what the store has of it, in the words in which two sides are compared. Days are Vietnam's."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from hub.deadlines.calendar import VIETNAM
from hub.lifecycle import State
from hub.reconciling.items import Item, Side, Standing

if TYPE_CHECKING:
    from datetime import date

    from hub.store.contract.reconciling import Crossed, Days

STANDINGS = {
    State.DELIVERED: Standing.TAKEN,
    State.ACKNOWLEDGED: Standing.TAKEN,
    State.REFUSED: Standing.REFUSED,
}
"""Every other state is open: the hub does not claim that the partner has it."""


def bounds(day: date) -> tuple[datetime, datetime]:
    """Return when the day begins, and when the next one does."""
    begins = datetime.combine(day, time(), VIETNAM)
    return begins, begins + timedelta(days=1)


async def ours(days: Days, partner: str, day: date) -> Side:
    since, until = bounds(day)
    sent = [
        Item(
            id=each.key,
            standing=STANDINGS.get(each.state, Standing.OPEN),
            digest=each.digest,
            kind=each.kind,
            code=each.code,
        )
        for each in await days.sent(partner, since, until)
    ]
    came = [
        Item(id=each.key, digest=each.digest, kind=each.kind, code=each.code)
        for each in await days.came(partner, since, until)
    ]
    return Side(tuple(sent), tuple(came))


async def crossed(days: Days, hub: str, day: date) -> Side:
    """What went between this hub and another in batches that were made on that day."""
    found = await days.crossed(hub, *bounds(day))
    sent = [_item(each, _went(each)) for each in found if each.out]
    refused = {True: Standing.REFUSED, False: Standing.TAKEN}
    return Side(tuple(sent), tuple(_item(each, refused[each.refused]) for each in found if not each.out))


def _went(one: Crossed) -> Standing:
    if one.under_way:
        return Standing.OPEN
    return STANDINGS.get(one.state, Standing.OPEN) if one.state else Standing.TAKEN


def _item(one: Crossed, standing: Standing) -> Item:
    return Item(id=one.key, standing=standing, digest=one.digest)


async def receipted(days: Days, partner: str, day: date) -> Side:
    """What the partner's own receipts say of that day, in the partner's words for the ways: it received what it acknowledged."""
    since, until = bounds(day)
    had = [each for each in await days.sent(partner, since, until) if each.receipted]
    return Side((), tuple(Item(id=each.key, digest=each.digest) for each in had))
