"""Who has a mailbox, and what its door needs besides the store."""

from __future__ import annotations

from collections.abc import Callable  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING

import msgspec

from connectors.contract import Codec  # noqa: TC001 - msgspec reads the annotations at run time
from hub.receipts.receipts import Confirm, unsigned

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hub.partners.partner import Partner


class Owners(msgspec.Struct, frozen=True, kw_only=True):
    """Who fetches what is for it; ``codec_of``: how a sender is told that something was refused."""

    partners: frozenset[str] = frozenset()
    codec_of: Callable[[str], Codec | None] = lambda _: None
    confirm: Confirm = unsigned


def owners(partners: Iterable[Partner]) -> frozenset[str]:
    return frozenset(partner.id for partner in partners if partner.fetches and not partner.party.hub)
