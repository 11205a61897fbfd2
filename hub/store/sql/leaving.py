"""Whether a person may let a transfer leave by its recipient's stage: asked in the transaction that lets it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.going_live.stages import may_leave
from hub.store.sql.db import one, only
from schemas.problems import refuse

if TYPE_CHECKING:
    from hub.store.contract.stages import Leave
    from hub.store.sql.db import Db

STORY = "(SELECT d.story FROM dossier d WHERE d.id=coalesce((SELECT g.dossier FROM merged g WHERE g.id=m.dossier), m.dossier))"
"""Of the dossier of a message ``m``, or the one that it became part of."""
_WHOSE = f"SELECT t.stage, coalesce({STORY}, ?) FROM transfer t JOIN message m ON m.n=t.message WHERE t.id=?"  # noqa: S608 - constants


def edition(db: Db) -> int:
    """Under ``db.hold_stages`` it stays so until the transaction ends."""
    (last,) = only(db, "SELECT coalesce(max(n), 0) FROM stage")
    return int(last)


def check(db: Db, transfer: str, leave: Leave | None) -> None:
    """Hold the stages and look. Raises ``Refusal`` HUB-STG-002, -004; a transfer that is not there is another's to refuse.

    Where nobody ever set a stage, what is live was accepted by the partner's file, and that has not changed.
    """
    db.hold_stages(alone=False)
    found = one(db, _WHOSE, (b"", transfer))
    if found is None:
        return
    stage, story = found
    last = edition(db)
    if leave is None:
        if last or stage != "live":
            raise refuse("HUB-STG-004", transfer, rule=f"{stage} → ?")
        return
    if leave.edition != last:
        raise refuse("HUB-STG-002", transfer)
    after = leave.stage(bytes(story))
    if not may_leave(stage, after):
        raise refuse("HUB-STG-004", transfer, rule=f"{stage} → {after}")
