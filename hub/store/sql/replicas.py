"""Replicated versions on any engine: inserted once and never touched again, but for the moment from which one stands."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from hub.receipts.receipts import signer_of
from hub.store.contract.replicas import Kept, Succession, Told
from hub.store.sql import journal
from hub.store.sql.db import many, one
from hub.store.sql.times import micros, moment

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from hub.store.sql.db import Db, Row
    from hub.store.sql.engine import Reads, Writes

_COLUMNS = "hub, number, digest, made_at, from_day, signature, came_at, set_by, reason, stands_at"
_VERSIONS = f"SELECT {_COLUMNS} FROM replica_version WHERE ?='' OR hub=? ORDER BY hub, number"  # noqa: S608 - constants
_NEWEST = f"SELECT {_COLUMNS} FROM replica_version WHERE hub=? ORDER BY number DESC LIMIT 1"  # noqa: S608 - constants
_KEEP = """
INSERT INTO replica_version(hub, number, digest, made_at, from_day, signature, came_at, set_by, reason, manifest)
VALUES(?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING
"""
_FILE = "INSERT INTO replica_file(sha256, content) VALUES(?,?) ON CONFLICT DO NOTHING"
_STANDS = "UPDATE replica_version SET stands_at=? WHERE hub=? AND number=? AND stands_at IS NULL"
_TELL = """
INSERT INTO edge_report(partner, heard_at, body) VALUES(?,?,?)
ON CONFLICT(partner) DO UPDATE SET heard_at=excluded.heard_at, body=excluded.body
"""
_SUCCEED = """
INSERT INTO edge_succession(partner, agency, heir, begins, drains, at, set_by, reason) VALUES(?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING
"""
_SUCCESSIONS = (
    "SELECT partner, agency, heir, begins, drains, at, set_by, reason FROM edge_succession ORDER BY partner"
)


def _kept(row: Row) -> Kept:
    hub, number, digest, made_at, from_day, signature, came_at, by, reason, stands_at = row
    return Kept(
        hub=hub,
        number=number,
        digest=digest,
        made_at=moment(made_at),
        from_day=date.fromisoformat(from_day),
        signature=signature,
        came_at=moment(came_at),
        by=by,
        reason=reason,
        stands_at=moment(stands_at),
    )


def versions(db: Db, hub: str) -> tuple[Kept, ...]:
    return tuple(_kept(row) for row in many(db, _VERSIONS, (hub, hub)))


def newest(db: Db, hub: str) -> Kept | None:
    row = one(db, _NEWEST, (hub,))
    return _kept(row) if row else None


def manifest(db: Db, hub: str, number: int) -> bytes | None:
    row = one(db, "SELECT manifest FROM replica_version WHERE hub=? AND number=?", (hub, number))
    return bytes(row[0]) if row else None


def keep(db: Db, version: Kept, raw: bytes, files: Mapping[str, bytes]) -> bool:
    came_at = micros(version.came_at)
    row = (
        version.hub,
        version.number,
        version.digest,
        micros(version.made_at),
        version.from_day.isoformat(),
        version.signature,
        came_at,
        version.by,
        version.reason,
    )
    db.execute(_KEEP, (*row, raw))
    if not db.changes():
        return False
    for sha256, content in sorted(files.items()):
        db.execute(_FILE, (sha256, content))
    facts = {
        **_named(version),
        "from_day": version.from_day.isoformat(),
        "by": version.by,
        "reason": version.reason,
    }
    told = {name: fact for name, fact in facts.items() if fact}
    ours = journal.by(signer_of(version.signature)) if version.by else {}
    what = "version_published" if version.by else "version_fetched"
    journal.write(db, came_at, what, facts={**told, **ours})
    return True


def _named(version: Kept) -> dict[str, str]:
    return {
        "hub": version.hub,
        "number": str(version.number),
        "digest": version.digest,
        "signature": version.signature,
    }


def stands(db: Db, hub: str, number: int, now: datetime) -> None:
    db.execute(_STANDS, (micros(now), hub, number))
    if db.changes():
        journal.write(db, micros(now), "version_stands", facts={"hub": hub, "number": str(number)})


def missing(db: Db, files: Collection[str]) -> frozenset[str]:
    return frozenset(
        each for each in files if one(db, "SELECT 1 FROM replica_file WHERE sha256=?", (each,)) is None
    )


def file(db: Db, sha256: str) -> bytes | None:
    row = one(db, "SELECT content FROM replica_file WHERE sha256=?", (sha256,))
    return bytes(row[0]) if row else None


def succeed(db: Db, what: Succession) -> bool:
    at = micros(what.at)
    days = (what.begins.isoformat(), what.drains.isoformat())
    db.execute(_SUCCEED, (what.partner, what.agency, what.heir, *days, at, what.by, what.reason))
    if not db.changes():
        return False
    facts = {
        "partner": what.partner,
        "agency": what.agency,
        "heir": what.heir,
        "begins": days[0],
        "drains": days[1],
    }
    journal.write(db, at, "edge_succeeded", facts={**facts, "by": what.by, "reason": what.reason})
    return True


def successions(db: Db) -> tuple[Succession, ...]:
    return tuple(
        Succession(
            partner=partner,
            agency=agency,
            heir=heir,
            begins=date.fromisoformat(begins),
            drains=date.fromisoformat(drains),
            at=moment(at),
            by=by,
            reason=reason,
        )
        for partner, agency, heir, begins, drains, at, by, reason in many(db, _SUCCESSIONS)
    )


class SqlReplicas:
    def __init__(self, reads: Reads, writes: Writes) -> None:
        self._reads, self._writes = reads, writes

    async def versions(self, hub: str = "") -> tuple[Kept, ...]:
        return await self._reads.run(lambda db: versions(db, hub))

    async def newest(self, hub: str) -> Kept | None:
        return await self._reads.run(lambda db: newest(db, hub))

    async def manifest(self, hub: str, number: int) -> bytes | None:
        return await self._reads.run(lambda db: manifest(db, hub, number))

    async def keep(self, version: Kept, manifest: bytes, files: Mapping[str, bytes]) -> bool:
        return await self._writes.run(lambda db: keep(db, version, manifest, files))

    async def stands(self, hub: str, number: int, now: datetime) -> None:
        await self._writes.run(lambda db: stands(db, hub, number, now))

    async def file(self, sha256: str) -> bytes | None:
        return await self._reads.run(lambda db: file(db, sha256))

    async def missing(self, files: Collection[str]) -> frozenset[str]:
        return await self._reads.run(lambda db: missing(db, files))

    async def add(self, sha256: str, content: bytes) -> None:
        await self._writes.run(lambda db: db.execute(_FILE, (sha256, content)))

    async def tell(self, told: Told) -> None:
        row = (told.partner, micros(told.heard_at), told.body)
        await self._writes.run(lambda db: db.execute(_TELL, row))

    async def reports(self) -> tuple[Told, ...]:
        rows = await self._reads.run(
            lambda db: many(db, "SELECT partner, heard_at, body FROM edge_report ORDER BY partner")
        )
        return tuple(
            Told(partner=partner, heard_at=moment(at), body=bytes(body)) for partner, at, body in rows
        )

    async def succeed(self, what: Succession) -> bool:
        return await self._writes.run(lambda db: succeed(db, what))

    async def successions(self) -> tuple[Succession, ...]:
        return await self._reads.run(successions)
