"""What is kept for how long, and how it goes: a few messages at a time, never anything that is not delivered.

Each stage walks the messages in the order of their acceptance and remembers how far it came (``keeping``). A message
that may not go yet, because its dossier still has something to be delivered or because it was finished late, is
looked at again later (``later``). So a round costs what is new in it, however much is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping  # noqa: TC003 - part of public signatures
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hub.evidence.audit import PRUNED, ranges
from hub.lifecycle import DONE
from hub.store.sql import chain, journal, ledger, merging, notes, tellings
from hub.store.sql.bodies import release
from hub.store.sql.db import Db, many, one, only
from hub.store.sql.merging import FAMILY, root
from hub.store.sql.times import SECOND
from hub.store.upkeep import Chunk, Stage, Survey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.store.sql.db import Row

DAY = 86_400 * SECOND
LOOK_AGAIN = DAY
"""A message kept back by something undelivered is looked at again after this."""
FOR_GOOD = 2**63 - 1
"""When what is never removed is looked at again: rows that say which others went are part of what proves the rest."""


class Found(NamedTuple):
    """One message (or journal row) that a stage looked at. ``again``: keep it, and look then; ``None``: it goes now.

    A journal row goes only when it is in the chain.
    """

    n: int
    id: str
    dossier: str | None
    again: int | None


# --- which ----------------------------------------------------------------------------------------------------------

_DONE = ", ".join(f"'{state}'" for state in sorted(DONE))
_UNENDED = f"(t.state NOT IN ({_DONE}) OR t.receipt_by IS NOT NULL OR t.ask_at IS NOT NULL)"
_NEXT = "SELECT n, id, dossier, accepted_at FROM message WHERE n>? AND n<(SELECT max(n) FROM message) ORDER BY n LIMIT ?"
_AGAIN = (
    "SELECT m.n, m.id, m.dossier, m.accepted_at FROM later l LEFT JOIN message m ON m.n=l.n"
    " WHERE l.stage=? AND l.look_at<=? ORDER BY l.look_at, l.n LIMIT ?"
)
_LAST = "SELECT coalesce(max(settled_at), 0), coalesce(max(receipt_at), 0) FROM transfer WHERE message=?"
_OPEN = f"SELECT 1 FROM transfer t WHERE t.message=? AND {_UNENDED} LIMIT 1"  # noqa: S608 - constants
_OPEN_BESIDE = f"""
SELECT 1 FROM message m JOIN transfer t ON t.message=m.n WHERE m.dossier IN ({FAMILY}) AND {_UNENDED} LIMIT 1
"""  # noqa: S608 - constants
_JOURNAL = "SELECT seq, message, at, what, facts FROM journal WHERE seq>? AND seq<=? ORDER BY seq LIMIT ?"
_LINKED = "SELECT 1 FROM transfer t JOIN link l ON l.transfer=t.n WHERE t.message=? LIMIT 1"


def _verdict(db: Db, row: Row, age: int, now: int) -> Found:
    n, id_, dossier, accepted_at = row
    if _needed(db, n, dossier):
        return Found(n, id_, dossier, now + LOOK_AGAIN)
    free = max(accepted_at, *only(db, _LAST, (n,))) + age
    return Found(n, id_, dossier, free if free > now else None)


def _needed(db: Db, n: int, dossier: str | None) -> bool:
    """Whether something of it, or of its dossier, is still to be delivered, acknowledged or fetched."""
    if one(db, _OPEN, (n,)) or one(db, _LINKED, (n,)):
        return True
    if dossier is None:
        return False
    family = root(db, dossier)
    return one(db, _OPEN_BESIDE, (family, family)) is not None


def _journal_verdict(db: Db, row: Row, age: int, now: int) -> Found:
    seq, message, at, what, facts = row
    if what == PRUNED and journal.mapping(facts)["stage"] == Stage.JOURNAL:
        return Found(seq, message, None, FOR_GOOD)
    whose = one(db, "SELECT n, dossier FROM message WHERE id=?", (message,)) if message else None
    if whose is not None and _needed(db, *whose):
        return Found(seq, message, None, now + LOOK_AGAIN)
    return Found(seq, message, None, at + age if at + age > now else None)


def _again(db: Db, stage: Stage, age: int, now: int, most: int) -> list[Found]:
    """Those that were kept back and whose time to be looked at has come."""
    if stage is Stage.JOURNAL:
        rows = many(
            db,
            "SELECT j.seq, j.message, j.at, j.what, j.facts FROM later l LEFT JOIN journal j ON j.seq=l.n WHERE l.stage=? AND l.look_at<=?"
            " ORDER BY l.look_at, l.n LIMIT ?",
            (stage, now, most),
        )
        return [_journal_verdict(db, row, age, now) for row in rows if row[0] is not None]
    rows = many(db, _AGAIN, (stage, now, most))
    return [_verdict(db, row[:4], age, now) for row in rows if row[0] is not None]


def _following(db: Db, stage: Stage, age: int, now: int, after: int, most: int) -> list[Found]:
    """The next in order, up to the first that is too young."""
    if stage is Stage.JOURNAL:
        rows = many(db, _JOURNAL, (after, chain.frontier(db).floor, most))
        return [_journal_verdict(db, row, age, now) for row in _old(rows, 2, now - age)]
    rows = many(db, _NEXT, (after, most))
    return [_verdict(db, row, age, now) for row in _old(rows, 3, now - age)]


def _old(rows: list[Row], column: int, until: int) -> Iterator[Row]:
    for row in rows:
        if row[column] > until:
            return
        yield row


# --- what goes ------------------------------------------------------------------------------------------------------


class _Basket:
    """What a chunk removed, for the journal."""

    def __init__(self) -> None:
        self.bytes = 0
        self.digest = hashlib.sha256()
        self.ids: list[str] = []

    def note(self, id_: str, *what: object) -> None:
        self.ids.append(id_)
        self.digest.update(msgspec.msgpack.encode((id_, *what)))


_ITS = "SELECT n FROM transfer WHERE message=?"
_ITS_IDS = "SELECT id FROM transfer WHERE message=?"
_RECEIVED = "SELECT digest, raw, canonical FROM message WHERE n=?"
_SENT = f"SELECT digest, payload FROM sealed WHERE n IN ({_ITS}) ORDER BY n"  # noqa: S608 - constants
_EXCHANGED = f"SELECT outcome, exchanges FROM attempt WHERE transfer IN ({_ITS}) ORDER BY n"  # noqa: S608 - constants
_ANSWERED = f"SELECT digest, raw FROM receipt WHERE transfer IN ({_ITS_IDS}) ORDER BY transfer"  # noqa: S608 - constants


def _payloads(db: Db, basket: _Basket, found: Found) -> None:
    """Documents are let go with what named them; the sweep takes those that nobody holds."""
    basket.note(found.id, *_taken(db, basket, _RECEIVED, found.n))
    db.execute("UPDATE message SET raw=?, canonical=? WHERE n=?", (b"", b"", found.n))
    db.execute("DELETE FROM enclosure WHERE message=?", (found.id,))


def _evidence(db: Db, basket: _Basket, found: Found) -> None:
    digests = [_taken(db, basket, query, found.n) for query in (_SENT, _EXCHANGED, _ANSWERED)]
    basket.note(found.id, *digests)
    for query in (
        f"UPDATE sealed SET payload=? WHERE n IN ({_ITS})",  # noqa: S608 - constants
        f"UPDATE attempt SET exchanges=? WHERE transfer IN ({_ITS})",  # noqa: S608 - constants
        f"UPDATE receipt SET raw=? WHERE transfer IN ({_ITS_IDS})",  # noqa: S608 - constants
        f"UPDATE receipt_before SET raw=? WHERE transfer IN ({_ITS_IDS})",  # noqa: S608 - constants
    ):
        db.execute(query, (b"", found.n))


def _taken(db: Db, basket: _Basket, query: str, n: int) -> list[str]:
    """Put the rows' payloads into the basket; return the first column of each."""
    rows = many(db, query, (n,))
    for row in rows:
        release(db, *row[1:])
        basket.bytes += sum(len(stored) for stored in row[1:])
    return [row[0] for row in rows]


