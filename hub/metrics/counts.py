"""What one process counts: numbers that only grow, in memory; the process's row in the store carries them to the page."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from hub.metrics.catalogue import BY_NAME

if TYPE_CHECKING:
    from hub.store.contract.watching import Series

INFINITE = "+Inf"


class Counts:
    """One per process. Names and labels are those of ``hub.metrics.catalogue``."""

    def __init__(self) -> None:
        self._values: dict[Series, float] = {}

    def add(self, name: str, *labels: str, by: float = 1.0) -> None:
        series = (name, labels)
        self._values[series] = self._values.get(series, 0.0) + by

    def observe(self, name: str, value: float, *labels: str) -> None:
        """Put one value into a histogram: its bucket, the sum of all. Buckets are added up where they are shown."""
        bounds = BY_NAME[name].buckets
        place = bisect_left(bounds, value)
        bound = f"{bounds[place]:g}" if place < len(bounds) else INFINITE
        self.add(f"{name}_bucket", *labels, bound)
        self.add(f"{name}_sum", *labels, by=value)

    def snapshot(self) -> dict[Series, float]:
        return dict(self._values)
