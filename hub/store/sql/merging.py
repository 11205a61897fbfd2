"""Two dossiers become one: codes, story and what partners told; messages keep pointing where they did.

A merged id leads to the dossier that it became part of, in one step, however often that was merged on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.lifecycle import DONE
from hub.store.contract.store import Stale
from hub.store.sql import journal
from hub.store.sql.actions import by_two
from hub.store.sql.db import Db, many, one
from schemas.problems import refuse

if TYPE_CHECKING:
    from hub.store.contract.mending import Merging

FAMILY = "SELECT ? UNION ALL SELECT g.id FROM merged g WHERE g.dossier=?"
"""The dossier itself and all that were merged into it. For ``IN``; takes the dossier's id twice."""

_DONE = ", ".join(f"'{state}'" for state in sorted(DONE))
_OPEN = f"""
SELECT t.id FROM message m JOIN transfer t ON t.message=m.n WHERE m.dossier IN ({FAMILY}) AND t.state NOT IN ({_DONE}) LIMIT 1
"""  # noqa: S608 - constants
_JOINED = (
    "INSERT INTO prefix(dossier, story) VALUES(?,?) ON CONFLICT(dossier) DO UPDATE SET story=excluded.story"
)
"""From here on the story of both is what everything else comes after."""
_LOCK = "UPDATE dossier SET version=version+1 WHERE id=? AND version=?"


def root(db: Db, dossier: str) -> str:
    """Return the id of the dossier that this one is part of, or itself."""
    row = one(db, "SELECT dossier FROM merged WHERE id=?", (dossier,))
    return str(row[0]) if row else dossier


def family(db: Db, dossier: str) -> list[str]:
    """Return the dossier's id and those of all that were merged into it."""
    return [row[0] for row in many(db, FAMILY, (dossier, dossier))]


def open_transfer(db: Db, dossier: str) -> str | None:
    """Return a transfer of the dossier, or of one that was merged into it, that is not done."""
    row = one(db, _OPEN, (dossier, dossier))
    return str(row[0]) if row else None


def merge(db: Db, what: Merging, at: int) -> None:
    """Raises ``Refusal`` HUB-LAN-010, HUB-DOS-008, -009; ``Stale`` when one of them moved. Both rows are locked before anything is looked at."""
    by_two("merge", what.by, what.approver)
    if what.kept == what.other:
        raise refuse("HUB-DOS-009", "dossier")
    versions = {what.kept: what.kept_version, what.other: what.other_version}
    for dossier, version in sorted(versions.items()):
        db.execute(_LOCK, (dossier, version))
        if not db.changes():
            raise Stale
    if any(root(db, dossier) != dossier for dossier in versions):
        raise refuse("HUB-DOS-009", "dossier")
    for dossier in versions:
        found = open_transfer(db, dossier)
        if found is not None:
            raise refuse("HUB-DOS-008", dossier, detail=found)
    db.execute("UPDATE dossier SET story=? WHERE id=?", (what.story, what.kept))
    db.execute(_JOINED, (what.kept, what.story))
    _join(db, what.kept, what.other, at)
    facts = {
        "kept": what.kept,
        "other": what.other,
        "reason": what.reason,
        "by": what.by,
        "approver": what.approver,
    }
    journal.write(db, at, "merged", facts=facts)


def _join(db: Db, kept: str, other: str, at: int) -> None:
    """Aliases keep their order, those of the kept dossier first; of what a partner told of both, the kept one's stands."""
    db.execute(
        "UPDATE alias SET dossier=?, rank=rank+1+(SELECT max(rank) FROM alias WHERE dossier=?) WHERE dossier=?",
        (kept, kept, other),
    )
    db.execute("UPDATE merged SET dossier=? WHERE dossier=?", (kept, other))
    db.execute("INSERT INTO merged(id,dossier,at) VALUES(?,?,?)", (other, kept, at))
    db.execute(
        "INSERT INTO told(subject,dest,name,value) SELECT ?,dest,name,value FROM told WHERE subject=?"
        " ON CONFLICT(subject,dest,name) DO NOTHING",
        (kept, other),
    )
    db.execute("DELETE FROM told WHERE subject=?", (other,))
