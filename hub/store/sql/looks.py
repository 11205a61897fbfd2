"""Which documents nobody has looked at for signatures, and what was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hub.documents.contract import Look, Safety
from hub.store.sql import journal
from hub.store.sql.db import one

if TYPE_CHECKING:
    from hub.store.sql.db import Db

_DUE = "SELECT sha256 FROM document WHERE look_at<=? AND safety=? ORDER BY look_at, sha256 LIMIT 1"


def due(db: Db, now: int) -> str | None:
    """Only what is clean is opened."""
    row = one(db, _DUE, (now, str(Safety.CLEAN)))
    return None if row is None else str(row[0])


def take(db: Db, now: int, until: int) -> str | None:
    """Take the one that waits longest; it is due again at ``until`` when nothing is heard of it."""
    sha256 = due(db, now)
    if sha256 is None:
        return None
    db.execute("UPDATE document SET look_at=? WHERE sha256=? AND look_at<=?", (until, sha256, now))
    return sha256 if db.changes() else None


def said(db: Db, sha256: str, look: Look, at: int) -> None:
    told = msgspec.json.encode(look).decode()
    db.execute("UPDATE document SET look=?, look_at=NULL WHERE sha256=?", (told, sha256))
    if db.changes() and look.signatures:
        worth = " ".join(str(each.holds) for each in look.signatures)
        journal.write(db, at, "document_signatures", facts={"digest": sha256, "holds": worth})


def look_of(stored: str) -> Look | None:
    return msgspec.json.decode(stored, type=Look) if stored else None
