"""What went between the hub and a partner on a day, read by the day's index."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from hub.lifecycle import State
from hub.store.contract.reconciling import MOST, Came, Crossed, Sent
from hub.store.sql import leases
from hub.store.sql.db import many, one
from hub.store.sql.times import micros
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Collection

    from hub.store.sql.db import Db, Row
    from hub.store.sql.engine import Reads

_CODE = """coalesce((SELECT a.code FROM alias a WHERE a.dossier=coalesce((SELECT g.dossier FROM merged g WHERE g.id=m.dossier), m.dossier)
  ORDER BY a.rank LIMIT 1), '')"""
_SENT = f"""
SELECT t.n, t.id, t.key, m.kind, {_CODE}, t.state, coalesce(s.digest, ''), t.receipt_at
FROM message m JOIN transfer t ON t.message=m.n LEFT JOIN sealed s ON s.n=t.n
WHERE m.accepted_at>=? AND m.accepted_at<? AND t.dest=(SELECT d.id FROM dest d WHERE d.partner=?)
  AND t.state NOT IN ('withdrawn', 'skipped')
ORDER BY m.accepted_at, m.n, t.n LIMIT ?
"""  # noqa: S608 - constants
_CAME = f"""
SELECT m.id, m.key, m.kind, {_CODE}, m.digest FROM message m
WHERE m.accepted_at>=? AND m.accepted_at<? AND m.sender=? ORDER BY m.accepted_at, m.n LIMIT ?
"""  # noqa: S608 - constants


def sent(db: Db, partner: str, since: int, until: int) -> tuple[Sent, ...]:
    leased = leases.everything(db)
    rows = _bounded(many(db, _SENT, (since, until, partner, MOST + 1)))
    return tuple(
        Sent(
            transfer=id_,
            key=key,
            kind=kind,
            code=code,
            state=State.IN_DOUBT if n in leased else State(state),
            digest=digest,
            receipted=receipt_at is not None,
        )
        for n, id_, key, kind, code, state, digest, receipt_at in rows
    )


def came(db: Db, partner: str, since: int, until: int) -> tuple[Came, ...]:
    rows = _bounded(many(db, _CAME, (since, until, partner, MOST + 1)))
    return tuple(
        Came(message=id_, key=key, kind=kind, code=code, digest=digest)
        for id_, key, kind, code, digest in rows
    )


def _bounded(rows: list[Row]) -> list[Row]:
    if len(rows) > MOST:
        raise refuse("HUB-LIM-003", rule=f"at most {MOST}")
    return rows


class _Row(msgspec.Struct):
    key: str
    id: str
    sha256: str


class _Manifest(msgspec.Struct):
    made_at: datetime
    entries: tuple[_Row, ...]


class _Refused(msgspec.Struct):
    key: str


_MANIFESTS = """
SELECT way, manifest, done_at, refused FROM edge_batch WHERE partner=? AND made_at>=? ORDER BY way, epoch, seq
"""
_STATE = """
SELECT t.state FROM message m JOIN transfer t ON t.message=m.n JOIN dest d ON d.id=t.dest WHERE m.id=? AND t.key=? AND d.partner=?
"""
_HERE = "SELECT 1 FROM seen WHERE sender=? AND key=? UNION ALL SELECT 1 FROM message WHERE id=? LIMIT 1"
CLOCKS = timedelta(days=1)
"""How far the other hub's clock may be ahead of ours: its batches are kept under the time at which they came."""


def crossed(db: Db, partner: str, since: datetime, until: datetime) -> tuple[Crossed, ...]:
    found: dict[tuple[bool, str], Crossed] = {}
    for way, raw, done_at, refused in many(db, _MANIFESTS, (partner, micros(since - CLOCKS))):
        manifest = msgspec.json.decode(bytes(raw), type=_Manifest)
        if not since <= manifest.made_at < until:
            continue
        told = {each.key for each in msgspec.json.decode(refused, type=tuple[_Refused, ...])}
        for row in manifest.entries:
            went = way == "out"
            one_ = _went(db, partner, row, done_at is None) if went else _arrived(db, partner, row, told)
            if one_ is not None:
                found[went, row.key] = one_
        if len(found) > MOST:
            raise refuse("HUB-LIM-003", rule=f"at most {MOST}")
    return tuple(found.values())


def _went(db: Db, partner: str, row: _Row, under_way: bool) -> Crossed:  # noqa: FBT001 - a fact of its batch
    state = one(db, _STATE, (row.key.partition(":")[0], row.key, partner))
    known = State(state[0]) if state else None
    return Crossed(out=True, key=row.key, digest=row.sha256, state=known, under_way=under_way)


def _arrived(db: Db, partner: str, row: _Row, refused: Collection[str]) -> Crossed | None:
    if row.key in refused:
        return Crossed(out=False, key=row.key, digest=row.sha256, refused=True)
    here = one(db, _HERE, (partner, row.id, row.id))
    return Crossed(out=False, key=row.key, digest=row.sha256) if here else None


class SqlDays:
    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def sent(self, partner: str, since: datetime, until: datetime) -> tuple[Sent, ...]:
        return await self._reads.run(lambda db: sent(db, partner, micros(since), micros(until)))

    async def came(self, partner: str, since: datetime, until: datetime) -> tuple[Came, ...]:
        return await self._reads.run(lambda db: came(db, partner, micros(since), micros(until)))

    async def crossed(self, partner: str, since: datetime, until: datetime) -> tuple[Crossed, ...]:
        return await self._reads.run(lambda db: crossed(db, partner, since, until))
