"""Batches to and from other hubs, on any engine. The row of a link is taken first: so each way has one writer at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hub.lifecycle import Move, State, move
from hub.store.contract.delivery import Acknowledgement
from hub.store.contract.edges import FIRST, Batch, Head, Link, Offered, Told, Waiting
from hub.store.sql import acknowledge, journal, reading
from hub.store.sql.counters import Tally
from hub.store.sql.db import Db, Lane, many, one
from hub.store.sql.times import micros, moment
from hub.store.vault import Unreadable
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hub.store.contract.edges import Contact, Make
    from hub.store.sql.bodies import Bodies
    from hub.store.sql.engine import Reads, Writes

OUT, IN = "out", "in"
_LINK = """
SELECT partner, out_epoch, out_seq, out_head, out_acked, in_epoch, in_seq, in_head, opens, stands, detail, stands_since, met_at, tried_at,
  error, error_detail, ahead, hub, software FROM edge_link"""
_FRESH = "INSERT INTO edge_link(partner, out_head, in_head) VALUES(?,?,?) ON CONFLICT DO NOTHING"
_HOLD = "UPDATE edge_link SET opens=opens WHERE partner=?"
_OFFERED = """
SELECT t.n, t.id, t.key FROM transfer t JOIN dest d ON d.id=t.dest
WHERE t.dest=(SELECT id FROM dest WHERE partner=?) AND d.paused=0 AND t.offered_at IS NOT NULL
  AND NOT EXISTS(SELECT 1 FROM edge_entry e WHERE e.n=t.n) ORDER BY t.n LIMIT ?
"""
_ROW = """
SELECT t.n, t.id, m.id, t.state, t.subject, t.dest, t.offered_at, s.digest, EXISTS(SELECT 1 FROM edge_entry e WHERE e.n=t.n)
FROM transfer t JOIN message m ON m.n=t.message JOIN dest d ON d.id=t.dest JOIN sealed s ON s.n=t.n WHERE t.n=?
"""
_BATCH = "SELECT epoch, seq, digest, manifest, signature, done_at, refused FROM edge_batch WHERE partner=? AND way=?"
_KEEP = "INSERT INTO edge_batch(partner,way,epoch,seq,digest,manifest,signature,made_at,done_at,refused) VALUES(?,?,?,?,?,?,?,?,?,?)"
_WAITING = """
SELECT count(*), min(t.n) FROM transfer t WHERE t.dest=(SELECT id FROM dest WHERE partner=?) AND t.state=? AND {0}
"""
_KEYED = """
SELECT t.n, t.id FROM message m JOIN transfer t ON t.message=m.n JOIN dest d ON d.id=t.dest WHERE m.id=? AND t.key=? AND d.partner=?
"""
_OLD = """
SELECT partner, way, epoch, seq FROM edge_batch b WHERE b.done_at<? AND EXISTS(SELECT 1 FROM edge_batch l WHERE l.partner=b.partner
  AND l.way=b.way AND (l.epoch, l.seq) > (b.epoch, b.seq) AND l.done_at IS NOT NULL) ORDER BY b.done_at LIMIT ?
"""


def _link(row: Sequence[Any]) -> Link:
    return Link(
        partner=row[0],
        made=Head(epoch=row[1], seq=row[2], digest=row[3]),
        acked=row[4],
        taken=Head(epoch=row[5], seq=row[6], digest=row[7]),
        opens=row[8],
        stands=row[9],
        detail=row[10],
        stands_since=moment(row[11]),
        met_at=moment(row[12]),
        tried_at=moment(row[13]),
        error=row[14],
        error_detail=row[15],
        ahead=row[16],
        hub=row[17],
        software=row[18],
    )


def link(db: Db, partner: str) -> Link:
    row = one(db, f"{_LINK} WHERE partner=?", (partner,))
    return Link(partner=partner) if row is None else _link(row)


def hold(db: Db, partner: str) -> Link:
    """Keep others from moving either way until the transaction ends."""
    db.execute(_FRESH, (partner, FIRST, FIRST))
    db.execute(_HOLD, (partner,))
    return link(db, partner)


# --- what is sealed for it

_TOLD = (
    "SELECT id, sender, key, digest, dossier, accepted_at, canonical, raw, receipt FROM message WHERE id=?"
)
_HAD = """
SELECT 1 FROM message m WHERE m.dossier=? AND m.n<? AND (m.sender=? OR EXISTS(
  SELECT 1 FROM transfer t JOIN dest d ON d.id=t.dest WHERE t.message=m.n AND d.partner=?)) ORDER BY m.n LIMIT 1
