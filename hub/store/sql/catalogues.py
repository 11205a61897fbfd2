"""Catalogues on any engine: versions are inserted once and never touched again."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from hub.receipts.receipts import signer_of
from hub.store.contract.catalogues import Had, Pushed, Version
from hub.store.sql import accept, journal
from hub.store.sql.db import many, one, only
from hub.store.sql.times import micros, moment

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from hub.store.contract.intake import Acceptance
    from hub.store.sql.accept import Packed
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
_PUSH = """
INSERT INTO catalogue_push(partner, id, version, transfer, sent_at) VALUES(?,?,?,?,?) ON CONFLICT DO NOTHING
"""
_CAME = "t.state IN ('delivered', 'acknowledged')"
_PUSHED = f"""
SELECT p.partner, p.id, p.version, p.transfer, p.sent_at, coalesce(p.delivered_at, CASE WHEN {_CAME} THEN t.settled_at END),
  coalesce(p.receipt_at, t.receipt_at)
FROM catalogue_push p LEFT JOIN transfer t ON t.id=p.transfer WHERE ?='' OR p.id=? ORDER BY p.id, p.partner, p.version
"""  # noqa: S608 - constants
_CAME_SINCE = f"""
SELECT t.settled_at, t.receipt_at, p.partner, p.id, p.version FROM catalogue_push p JOIN transfer t ON t.id=p.transfer
WHERE {_CAME} AND (p.delivered_at IS NULL OR (p.receipt_at IS NULL AND t.receipt_at IS NOT NULL))
"""  # noqa: S608 - constants
_KEEP = "UPDATE catalogue_push SET delivered_at=?, receipt_at=? WHERE partner=? AND id=? AND version=?"
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


class _Had(Exception):  # noqa: N818 - says what it is
    """A partner was brought this version before."""


def push(db: Db, packed: Packed, version: Version) -> None:
    """Raises ``_Had``, with nothing written."""
    new = packed.acceptance
    at = micros(new.accepted_at)
    for each in new.transfers:
        if each.part == 1:
            db.execute(_PUSH, (each.partner, version.id, version.version, each.id, at))
            if not db.changes():
                raise _Had
    if accept.accept(db, packed, follow_up=True).replayed:
        raise _Had


def pushed(db: Db, id_: str) -> tuple[Pushed, ...]:
    return tuple(
        Pushed(
            partner=partner,
            id=found,
            version=version,
            transfer=transfer,
            sent_at=moment(at),
            delivered_at=moment(delivered),
            receipt_at=moment(receipt),
        )
        for partner, found, version, transfer, at, delivered, receipt in many(db, _PUSHED, (id_, id_))
    )


def keep_pushed(db: Db) -> None:
    for row in many(db, _CAME_SINCE):
        db.execute(_KEEP, row)


class SqlCatalogues:
    """``packed``, ``living``: as the store takes messages in."""

    def __init__(
        self,
        reads: Reads,
        writes: Writes,
        packed: Callable[[Acceptance], Awaitable[Packed]],
        living: Callable[[Callable[[], Awaitable[bool]]], Awaitable[bool]],
    ) -> None:
        self._reads, self._writes = reads, writes
        self._packed, self._living = packed, living

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

    async def push(self, new: Acceptance, version: Version) -> bool:
        return await self._living(lambda: self._push(new, version))

    async def _push(self, new: Acceptance, version: Version) -> bool:
        packed = await self._packed(new)
        try:
            await self._writes.run(lambda db: push(db, packed, version))
        except _Had:
            return False
        return True

    async def pushed(self, id: str = "") -> tuple[Pushed, ...]:  # noqa: A002 - the field's word
        return await self._reads.run(lambda db: pushed(db, id))

    async def refreshed(self, facts: Mapping[str, str], now: datetime) -> None:
        await self._writes.run(lambda db: journal.write(db, micros(now), "registry_refreshed", facts=facts))

    async def keep_pushed(self) -> None:
        if await self._reads.run(lambda db: many(db, _CAME_SINCE)):
            await self._writes.run(keep_pushed)
