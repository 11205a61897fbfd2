"""What the doctor asks of the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.store.contract.watching import Inspection
from hub.store.sql import notes
from hub.store.sql.db import one, only
from hub.store.sql.times import SECOND, moment

if TYPE_CHECKING:
    from hub.store.sql.db import Db

STUCK_AFTER = 60 * SECOND


def inspect(db: Db, by: int) -> Inspection:
    """``by``: the time by the clock of leases."""
    (stuck,) = only(db, "SELECT count(*) FROM lease WHERE until<?", (by - STUCK_AFTER,))
    newest = one(db, "SELECT at FROM journal ORDER BY seq DESC LIMIT 1")
    return Inspection(
        settings={},
        stuck=stuck,
        newest=moment(newest[0]) if newest else None,
        backup=moment(notes.written(db, "last_backup")),
    )
