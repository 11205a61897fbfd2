"""Tokens and the use of credentials, on any engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.store.contract.access import CredentialUse, Token
from hub.store.sql import journal
from hub.store.sql.db import many, one
from hub.store.sql.times import micros, moment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hub.store.sql.db import Db
    from hub.store.sql.engine import Reads, Writes

_ISSUE = (
    "INSERT INTO access_token(digest, partner, client, secret, issued_at, expires_at) VALUES(?,?,?,?,?,?)"
    " ON CONFLICT(digest) DO NOTHING"
)
_ENDED = "DELETE FROM access_token WHERE partner=? AND client=? AND expires_at<=?"
_OVER = """
DELETE FROM access_token WHERE digest IN (
  SELECT digest FROM access_token WHERE partner=? AND client=? ORDER BY issued_at DESC, digest LIMIT 1000000 OFFSET ?)
"""
_TOKEN = "SELECT digest, partner, client, secret, issued_at, expires_at FROM access_token WHERE digest=?"  # noqa: S105 - a query
_USED = """
INSERT INTO credential_use(partner, way, label, uses, last_at) VALUES(?,?,?,?,?)
ON CONFLICT(partner, way, label) DO UPDATE SET
  uses = credential_use.uses + excluded.uses,
  last_at = CASE WHEN excluded.last_at > credential_use.last_at THEN excluded.last_at ELSE credential_use.last_at END
"""
_USES = "SELECT partner, way, label, uses, last_at FROM credential_use WHERE partner=? ORDER BY last_at DESC, way, label"


def issue(db: Db, token: Token, most: int) -> None:
    whose = (token.partner, token.client)
    db.execute(_ENDED, (*whose, micros(token.issued_at)))
    times = (micros(token.issued_at), micros(token.expires_at))
    db.execute(_ISSUE, (token.digest, *whose, token.secret, *times))
    db.execute(_OVER, (*whose, most))


def find(db: Db, digest: str) -> Token | None:
    row = one(db, _TOKEN, (digest,))
    if row is None:
        return None
    digest, partner, client, secret, issued_at, expires_at = row
    return Token(
        digest=digest,
        partner=partner,
        client=client,
        secret=secret,
        issued_at=moment(issued_at),
        expires_at=moment(expires_at),
    )


def revoke(db: Db, partner: str, *, client: str, reason: str, by: str, now: datetime) -> int:
    named = (" AND client=?", (partner, client)) if client else ("", (partner,))
    db.execute(f"DELETE FROM access_token WHERE partner=?{named[0]}", named[1])  # noqa: S608 - constants
    gone = db.changes()
    facts = {"partner": partner, "client": client, "count": str(gone), "reason": reason, "by": by}
    journal.write(db, micros(now), "tokens_revoked", facts=facts)
    return gone


def used(db: Db, uses: Sequence[CredentialUse]) -> None:
    for use in sorted(uses, key=lambda each: (each.partner, each.way, each.label)):  # one order for all
        db.execute(_USED, (use.partner, use.way, use.label, use.uses, micros(use.last_at)))


def uses_of(db: Db, partner: str) -> tuple[CredentialUse, ...]:
    return tuple(
        CredentialUse(partner=partner, way=way, label=label, uses=uses, last_at=moment(last_at))
        for partner, way, label, uses, last_at in many(db, _USES, (partner,))
    )


class SqlAccess:
    def __init__(self, reads: Reads, writes: Writes) -> None:
        self._reads, self._writes = reads, writes

    async def issue(self, token: Token, most: int) -> None:
        await self._writes.run(lambda db: issue(db, token, most))

    async def token(self, digest: str) -> Token | None:
        return await self._reads.look(lambda db: find(db, digest))

    async def revoke(self, partner: str, *, client: str, reason: str, by: str, now: datetime) -> int:
        return await self._writes.run(
            lambda db: revoke(db, partner, client=client, reason=reason, by=by, now=now)
        )

    async def used(self, uses: Sequence[CredentialUse]) -> None:
        if uses:
            await self._writes.run(lambda db: used(db, uses))

    async def uses(self, partner: str) -> tuple[CredentialUse, ...]:
        return await self._reads.run(lambda db: uses_of(db, partner))
