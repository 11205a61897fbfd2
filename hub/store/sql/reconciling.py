"""What went between the hub and a partner on a day, read by the day's index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.lifecycle import State
from hub.store.contract.reconciling import MOST, Came, Sent
from hub.store.sql import leases
from hub.store.sql.db import many
from hub.store.sql.times import micros
from schemas.problems import refuse

if TYPE_CHECKING:
    from datetime import datetime

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


class SqlDays:
    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def sent(self, partner: str, since: datetime, until: datetime) -> tuple[Sent, ...]:
        return await self._reads.run(lambda db: sent(db, partner, micros(since), micros(until)))

    async def came(self, partner: str, since: datetime, until: datetime) -> tuple[Came, ...]:
        return await self._reads.run(lambda db: came(db, partner, micros(since), micros(until)))