_TRANSFERS = "SELECT id, dest, state, reference, overdue FROM transfer WHERE message=?"
_GO = (
    f"DELETE FROM attempt WHERE transfer IN ({_ITS})",  # noqa: S608 - constants
    f"DELETE FROM sealed WHERE n IN ({_ITS})",  # noqa: S608 - constants
    f"DELETE FROM receipt WHERE transfer IN ({_ITS_IDS})",  # noqa: S608 - constants
    f"DELETE FROM receipt_before WHERE transfer IN ({_ITS_IDS})",  # noqa: S608 - constants
    "DELETE FROM transfer WHERE message=?",
    "DELETE FROM message WHERE n=?",
)


def _records(db: Db, basket: _Basket, found: Found) -> None:
    """The message with all that hangs on it; with the last one of a dossier the dossier, its codes and its key."""
    family = root(db, found.dossier) if found.dossier is not None else ""
    if family:  # who adds to the dossier just now waits for this, and finds it gone
        db.execute("UPDATE dossier SET version=version WHERE id=?", (family,))
    digests = [_taken(db, basket, query, found.n) for query in (_RECEIVED, _SENT, _EXCHANGED, _ANSWERED)]
    basket.note(found.id, *digests)
    for id_, dest, state, reference, overdue in many(db, _TRANSFERS, (found.n,)):
        db.execute("DELETE FROM theirs WHERE dest=? AND reference=? AND transfer=?", (dest, reference, id_))
        counts = [(dest, state, -1), (dest, "accepted", -1), (dest, "overdue", -overdue)]
        db.count(change for change in counts if change[2])
    for query in _GO:
        db.execute(query, (found.n,))
    for query in ("DELETE FROM seen WHERE message=?", "DELETE FROM enclosure WHERE message=?"):
        db.execute(query, (found.id,))
    if not family:
        _owner(db, found.id)
    elif not one(db, f"SELECT 1 FROM message WHERE dossier IN ({FAMILY}) LIMIT 1", (family, family)):  # noqa: S608 - constant
        _dossier(db, family)


