"""A person's moves: checked against what the person saw, written with reason and name."""

from __future__ import annotations

from typing import NamedTuple

from hub.lifecycle import DONE, PERSONS, IllegalMove, Move, State, move
from hub.store.sql import journal, lanes, leases
from hub.store.sql.counters import Tally
from hub.store.sql.db import Db, Lane, one, only
from schemas.problems import refuse

_SLEEPS = frozenset({State.WAITING, State.IN_DOUBT})


class Order(NamedTuple):
    """What a person wants: ``expected`` is the state that the person saw."""

    transfer: str
    move: Move
    expected: State
    reason: str
    by: str


class _Row(NamedTuple):
    n: int
    message: str
    state: str
    subject: str
    dest: int
    order_sensitive: int
    in_lane: int


_ROW = """
SELECT t.n, m.id, t.state, t.subject, t.dest, d.order_sensitive,
  EXISTS(SELECT 1 FROM item i WHERE i.subject=t.subject AND i.dest=t.dest AND i.n=t.n)
FROM transfer t JOIN message m ON m.n=t.message JOIN dest d ON d.id=t.dest WHERE t.id=?
"""


def act(db: Db, order: Order, at: int) -> int:
    """Return the transfer's number. Raises ``Refusal`` HUB-LAN-*, with nothing changed."""
    found = one(db, "SELECT subject, dest FROM transfer WHERE id=?", (order.transfer,))
    if found is None:
        raise refuse("HUB-LAN-004", "transfer")
    lane = Lane(*found)
    db.hold((lane,))
    row = _Row(*only(db, _ROW, (order.transfer,)))
    leased = leases.everything(db)
    first = lanes.head(db, lane)
    after = _checked(order, row, first, leased=row.n in leased)
    ours = not any(item.lane == lane for item in leased.values())
    if first is not None and ours:
        lanes.take(db, lane, first)
    tally = Tally()
    _write(db, tally, row, order, after, at)
    entered = _take_or_leave_place(db, tally, lane, row, after)
    if ours and (first is not None or entered):
        lanes.place(db, tally, lane, at)
    tally.write(db)
    return row.n


def _checked(order: Order, row: _Row, first: lanes.Head | None, *, leased: bool) -> State:
    state = State.IN_DOUBT if leased else State(row.state)
    if state is not order.expected:
        raise refuse("HUB-LAN-003", "state", rule=f"now {state}")
    if leased or order.move not in PERSONS:
        raise refuse(
            "HUB-LAN-002",
            "move",
            rule="it is being sent" if leased else f"{order.move} is not a person's move",
        )
    try:
        after = move(state, order.move)
    except IllegalMove as illegal:
        raise refuse("HUB-LAN-002", "move", rule=str(illegal)) from None
    if order.move is Move.SKIP and row.in_lane and first is not None and first.n != row.n:
        raise refuse("HUB-LAN-001", "transfer")
    return after


def _write(db: Db, tally: Tally, row: _Row, order: Order, after: State, at: int) -> None:
    """A retry starts the schedule anew and is due at once; problem and detail stay until the next attempt says otherwise."""
    retry = order.move is Move.RETRY
    db.execute(
        "UPDATE transfer SET state=?, wake_at=?, settled_at=?, attempts=CASE WHEN ?=1 THEN 0 ELSE attempts END WHERE n=?",
        (str(after), at if retry else None, None if after in _SLEEPS else at, int(retry), row.n),
    )
    tally.moved(row.dest, row.state, after)
    facts = {"by": order.by, "reason": order.reason, "before": row.state, "state": str(after)}
    journal.write(db, at, str(order.move), row.message, order.transfer, facts)


def _take_or_leave_place(db: Db, tally: Tally, lane: Lane, row: _Row, after: State) -> bool:
    """Finished transfers leave the lane, and stopped ones where order does not matter; true when it came (back) in."""
    belongs = after in _SLEEPS or (after not in DONE and bool(row.order_sensitive))
    if row.in_lane and not belongs:
        lanes.leave(db, tally, lane, row.n)
    if row.in_lane or not belongs:
        return False
    lanes.come_back(db, tally, lane, row.n)
    return True
