"""What lies where its partner fetches it, on any engine. A fetch or an answer holds the lane, so it meets nobody's move half way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from hub.lifecycle import DONE, Move, State, move
from hub.store.contract.mailbox import Content, Letter, Rejected
from hub.store.sql import destinations, journal, lanes, leases, reading, settle
from hub.store.sql.bodies import Pen, keep
from hub.store.sql.counters import Tally
from hub.store.sql.db import Db, Lane, many, one, only
from hub.store.sql.times import micros, moment
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from datetime import datetime

    from hub.store.contract.delivery import Work
    from hub.store.contract.intake import Acceptance
    from hub.store.contract.mailbox import Rejection
    from hub.store.sql.accept import Packed
    from hub.store.sql.bodies import Bodies
    from hub.store.sql.engine import Reads, Writes

SAID_NO = "answer"
"""The verb of a try that was the partner's: it fetched, and answered."""

_LETTERS = """
SELECT t.id, t.key, m.kind, t.operation,
  (SELECT a.code FROM alias a WHERE a.dossier=coalesce((SELECT g.dossier FROM merged g WHERE g.id=m.dossier), m.dossier)
   ORDER BY a.rank LIMIT 1),
  t.deadline, s.digest, s.media_type, t.offered_at, t.fetched_at, t.sends, t.n
FROM transfer t JOIN message m ON m.n=t.message JOIN sealed s ON s.n=t.n JOIN dest d ON d.id=t.dest
WHERE t.dest=(SELECT id FROM dest WHERE partner=?) AND d.paused=0 AND t.offered_at IS NOT NULL AND (t.offered_at, t.n) > (?, ?)
ORDER BY t.offered_at, t.n LIMIT ?
"""
_ROW = """
SELECT t.n, t.id, m.id, t.key, t.state, t.sends, t.tries, t.subject, t.dest, t.offered_at, t.settled_at, d.paused, s.digest,
  d.order_sensitive, EXISTS(SELECT 1 FROM item i WHERE i.subject=t.subject AND i.dest=t.dest AND i.n=t.n)
FROM transfer t JOIN message m ON m.n=t.message JOIN dest d ON d.id=t.dest LEFT JOIN sealed s ON s.n=t.n
WHERE t.id=? AND d.partner=?
"""
_SAID = "SELECT started_at FROM attempt WHERE transfer=? AND verb=? ORDER BY number DESC LIMIT 1"


class _Row(NamedTuple):
    n: int
    id: str
    message: str
    key: str
    state: str
    sends: int
    tries: int
    subject: str
    dest: int
    offered_at: int | None
    settled_at: int | None
    paused: int
    digest: str | None
    order_sensitive: int
    in_lane: int

    @property
    def lane(self) -> Lane:
        return Lane(self.subject, self.dest)


class Packet(NamedTuple):
    """A rejection ready for its columns."""

    rejection: Rejection
    pen: Pen | None
    exchanges: bytes
    follow_up: Packed | None


def letters(db: Db, partner: str, after: str, limit: int) -> tuple[Letter, ...]:
    return tuple(_letter(row) for row in many(db, _LETTERS, (partner, *_behind(after), limit)))


def _letter(row: tuple[Any, ...]) -> Letter:
    return Letter(
        transfer=row[0],
        key=row[1],
        kind=row[2],
        operation=row[3],
        dossier=row[4],
        deadline=moment(row[5]),
        digest=row[6],
        media_type=row[7],
        offered_at=moment(row[8]),
        fetched_at=moment(row[9]),
        fetches=row[10],
        cursor=f"{row[8]}-{row[11]}",
    )


def _behind(cursor: str) -> tuple[int, int]:
    """Raises ``ValueError`` for what is no cursor."""
    if not cursor:
        return (0, 0)
    at, _, n = cursor.partition("-")
    if not (at.isascii() and at.isdecimal() and n.isascii() and n.isdecimal() and len(cursor) <= 36):  # noqa: PLR2004 - two numbers of an index
        raise ValueError(cursor)
    return int(at), int(n)


def _held(db: Db, partner: str, transfer: str, more: Iterable[Lane] = ()) -> _Row | None:
    """Return the transfer, its lane held (and ``more``); ``None`` when there is none to this partner."""
    row = one(db, _ROW, (transfer, partner))
    if row is None:
        return None
    db.hold((_Row(*row).lane, *more))
    return _Row(*only(db, _ROW, (transfer, partner)))


def fetch(db: Db, partner: str, transfer: str, at: int) -> tuple[int, str] | None:
    """Return number and digest of what may leave from here on."""
    row = _held(db, partner, transfer)
    if row is None or row.offered_at is None or row.digest is None:
        return None
    if row.paused:
        raise refuse("HUB-BOX-002")
    after = move(State(row.state), Move.FETCH)
    db.execute(
        "UPDATE transfer SET state=?, sends=sends+1, fetched_at=coalesce(fetched_at, ?) WHERE n=?",
        (str(after), at, row.n),
    )
    if row.state != after:
        tally = Tally()
        tally.moved(row.dest, row.state, after)
        tally.write(db)
        facts = {"state": str(after), "digest": row.digest, "before": row.state}
        journal.write(db, at, str(Move.FETCH), row.message, row.id, facts)
    return row.n, row.digest


