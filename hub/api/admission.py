"""How many requests may be under way at once. Over the bound the answer is quick and cheap, so that the rest goes on."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator


class Admission:
    """Counts what is being read or checked, all together and per sender. One per web process; one event loop."""

    def __init__(self, *, in_flight: int, per_sender: int) -> None:
        self._in_flight, self._per_sender = in_flight, per_sender
        self._all = 0
        self._of: Counter[str] = Counter()

    @contextmanager
    def enter(self, sender: str) -> Iterator[None]:
        """Hold one place. Raises ``Refusal`` HUB-LIM-003 when the hub is full, HUB-LIM-002 when this sender has its share."""
        if self._all >= self._in_flight:
            raise refuse("HUB-LIM-003", rule=f"at most {self._in_flight} requests at once")
        if self._of[sender] >= self._per_sender:
            raise refuse("HUB-LIM-002", rule=f"at most {self._per_sender} requests at once")
        self._all += 1
        self._of[sender] += 1
        try:
            yield
        finally:
            self._all -= 1
            self._of[sender] -= 1
            if not self._of[sender]:
                del self._of[sender]
