"""Take heads of due lanes with one statement per few destinations, whatever is queued, blocked or paused.

The rows of ``dest_run`` are locked first and read after, so that what was paused before is seen; who finds one locked
looks elsewhere. Inside a destination the four classes of urgency are merged by ``since + offset``; live traffic goes
before the backlog of an outage, which keeps a quarter of the places and leaves it a token.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from hub.store.postgres.floors import BEGINNING, CLASSES
from hub.store.sql.destinations import ROOMS, SPARED, Destination, anything_ready
from hub.store.sql.lanes import OFFSETS
from hub.store.sql.leases import Leased, dump, load

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from hub.store.postgres.bell import Hints
    from hub.store.postgres.connection import Connection

RING = 4
"""Destinations that share one claim; each further look takes four times as many."""

_LOCK = "SELECT id FROM dest_run WHERE id=ANY(?::bigint[]) ORDER BY id FOR UPDATE SKIP LOCKED"
_LOAD = ROOMS + "WHERE d.id=ANY(?::bigint[])"
_TAKE = """
WITH front AS MATERIALIZED (
  SELECT row_number() OVER () AS place, chosen.* FROM (
    SELECT f.ct FROM unnest(?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[]) WITH ORDINALITY q(dest, quota, kept, loose, live_since, turn)
    CROSS JOIN LATERAL (
      SELECT b.ct, b.rank FROM (
        SELECT a.ct, a.arm=1 AND a.rn>q.kept AS rest, row_number() OVER (ORDER BY
          CASE WHEN a.arm=1 AND a.rn<=q.kept THEN 0 WHEN a.arm=0 THEN 1 ELSE 2 END, a.v) AS rank FROM (
          SELECT x.ct, x.since+z.later AS v, z.arm, row_number() OVER (PARTITION BY z.arm ORDER BY x.since+z.later) AS rn
          FROM unnest(?::bigint[], ?::bigint[], ?::bigint[]) WITH ORDINALITY z(class, later, arm, place)
          CROSS JOIN LATERAL (
            SELECT ctid AS ct, since FROM ready
            WHERE dest=q.dest AND class=z.class
              AND (z.arm=0 OR q.live_since>0)
              AND since >= greatest(CASE z.arm WHEN 0 THEN q.live_since ELSE 0 END, (?::bigint[])[(q.turn-1)*8+z.place])
              AND since < CASE z.arm WHEN 0 THEN 9223372036854775807 ELSE q.live_since END
            ORDER BY dest, class, since, subject LIMIT q.quota) x) a) b
      WHERE b.rank<=q.loose OR NOT b.rest
      ORDER BY b.rank LIMIT q.quota) f
    ORDER BY q.turn, f.rank LIMIT ?) chosen),
taken AS (DELETE FROM ready USING front WHERE ready.ctid=front.ct RETURNING front.place, ready.dest, ready.subject, ready.class, ready.since)
SELECT h.n, t.subject, t.dest, t.class, t.since FROM taken t
CROSS JOIN LATERAL (SELECT n FROM item i WHERE i.subject=t.subject AND i.dest=t.dest ORDER BY n LIMIT 1) h
ORDER BY t.place
"""
_BOOK = """
UPDATE dest_run r SET in_flight=r.in_flight+z.took, in_a_row=z.in_a_row, tokens=z.tokens, tokens_at=z.tokens_at
FROM unnest(?::bigint[], ?::bigint[], ?::bigint[], ?::float8[], ?::bigint[]) z(id, took, in_a_row, tokens, tokens_at) WHERE r.id=z.id
"""
_DUE = """
WITH RECURSIVE there(dest) AS (
  SELECT min(dest) FROM ready
  UNION ALL SELECT (SELECT min(dest) FROM ready WHERE dest>there.dest) FROM there WHERE there.dest IS NOT NULL)
SELECT t.dest FROM there t CROSS JOIN LATERAL (
  SELECT 1 FROM dest d JOIN dest_run r ON r.id=d.id WHERE d.id=t.dest AND d.paused=0 AND d.circuit<>'open' AND d.opens IS NULL
    AND r.in_flight<least(d.concurrency, coalesce(r.places, d.concurrency)) LIMIT 1) free
