"""Who holds what, until when. The row is the fence: a token whose row is gone, or no longer names a transfer, lost it."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from hub.lifecycle import State
from hub.store.sql import destinations, journal, lanes, proof
from hub.store.sql.counters import Tally
from hub.store.sql.db import Db, Lane, many, one, only


class Leased(NamedTuple):
    """One head inside a lease."""

    n: int
    subject: str
    dest: int

    @property
    def lane(self) -> Lane:
        return Lane(self.subject, self.dest)


def dump(leased: list[Leased]) -> bytes:
    return msgspec.msgpack.encode(leased)


def load(body: bytes) -> list[Leased]:
    return [Leased(*row) for row in msgspec.msgpack.decode(body, type=list[tuple[int, str, int]])]


def held(db: Db, token: str) -> dict[int, Leased] | None:
    """Return what the token still holds by transfer number, and hold it; ``None``: the lease was lost."""
    db.hold_lease(token)
    row = one(db, "SELECT body FROM lease WHERE token=?", (token,))
    return {item.n: item for item in load(row[0])} if row else None


def everything(db: Db) -> dict[int, Leased]:
    """Return all that is leased now: as much as the workers have in hand, whatever is queued."""
    return {item.n: item for (body,) in db.execute("SELECT body FROM lease") for item in load(body)}


def give_back(db: Db, token: str, rest: dict[int, Leased], settled: list[Leased]) -> dict[int, bool]:
    """Return whether the breaker is whole, by destination."""
    if rest:
        db.execute("UPDATE lease SET body=? WHERE token=?", (dump(list(rest.values())), token))
    else:
        db.execute("DELETE FROM lease WHERE token=?", (token,))
    return _return(db, settled)


def _return(db: Db, leased: list[Leased]) -> dict[int, bool]:
    counts: dict[int, int] = {}
    for item in leased:
        counts[item.dest] = counts.get(item.dest, 0) + 1
    return {dest: destinations.returned(db, dest, count) for dest, count in sorted(counts.items())}


def renew(db: Db, token: str, until: int) -> bool:
    """``until``: by the clock of leases."""
    db.execute("UPDATE lease SET until=? WHERE token=?", (until, token))
    return db.changes() > 0


_EXPIRE = "DELETE FROM lease WHERE token=? AND until<=? RETURNING worker, body"


def expire(db: Db, now: int, by: int, most: int) -> int:
    """Take back what a dead or hanging worker held; return how many leases. Sealed: it may have left, so it is in doubt;
    not where nothing leaves before the partner fetches it.

    ``by``: the time by the clock of leases; ``now`` is only written down.
    """
    tally = Tally()
    tokens = many(db, "SELECT token FROM lease WHERE until<=? ORDER BY token LIMIT ?", (by, most))
    rows = [
        row for token in tokens if (row := one(db, _EXPIRE, (*token, by)))
    ]  # not renewed, not expired by others
    gone = [(worker, item) for worker, body in rows for item in load(body)]
    db.hold(item.lane for _, item in gone)
    for worker, item in gone:
        _expired(db, tally, item, worker, now)
    _return(db, [item for _, item in gone])
    tally.write(db)
    return len(tokens)


def _expired(db: Db, tally: Tally, item: Leased, worker: str, now: int) -> None:
    state, id_, message, sealed, receipt_at = only(
        db,
        "SELECT t.state, t.id, m.id, d.offers=0 AND EXISTS(SELECT 1 FROM sealed s WHERE s.n=t.n), t.receipt_at"
        " FROM transfer t JOIN message m ON m.n=t.message JOIN dest d ON d.id=t.dest WHERE t.n=?",
        (item.n,),
    )
    if receipt_at is not None:  # the partner's receipt came while it was being sent
        after = str(State.ACKNOWLEDGED)
        proof.stands(db, item.n, now)
        lanes.leave(db, tally, item.lane, item.n)
    else:
        after = str(State.IN_DOUBT) if sealed else state
        db.execute("UPDATE transfer SET state=?, wake_at=? WHERE n=?", (after, now, item.n))
    tally.moved(item.dest, state, after)
    tally.add(item.dest, "expired")
    journal.write(db, now, "lease_expired", message, id_, {"worker": worker, "state": after})
    lanes.place(db, tally, item.lane, now)
