"""What came of a claimed transfer: attempts, state, the lane's next head and what follows, in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hub.lifecycle import DONE, Move, State, move
from hub.store.sql import accept, destinations, health, journal, lanes, lateness, leases, links, proof
from hub.store.sql.bodies import Pen, keep
from hub.store.sql.counters import Tally
from hub.store.sql.db import Db, Lane, one, only
from hub.store.sql.times import micros
from schemas.problems import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.contract import Link, Sealed
    from hub.store.contract.delivery import Attempt, Settlement
    from hub.store.sql.accept import Packed

_SLEEPS = frozenset({State.WAITING, State.IN_DOUBT})
_FREE = frozenset({Move.UNSENT, Move.PARK})  # nothing was sent, so nothing of the schedule is used up


class Outcome(NamedTuple):
    """A settlement whose payloads are ready for their columns: exchanges by attempt."""

    settlement: Settlement
    pen: Pen | None
    exchanges: tuple[bytes, ...]
    follow_up: Packed | None


class Seal(NamedTuple):
    sealed: Sealed
    pen: Pen | None
    payload: bytes
    digest: str
    owner: str = ""
    links: tuple[tuple[Link, bytes], ...] = ()


class _Row(NamedTuple):
    n: int
    id: str
    message: str
    state: str
    attempts: int
    tries: int
    order_sensitive: int


_ROW = """
SELECT t.n, t.id, m.id, t.state, t.attempts, t.tries, d.order_sensitive
FROM transfer t JOIN message m ON m.n=t.message JOIN dest d ON d.id=t.dest WHERE t.id=?
"""


def _rows(db: Db, ids: Mapping[str, object], held: Mapping[int, object]) -> dict[str, _Row] | None:
    """Return the rows of transfers that this lease still holds; ``None`` when one of them is not (or no longer) its own."""
    found = {row[1]: _Row(*row) for row in db.each(_ROW, ids)}
    if found.keys() != ids.keys() or any(row.n not in held for row in found.values()):
        return None
    return {id_: found[id_] for id_ in ids}


def seal(db: Db, token: str, seals: Mapping[str, Seal]) -> bool:
    """The journal gives it the time of the claim: sealing has no clock of its own."""
    held = leases.held(db, token)
    rows = None if held is None else _rows(db, seals, held)
    if rows is None:
        return False
    (at,) = only(db, "SELECT since FROM lease WHERE token=?", (token,))
    results = [_seal(db, rows[id_], item, at) for id_, item in seals.items()]
    return all(results)


def _seal(db: Db, row: _Row, new: Seal, at: int) -> bool:
    """Once: bytes that differ from those already sealed are not this transfer's."""
    before = one(db, "SELECT digest FROM sealed WHERE n=?", (row.n,))
    if before is not None:
        return bool(before[0] == new.digest)
    keep(db, new.pen, new.payload)
    db.execute(
        "INSERT INTO sealed(n,digest,media_type,headers,facts,payload) VALUES(?,?,?,?,?,?)",
        (
            *(row.n, new.digest, new.sealed.media_type),
            *(journal.text(new.sealed.headers), journal.text(new.sealed.facts), new.payload),
        ),
    )
    if new.links:
        links.write(db, row.n, new.owner, new.links)
    journal.write(db, at, "sealed", row.message, row.id, {"digest": new.digest})
    return True


def settle(db: Db, token: str, outcomes: Mapping[str, Outcome], now: int) -> bool:
    held = leases.held(db, token)
    rows = None if held is None else _rows(db, outcomes, held)
    if held is None or rows is None:
        return False
    settled = [held.pop(row.n) for row in rows.values()]
    db.hold((*(item.lane for item in settled), *_lanes_of_follow_ups(db, outcomes)))
    tally = Tally()
    for item, (id_, outcome) in zip(settled, outcomes.items(), strict=True):
        row = rows[id_]
        state = _decide(db, tally, row, outcome, item.dest, now)
        _told(db, item.subject, item.dest, outcome.settlement.facts)
        _free_lane(db, tally, item.lane, row, state, outcome.settlement, now)
        if outcome.follow_up is not None and state is not State.ACKNOWLEDGED:
            _follow(db, row, outcome.follow_up, now)
    whole = leases.give_back(db, token, held, settled)
    for dest in whole:
        said = [
            outcome.settlement
            for item, outcome in zip(settled, outcomes.values(), strict=True)
            if item.dest == dest
        ]
        health.learn(db, dest, said, now, whole=whole[dest])
    tally.write(db)
    return True


