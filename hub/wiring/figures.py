"""Who counts and publishes, built from what is declared."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from hub.figures import telling
from hub.figures.counting import World
from hub.figures.publishing import FigureDesk
from hub.going_live.staging import overlaid
from hub.store.contract.store import Stale

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from hub.figures.publishing import Edition
    from hub.judging.contract import Said
    from hub.routing.parties import Party
    from hub.store.contract.store import Store
    from hub.wiring.declared import Declared
    from schemas.dossier import Message


def figure_desk(store: Store, what: Declared) -> FigureDesk:
    told = what.settings
    world = World(agencies=what.agencies, procedures=what.procedures)
    return FigureDesk(store, world, told.name or told.public_url.rstrip("/"))


async def brought(
    store: Store,
    parties: Sequence[Party],
    encoded: Callable[[Message, str, str], Sequence[Said]],
    edition: Edition,
    now: datetime,
) -> tuple[str, ...]:
    """Bring a report to those that take reports, by the stages of now; return who they are. Said again it is the same message."""
    while True:
        staged = await store.stages.stages()
        partners = telling.wanting(overlaid(parties, staged.staged))
        with suppress(Stale):
            if partners:
                await store.accept(telling.acceptance(edition, partners, encoded, staged.edition, now))
            return tuple(sorted(partners))