def reject(db: Db, packet: Packet, at: int) -> Rejected:
    said = packet.rejection
    row = _held(db, said.partner, said.transfer, _lanes_of(db, packet.follow_up))
    if row is None:
        raise refuse("HUB-BOX-001")
    if row.offered_at is None:
        return _said_before(db, row)
    if not row.sends and row.state == State.WAITING:
        raise refuse("HUB-RCP-003")
    if said.digest != row.digest:
        raise refuse("HUB-RCP-002", "/digest")
    tally = Tally()
    grip = lanes.grip(db, row.lane, {item.lane for item in leases.everything(db).values()})
    _write(db, tally, row, packet, at)
    lanes.settle_place(
        db, tally, row.lane, row.n, in_lane=bool(row.in_lane), belongs=bool(row.order_sensitive)
    )
    lanes.let_go(db, tally, grip, at)
    tally.write(db)
    if packet.follow_up is not None:
        _tell(db, row, packet.follow_up, at)
    return Rejected(transfer=row.id, key=row.key, state=State.REFUSED, received_at=moment(at))


def _said_before(db: Db, row: _Row) -> Rejected:
    """Whoever refused and says so again hears the same, whatever a person did about it since."""
    before = one(db, _SAID, (row.n, SAID_NO))
    if before is None or row.state in (State.DELIVERED, State.ACKNOWLEDGED):
        done = State(row.state) in DONE
        raise refuse("HUB-BOX-003" if done else "HUB-BOX-001", rule=f"now {row.state}" if done else "")
    return Rejected(
        transfer=row.id, key=row.key, state=State.REFUSED, received_at=moment(before[0]), replayed=True
    )


def _write(db: Db, tally: Tally, row: _Row, packet: Packet, at: int) -> None:
    said = packet.rejection.attempt
    after = move(State.IN_DOUBT, Move.REFUSE)
    db.execute(
        "UPDATE transfer SET state=?, tries=tries+1, wake_at=NULL, offered_at=NULL, settled_at=?, problem=?, detail=? WHERE n=?",
        (str(after), at, said.code, said.detail, row.n),
    )
    keep(db, packet.pen, packet.exchanges)
    tried = (row.n, row.tries + 1, said.verb, said.outcome, said.code, said.detail)
    db.put("attempt", settle.ATTEMPT, (*tried, micros(said.started_at), said.seconds, packet.exchanges))
    tally.moved(row.dest, row.state, after)
    facts = {"state": str(after), "before": row.state, "code": said.code, "digest": packet.rejection.digest}
    journal.write(db, at, str(Move.REFUSE), row.message, row.id, facts)


def _lanes_of(db: Db, follow_up: Packed | None) -> list[Lane]:
    if follow_up is None:
        return []
    return [
        Lane(new.lane_subject, destinations.named(db, new.partner)[0])
        for new in follow_up.acceptance.transfers
    ]


def _tell(db: Db, row: _Row, follow_up: Packed, at: int) -> None:
    numbers = (row.n, row.id, row.message, row.state, 0, row.tries, row.order_sensitive)
    settle.follow(db, settle.Row(*numbers), follow_up, at)


class SqlMailbox:
    """Of the store: ``pen_of``: under which key a transfer's payloads lie; ``packed``: a message ready for its columns; ``living``:
    does a write again whose key was destroyed meanwhile.
    """

    def __init__(
        self,
        reads: Reads,
        writes: Writes,
        payloads: Bodies,
        pen_of: Callable[[str], Awaitable[Pen | None]],
        packed: Callable[[Acceptance], Awaitable[Packed]],
        living: Callable[[Callable[[], Awaitable[Rejected]]], Awaitable[Rejected]],
    ) -> None:
        self._reads, self._writes, self._bodies = reads, writes, payloads
        self._pen_of, self._packed, self._living = pen_of, packed, living

    async def letters(self, partner: str, *, after: str = "", limit: int = 50) -> tuple[Letter, ...]:
        return await self._reads.run(lambda db: letters(db, partner, after, limit))

    async def fetch(self, partner: str, transfer: str, now: datetime) -> Content | None:
        found = await self._writes.run(lambda db: fetch(db, partner, transfer, micros(now)))
        if found is None:
            return None
        n, digest = found
        sealed = await self._reads.run(lambda db: reading.sealed(db, self._bodies, n, transfer))
        return None if sealed is None else Content(sealed=sealed, digest=digest)

    async def letter(self, partner: str, transfer: str) -> Work | None:
        def look(db: Db) -> Work | str | None:
            row = one(db, _ROW, (transfer, partner))
            return None if row is None else reading.works(db, self._bodies, "", [row[0]])[0]

        found = await self._reads.run(look)
        return None if found is None or isinstance(found, str) else found

    async def reject(self, rejection: Rejection, now: datetime) -> Rejected:
        return await self._living(lambda: self._reject(rejection, now))

    async def _reject(self, rejection: Rejection, now: datetime) -> Rejected:
        pen = await self._pen_of(rejection.transfer)
        packed = msgspec.msgpack.encode(rejection.attempt.exchanges)
        packet = Packet(
            rejection,
            pen,
            self._bodies.pack(pen, packed, f"{rejection.transfer}/exchanges"),
            await self._packed(rejection.follow_up) if rejection.follow_up else None,
        )
        return await self._writes.run(lambda db: reject(db, packet, micros(now)))
