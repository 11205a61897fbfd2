"""What a partner's receipt, once it is there, does to its transfer's row."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub.store.sql.db import Db


def stands(db: Db, n: int, at: int) -> None:
    """The transfer is acknowledged, whatever else was found out, and nothing more is awaited of it."""
    db.execute(
        "UPDATE transfer SET state='acknowledged', settled_at=coalesce(settled_at, ?), wake_at=NULL,"
        " problem='', detail='', receipt_by=NULL, ask_at=NULL, overdue=0, offered_at=NULL WHERE n=?",
        (at, n),
    )


def remember(db: Db, dest: int, reference: str, transfer: str) -> None:
    """A receipt may name this transfer by the partner's own number."""
    db.execute(
        "INSERT INTO theirs(dest,reference,transfer) VALUES(?,?,?) ON CONFLICT DO NOTHING",
        (dest, reference, transfer),
    )
