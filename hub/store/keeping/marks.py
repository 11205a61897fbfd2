"""What the keepers write down about a store, in the store itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hub.store.sql import notes
from hub.store.sql.admission import MOVED
from hub.store.sql.times import micros, moment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from hub.store.sql.db import Db

HUB = "hub"  # its own name
BACKUP = "last_backup"
RESTORED = "restored"  # until a person has looked: from which archive
ARRIVED = "arrived"  # the move that brought it here


__all__ = ["ARRIVED", "BACKUP", "HUB", "MOVED", "RESTORED", "mark", "marked", "since"]


def mark(db: Db, name: str, facts: Mapping[str, str], now: datetime) -> None:
    notes.write(db, name, msgspec.json.encode(dict(facts)).decode(), micros(now))


def since(db: Db, name: str) -> datetime | None:
    return moment(notes.written(db, name))


def marked(db: Db, name: str) -> dict[str, str]:
    """Empty when nobody wrote it."""
    found = notes.read(db, name)
    return msgspec.json.decode(found, type=dict[str, str]) if found else {}
