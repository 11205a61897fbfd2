"""What the board of coverage is made from: the store, and what is declared today."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.deadlines.calendar import VIETNAM
from hub.going_live.coverage import Line, World, board
from hub.going_live.staging import overlaid
from hub.partners.partner import parties
from hub.routing.parties import roster

if TYPE_CHECKING:
    from datetime import datetime

    from hub.store.contract.store import Store
    from hub.wiring.declared import Declared


async def covered(store: Store, what: Declared, now: datetime, silent_after: int) -> tuple[Line, ...]:
    staged = (await store.stages.stages()).staged
    world = World(
        agencies=what.agencies,
        procedures=what.procedures,
        parties=roster(overlaid(parties(what.partners), staged), what.agencies),
        days=what.days,
    )
    return board(world, await store.coverage.moved(now), await store.coverage.stuck(), now, silent_after)


def successor(what: Declared, agency: str, now: datetime) -> str:
    """The code of who answers for this agency today; an unknown code as it is."""
    if what.agencies.known(agency) is None:
        return agency
    return what.agencies.successor(agency, now.astimezone(VIETNAM).date()).code


def published(what: Declared, procedure: str, now: datetime) -> bool:
    """Whether the registry has this national or local code today, whoever calls a local one so."""
    day = now.astimezone(VIETNAM).date()
    called = what.procedures.locals.get(procedure, ())
    return what.procedures.by_national(procedure, day) is not None or any(
        local.counts(day) and entry.counts(day) for local, entry in called
    )
