"""Partners' receipts: what they prove, whatever the hub believed, and what happens when they do not come.

While a transfer is leased, only the receipt is written; whoever settles or expires the lease finds it there (``proof.stands``).
So whichever commits first, there is one final state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hub.lifecycle import MOVES, Move, State
from hub.store.contract.delivery import Acknowledged
from hub.store.sql import journal, lanes, leases, proof
from hub.store.sql.bodies import Pen, keep
from hub.store.sql.counters import Tally
from hub.store.sql.db import Db, Lane, many, one, only
from hub.store.sql.settle import vouched
from hub.store.sql.times import SECOND, micros, moment
from schemas.problems import refuse

if TYPE_CHECKING:
    from hub.store.contract.delivery import Acknowledgement, Attempt

OVERDUE, LACKING, OTHER_BYTES, AGAINST = "HUB-PAR-011", "HUB-PAR-012", "HUB-RCP-002", "HUB-RCP-006"
LATER = 600 * SECOND
"""When to look again whether a partner behind a closed door can be asked."""


class Packed(NamedTuple):
    """A receipt ready for its columns. ``transfer``: whose it is; ``digest``: of the bytes that came."""

    receipt: Acknowledgement
    transfer: str
    digest: str
    pen: Pen | None
    raw: bytes


class _Row(NamedTuple):
    n: int
    id: str
    message: str
    key: str
    state: str
    sends: int
    problem: str
    detail: str
    overdue: int
    sealed: str | None
    in_lane: int


_ROW = """
SELECT t.n, t.id, m.id, t.key, t.state, t.sends, t.problem, t.detail, t.overdue, s.digest,
  EXISTS(SELECT 1 FROM item i WHERE i.subject=t.subject AND i.dest=t.dest AND i.n=t.n)
FROM transfer t JOIN message m ON m.n=t.message LEFT JOIN sealed s ON s.n=t.n WHERE t.id=?
"""
_BY_KEY = """
SELECT t.id FROM message m JOIN transfer t ON t.message=m.n JOIN dest d ON d.id=t.dest
WHERE m.id=? AND t.key=? AND d.partner=?
"""
_BY_REFERENCE = """
SELECT r.transfer FROM dest d JOIN theirs r ON r.dest=d.id WHERE d.partner=? AND r.reference=? LIMIT 2
"""


def find(db: Db, receipt: Acknowledgement) -> str:
    """Return the transfer that is meant, one to this partner. Raises ``Refusal`` HUB-RCP-001, -007; both tell nothing of others'."""
    if receipt.key:
        found = many(db, _BY_KEY, (receipt.key.partition(":")[0], receipt.key, receipt.partner))
    else:
        found = many(db, _BY_REFERENCE, (receipt.partner, receipt.reference))
    if not found:
        raise refuse("HUB-RCP-001", "/key" if receipt.key else "/reference")
    if len(found) > 1:
        raise refuse("HUB-RCP-007", "/reference")
    return str(found[0][0])


def acknowledge(db: Db, packed: Packed) -> Acknowledged | None:
    """Take it. ``None``: the partner received other bytes; that is marked, to be seen. Raises ``Refusal`` HUB-RCP-003."""
    said, at = packed.receipt, micros(packed.receipt.received_at)
    lane = Lane(*only(db, "SELECT subject, dest FROM transfer WHERE id=?", (packed.transfer,)))
    db.hold((lane,))
    before = one(db, "SELECT state, received_at FROM receipt WHERE transfer=?", (packed.transfer,))
    row = _Row(*only(db, _ROW, (packed.transfer,)))
    if before is not None:
        return Acknowledged(
            transfer=row.id, key=row.key, state=State(before[0]), received_at=moment(before[1]), replayed=True
        )
    leased = leases.everything(db)
    if not _may_be_there(row, leased=row.n in leased):
        raise refuse("HUB-RCP-003", "/key" if said.key else "/reference")
    if said.digest and row.sealed and said.digest != row.sealed:
        if (row.problem, row.detail) == (OTHER_BYTES, f"received {said.digest}"):
            return None  # it says so again, which is no news
        _mark(db, row, OTHER_BYTES, f"received {said.digest}")
        facts = {"code": OTHER_BYTES, "digest": packed.digest, "said": said.digest, "sealed": row.sealed}
        journal.write(db, at, "receipt_refused", row.message, row.id, facts)
        return None
    keep(db, packed.pen, packed.raw)
    now = State.IN_DOUBT if row.n in leased else State(row.state)
    after = MOVES.get((now, Move.ACKNOWLEDGE), now)
    _keep_receipt(db, packed, after)
    facts = {"digest": packed.digest, "before": str(now), "state": str(after), "said": said.digest}
    facts |= {"signer": said.signer, "algorithm": said.algorithm, "batch": said.batch}
    what = "acknowledge" if after is State.ACKNOWLEDGED else "receipt_contradicts"
    journal.write(db, at, what, row.message, row.id, {name: value for name, value in facts.items() if value})
    if after is not State.ACKNOWLEDGED:
        _mark(db, row, AGAINST, " ".join(part for part in (row.problem, row.detail) if part))
    elif row.n not in leased:
        grip = lanes.grip(db, lane, {item.lane for item in leased.values()})
        tally = Tally()
        _done(db, tally, row, lane.dest, at)
        lanes.settle_place(db, tally, lane, row.n, in_lane=bool(row.in_lane), belongs=False)
        lanes.let_go(db, tally, grip, at)
        tally.write(db)
    return Acknowledged(transfer=row.id, key=row.key, state=after, received_at=said.received_at)


