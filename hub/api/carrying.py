"""How many requests may carry documents at once, up and down: each holds a megabyte and a thread now and then."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hub.api.admission import NO_ROOM
from hub.api.later import Later

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.api.admission import Watermark
    from hub.settings.sections import Limits


class Carrying:
    """One per web process; one event loop."""

    def __init__(self, limits: Limits, watermark: Watermark) -> None:
        self._limits, self._watermark = limits, watermark
        self._of: Counter[str] = Counter()

    @contextmanager
    def bring(self, sender: str) -> Iterator[None]:
        """Hold a place for what comes in. Raises ``Later``: HUB-LIM-003 also when the disk is short."""
        self._watermark.check()
        with self.enter(sender):
            yield

    @contextmanager
    def enter(self, who: str) -> Iterator[None]:
        """Hold a place. Raises ``Later``: HUB-LIM-003 when all are taken, HUB-LIM-002 when ``who`` has its share."""
        limits = self._limits
        if self._of.total() >= limits.documents:
            raise Later(NO_ROOM, f"documents: at most {limits.documents} at once", limits.retry_after)
        if self._of[who] >= limits.documents_per_sender:
            rule = f"documents_per_sender: at most {limits.documents_per_sender} at once"
            raise Later("HUB-LIM-002", rule, limits.retry_after)
        self._of[who] += 1
        try:
            yield
        finally:
            self._of[who] -= 1
            if not self._of[who]:
                del self._of[who]