def _lanes_of_follow_ups(db: Db, outcomes: Mapping[str, Outcome]) -> list[Lane]:
    return [
        Lane(transfer.lane_subject, destinations.named(db, transfer.partner)[0])
        for outcome in outcomes.values()
        if outcome.follow_up is not None
        for transfer in outcome.follow_up.acceptance.transfers
    ]


def _decide(db: Db, tally: Tally, row: _Row, outcome: Outcome, dest: int, now: int) -> State:
    what = outcome.settlement
    after = State.IN_DOUBT if what.move is None else move(State.IN_DOUBT, what.move)
    used = int(what.counts and what.move not in _FREE)
    sends = sum(item.verb == "deliver" for item in what.attempts)
    (receipt_at,) = only(
        db,
        "UPDATE transfer SET state=?, attempts=attempts+?, sends=sends+?, tries=tries+?, wake_at=?, settled_at=?,"
        " problem=?, detail=?, reference=CASE WHEN ?='' THEN reference ELSE ? END, receipt_by=? WHERE n=? RETURNING receipt_at",
        (
            *(str(after), used, sends, len(what.attempts)),
            micros(what.wake_at) if after in _SLEEPS else None,
            now if after not in _SLEEPS else None,
            *(what.code, what.detail, what.reference, what.reference),
            *(micros(what.receipt_by), row.n),
        ),
    )
    if receipt_at is not None:
        after = State.ACKNOWLEDGED
        proof.stands(db, row.n, now)
    if what.reference and what.receipt_by is not None:
        proof.remember(db, dest, what.reference, row.id)
    if what.attempts:
        keep(db, outcome.pen, *outcome.exchanges)
    for number, (attempt, exchanges) in enumerate(
        zip(what.attempts, outcome.exchanges, strict=True), row.tries + 1
    ):
        _attempt(db, row.n, number, attempt, exchanges)
    tally.moved(dest, row.state, after)
    facts = {"state": str(after), "attempts": str(row.attempts + used)} | (
        {"code": what.code} if what.code else {}
    )
    journal.write(db, now, str(what.move or "unsure"), row.message, row.id, facts)
    return after


def _attempt(db: Db, n: int, number: int, attempt: Attempt, exchanges: bytes) -> None:
    db.put(
        "attempt",
        "transfer,number,verb,outcome,code,detail,started_at,seconds,exchanges",
        (
            *(n, number, attempt.verb, attempt.outcome, attempt.code, attempt.detail),
            *(micros(attempt.started_at), attempt.seconds, exchanges),
        ),
    )


def _free_lane(db: Db, tally: Tally, lane: Lane, row: _Row, state: State, what: Settlement, now: int) -> None:
    """The ticket comes back from the lease: to the next head when this one is done or steps aside, else to this one."""
    stopped = state not in _SLEEPS or (state is State.IN_DOUBT and what.wake_at is None)
    if state in DONE or (stopped and not row.order_sensitive):
        lanes.leave(db, tally, lane, row.n)
    lanes.place(db, tally, lane, now)


def _told(db: Db, subject: str, dest: int, facts: Mapping[str, str]) -> None:
    for name, value in facts.items():
        db.execute(
            "INSERT INTO told(subject,dest,name,value) VALUES(?,?,?,?)"
            " ON CONFLICT(subject,dest,name) DO UPDATE SET value=excluded.value",
            (subject, dest, name, value),
        )


def _follow(db: Db, row: _Row, packed: Packed, now: int) -> None:
    """Tell the sender, once. That it was told before must not undo what the partner did."""
    if lateness.told(db, packed.acceptance.sender, packed.acceptance.key):
        return
    try:
        accept.accept(db, packed, follow_up=True)
    except Refusal as refusal:
        journal.write(db, now, "follow_up_refused", row.message, row.id, {"code": refusal.code})


def tell(db: Db, packed: Packed, about: str, now: int) -> bool:
    """Tell the sender of a transfer by a message of the hub's own; false when that was done before."""
    if lateness.told(db, packed.acceptance.sender, packed.acceptance.key):
        return False
    accept.accept(db, packed, follow_up=True)
    (message,) = only(
        db, "SELECT m.id FROM transfer t JOIN message m ON m.n=t.message WHERE t.id=?", (about,)
    )
    journal.write(
        db, now, "told", message, about, {"key": packed.acceptance.key, "message": packed.acceptance.message}
    )
    return True
