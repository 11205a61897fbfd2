"""A partner that publishes lists, opened, with the registries that its lists are held against."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from connectors import catalogue
from hub.registries.publisher import Publisher
from hub.wiring.declared import code_lists_of, declared
from hub.wiring.parts import utc_now

if TYPE_CHECKING:
    from pathlib import Path

    from hub.partners.partner import Partner


def publisher(settings: Path, partner: str) -> Publisher | tuple[str, ...]:
    """Open it; or return the ids of those that publish. Raises ``Refusal`` HUB-CFG-*."""
    what = declared(settings)
    publishing = {each.id: (each, receives) for each, receives in what.receiving if _publishes(each)}
    if partner not in publishing:
        return tuple(publishing)
    each, receives = publishing[partner]
    outfit = catalogue.Outfit(library=what.library, now=utc_now, seconds=time.monotonic)
    room = catalogue.ROOMS[each.room]
    assert room.catalogues is not None  # noqa: S101 - asked above
    return Publisher(
        catalogues=room.catalogues(each.settings, receives.replies, outfit),
        agencies=what.agencies,
        procedures=what.procedures,
        lists=code_lists_of(what.settings),
        root=receives.authority,
        site=what.settings.registries,
    )


def _publishes(each: Partner) -> bool:
    room = catalogue.ROOMS[each.room]
    return room.catalogues is not None and room.publishes(each.settings)
