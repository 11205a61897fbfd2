"""Who holds what, until when. The row is the fence: a token whose row is gone, or no longer names a transfer, lost it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import apsw  # noqa: TC002 - part of a public signature

from hub.lifecycle import State
from hub.store.sqlite import claim, destinations, journal, lanes
from hub.store.sqlite.counters import Tally
from hub.store.sqlite.rows import many, one, only
from hub.store.sqlite.times import SECOND

if TYPE_CHECKING:
    from hub.store.sqlite.claim import Leased


def held(db: apsw.Connection, token: str) -> dict[int, Leased] | None:
    """Return what the token still holds by transfer number; ``None``: the lease was lost."""
    row = one(db, "SELECT body FROM lease WHERE token=?", (token,))
    return {item.n: item for item in claim.load(row[0])} if row else None


def everything(db: apsw.Connection) -> dict[int, Leased]:
    """Return all that is leased now: as much as the workers have in hand, whatever is queued."""
    return {item.n: item for (body,) in db.execute("SELECT body FROM lease") for item in claim.load(body)}


def give_back(db: apsw.Connection, token: str, rest: dict[int, Leased], settled: list[Leased]) -> None:
    if rest:
        db.execute("UPDATE lease SET body=? WHERE token=?", (claim.dump(list(rest.values())), token))
    else:
        db.execute("DELETE FROM lease WHERE token=?", (token,))
    _return(db, settled)


def _return(db: apsw.Connection, leased: list[Leased]) -> None:
    counts: dict[int, int] = {}
    for item in leased:
        counts[item.dest] = counts.get(item.dest, 0) + 1
    for dest, count in counts.items():
        destinations.returned(db, dest, count)


def renew(db: apsw.Connection, token: str, now: int, lease: float) -> bool:
    db.execute("UPDATE lease SET until=? WHERE token=?", (now + int(lease * SECOND), token))
    return db.changes() > 0


def expire(db: apsw.Connection, now: int, most: int) -> int:
    """Take back what a dead or hanging worker held; return how many leases. Sealed: it may have left, so it is in doubt."""
    tally = Tally()
    rows = many(db, "SELECT token, worker, body FROM lease WHERE until<=? LIMIT ?", (now, most))
    for token, worker, body in rows:
        leased = claim.load(body)
        db.execute("DELETE FROM lease WHERE token=?", (token,))
        _return(db, leased)
        for item in leased:
            _expired(db, tally, item, worker, now)
    tally.write(db)
    return len(rows)


def _expired(db: apsw.Connection, tally: Tally, item: Leased, worker: str, now: int) -> None:
    state, id_, message, sealed = only(
        db,
        "SELECT t.state, t.id, m.id, EXISTS(SELECT 1 FROM sealed s WHERE s.n=t.n)"
        " FROM transfer t JOIN message m ON m.n=t.message WHERE t.n=?",
        (item.n,),
    )
    after = str(State.IN_DOUBT) if sealed else state
    db.execute("UPDATE transfer SET state=?, wake_at=? WHERE n=?", (after, now, item.n))
    tally.moved(item.dest, state, after)
    journal.write(db, now, "lease_expired", message, id_, {"worker": worker, "state": after})
    lanes.place(db, tally, lanes.Lane(item.subject, item.dest), now)
