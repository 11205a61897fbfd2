"""What comparing days found, on any engine: versions that never change, what was done about them, and who signed them off."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from hub.receipts.receipts import signer_of
from hub.store.contract.reconciling import Kept, Mended, Signed
from hub.store.sql import actions, journal
from hub.store.sql.db import many, one
from hub.store.sql.times import micros, moment
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from hub.store.contract.reconciling import Act
    from hub.store.sql.db import Db, Row
    from hub.store.sql.engine import Reads, Writes

SETTLED = "HUB-RCN-003"

_COLUMNS = "partner, day, version, at, by_whom, source, digest, document"
_LAST = f"SELECT {_COLUMNS} FROM reconciliation WHERE partner=? AND day=? ORDER BY version DESC LIMIT 1"  # noqa: S608 - constants
_LISTED = f"""
SELECT {_COLUMNS} FROM reconciliation r WHERE day>=? AND version=(
  SELECT max(l.version) FROM reconciliation l WHERE l.partner=r.partner AND l.day=r.day)
ORDER BY day DESC, partner
"""  # noqa: S608 - constants
_KEEP = f"INSERT INTO reconciliation({_COLUMNS}) VALUES(?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING"
_ACTED = "SELECT 1 FROM reconciliation_fix WHERE partner=? AND day=? AND version=? AND transfer<>'' LIMIT 1"
_MENDED = """
SELECT way, id, fix, at, by_whom, reason, approver, transfer FROM reconciliation_fix
WHERE partner=? AND day=? AND version=? ORDER BY way, id
"""
_MEND = """
INSERT INTO reconciliation_fix(partner, day, version, way, id, fix, at, by_whom, reason, approver, transfer)
VALUES(?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING
"""
_MESSAGE = "SELECT m.id FROM transfer t JOIN message m ON m.n=t.message WHERE t.id=?"
_SIGNED = "SELECT at, by_whom, digest, signature, protocol FROM reconciliation_signed WHERE partner=? AND day=? AND version=?"
_SIGN = """
INSERT INTO reconciliation_signed(partner, day, version, at, by_whom, digest, signature, protocol) VALUES(?,?,?,?,?,?,?,?)
ON CONFLICT DO NOTHING
"""


def last(db: Db, partner: str, day: date) -> Kept | None:
    row = one(db, _LAST, (partner, day.isoformat()))
    return _kept(row) if row else None


def listed(db: Db, since: date) -> tuple[Kept, ...]:
    return tuple(_kept(row) for row in many(db, _LISTED, (since.isoformat(),)))


def keep(db: Db, new: Kept) -> Kept:
    at, day = micros(new.at), new.day.isoformat()
    while True:
        before = last(db, new.partner, new.day)
        if before and before.digest == new.digest and not one(db, _ACTED, _key(before)):
            return before
        number = before.version + 1 if before else 1
        db.execute(_KEEP, (new.partner, day, number, at, new.by, new.source, new.digest, new.document))
        if db.changes():
            break
    facts = {"partner": new.partner, "day": day, "version": str(number), "digest": new.digest, "by": new.by}
    journal.write(db, at, "reconciled", facts=facts)
    found = last(db, new.partner, new.day)
    assert found is not None  # noqa: S101 - it was written above
    return found


def mend(db: Db, of: Kept, new: Mended, act: Act | None, before: str) -> None:
    at = micros(new.at)
    _open(db, of)
    told = (new.way, new.id, new.fix, at, new.by, new.reason, new.approver, new.transfer)
    db.execute(_MEND, (*_key(of), *told))
    if not db.changes():
        raise refuse(SETTLED, new.id, rule="each finding once")
    if act is not None:
        order = actions.Order(
            new.transfer, act.move, act.expected, new.reason, new.by, new.approver, before, act.leave
        )
        actions.act(db, order, at)
    facts = {
        **_named(of),
        "way": new.way,
        "key": new.id,
        "fix": new.fix,
        "by": new.by,
        "approver": new.approver,
        "reason": new.reason,
    }
    kept = {name: value for name, value in facts.items() if value}
    of_ = one(db, _MESSAGE, (new.transfer,)) if new.transfer else None
    journal.write(db, at, "reconciliation_mended", of_[0] if of_ else "", new.transfer, kept)


def sign(db: Db, of: Kept, new: Signed) -> None:
    at = micros(new.at)
    _open(db, of)
    db.execute(_SIGN, (*_key(of), at, new.by, new.digest, new.signature, new.protocol))
    if not db.changes():
        raise refuse(SETTLED, "version", rule="signed off once")
    facts = {**_named(of), "digest": new.digest, "by": new.by, "signature": new.signature}
    kept = {name: value for name, value in facts.items() if value}
    journal.write(db, at, "reconciliation_signed", facts={**kept, **journal.by(signer_of(new.signature))})


def signed(db: Db, partner: str, day: date, version: int) -> Signed | None:
    row = one(db, _SIGNED, (partner, day.isoformat(), version))
    if row is None:
        return None
    at, by, digest, signature, protocol = row
    return Signed(at=moment(at), by=by, digest=digest, signature=signature, protocol=bytes(protocol))


def mended(db: Db, partner: str, day: date, version: int) -> tuple[Mended, ...]:
    return tuple(
        Mended(
            way=way, id=id_, fix=fix, at=moment(at), by=by, reason=why, approver=approver, transfer=transfer
        )
        for way, id_, fix, at, by, why, approver, transfer in many(
            db, _MENDED, (partner, day.isoformat(), version)
        )
    )


def _open(db: Db, of: Kept) -> None:
    """Raises ``Refusal`` HUB-RCN-003 for a version that is not the last or is signed off."""
    newest = last(db, of.partner, of.day)
    if newest is None or newest.version != of.version:
        raise refuse(SETTLED, "version", rule="the last version")
    if one(db, _SIGNED, _key(of)):
        raise refuse(SETTLED, "version", rule="signed off once")


def _key(of: Kept) -> tuple[str, str, int]:
    return (of.partner, of.day.isoformat(), of.version)


def _named(of: Kept) -> Mapping[str, str]:
    return {"partner": of.partner, "day": of.day.isoformat(), "version": str(of.version)}


def _kept(row: Row) -> Kept:
    partner, day, version, at, by, source, digest, document = row
    return Kept(
        partner=partner,
        day=date.fromisoformat(day),
        version=version,
        at=moment(at),
        by=by,
        source=source,
        digest=digest,
        document=bytes(document),
    )


class SqlReconciled:
    """``before``: what is named by ids before it may have gone out in a time that a restored store forgot."""

    def __init__(self, reads: Reads, writes: Writes, before: Callable[[], Awaitable[str]]) -> None:
        self._reads, self._writes, self._before = reads, writes, before

    async def keep(self, new: Kept) -> Kept:
        return await self._writes.run(lambda db: keep(db, new))

    async def last(self, partner: str, day: date) -> Kept | None:
        return await self._reads.run(lambda db: last(db, partner, day))

    async def listed(self, since: date) -> tuple[Kept, ...]:
        return await self._reads.run(lambda db: listed(db, since))

    async def mended(self, partner: str, day: date, version: int) -> tuple[Mended, ...]:
        return await self._reads.run(lambda db: mended(db, partner, day, version))

    async def mend(self, of: Kept, new: Mended, act: Act | None) -> None:
        if act is not None:
            actions.approved(act.move, new.by, new.approver)
        before = await self._before()
        await self._writes.run(lambda db: mend(db, of, new, act, before))

    async def sign(self, of: Kept, new: Signed) -> None:
        await self._writes.run(lambda db: sign(db, of, new))

    async def signed(self, partner: str, day: date, version: int) -> Signed | None:
        return await self._reads.run(lambda db: signed(db, partner, day, version))
