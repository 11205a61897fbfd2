"""Officers and their sessions, on any engine. The journal calls them by their ids only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.store.contract.people import Officer, Session, SignedIn
from hub.store.sql import journal
from hub.store.sql.db import many, one
from hub.store.sql.times import micros, moment
from schemas.problems import refuse

if TYPE_CHECKING:
    from datetime import datetime

    from hub.store.sql.db import Db
    from hub.store.sql.engine import Reads, Writes

TAKEN = "HUB-OFF-002"

_COLUMNS = "o.id, o.login, o.name, o.partner, o.password, o.added_at, o.added_by, o.disabled, o.failures, o.locked_until"
_OFFICER = f"SELECT {_COLUMNS} FROM officer o WHERE o.login=?"  # noqa: S608 - constants
_OFFICERS = f"SELECT {_COLUMNS} FROM officer o WHERE ? IN ('', o.partner) ORDER BY o.partner, o.login"  # noqa: S608 - constants
_SESSION = f"""
SELECT s.digest, s.officer, s.began_at, s.seen_at, s.ends_at, {_COLUMNS}
FROM officer_session s JOIN officer o ON o.id=s.officer WHERE s.digest=?
"""  # noqa: S608 - constants
_ADD = (
    "INSERT INTO officer(id, login, name, partner, password, added_at, added_by, disabled, failures, locked_until)"
    " VALUES(?,?,?,?,?,?,?,0,0,NULL) ON CONFLICT(login) DO NOTHING"
)
_BEGIN = "INSERT INTO officer_session(digest, officer, began_at, seen_at, ends_at) VALUES(?,?,?,?,?)"


def _officer(row: tuple[Any, ...]) -> Officer:
    return Officer(
        id=row[0],
        login=row[1],
        name=row[2],
        partner=row[3],
        password=row[4],
        added_at=moment(row[5]),
        added_by=row[6],
        disabled=bool(row[7]),
        failures=row[8],
        locked_until=moment(row[9]),
    )


def add(db: Db, new: Officer) -> None:
    at = micros(new.added_at)
    db.execute(_ADD, (new.id, new.login, new.name, new.partner, new.password, at, new.added_by))
    if not db.changes():
        raise refuse(TAKEN, "login")
    journal.write(
        db, at, "officer_added", facts={"officer": new.id, "partner": new.partner, "by": new.added_by}
    )


def find(db: Db, login: str) -> Officer | None:
    row = one(db, _OFFICER, (login,))
    return None if row is None else _officer(row)


def officers(db: Db, partner: str) -> tuple[Officer, ...]:
    return tuple(_officer(row) for row in many(db, _OFFICERS, (partner,)))


def set_password(db: Db, officer: str, password: str, by: str, at: int) -> None:
    db.execute("UPDATE officer SET password=?, failures=0, locked_until=NULL WHERE id=?", (password, officer))
    db.execute("DELETE FROM officer_session WHERE officer=?", (officer,))
    journal.write(db, at, "officer_password", facts={"officer": officer, "by": by})


def disable(db: Db, officer: str, reason: str, by: str, at: int) -> None:
    db.execute("UPDATE officer SET disabled=1 WHERE id=?", (officer,))
    db.execute("DELETE FROM officer_session WHERE officer=?", (officer,))
    journal.write(db, at, "officer_disabled", facts={"officer": officer, "reason": reason, "by": by})


def failed(db: Db, officer: str, most: int, until: int, at: int) -> None:
    """Count in the row itself: two processes that hear a guess at once count both."""
    counted = one(db, "UPDATE officer SET failures=failures+1 WHERE id=? RETURNING failures", (officer,))
    if counted is not None and counted[0] >= most:
        db.execute("UPDATE officer SET failures=0, locked_until=? WHERE id=?", (until, officer))
        journal.write(db, at, "officer_locked", facts={"officer": officer})


def begin(db: Db, new: Session) -> None:
    at = micros(new.began_at)
    db.execute("UPDATE officer SET failures=0, locked_until=NULL WHERE id=?", (new.officer,))
    db.execute("DELETE FROM officer_session WHERE officer=? AND ends_at<=?", (new.officer, at))
    db.execute(_BEGIN, (new.digest, new.officer, at, micros(new.seen_at), micros(new.ends_at)))
    journal.write(db, at, "officer_in", facts={"officer": new.officer})


def session(db: Db, digest: str) -> SignedIn | None:
    row = one(db, _SESSION, (digest,))
    if row is None:
        return None
    found = Session(
        digest=row[0],
        officer=row[1],
        began_at=moment(row[2]),
        seen_at=moment(row[3]),
        ends_at=moment(row[4]),
    )
    return SignedIn(found, _officer(row[5:]))


def end(db: Db, digest: str, at: int) -> None:
    gone = one(db, "DELETE FROM officer_session WHERE digest=? RETURNING officer", (digest,))
    if gone is not None:
        journal.write(db, at, "officer_out", facts={"officer": gone[0]})


def note(db: Db, officer: str, what: str, transfer: str, at: int) -> None:
    journal.write(db, at, what, transfer=transfer, facts={"officer": officer})


class SqlPeople:
    def __init__(self, reads: Reads, writes: Writes) -> None:
        self._reads, self._writes = reads, writes

    async def add(self, officer: Officer) -> None:
        await self._writes.run(lambda db: add(db, officer))

    async def officer(self, login: str) -> Officer | None:
        return await self._reads.run(lambda db: find(db, login))

    async def officers(self, partner: str = "") -> tuple[Officer, ...]:
        return await self._reads.run(lambda db: officers(db, partner))

    async def set_password(self, officer: str, password: str, *, by: str, now: datetime) -> None:
        await self._writes.run(lambda db: set_password(db, officer, password, by, micros(now)))

    async def disable(self, officer: str, *, reason: str, by: str, now: datetime) -> None:
        await self._writes.run(lambda db: disable(db, officer, reason, by, micros(now)))

    async def failed(self, officer: str, *, most: int, until: datetime, now: datetime) -> None:
        await self._writes.run(lambda db: failed(db, officer, most, micros(until), micros(now)))

    async def begin(self, session: Session) -> None:
        await self._writes.run(lambda db: begin(db, session))

    async def session(self, digest: str) -> SignedIn | None:
        return await self._reads.run(lambda db: session(db, digest))

    async def seen(self, digest: str, now: datetime) -> None:
        query = "UPDATE officer_session SET seen_at=? WHERE digest=?"
        await self._writes.run(lambda db: db.execute(query, (micros(now), digest)))

    async def end(self, digest: str, now: datetime) -> None:
        await self._writes.run(lambda db: end(db, digest, micros(now)))

    async def note(self, officer: str, what: str, *, transfer: str, now: datetime) -> None:
        await self._writes.run(lambda db: note(db, officer, what, transfer, micros(now)))