def _dossier(db: Db, family: str) -> None:
    for member in merging.family(db, family):
        ledger.settle(db, family, member)
        _owner(db, member)
        db.execute("DELETE FROM alias WHERE dossier=?", (member,))
        db.execute("DELETE FROM dossier WHERE id=?", (member,))
        tellings.forget(db, member)
    db.execute("DELETE FROM merged WHERE dossier=?", (family,))


def _owner(db: Db, owner: str) -> None:
    db.execute("DELETE FROM told WHERE subject=?", (owner,))
    db.execute("DELETE FROM datakey WHERE owner=? AND owner<>''", (owner,))


def _journal(db: Db, basket: _Basket, found: Found) -> None:
    row = only(db, "SELECT seq, at, what, message, transfer, facts FROM journal WHERE seq=?", (found.n,))
    basket.bytes += len(row[5])
    basket.note(str(found.n), *row)
    db.execute("DELETE FROM journal WHERE seq=?", (found.n,))


_REMOVE: Mapping[Stage, Callable[[Db, _Basket, Found], None]] = {
    Stage.PAYLOADS: _payloads,
    Stage.EVIDENCE: _evidence,
    Stage.RECORDS: _records,
    Stage.JOURNAL: _journal,
}


# --- a chunk --------------------------------------------------------------------------------------------------------


def prune(db: Db, stage: Stage, age: int, now: int, most: int) -> Chunk:
    """Do one chunk inside a transaction. ``age``: microseconds that this stage's things are kept after they ended."""
    if stage is Stage.REFUSALS:
        return _refusals(db, now - age, most)
    again = _again(db, stage, age, now, most)
    db.execute(
        "DELETE FROM later WHERE stage=? AND look_at<=? AND n IN (SELECT n FROM later WHERE stage=? AND look_at<=? ORDER BY look_at, n LIMIT ?)",
        (stage, now, stage, now, most),
    )
    looked = db.changes()
    after = position(db, stage)
    new = _following(db, stage, age, now, after, most - looked) if looked < most else []
    if new:
        notes.write(db, f"pruned_{stage}", str(new[-1].n), now)
    basket = _Basket()
    kept = 0
    for found in (*again, *new):
        if found.again is None:
            _REMOVE[stage](db, basket, found)
        else:
            kept += 1
            if found.again == FOR_GOOD:
                continue
            db.execute(
                "INSERT INTO later(stage, look_at, n) VALUES(?,?,?) ON CONFLICT DO NOTHING",
                (stage, found.again, found.n),
            )
    if basket.ids:
        _tell(db, stage, basket, now)
    return Chunk(len(basket.ids), kept, basket.bytes, looked + len(new) >= most)


def _tell(db: Db, stage: Stage, basket: _Basket, now: int) -> None:
    """What went: how many, from which to which, and a digest over all of them in this order."""
    facts = {
        "stage": str(stage),
        "count": str(len(basket.ids)),
        "bytes": str(basket.bytes),
        "first": min(basket.ids),
        "last": max(basket.ids),
        "digest": basket.digest.hexdigest(),
    }
    if stage is Stage.JOURNAL:
        facts["rows"] = ranges(map(int, basket.ids))
    journal.write(db, now, PRUNED, facts=facts)


def _refusals(db: Db, before: int, most: int) -> Chunk:
    """What was refused at the door has neither message nor journal: it goes by its age alone."""
    db.execute(
        "DELETE FROM refusal WHERE at IN (SELECT at FROM refusal WHERE at<? ORDER BY at LIMIT ?)",
        (before, most),
    )
    removed = db.changes()
    return Chunk(removed, 0, 0, removed >= most)


_REFUSED = "SELECT count(*) FROM refusal WHERE at<?"


def survey(db: Db, stage: Stage, age: int, now: int, most: int) -> Survey:
    """Count, in one snapshot, what ``prune`` would do; nothing is changed."""
    if stage is Stage.REFUSALS:
        return Survey(stage, only(db, _REFUSED, (now - age,))[0], 0)
    found = _again(db, stage, age, now, 2**31)
    removed, kept = _counted(found)
    after = position(db, stage)
    while found := _following(db, stage, age, now, after, most):
        removed, kept = (a + b for a, b in zip((removed, kept), _counted(found), strict=True))
        after = found[-1].n
    return Survey(stage, removed, kept)


def _counted(found: list[Found]) -> tuple[int, int]:
    going = sum(one.again is None for one in found)
    return going, len(found) - going


def position(db: Db, stage: Stage) -> int:
    """How far a stage has come, in the order of acceptance."""
    return int(notes.read(db, f"pruned_{stage}") or 0)
