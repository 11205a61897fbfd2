"""A person's moves: checked against what the person saw, written with reason and name."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hub.lifecycle import ALONE, APPROVED, DONE, LEAVING, IllegalMove, Move, State, move
from hub.store.sql import journal, lanes, leases, leaving
from hub.store.sql.counters import Tally
from hub.store.sql.db import Db, Lane, one, only
from schemas.problems import refuse

if TYPE_CHECKING:
    from hub.store.contract.stages import Leave

_SLEEPS = frozenset({State.WAITING, State.IN_DOUBT})
_AT_ONCE = frozenset({Move.RETRY, Move.RESEND, Move.SEND_ANYWAY, Move.SEND_AGAIN})


class Order(NamedTuple):
    """What a person wants: ``expected`` is the state that the person saw; ``approver``: who else said yes.

    ``before``: what is named by ids before it may have gone out in a time that the store forgot.
    """

    transfer: str
    move: Move
    expected: State
    reason: str
    by: str
    approver: str = ""
    before: str = ""
    leave: Leave | None = None


class _Row(NamedTuple):
    n: int
    message: str
    state: str
    subject: str
    dest: int
    order_sensitive: int
    tries: int
    in_lane: int


_ROW = """
SELECT t.n, m.id, t.state, t.subject, t.dest, d.order_sensitive, t.tries,
  EXISTS(SELECT 1 FROM item i WHERE i.subject=t.subject AND i.dest=t.dest AND i.n=t.n)
FROM transfer t JOIN message m ON m.n=t.message JOIN dest d ON d.id=t.dest WHERE t.id=?
"""


def approved(move: Move, by: str, approver: str) -> None:
    """Raises ``Refusal`` HUB-LAN-010 for a person's move of ``APPROVED`` that nobody else agreed to."""
    if move in APPROVED:
        by_two(str(move), by, approver)


def by_two(what: str, by: str, approver: str) -> None:
    """Raises ``Refusal`` HUB-LAN-010 for what nobody agreed to but whoever does it."""
    if approver.strip().casefold() in {"", by.strip().casefold()}:
        raise refuse("HUB-LAN-010", "approver", rule=what)


def act(db: Db, order: Order, at: int) -> int:
    """Return the transfer's number. Raises ``Refusal`` HUB-LAN-*, HUB-STG-*, with nothing changed."""
    found = one(db, "SELECT subject, dest FROM transfer WHERE id=?", (order.transfer,))
    if found is None:
        raise refuse("HUB-LAN-004", "transfer")
    lane = Lane(*found)
    if order.move in LEAVING:
        leaving.check(db, order.transfer, order.leave)
    db.hold((lane,))
    row = _Row(*only(db, _ROW, (order.transfer,)))
    leased = leases.everything(db)
    first = lanes.head(db, lane)
    after = _checked(order, row, first, leased=row.n in leased)
    grip = lanes.grip(db, lane, {item.lane for item in leased.values()})
    tally = Tally()
    _write(db, tally, row, order, after, at)
    belongs = after in _SLEEPS or (after not in DONE and bool(row.order_sensitive))
    entered = lanes.settle_place(db, tally, lane, row.n, in_lane=bool(row.in_lane), belongs=belongs)
    lanes.let_go(db, tally, grip, at, entered=entered)
    tally.write(db)
    return row.n


def _checked(order: Order, row: _Row, first: lanes.Head | None, *, leased: bool) -> State:
    state = State.IN_DOUBT if leased else State(row.state)
    if state is not order.expected:
        raise refuse("HUB-LAN-003", "state", rule=f"now {state}")
    if leased or order.move not in ALONE:
        raise refuse(
            "HUB-LAN-002",
            "move",
            rule="it is being sent" if leased else f"{order.move} is not a person's move alone",
        )
    try:
        after = move(state, order.move)
        if order.move is Move.RETRY and state is State.PARKED and _forgotten(order, row):
            after = move(after, Move.CLAIM)  # as if a worker had had it and died: asked about first
    except IllegalMove as illegal:
        raise refuse("HUB-LAN-002", "move", rule=str(illegal)) from None
    if order.move is Move.SKIP and row.in_lane and first is not None and first.n != row.n:
        raise refuse("HUB-LAN-001", "transfer")
    return after


def _forgotten(order: Order, row: _Row) -> bool:
    """Whether it was parked when it came in, but may not have been when it came in the first time."""
    return row.message < order.before and not row.tries


def _write(db: Db, tally: Tally, row: _Row, order: Order, after: State, at: int) -> None:
    """A retry starts the schedule anew and is due at once; problem and detail stay until the next attempt says otherwise."""
    retry = order.move in _AT_ONCE
    db.execute(
        "UPDATE transfer SET state=?, wake_at=?, settled_at=?, offered_at=NULL, attempts=CASE WHEN ?=1 THEN 0 ELSE attempts END WHERE n=?",
        (str(after), at if retry else None, None if after in _SLEEPS else at, int(retry), row.n),
    )
    tally.moved(row.dest, row.state, after)
    if order.move is Move.SEND_AGAIN:
        _unproved(db, tally, row, order.transfer)
    facts = {"by": order.by, "reason": order.reason, "before": row.state, "state": str(after)}
    if order.approver:
        facts["approver"] = order.approver
    journal.write(db, at, str(order.move), row.message, order.transfer, facts)


_ASIDE = """
INSERT INTO receipt_before(transfer,received_at,digest,said_at,state,raw,signature)
SELECT transfer,received_at,digest,said_at,state,raw,signature FROM receipt WHERE transfer=?
"""


def _unproved(db: Db, tally: Tally, row: _Row, transfer: str) -> None:
    """The receipt, where there is one, said what was not so: it is kept, and another one is awaited when it is delivered again."""
    (overdue,) = only(db, "SELECT overdue FROM transfer WHERE n=?", (row.n,))
    tally.add(row.dest, "overdue", -overdue)
    db.execute(
        "UPDATE transfer SET receipt_at=NULL, receipt_by=NULL, ask_at=NULL, overdue=0, problem='', detail='' WHERE n=?",
        (row.n,),
    )
    db.execute(_ASIDE, (transfer,))
    db.execute("DELETE FROM receipt WHERE transfer=?", (transfer,))
