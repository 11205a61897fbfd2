"""Decisions about mappings on any engine: entries of the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.receipts.receipts import signer_of
from hub.store.sql import journal
from hub.store.sql.times import micros

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from hub.store.contract.governing import Decided
    from hub.store.sql.engine import Writes


class SqlMappings:
    def __init__(self, writes: Writes) -> None:
        self._writes = writes

    async def decided(self, what: Decided, facts: Mapping[str, str], now: datetime) -> None:
        ours = journal.by(signer_of(facts.get("signature", "")))
        await self._writes.run(lambda db: journal.write(db, micros(now), what, facts={**facts, **ours}))
