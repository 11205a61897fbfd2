"""By what each partner came in, and when last: counted here, written down beside the traffic, never on a message's way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.store.contract.access import CredentialUse

if TYPE_CHECKING:
    from datetime import datetime

    from hub.partners.access import Identity
    from hub.store.contract.access import AccessStore

EVERY = 5.0
"""Seconds between two writings."""


class Uses:
    """One per web process; one event loop."""

    def __init__(self) -> None:
        self._fresh: dict[tuple[str, str, str], tuple[int, datetime]] = {}

    def note(self, who: Identity, now: datetime) -> None:
        key = (who.partner, who.way, who.label)
        count, _ = self._fresh.get(key, (0, now))
        self._fresh[key] = (count + 1, now)

    async def write(self, store: AccessStore) -> None:
        """Write down what came since the last time; what cannot be written now is lost, not the traffic."""
        fresh, self._fresh = self._fresh, {}
        await store.used(
            [
                CredentialUse(partner=partner, way=way, label=label, uses=count, last_at=at)
                for (partner, way, label), (count, at) in fresh.items()
            ]
        )
