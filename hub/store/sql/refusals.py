"""What was refused at the door: sender, code, digest, size and time, for a while. Never what it said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.store.contract.intake import RefusedMessage
from hub.store.sql.db import Db, many
from hub.store.sql.times import micros, moment

if TYPE_CHECKING:
    from collections.abc import Sequence

_END = 2**62
_NOTE = "INSERT INTO refusal(at,request,sender,code,digest,size) VALUES(?,?,?,?,?,?) ON CONFLICT DO NOTHING"
_COLUMNS = "SELECT at, request, sender, code, digest, size FROM refusal"


def note(db: Db, refused: Sequence[RefusedMessage]) -> None:
    for each in refused:
        db.execute(_NOTE, (micros(each.at), each.request, each.sender, each.code, each.digest, each.size))


def listed(db: Db, sender: str, after: int, limit: int) -> tuple[RefusedMessage, ...]:
    """Newest first. Two of the same microsecond may be parted by a page's end."""
    below = after or _END
    if sender:
        rows = many(
            db, f"{_COLUMNS} WHERE sender=? AND at<? ORDER BY at DESC LIMIT ?", (sender, below, limit)
        )
    else:
        rows = many(db, f"{_COLUMNS} WHERE at<? ORDER BY at DESC LIMIT ?", (below, limit))
    return tuple(
        RefusedMessage(
            n=at, at=moment(at), request=request, sender=whose, code=code, digest=digest, size=size
        )
        for at, request, whose, code, digest, size in rows
    )
