"""Catalogues on any engine: versions are inserted once and never touched again."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from hub.receipts.receipts import signer_of
from hub.store.contract.catalogues import Had, Version
from hub.store.sql import journal
from hub.store.sql.db import many, one, only
from hub.store.sql.times import micros, moment

if TYPE_CHECKING:
    from datetime import datetime

    from hub.store.sql.db import Db
    from hub.store.sql.engine import Reads, Writes

_VERSIONS = """
SELECT id, version, effective, at, digest, signature, set_by, reason FROM catalogue WHERE ?='' OR id=? ORDER BY id, version
"""
_PUBLISH = """
INSERT INTO catalogue(id, version, effective, at, digest, signature, set_by, reason, document) VALUES(?,?,?,?,?,?,?,?,?)
ON CONFLICT DO NOTHING
"""
_FETCHED = (
    "INSERT INTO catalogue_had(partner, id, version, fetched_at) VALUES(?,?,?,?) ON CONFLICT DO NOTHING"
)
_SAID = """
UPDATE catalogue_had SET acknowledged_at=? WHERE partner=? AND id=? AND version=? AND acknowledged_at IS NULL
"""
_HAD = """
SELECT partner, id, version, fetched_at, acknowledged_at FROM catalogue_had WHERE ?='' OR id=? ORDER BY id, partner, version
"""
_ONE = "SELECT fetched_at, acknowledged_at FROM catalogue_had WHERE partner=? AND id=? AND version=?"


def versions(db: Db, id_: str) -> tuple[Version, ...]:
    return tuple(
        Version(
            id=found,
            version=version,
            effective=date.fromisoformat(effective),
            at=moment(at),
            digest=digest,
            signature=signature,
            by=by,
            reason=reason,
        )
        for found, version, effective, at, digest, signature, by, reason in many(db, _VERSIONS, (id_, id_))
    )


def document(db: Db, id_: str, version: int) -> bytes | None:
    row = one(db, "SELECT document FROM catalogue WHERE id=? AND version=?", (id_, version))
    return bytes(row[0]) if row else None


def publish(db: Db, new: Version, content: bytes) -> bool:
    at = micros(new.at)
    row = (new.id, new.version, new.effective.isoformat(), at, new.digest, new.signature, new.by, new.reason)
    db.execute(_PUBLISH, (*row, content))
    if not db.changes():
        return False
    facts = {
        "catalogue": new.id,
        "version": str(new.version),
        "effective": new.effective.isoformat(),
        "digest": new.digest,
        "signature": new.signature,
        "by": new.by,
        "reason": new.reason,
    }
    told = {name: fact for name, fact in facts.items() if fact}
    journal.write(db, at, "catalogue_published", facts={**told, **journal.by(signer_of(new.signature))})
    return True


def fetched(db: Db, partner: str, id_: str, version: int, now: datetime) -> None:
    db.execute(_FETCHED, (partner, id_, version, micros(now)))


def acknowledged(db: Db, partner: str, id_: str, version: int, now: datetime) -> Had:
    fetched(db, partner, id_, version, now)
    db.execute(_SAID, (micros(now), partner, id_, version))
    if db.changes():
        facts = {"partner": partner, "catalogue": id_, "version": str(version)}
        journal.write(db, micros(now), "catalogue_acknowledged", facts=facts)
    at, said = only(db, _ONE, (partner, id_, version))
    return Had(partner=partner, id=id_, version=version, fetched_at=moment(at), acknowledged_at=moment(said))


def had(db: Db, id_: str) -> tuple[Had, ...]:
    return tuple(
        Had(
            partner=partner,
            id=found,
            version=version,
            fetched_at=moment(at),
            acknowledged_at=moment(said),
        )
        for partner, found, version, at, said in many(db, _HAD, (id_, id_))
    )


class SqlCatalogues:
    def __init__(self, reads: Reads, writes: Writes) -> None:
        self._reads, self._writes = reads, writes

    async def versions(self, id: str = "") -> tuple[Version, ...]:  # noqa: A002 - the field's word
        return await self._reads.run(lambda db: versions(db, id))

    async def document(self, id: str, version: int) -> bytes | None:  # noqa: A002 - the field's word
        return await self._reads.run(lambda db: document(db, id, version))

    async def publish(self, version: Version, document: bytes) -> bool:
        return await self._writes.run(lambda db: publish(db, version, document))

    async def fetched(self, partner: str, id: str, version: int, now: datetime) -> None:  # noqa: A002 - the field's word
        await self._writes.run(lambda db: fetched(db, partner, id, version, now))

    async def acknowledged(self, partner: str, id: str, version: int, now: datetime) -> Had:  # noqa: A002 - the field's word
        return await self._writes.run(lambda db: acknowledged(db, partner, id, version, now))

    async def had(self, id: str = "") -> tuple[Had, ...]:  # noqa: A002 - the field's word
        return await self._reads.run(lambda db: had(db, id))
