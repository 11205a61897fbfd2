"""What a restored store forgot: what was said before the restore may have gone out in a time that it knows nothing of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hub.ids import first_of
from hub.store.sql import notes
from hub.store.sql.times import moment

if TYPE_CHECKING:
    from hub.store.contract.intake import NewTransfer
    from hub.store.sql.db import Db

CODE = "HUB-STO-006"


def horizon(db: Db) -> str:
    """Ids that sort before it name what was said before this store was restored; empty: it never was."""
    at = moment(notes.written(db, notes.RESTORED_LAST))
    return "" if at is None else first_of(at)


def doubted(message: str, transfers: tuple[NewTransfer, ...], before: str) -> tuple[NewTransfer, ...]:
    """Return a message's new transfers, in doubt where it was said before the horizon."""
    if message >= before:
        return transfers
    return tuple(msgspec.structs.replace(each, doubt=CODE) for each in transfers)