def _may_be_there(row: _Row, *, leased: bool) -> bool:
    """Whether anything of it can have left the hub: what is in doubt may have, sealed or (since a restore) not."""
    return row.sends > 0 or row.state == State.IN_DOUBT or (row.sealed is not None and leased)


def _mark(db: Db, row: _Row, code: str, detail: str) -> None:
    db.execute("UPDATE transfer SET problem=?, detail=? WHERE n=?", (code, detail, row.n))


def _keep_receipt(db: Db, packed: Packed, after: State) -> None:
    said = packed.receipt
    db.execute(
        "INSERT INTO receipt(transfer,digest,said_at,received_at,state,raw,signature) VALUES(?,?,?,?,?,?,?)",
        (
            *(packed.transfer, packed.digest, micros(said.said_at), micros(said.received_at)),
            *(str(after), packed.raw, said.signature),
        ),
    )
    db.execute("UPDATE transfer SET receipt_at=? WHERE id=?", (micros(said.received_at), packed.transfer))


def _done(db: Db, tally: Tally, row: _Row, dest: int, at: int) -> None:
    proof.stands(db, row.n, at)
    tally.moved(dest, row.state, State.ACKNOWLEDGED)
    tally.add(dest, "overdue", -row.overdue)


# --- when it does not come --------------------------------------------------------------------------------------


def expire(db: Db, now: int, most: int) -> int:
    """Mark what was delivered and not acknowledged in time; it stays delivered. Return how many were looked at."""
    rows = many(
        db,
        "SELECT n, subject, dest FROM transfer WHERE receipt_by<=? ORDER BY receipt_by, n LIMIT ?",
        (now, most),
    )
    db.hold(Lane(subject, dest) for _, subject, dest in rows)
    tally = Tally()
    for n, _, dest in rows:
        db.execute(
            "UPDATE transfer SET receipt_by=NULL, overdue=1, problem=?, detail='', ask_at=? WHERE n=? AND receipt_by<=?",
            (OVERDUE, now, n, now),
        )
        if not db.changes():  # the receipt was quicker
            continue
        tally.add(dest, "overdue")
        id_, message = only(
            db, "SELECT t.id, m.id FROM transfer t JOIN message m ON m.n=t.message WHERE t.n=?", (n,)
        )
        journal.write(db, now, "receipt_overdue", message, id_, {"code": OVERDUE})
    tally.write(db)
    return len(rows)


_TO_ASK = """
SELECT t.n, d.paused, d.circuit FROM transfer t JOIN dest d ON d.id=t.dest
WHERE t.ask_at<=? ORDER BY t.ask_at, t.n LIMIT ?
"""


def anything_to_ask(db: Db, now: int) -> bool:
    return one(db, "SELECT 1 FROM transfer WHERE ask_at<=? LIMIT 1", (now,)) is not None


def to_ask(db: Db, now: int, limit: int, lease: int) -> list[int]:
    """Take overdue transfers that somebody should ask about, each for ``lease``; behind a closed door they come again later."""
    taken = []
    for n, paused, circuit in many(db, _TO_ASK, (now, limit)):
        open_ = not paused and circuit == "closed"
        db.execute(
            "UPDATE transfer SET ask_at=? WHERE n=? AND ask_at<=?",
            (now + (lease if open_ else LATER), n, now),
        )
        if open_ and db.changes():
            taken.append(n)
    return taken


def asked(
    db: Db, transfer: str, attempt: Attempt | None, pen: Pen | None, exchanges: bytes, now: int
) -> None:
    """Write down what the partner said. A no is shown to a person; a yes changes nothing: it is not the receipt."""
    lane = Lane(*only(db, "SELECT subject, dest FROM transfer WHERE id=?", (transfer,)))
    db.hold((lane,))
    n, message, tries, overdue = only(
        db,
        "SELECT t.n, m.id, t.tries, t.overdue FROM transfer t JOIN message m ON m.n=t.message WHERE t.id=?",
        (transfer,),
    )
    db.execute("UPDATE transfer SET ask_at=NULL WHERE n=?", (n,))
    if attempt is None:
        return
    keep(db, pen, exchanges)
    db.execute("UPDATE transfer SET tries=tries+1 WHERE n=?", (n,))
    db.execute(
        "INSERT INTO attempt(transfer,number,verb,outcome,code,detail,started_at,seconds,exchanges) VALUES(?,?,?,?,?,?,?,?,?)",
        (
            *(n, tries + 1, attempt.verb, attempt.outcome, attempt.code, attempt.detail),
            *(micros(attempt.started_at), attempt.seconds, exchanges),
        ),
    )
    lacking = overdue and attempt.outcome in {"deferred", "refused"}
    if lacking:
        db.execute("UPDATE transfer SET problem=?, detail=? WHERE n=?", (LACKING, attempt.detail, n))
    facts = {"outcome": attempt.outcome} | ({"code": LACKING} if lacking else {}) | vouched([attempt])
    journal.write(db, now, "receipt_asked", message, transfer, facts)
