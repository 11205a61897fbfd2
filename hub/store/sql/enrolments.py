"""Invitations and certificates of hubs below, on any engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.store.contract.enrolments import Enrolled, Invitation
from hub.store.sql import journal
from hub.store.sql.db import many, one
from hub.store.sql.times import micros, moment
from schemas.problems import refuse

if TYPE_CHECKING:
    from datetime import datetime

    from hub.store.sql.db import Db
    from hub.store.sql.engine import Reads, Writes

NO_INVITATION = "HUB-EDG-060"
KEY_KNOWN = "HUB-EDG-062"

_INVITATION = (
    "SELECT id, partner, proof_key, made_at, made_by, ends_at, used_at FROM edge_invitation WHERE id=?"
)
_INVITE = (
    "INSERT INTO edge_invitation(id, partner, proof_key, made_at, made_by, ends_at, used_at)"
    " VALUES(?,?,?,?,?,?,NULL)"
)
_USE = "UPDATE edge_invitation SET used_at=? WHERE id=? AND partner=? AND used_at IS NULL AND ends_at>?"
_END_CODES = "UPDATE edge_invitation SET ends_at=? WHERE partner=? AND used_at IS NULL AND ends_at>?"
_END_CERTIFICATES = "UPDATE edge_certificate SET until=? WHERE partner=? AND until IS NULL"
_END_OTHERS = _END_CERTIFICATES + " AND fingerprint<>?"
_END_OLDER = (
    "UPDATE edge_certificate SET until=? WHERE until IS NULL AND EXISTS(SELECT 1 FROM edge_certificate n"
    " WHERE n.fingerprint=? AND n.until IS NULL AND n.partner=edge_certificate.partner"
    " AND n.issued_at>edge_certificate.issued_at)"
)
_PARTNER = "SELECT partner FROM edge_certificate WHERE fingerprint=?"
_CERTIFY = (
    "INSERT INTO edge_certificate(fingerprint, partner, key_digest, serial, pem, issued_at, ends_at, until)"
    " VALUES(?,?,?,?,?,?,?,NULL) ON CONFLICT DO NOTHING"
)
_CERTIFICATES = (
    "SELECT fingerprint, partner, key_digest, serial, pem, issued_at, ends_at, until FROM edge_certificate"
    " WHERE ? IN ('', partner) ORDER BY issued_at DESC, fingerprint"
)


def invite(db: Db, new: Invitation) -> None:
    at = micros(new.made_at)
    db.execute(_END_CODES, (at, new.partner, at))
    db.execute(_INVITE, (new.id, new.partner, new.key, at, new.made_by, micros(new.ends_at)))
    facts = {"partner": new.partner, "by": new.made_by, "ends": new.ends_at.isoformat()}
    journal.write(db, at, "edge_invited", facts=facts)


def invitation(db: Db, id_: str) -> Invitation | None:
    row = one(db, _INVITATION, (id_,))
    if row is None:
        return None
    return Invitation(
        id=row[0],
        partner=row[1],
        key=row[2],
        made_at=moment(row[3]),
        made_by=row[4],
        ends_at=moment(row[5]),
        used_at=moment(row[6]),
    )


def enrol(db: Db, invited: str, new: Enrolled, at: int) -> None:
    db.execute(_USE, (at, invited, new.partner, at))
    if not db.changes():
        raise refuse(NO_INVITATION, "invitation", rule="unused, and not over")
    db.execute(_END_CERTIFICATES, (at, new.partner))
    _certify(db, new)
    facts = {"partner": new.partner, "certificate": new.fingerprint, "serial": new.serial}
    journal.write(db, at, "edge_enrolled", facts=facts)


def renew(db: Db, new: Enrolled, by: str, at: int) -> None:
    db.execute(_END_OTHERS, (at, new.partner, by))
    _certify(db, new)
    facts = {"partner": new.partner, "certificate": new.fingerprint, "serial": new.serial, "by": by}
    journal.write(db, at, "edge_renewed", facts=facts)


def used(db: Db, fingerprint: str, at: int) -> int:
    db.execute(_END_OLDER, (at, fingerprint))
    count = int(db.changes())
    if count and (row := one(db, _PARTNER, (fingerprint,))):
        facts = {"partner": row[0], "certificate": fingerprint, "count": str(count)}
        journal.write(db, at, "edge_changed_keys", facts=facts)
    return count


def _certify(db: Db, new: Enrolled) -> None:
    issued, ends = micros(new.issued_at), micros(new.ends_at)
    db.execute(_CERTIFY, (new.fingerprint, new.partner, new.key, new.serial, new.pem, issued, ends))
    if not db.changes():
        raise refuse(KEY_KNOWN, "csr", rule="a key of its own")


def revoke(db: Db, partner: str, reason: str, by: str, at: int) -> int:
    db.execute(_END_CODES, (at, partner, at))
    db.execute(_END_CERTIFICATES, (at, partner))
    count = int(db.changes())
    journal.write(
        db, at, "edge_revoked", facts={"partner": partner, "reason": reason, "by": by, "count": str(count)}
    )
    return count


def certificates(db: Db, partner: str) -> tuple[Enrolled, ...]:
    return tuple(_enrolled(row) for row in many(db, _CERTIFICATES, (partner,)))


def _enrolled(row: tuple[Any, ...]) -> Enrolled:
    return Enrolled(
        fingerprint=row[0],
        partner=row[1],
        key=row[2],
        serial=row[3],
        pem=row[4],
        issued_at=moment(row[5]),
        ends_at=moment(row[6]),
        until=moment(row[7]),
    )


class SqlEnrolments:
    def __init__(self, reads: Reads, writes: Writes) -> None:
        self._reads, self._writes = reads, writes

    async def invite(self, invitation: Invitation) -> None:
        await self._writes.run(lambda db: invite(db, invitation))

    async def invitation(self, id_: str) -> Invitation | None:
        return await self._reads.run(lambda db: invitation(db, id_))

    async def enrol(self, invitation: str, certificate: Enrolled, now: datetime) -> None:
        await self._writes.run(lambda db: enrol(db, invitation, certificate, micros(now)))

    async def renew(self, certificate: Enrolled, by: str, now: datetime) -> None:
        await self._writes.run(lambda db: renew(db, certificate, by, micros(now)))

    async def used(self, fingerprint: str, now: datetime) -> int:
        return await self._writes.run(lambda db: used(db, fingerprint, micros(now)))

    async def revoke(self, partner: str, *, reason: str, by: str, now: datetime) -> int:
        return await self._writes.run(lambda db: revoke(db, partner, reason, by, micros(now)))

    async def certificates(self, partner: str = "") -> tuple[Enrolled, ...]:
        return await self._reads.run(lambda db: certificates(db, partner))
