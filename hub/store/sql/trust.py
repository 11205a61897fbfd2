"""What is remembered about certificates, on any engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hub.store.sql import journal
from hub.store.sql.db import many, one
from hub.store.sql.times import micros, moment
from hub.trust.contract import Barred, Said, Standing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hub.store.sql.db import Db, Row
    from hub.store.sql.engine import Reads, Writes

_COLUMNS = "fingerprint, state, revoked_at, heard_at, valid_until, tried_at, problem, source"
_HEAR = """
INSERT INTO standing(fingerprint, state, revoked_at, heard_at, valid_until, tried_at, problem, source, answer)
VALUES(?,?,?,?,?,?,?,?,?)
ON CONFLICT(fingerprint) DO UPDATE SET state=excluded.state, revoked_at=excluded.revoked_at, heard_at=excluded.heard_at,
 valid_until=excluded.valid_until, tried_at=excluded.tried_at, problem=excluded.problem, source=excluded.source, answer=excluded.answer
"""
_BAR = "INSERT INTO barred(fingerprint, name, since, at, barred_by, reason) VALUES(?,?,?,?,?,?) ON CONFLICT DO NOTHING"


def standings(db: Db) -> tuple[Standing, ...]:
    return tuple(_standing(row) for row in many(db, f"SELECT {_COLUMNS} FROM standing ORDER BY fingerprint"))  # noqa: S608 - constants


def standing(db: Db, fingerprint: str) -> Standing | None:
    row = one(db, f"SELECT {_COLUMNS}, answer FROM standing WHERE fingerprint=?", (fingerprint,))  # noqa: S608 - constants
    return msgspec.structs.replace(_standing(row[:-1]), answer=row[-1]) if row else None


def _standing(row: Row) -> Standing:
    fingerprint, state, revoked_at, heard_at, valid_until, tried_at, problem, source = row
    return Standing(
        fingerprint=fingerprint,
        state=Said(state),
        revoked_at=moment(revoked_at),
        heard_at=moment(heard_at),
        valid_until=moment(valid_until),
        tried_at=moment(tried_at),
        problem=problem,
        source=source,
    )


def hear(db: Db, heard: Sequence[Standing], now: int) -> None:
    for each in heard:
        before = standing(db, each.fingerprint) or Standing(fingerprint=each.fingerprint)
        after = merged(before, each)
        db.execute(_HEAR, _row(after))
        if after.state is not before.state:
            facts = {"certificate": after.fingerprint, "state": after.state, "source": after.source}
            journal.write(db, now, "certificate_standing", facts=facts)


def merged(before: Standing, heard: Standing) -> Standing:
    """Lay a try over what was known: only an answer changes the answer, and no answer undoes a revocation."""
    if heard.heard_at is None or (before.state is Said.REVOKED and heard.state is not Said.REVOKED):
        return msgspec.structs.replace(before, tried_at=heard.tried_at, problem=heard.problem)
    return heard


def _row(one: Standing) -> tuple[object, ...]:
    times = (one.revoked_at, one.heard_at, one.valid_until, one.tried_at)
    return (
        one.fingerprint,
        str(one.state),
        *(micros(each) for each in times),
        one.problem,
        one.source,
        one.answer,
    )


def forget(db: Db, keep: Sequence[str]) -> None:
    for each in standings(db):
        if each.fingerprint not in keep:
            db.execute("DELETE FROM standing WHERE fingerprint=?", (each.fingerprint,))


def bar(db: Db, told: Barred) -> bool:
    db.execute(_BAR, (told.fingerprint, told.name, micros(told.since), micros(told.at), told.by, told.reason))
    if not db.changes():
        return False
    facts = {"certificate": told.fingerprint, "name": told.name, "since": told.since.isoformat()}
    journal.write(
        db, micros(told.at), "certificate_barred", facts={**facts, "by": told.by, "reason": told.reason}
    )
    return True


def barred(db: Db) -> tuple[Barred, ...]:
    rows = many(
        db, "SELECT fingerprint, name, since, at, barred_by, reason FROM barred ORDER BY at, fingerprint"
    )
    return tuple(
        Barred(fingerprint=fingerprint, name=name, since=moment(since), at=moment(at), by=by, reason=reason)
        for fingerprint, name, since, at, by, reason in rows
    )


class SqlBook:
    """``hub.trust.contract.Book`` in the engine's transactions."""

    def __init__(self, reads: Reads, writes: Writes) -> None:
        self._reads, self._writes = reads, writes

    async def standings(self) -> tuple[Standing, ...]:
        return await self._reads.run(standings)

    async def standing(self, fingerprint: str) -> Standing | None:
        return await self._reads.run(lambda db: standing(db, fingerprint))

    async def hear(self, heard: Sequence[Standing], now: datetime) -> None:
        await self._writes.run(lambda db: hear(db, heard, micros(now)))

    async def forget(self, keep: Sequence[str]) -> None:
        await self._writes.run(lambda db: forget(db, keep))

    async def bar(self, told: Barred) -> bool:
        return await self._writes.run(lambda db: bar(db, told))

    async def barred(self) -> tuple[Barred, ...]:
        return await self._reads.run(barred)
