"""Open dossiers brought in at a cut-over, on any engine: all or nothing, and the second time nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.store.contract.history import Brought
from hub.store.sql import journal, ledger
from hub.store.sql.db import Raced, one
from hub.store.sql.times import micros
from schemas.problems import MAX_PROBLEMS, Problem, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hub.store.contract.history import Past
    from hub.store.sql.db import Db
    from hub.store.sql.engine import Reads, Writes

_WHOSE = """
SELECT coalesce((SELECT g.dossier FROM merged g WHERE g.id=a.dossier), a.dossier) FROM alias a WHERE a.code=? AND a.authority=?
"""
_MAKE = "INSERT INTO dossier(id, origin, version, story) VALUES(?,?,1,?) ON CONFLICT DO NOTHING"
_NAME = "INSERT INTO alias(code, authority, dossier, rank) VALUES(?,?,?,?) ON CONFLICT DO NOTHING"


def compare(db: Db, past: Sequence[Past]) -> tuple[list[Past], tuple[int, ...]]:
    """Return what is new, and the lines of what is known. Raises ``Refusal`` HUB-IMP-002."""
    fresh, known, problems = [], [], []
    for each in past:
        found = {alias: one(db, _WHOSE, (alias.code, alias.authority)) for alias in each.aliases}
        owners = {row[0] for row in found.values() if row is not None}
        if not owners:
            fresh.append(each)
        elif found[each.aliases[0]] is not None and len(owners) == 1:
            known.append(each.line)
        else:
            place = f"aliases/{next(n for n, row in enumerate(found.values()) if row is not None)}"
            problems.append(Problem(code="HUB-IMP-002", line=each.line, place=place))
    if problems:
        raise Refusal(*problems[:MAX_PROBLEMS])
    return fresh, tuple(known)


def bring(db: Db, past: Sequence[Past], facts: dict[str, str], at: int) -> Brought:
    fresh, known = compare(db, past)
    for each in sorted(fresh, key=lambda one_: one_.dossier):  # in one order for all who write
        db.execute(_MAKE, (each.dossier, each.origin, each.story))
        if not db.changes():
            raise Raced(each.dossier)
        told = {"dossier": each.dossier, "origin": each.origin, "line": str(each.line), "file": facts["file"]}
        journal.write(db, at, "dossier_imported", facts=told)
        if each.fact:
            db.execute(ledger.WRITE, (each.dossier, "", at, each.fact))
    for code, authority, dossier, rank in sorted(
        (alias.code, alias.authority, each.dossier, rank)
        for each in fresh
        for rank, alias in enumerate(each.aliases)
    ):
        db.execute(_NAME, (code, authority, dossier, rank))
        if not db.changes():
            raise Raced(code)
    if fresh:
        counts = {"made": str(len(fresh)), "known": str(len(known))}
        journal.write(db, at, "dossiers_imported", facts={**facts, **counts})
    return Brought(made=len(fresh), known=known)


class SqlHistory:
    def __init__(self, reads: Reads, writes: Writes) -> None:
        self._reads, self._writes = reads, writes

    async def compare(self, past: Sequence[Past]) -> Brought:
        fresh, known = await self._reads.run(lambda db: compare(db, past))
        return Brought(made=len(fresh), known=known)

    async def bring(
        self, past: Sequence[Past], *, digest: str, reason: str, by: str, now: datetime
    ) -> Brought:
        facts = {"file": digest, "reason": reason, "by": by}
        return await self._writes.run(lambda db: bring(db, past, facts, micros(now)))
