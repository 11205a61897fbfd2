"""What persons decided about versions of mappings, for the journal; the decision itself stands in a file beside the mappings."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - part of a public signature
from datetime import datetime  # noqa: TC003 - part of a public signature
from typing import Literal, Protocol

Decided = Literal["mapping_proposed", "mapping_approved"]


class MappingBook(Protocol):
    async def decided(self, what: Decided, facts: Mapping[str, str], now: datetime) -> None:
        """Write it into the journal. ``facts``: versions, digests, names of persons in office; with the hub's signature."""
        ...
