"""Whether a hub may run on this store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hub.store.sql import notes
from schemas.problems import refuse

if TYPE_CHECKING:
    from hub.store.sql.db import Db

MOVED = "moved"
"""The name under which ``hub.store.keeping`` writes down where the store went."""


def admit(db: Db) -> None:
    """Raise ``Refusal`` HUB-STO-004 when the queue lives elsewhere: two hubs on one queue would send everything twice."""
    moved = notes.read(db, MOVED)
    if moved:
        raise refuse("HUB-STO-004", detail=msgspec.json.decode(moved, type=dict[str, str]).get("to", ""))
