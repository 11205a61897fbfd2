"""What figures are counted from, on any engine: written with the message that says it, and read whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.receipts.receipts import signer_of
from hub.store.contract.ledger import KeptFact, LateReason, Publication
from hub.store.sql import journal
from hub.store.sql.db import many, one
from hub.store.sql.times import micros, moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.store.contract.intake import Acceptance
    from hub.store.sql.db import Db
    from hub.store.sql.engine import Reads, Writes

WRITE = "INSERT INTO fact(dossier, message, known_at, fact) VALUES(?,?,?,?)"
SET_ASIDE = """SELECT message FROM telling WHERE aside LIKE '%"set_aside"%'"""
_FACTS = f"""
SELECT coalesce(g.dossier, f.dossier), f.known_at, f.fact FROM fact f LEFT JOIN merged g ON g.id=f.dossier
WHERE f.message NOT IN ({SET_ASIDE}) ORDER BY f.n
"""  # noqa: S608 - a constant
_FORGET = f"DELETE FROM fact WHERE dossier=? AND message IN ({SET_ASIDE} AND dossier=?)"  # noqa: S608 - a constant
_REASONS = "SELECT dossier, what, at, set_by, unit, reason FROM late_reason ORDER BY n"
_REASON = "INSERT INTO late_reason(dossier, what, at, set_by, unit, reason) VALUES(?,?,?,?,?,?)"
_DOSSIER = """
SELECT coalesce((SELECT g.dossier FROM merged g WHERE g.id=z.dossier), z.dossier)
FROM (SELECT dossier FROM alias WHERE code=? UNION SELECT id FROM dossier WHERE id=?) z LIMIT 1
"""
_EDITIONS = """
SELECT id, edition, at, known_at, digest, signature, set_by, reason FROM publication WHERE ?='' OR id=? ORDER BY at, id, edition
"""
_PUBLISH = """
INSERT INTO publication(id, edition, at, known_at, digest, signature, set_by, reason, document, behind) VALUES(?,?,?,?,?,?,?,?,?,?)
ON CONFLICT DO NOTHING
"""
_DOCUMENT = "SELECT document, behind FROM publication WHERE id=? AND edition=?"


def row(new: Acceptance) -> tuple[str, str, int, bytes] | None:
    if not (new.fact and new.dossier):
        return None
    return (new.dossier, new.message, micros(new.accepted_at), new.fact)


def write(db: Db, new: Acceptance) -> None:
    told = row(new)
    if told is not None:
        db.execute(WRITE, told)


def settle(db: Db, family: str, member: str) -> None:
    """What says which messages are set aside, and what was merged, is about to go: figures stay what they are."""
    db.execute(_FORGET, (member, member))
    db.execute("UPDATE fact SET dossier=? WHERE dossier=?", (family, member))


def facts(db: Db) -> tuple[KeptFact, ...]:
    return tuple(
        KeptFact(dossier=dossier, known_at=moment(at), fact=bytes(fact))
        for dossier, at, fact in many(db, _FACTS)
    )


def reasons(db: Db) -> tuple[LateReason, ...]:
    return tuple(
        LateReason(dossier=dossier, what=what, at=moment(at), by=by, unit=unit, reason=reason)
        for dossier, what, at, by, unit, reason in many(db, _REASONS)
    )


def reason(db: Db, new: LateReason) -> None:
    at = micros(new.at)
    db.execute(_REASON, (new.dossier, new.what, at, new.by, new.unit, new.reason))
    facts_ = {"dossier": new.dossier, "by": new.by, "unit": new.unit, "reason": new.reason}
    journal.write(
        db, at, f"late_reason_{new.what}", facts={name: told for name, told in facts_.items() if told}
    )


def publications(db: Db, id_: str) -> tuple[Publication, ...]:
    return tuple(
        Publication(
            id=found,
            edition=edition,
            at=moment(at),
            known_at=moment(known),
            digest=digest,
            signature=signature,
            by=by,
            reason=why,
        )
        for found, edition, at, known, digest, signature, by, why in many(db, _EDITIONS, (id_, id_))
    )


def publish(db: Db, new: Publication, document: bytes, behind: bytes) -> bool:
    at = micros(new.at)
    told = (new.id, new.edition, at, micros(new.known_at), new.digest, new.signature, new.by, new.reason)
    db.execute(_PUBLISH, (*told, document, behind))
    if not db.changes():
        return False
    facts_ = {
        "report": new.id,
        "edition": str(new.edition),
        "digest": new.digest,
        "signature": new.signature,
        "by": new.by,
        "reason": new.reason,
    }
    kept = {name: told for name, told in facts_.items() if told}
    journal.write(db, at, "report_published", facts={**kept, **journal.by(signer_of(new.signature))})
    return True


class SqlLedger:
    def __init__(self, reads: Reads, writes: Writes) -> None:
        self._reads, self._writes = reads, writes

    async def facts(self) -> Sequence[KeptFact]:
        return await self._reads.run(facts)

    async def dossier(self, code: str) -> str:
        found = await self._reads.run(lambda db: one(db, _DOSSIER, (code, code)))
        return str(found[0]) if found else ""

    async def reasons(self) -> Sequence[LateReason]:
        return await self._reads.run(reasons)

    async def reason(self, new: LateReason) -> None:
        await self._writes.run(lambda db: reason(db, new))

    async def publications(self, id: str = "") -> Sequence[Publication]:  # noqa: A002 - the field's word
        return await self._reads.run(lambda db: publications(db, id))

    async def published(self, id: str, edition: int) -> tuple[bytes, bytes] | None:  # noqa: A002 - the field's word
        found = await self._reads.run(lambda db: one(db, _DOCUMENT, (id, edition)))
        return (bytes(found[0]), bytes(found[1])) if found else None

    async def publish(self, new: Publication, document: bytes, behind: bytes) -> bool:
        return await self._writes.run(lambda db: publish(db, new, document, behind))