"""

_ARMS = [(class_, offset, arm) for arm in (0, 1) for class_, offset in enumerate(OFFSETS)]
_CLASSES, _LATER, _ARM = (list(column) for column in zip(*_ARMS, strict=True))


class Wish(NamedTuple):
    token: str
    worker: str
    now: int
    limit: int
    until: int
    without: Collection[str]
    position: int
    by: int | None = None
    """The time by the clock of leases, which rates go by, too; ``now`` where nobody tells."""

    @property
    def steady(self) -> int:
        return self.now if self.by is None else self.by


class Taken(NamedTuple):
    """A ticket that was taken: from which arm (``floors``), and since when it had been ready."""

    dest: int
    arm: int
    since: int


class Claim(NamedTuple):
    """``position``: where the ring goes on; ``pause``: seconds until a rate allows more, if that is what stopped it."""

    taken: tuple[Leased, ...]
    position: int
    pause: float
    tickets: tuple[Taken, ...] = ()


def due(db: Connection) -> list[int]:
    """Find every destination that a claim may look at: a seek for each that has ready lanes."""
    return [dest for (dest,) in db.execute(_DUE)]


def earlier(db: Connection, token: str) -> tuple[Leased, ...]:
    """What a claim took of which nobody knew whether it was committed."""
    row = db.execute("SELECT body FROM lease WHERE token=?", (token,)).fetchone()
    return tuple(load(row[0])) if row else ()


def claim(
    db: Connection,
    hints: Hints,
    wish: Wish,
    look: Callable[[Connection], list[int]],
    floors: Callable[[int], Sequence[int]] = lambda _: BEGINNING,
) -> Claim:
    """Take what the hints lead to, then, if that was too little, what ``look`` finds, then more of where there is more."""
    going = _Round(db, hints, wish, floors)
    going.follow()
    if going.missing:
        hints.add(set(look(db)) - set(going.visits))
        going.follow()
    if going.missing:
        going.take(going.visits.values(), wish.limit)
    return going.finish()


class _Round:
    """One claim going round the ring. Hints that may lead to more are given back at its end."""

    def __init__(
        self, db: Connection, hints: Hints, wish: Wish, floors: Callable[[int], Sequence[int]]
    ) -> None:
        self._db, self._hints, self._wish, self._floors = db, hints, wish, floors
        self._position = wish.position
        self._crowded = _numbers(db, wish.without)
        self._aside = set(self._crowded)
        self._taken: list[Leased] = []
        self._tickets: list[Taken] = []
        self.visits: dict[int, Visit] = {}

    @property
    def missing(self) -> int:
        return self._wish.limit - len(self._taken)

    def follow(self) -> None:
        """A few destinations at a time, each once and with a fair share; not where somebody else is just now."""
        width = RING
        while self.missing and (ring := self._hints.take(self._position, width)):
            rooms = _rooms(self._db, [dest for dest in ring if dest not in self._aside | self.visits.keys()])
            fresh = {room.id: Visit(room, self._wish.now, self._wish.steady) for room in rooms}
            self._aside |= set(ring) - fresh.keys()
            self.visits |= fresh
            self.take(fresh.values(), -(-self._wish.limit // min(RING, len(ring))))
            self._position, width = ring[-1], width * RING

    def take(self, visits: Iterable[Visit], most: int) -> None:
        asked = {visit.room.id: (visit, count) for visit in visits if (count := visit.allowed(most))}
        if not asked:
            return
        counts = [count for _, count in asked.values()]
        kept = [visit.kept(count) for visit, count in asked.values()]
        loose = [visit.for_backlog(count) for visit, count in asked.values()]
        since = [visit.room.live_since for visit, _ in asked.values()]
        limit = self.missing
        floors = [floor for dest in asked for floor in self._floors(dest)]
        numbers = (list(asked), counts, kept, loose, since, _CLASSES, _LATER, _ARM, floors, limit)
        rows = self._db.execute(_TAKE, numbers).fetchall()
        self._taken += [Leased(*row[:3]) for row in rows]
        live = [at >= asked[dest][0].room.live_since for _, _, dest, _, at in rows]
        self._tickets += [
            Taken(dest, class_ if one else class_ + CLASSES, at)
            for one, (_, _, dest, class_, at) in zip(live, rows, strict=True)
        ]
        got = Counter((dest, one) for one, (_, _, dest, _, _) in zip(live, rows, strict=True))
        for dest, (visit, count) in asked.items():
            held = visit.took_of(got[dest, True], got[dest, False], count, cut=len(rows) == limit)
            if held and anything_ready(self._db, dest):
                visit.wait()

    def finish(self) -> Claim:
        wish, visits = self._wish, self.visits.values()
        _book(self._db, visits, wish.steady)
        if self._taken:
            self._db.execute(
                "INSERT INTO lease(token,worker,since,until,body) VALUES(?,?,?,?,?)",
                (wish.token, wish.worker, wish.now, wish.until, dump(self._taken)),
            )
        self._hints.add(self._aside)
        self._hints.add(visit.room.id for visit in visits if visit.more)
        pause = min((visit.pause for visit in visits), default=float("inf"))
        return Claim(tuple(self._taken), self._position, pause, tuple(self._tickets))


def _numbers(db: Connection, partners: Collection[str]) -> set[int]:
    if not partners:
        return set()
    rows = db.execute("SELECT id FROM dest WHERE partner=ANY(?::text[])", (list(partners),))
    return {dest for (dest,) in rows}


class Visit:
    """One destination during a claim, its row locked. ``more``: worth another look."""

    def __init__(self, room: Destination, now: int, by: int) -> None:
        self.room, self._by = room, by
        self.took = 0
        self.free = room.free(now)
        self.tokens = room.tokens_now(by)
        self.more = self.free > 0
        self.pause = (room.next_token(by) if self.more else 0.0) or float("inf")

    def allowed(self, most: int) -> int:
        if not self.more:
            return 0
        left = int(min(self.tokens - self.took, most))
        return max(0, min(most, self.free - self.took, left))

    def kept(self, quota: int) -> int:
        """How many of these places the backlog keeps."""
        return self.room.backlogs_share(quota)

    def for_backlog(self, quota: int) -> int:
        return max(0, self.room.for_backlog(self._by, self.took + quota) - self.took)

    def took_of(self, live: int, backlog: int, asked: int, *, cut: bool) -> bool:
        """Book what was taken of ``asked``; whether a token may have been kept from the backlog."""
        count = live + backlog
        held = count < asked and self.for_backlog(asked) < asked
        self.room = self.room._replace(in_a_row=self.room.after(live, backlog))
        self.took += count
        self.more = self.took < self.free and (count == asked or cut)
        return held and not cut

    def wait(self) -> None:
        """What is left is backlog, and the last token is not for it."""
        self.more = True
        self.pause = self.room.next_token(self._by, self.took + SPARED)


def _rooms(db: Connection, ring: list[int]) -> list[Destination]:
    """Lock who is free, in one order for all; then read what is true now, in the order of the ring."""
    locked = [dest for (dest,) in db.execute(_LOCK, (ring,))] if ring else []
    rooms = {row[0]: Destination(*row) for row in db.execute(_LOAD, (locked,))} if locked else {}
    return [rooms[dest] for dest in ring if dest in rooms]


def _book(db: Connection, visits: Iterable[Visit], by: int) -> None:
    booked = [
        (
            visit.room.id,
            visit.took,
            visit.room.in_a_row,
            visit.room.tokens if visit.room.rate is None else visit.tokens - visit.took,
            visit.room.tokens_at if visit.room.rate is None else max(by, visit.room.tokens_at),
        )
        for visit in visits
        if visit.took
    ]
    if booked:
        db.execute(_BOOK, tuple(list(column) for column in zip(*booked, strict=True)))
