"""The time-stamping authority of the settings."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from hub.delivery.stamping import Stamping
from hub.trust.asking import Asking, opened
from hub.wiring.parts import utc_now
from signing.timestamps import Authority, load_anchors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.documents.links import Sealery
    from hub.settings.sections import Timestamps
    from hub.wiring.declared import Declared
    from signing.timestamps import Anchors, Stamper


def anchors_of(told: Timestamps) -> Anchors:
    """Whom the settings believe about time. Raises ``Refusal`` HUB-CRT-003."""
    return load_anchors(told.certificates, told.policy)


@asynccontextmanager
async def stamper(told: Timestamps) -> AsyncIterator[Stamper | None]:
    """Open the way to the authority; ``None``: none is declared. Raises ``Refusal`` HUB-CRT-003."""
    if not told.url:
        yield None
        return
    asking = Asking(
        opened(told.url, told.timeout, utc_now),
        code="HUB-TSP-001",
        sends="application/timestamp-query",
        takes="application/timestamp-reply",
    )
    try:
        yield Authority(asking, anchors_of(told), os.urandom)
    finally:
        await asking.close()


@asynccontextmanager
async def stamped(what: Declared, inner: Sealery) -> AsyncIterator[Stamping]:
    """Have those signatures stamped whose partners want it."""
    wanting = frozenset(
        partner.id
        for partner, receives in what.receiving
        if receives.signature and receives.signature.timestamp
    )
    async with stamper(what.settings.timestamps) as authority:
        stamping = Stamping(inner, authority, wanting)
        try:
            yield stamping
        finally:
            await stamping.close()