"""
_BEFORE = "SELECT id FROM message WHERE dossier=? AND n<? ORDER BY n LIMIT ?"
MOST_HISTORY = 500


class _Stage(msgspec.Struct):
    stage: str = "live"


_STAGE = msgspec.json.Decoder(_Stage)


def told(db: Db, bodies: Bodies, messages: Sequence[str]) -> tuple[Told, ...]:
    found = []
    for id_ in messages:
        row = one(db, _TOLD, (id_,))
        if row is None:
            continue
        try:
            unpack = bodies.unpacker(db, [row[6], row[7]])
            canonical, raw = unpack(row[6], f"{id_}/canonical"), unpack(row[7], f"{id_}/raw")
        except Unreadable:
            continue
        found.append(
            Told(
                id=row[0],
                sender=row[1],
                key=row[2],
                digest=row[3],
                dossier=row[4],
                accepted_at=moment(row[5]),
                canonical=canonical,
                raw=raw,
                stage=_STAGE.decode(row[8]).stage,
            )
        )
    return tuple(found)


def unheard(db: Db, partner: str, message: str) -> tuple[str, ...]:
    row = one(db, "SELECT dossier, n FROM message WHERE id=?", (message,))
    if row is None or row[0] is None or one(db, _HAD, (*row, partner, partner)):
        return ()
    return tuple(id_ for (id_,) in many(db, _BEFORE, (*row, MOST_HISTORY)))


def here(db: Db, sender: str, key: str) -> str | None:
    row = one(db, "SELECT message FROM seen WHERE sender=? AND key=?", (sender, key))
    return str(row[0]) if row else None


# --- what is sent


def offered(db: Db, bodies: Bodies, partner: str, limit: int) -> tuple[Offered, ...]:
    found = []
    for n, id_, key in many(db, _OFFERED, (partner, limit)):
        sealed = reading.sealed(db, bodies, n, id_)
        if sealed is not None:
            found.append(Offered(n=n, transfer=id_, key=key, payload=sealed.payload))
    return tuple(found)


def make(db: Db, partner: str, after: Head, numbers: Sequence[int], write: Make, at: int) -> Batch | None:
    if hold(db, partner).made != after:
        return None
    rows = [row for n in numbers if (row := one(db, _ROW, (n,))) is not None]
    db.hold(Lane(row[4], row[5]) for row in rows)
    rows = [row for n in numbers if (row := one(db, _ROW, (n,))) is not None]
    if len(rows) < len(numbers) or any(row[6] is None or row[8] for row in rows):
        return None  # a person took one of them back, or it stands in a batch
    manifest, signature, digest = write(after)
    seq = after.seq + 1
    db.execute(_KEEP, (partner, OUT, after.epoch, seq, digest, manifest, signature, at, None, "[]"))
    db.execute("UPDATE edge_link SET out_seq=?, out_head=? WHERE partner=?", (seq, digest, partner))
    tally = Tally()
    for n, id_, message, state, _, dest, _, sealed, _ in rows:
        doubted = move(State(state), Move.FETCH)
        db.execute(
            "INSERT INTO edge_entry(n,partner,epoch,seq) VALUES(?,?,?,?)", (n, partner, after.epoch, seq)
        )
        db.execute(
            "UPDATE transfer SET state=?, sends=sends+1, fetched_at=coalesce(fetched_at, ?) WHERE n=?",
            (str(doubted), at, n),
        )
        if state != doubted:
            tally.moved(dest, state, doubted)
        facts = {"state": str(doubted), "digest": sealed, "before": state, "batch": f"{after.epoch}.{seq}"}
        journal.write(db, at, str(Move.FETCH), message, id_, facts)
    tally.write(db)
    return Batch(epoch=after.epoch, seq=seq, digest=digest, manifest=manifest, signature=signature)


def acknowledged(
    db: Db, bodies: Bodies, partner: str, batch: Batch, keys: Sequence[str], now: datetime
) -> int:
    at = micros(now)
    hold(db, partner)
    (known,) = one(
        db,
        "SELECT count(*) FROM edge_batch WHERE partner=? AND way=? AND epoch=? AND seq=? AND digest=? AND done_at IS NULL",
        (partner, OUT, batch.epoch, batch.seq, batch.digest),
    ) or (0,)
    if not known:
        return 0
    by = f"{batch.epoch}.{batch.seq}"
    receipts = [
        Acknowledgement(partner=partner, raw=b"", received_at=now, said_at=now, key=key, batch=by)
        for key in keys
    ]
    found = [acknowledge.find(db, receipt) for receipt in receipts]
    lanes = [one(db, "SELECT subject, dest FROM transfer WHERE id=?", (id_,)) for id_ in found]
    db.hold(Lane(*lane) for lane in lanes if lane)
    raw = msgspec.json.encode({"batch": by, "digest": batch.digest})
    column = bodies.pack_inline(None, raw, "batch")
    fresh = 0
    for receipt, id_ in zip(receipts, found, strict=True):
        packed = acknowledge.Packed(receipt, id_, batch.digest, None, column)
        said = acknowledge.acknowledge(db, packed)
        fresh += said is not None and not said.replayed
    db.execute(
        "UPDATE edge_batch SET done_at=? WHERE partner=? AND way=? AND epoch=? AND seq=?",
        (at, partner, OUT, batch.epoch, batch.seq),
    )
    db.execute(
        "DELETE FROM edge_entry WHERE partner=? AND epoch=? AND seq=?", (partner, batch.epoch, batch.seq)
    )
    db.execute(
        "UPDATE edge_link SET out_acked=? WHERE partner=? AND out_epoch=? AND out_acked<?",
        (batch.seq, partner, batch.epoch, batch.seq),
    )
    return fresh


def payloads(db: Db, bodies: Bodies, keys: Sequence[str], partner: str) -> tuple[bytes, ...] | None:
    found = []
    for key in keys:
        row = one(db, _KEYED, (key.partition(":")[0], key, partner))
        try:
            sealed = None if row is None else reading.sealed(db, bodies, row[0], row[1])
        except Unreadable:
            return None
        if sealed is None:
            return None
        found.append(sealed.payload)
    return tuple(found)


def batches(
    db: Db, partner: str, way: str, epoch: int, after: int, limit: int, only: str = ""
) -> tuple[Batch, ...]:
    query = f"{_BATCH} AND epoch=? AND seq>? {only} ORDER BY seq LIMIT ?"
    return tuple(_batch(row) for row in many(db, query, (partner, way, epoch, after, limit)))


def _batch(row: Sequence[Any]) -> Batch:
    return Batch(
        epoch=row[0],
        seq=row[1],
        digest=row[2],
        manifest=bytes(row[3]),
        signature=row[4],
        done_at=moment(row[5]),
        refused=row[6].encode(),
    )


def waiting(db: Db, partner: str) -> Waiting:
    def count(state: str, rest: str) -> tuple[int, int | None]:
        row = one(db, _WAITING.format(rest), (partner, state))
        return (row[0], row[1]) if row else (0, None)

    in_batch = "EXISTS(SELECT 1 FROM edge_entry e WHERE e.n=t.n)"
    unsealed = count("waiting", "t.offered_at IS NULL")
    laid = count("waiting", "t.offered_at IS NOT NULL")
    doubted = count("in_doubt", f"NOT {in_batch}")
    under_way = count("in_doubt", in_batch)
    first = min((n for _, n in (unsealed, laid, doubted, under_way) if n is not None), default=None)
    at = first and one(
        db, "SELECT m.accepted_at FROM transfer t JOIN message m ON m.n=t.message WHERE t.n=?", (first,)
    )
    return Waiting(
        unsealed=unsealed[0],
        offered=laid[0] + doubted[0],
        under_way=under_way[0],
        oldest=moment(at[0]) if at else None,
    )


# --- what comes


def take(db: Db, partner: str, batch: Batch, prev: str, at: int) -> bool:
    known = hold(db, partner)
    follows = (batch.epoch, batch.seq, prev) == (known.taken.epoch, known.taken.seq + 1, known.taken.digest)
    if known.stands or not follows:
        return False
    values = (partner, IN, batch.epoch, batch.seq, batch.digest, batch.manifest, batch.signature, at, at)
    db.execute(_KEEP, (*values, batch.refused.decode()))
    db.execute("UPDATE edge_link SET in_seq=?, in_head=? WHERE partner=?", (batch.seq, batch.digest, partner))
    facts = {"partner": partner, "batch": f"{batch.epoch}.{batch.seq}", "digest": batch.digest}
    journal.write(db, at, "batch_taken", facts=facts)
    return True


def came_as(db: Db, bodies: Bodies, partner: str, keys: Sequence[str]) -> dict[str, bytes]:
    found = {}
    for key in keys:
        id_ = here(db, partner, key)
        for message in told(db, bodies, [id_]) if id_ else ():
            found[key] = message.raw
    return found


_ORIGIN = """
INSERT INTO edge_origin(hub, partner, since) VALUES(?,?,?) ON CONFLICT(hub) DO UPDATE SET partner=excluded.partner, since=excluded.since
WHERE edge_origin.partner<>excluded.partner
"""


def originates(db: Db, hub: str, partner: str, at: int) -> None:
    db.execute(_ORIGIN, (hub, partner, at))
    if db.changes():
        journal.write(db, at, "edge_origin", facts={"hub": hub, "partner": partner})


# --- when the two do not agree any more


def stand(db: Db, partner: str, code: str, detail: str, at: int) -> None:
    if hold(db, partner).stands:
        return
    db.execute(
        "UPDATE edge_link SET stands=?, detail=?, stands_since=? WHERE partner=?", (code, detail, at, partner)
    )
    journal.write(db, at, "edge_stands", facts={"partner": partner, "code": code, "detail": detail})


def readmit(db: Db, partner: str, reason: str, by: str, at: int) -> Link:
    known = hold(db, partner)
    if not known.stands:
        raise refuse("HUB-EDG-021", "partner")
    epoch = max(known.made.epoch, known.taken.epoch) + 1
    _begin(db, known, epoch, epoch)
    db.execute(
        "UPDATE edge_link SET stands='', detail='', stands_since=NULL, opens=? WHERE partner=?",
        (epoch, partner),
    )
    facts = {"partner": partner, "epoch": str(epoch), "reason": reason, "by": by, "code": known.stands}
    journal.write(db, at, "edge_readmitted", facts=facts)
    return link(db, partner)


def lift(db: Db, partner: str, at: int) -> None:
    if not hold(db, partner).stands:
        return
    db.execute("UPDATE edge_link SET stands='', detail='', stands_since=NULL WHERE partner=?", (partner,))
    journal.write(db, at, "edge_lifted", facts={"partner": partner})


def begin(db: Db, partner: str, out: int, taken: int, at: int) -> None:
    known = hold(db, partner)
    if (max(out, known.made.epoch), max(taken, known.taken.epoch)) == (known.made.epoch, known.taken.epoch):
        return
    _begin(db, known, out, taken)
    facts = {"partner": partner, "out": str(out), "in": str(taken)}
    journal.write(db, at, "edge_epoch", facts=facts)


def _begin(db: Db, known: Link, out: int, taken: int) -> None:
    if out > known.made.epoch:
        db.execute("DELETE FROM edge_entry WHERE partner=?", (known.partner,))
        db.execute(
            "UPDATE edge_link SET out_epoch=?, out_seq=0, out_head=?, out_acked=0 WHERE partner=?",
            (out, FIRST, known.partner),
        )
    if taken > known.taken.epoch:
        db.execute(
            "UPDATE edge_link SET in_epoch=?, in_seq=0, in_head=? WHERE partner=?",
            (taken, FIRST, known.partner),
        )


def fall_back(db: Db, partner: str, acked: int) -> None:
    known = hold(db, partner)
    if acked < known.acked:
        db.execute("UPDATE edge_link SET out_acked=? WHERE partner=?", (acked, partner))


def met(db: Db, partner: str, contact: Contact) -> None:
    hold(db, partner)
    at = micros(contact.at)
    if contact.error:
        db.execute(
            "UPDATE edge_link SET tried_at=?, error=?, error_detail=? WHERE partner=?",
            (at, contact.error, contact.detail, partner),
        )
        return
    db.execute(
        "UPDATE edge_link SET met_at=?, tried_at=?, error='', error_detail='', ahead=?, hub=?, software=? WHERE partner=?",
        (at, at, contact.ahead, contact.hub, contact.software, partner),
    )


def forget(db: Db, before: int, most: int) -> int:
    rows = many(db, _OLD, (before, most))
    for row in rows:
        db.execute("DELETE FROM edge_batch WHERE partner=? AND way=? AND epoch=? AND seq=?", row)
    return len(rows)


class SqlEdges:
    """Of the store."""

    def __init__(self, reads: Reads, writes: Writes, bodies: Bodies) -> None:
        self._reads, self._writes, self._bodies = reads, writes, bodies

    async def link(self, partner: str) -> Link:
        return await self._reads.look(lambda db: link(db, partner))

    async def links(self) -> tuple[Link, ...]:
        rows = await self._reads.run(lambda db: many(db, f"{_LINK} ORDER BY partner"))
        return tuple(_link(row) for row in rows)

    async def met(self, partner: str, contact: Contact) -> None:
        await self._writes.run(lambda db: met(db, partner, contact))

    async def told(self, messages: Sequence[str]) -> tuple[Told, ...]:
        return await self._reads.run(lambda db: told(db, self._bodies, messages))

    async def unheard(self, partner: str, message: str) -> tuple[str, ...]:
        return await self._reads.run(lambda db: unheard(db, partner, message))

    async def here(self, sender: str, key: str) -> str | None:
        return await self._reads.look(lambda db: here(db, sender, key))

    async def offered(self, partner: str, limit: int) -> tuple[Offered, ...]:
        return await self._reads.run(lambda db: offered(db, self._bodies, partner, limit))

    async def make(
        self, partner: str, after: Head, numbers: Sequence[int], make_: Make, now: datetime
    ) -> Batch | None:
        return await self._writes.run(lambda db: make(db, partner, after, numbers, make_, micros(now)))

    async def batches(self, partner: str, epoch: int, after: int, limit: int) -> tuple[Batch, ...]:
        return await self._reads.run(lambda db: batches(db, partner, OUT, epoch, after, limit))

    async def payloads(self, keys: Sequence[str], partner: str) -> tuple[bytes, ...] | None:
        return await self._reads.run(lambda db: payloads(db, self._bodies, keys, partner))

    async def transfer(self, partner: str, key: str) -> str | None:
        row = await self._reads.look(lambda db: one(db, _KEYED, (key.partition(":")[0], key, partner)))
        return str(row[1]) if row else None

    async def acknowledged(self, partner: str, batch: Batch, keys: Sequence[str], now: datetime) -> int:
        return await self._writes.run(lambda db: acknowledged(db, self._bodies, partner, batch, keys, now))

    async def fall_back(self, partner: str, acked: int) -> None:
        await self._writes.run(lambda db: fall_back(db, partner, acked))

    async def waiting(self, partner: str) -> Waiting:
        return await self._reads.run(lambda db: waiting(db, partner))

    async def take(self, partner: str, batch: Batch, prev: str, now: datetime) -> bool:
        return await self._writes.run(lambda db: take(db, partner, batch, prev, micros(now)))

    async def came(self, partner: str, epoch: int, seq: int) -> Batch | None:
        found = await self._reads.run(lambda db: batches(db, partner, IN, epoch, seq - 1, 1))
        return found[0] if found and found[0].seq == seq else None

    async def all_that_came(self, partner: str, epoch: int, after: int, limit: int) -> tuple[Batch, ...]:
        return await self._reads.run(lambda db: batches(db, partner, IN, epoch, after, limit))

    async def came_as(self, partner: str, keys: Sequence[str]) -> Mapping[str, bytes]:
        return await self._reads.run(lambda db: came_as(db, self._bodies, partner, keys))

    async def refusals(self, partner: str, epoch: int, after: int, limit: int) -> tuple[Batch, ...]:
        return await self._reads.run(
            lambda db: batches(db, partner, IN, epoch, after, limit, "AND refused<>'[]'")
        )

    async def origin(self, hub: str) -> str:
        row = await self._reads.look(
            lambda db: one(db, "SELECT partner FROM edge_origin WHERE hub=?", (hub,))
        )
        return str(row[0]) if row else ""

    async def originates(self, hub: str, partner: str, now: datetime) -> None:
        await self._writes.run(lambda db: originates(db, hub, partner, micros(now)))

    async def stand(self, partner: str, code: str, detail: str, now: datetime) -> None:
        await self._writes.run(lambda db: stand(db, partner, code, detail, micros(now)))

    async def readmit(self, partner: str, *, reason: str, by: str, now: datetime) -> Link:
        return await self._writes.run(lambda db: readmit(db, partner, reason, by, micros(now)))

    async def lift(self, partner: str, now: datetime) -> None:
        await self._writes.run(lambda db: lift(db, partner, micros(now)))

    async def begin(self, partner: str, *, out: int, taken: int, now: datetime) -> None:
        await self._writes.run(lambda db: begin(db, partner, out, taken, micros(now)))

    async def forget(self, before: datetime, most: int) -> int:
        return await self._writes.run(lambda db: forget(db, micros(before), most))
