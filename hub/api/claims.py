"""Who only claims to be a sender holds few places until its signature was looked at: few enough to leave the sender its own."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hub.api.failures import network
from hub.api.later import Later

if TYPE_CHECKING:
    from collections.abc import Iterator

AT_ONCE = 16
"""Of one address."""
WAIT = 2


class Claims:
    """One per web process; one event loop."""

    def __init__(self) -> None:
        self._of: Counter[str] = Counter()

    @contextmanager
    def enter(self, address: str) -> Iterator[None]:
        """Raises ``Later`` HUB-LIM-002."""
        place = network(address)
        if self._of[place] >= AT_ONCE:
            raise Later("HUB-LIM-002", f"at most {AT_ONCE} unproved requests at once from an address", WAIT)
        self._of[place] += 1
        try:
            yield
        finally:
            self._of[place] -= 1
            if not self._of[place]:
                del self._of[place]
