"""What was refused at the door, written down beside the traffic: bounded memory, one transaction a second, never in its way.

An attacker who is refused a thousand times a second must not make the store write a thousand times: what does not fit is
counted in the log and forgotten.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from hub.store.contract.intake import RefusedMessage
    from hub.store.contract.store import Store

log = structlog.get_logger(__name__)

EVERY = 1.0
"""Seconds between two writings."""


class Refusals:
    """One per web process. ``most``: how many are kept from one writing to the next."""

    def __init__(self, store: Store, *, most: int = 200) -> None:
        self._store, self._most = store, most
        self._fresh: deque[RefusedMessage] = deque()
        self._dropped = 0

    def note(self, refused: RefusedMessage) -> None:
        if len(self._fresh) < self._most:
            self._fresh.append(refused)
        else:
            self._dropped += 1

    async def write(self) -> None:
        """Write down what came since the last time; what cannot be written now is lost, not the traffic."""
        fresh, self._fresh = self._fresh, deque()
        dropped, self._dropped = self._dropped, 0
        if dropped:
            log.warning("refusals_not_noted", count=dropped)
        if fresh:
            await self._store.note_refused(tuple(fresh))
