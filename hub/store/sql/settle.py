"""What came of a claimed transfer: attempts, state, the lane's next head and what follows, in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hub.lifecycle import DONE, Move, State, move
from hub.store.sql import accept, destinations, health, journal, lanes, leases, links, proof
from hub.store.sql.bodies import Pen, keep
from hub.store.sql.counters import Tally
from hub.store.sql.db import Db, Lane, one, only
from hub.store.sql.times import micros
from hub.story import filling
from schemas.problems import Refusal

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from connectors.contract import Link, Sealed
    from hub.store.contract.delivery import Attempt, Settlement
    from hub.store.sql.accept import Packed

_SLEEPS = frozenset({State.WAITING, State.IN_DOUBT})
_FREE = frozenset({Move.UNSENT, Move.PARK})  # nothing was sent, so nothing of the schedule is used up


ATTEMPT = "transfer,number,verb,outcome,code,detail,started_at,seconds,exchanges"


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


class Row(NamedTuple):
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


def read(db: Db, ids: Iterable[str]) -> dict[str, Row]:
    """Return the rows of transfers by their ids, of those that are there."""
    return {row[1]: Row(*row) for row in db.each(_ROW, ids)}


def own(found: Mapping[str, Row], ids: Iterable[str], held: Container[int]) -> list[Row] | None:
    """Return the rows of transfers that a lease still holds; ``None`` when one of them is not (or no longer) its own."""
    rows = [found.get(id_) for id_ in ids]
    mine = [row for row in rows if row is not None and row.n in held]
    return mine if len(mine) == len(rows) else None


def seal(db: Db, token: str, seals: Mapping[str, Seal]) -> bool:
    """The journal gives it the time of the claim: sealing has no clock of its own."""
    held = leases.held(db, token)
    rows = None if held is None else own(read(db, seals), seals, held)
    if rows is None:
        return False
    (at,) = only(db, "SELECT since FROM lease WHERE token=?", (token,))
    results = [_seal(db, row, item, at) for row, item in zip(rows, seals.values(), strict=True)]
    return all(results)


def _seal(db: Db, row: Row, new: Seal, at: int) -> bool:
    """Once: bytes that differ from those already sealed are not this transfer's."""
    before = one(db, "SELECT digest FROM sealed WHERE n=?", (row.n,))
    if before is not None:
        return bool(before[0] == new.digest)
    keep(db, new.pen, new.payload)
    db.execute(
        "INSERT INTO sealed(n,digest,media_type,headers,facts,payload) VALUES(?,?,?,?,?,?)",
        as_stored(row.n, new),
    )
    if new.links:
        links.write(db, row.n, new.owner, new.links)
    journal.write(db, at, "sealed", row.message, row.id, sealed_facts(new))
    return True


def sealed_facts(new: Seal) -> dict[str, str]:
    """Return what the journal says of it: with what stands there of the message, that one was derived from the other."""
    told = {"digest": new.digest}
    told |= {"mapping": new.sealed.says} if new.sealed.says else {}
    told |= {"taken": filling.written(new.sealed.taken)} if new.sealed.taken else {}
    return told | journal.by(new.sealed.signer)


def as_stored(n: int, new: Seal) -> tuple[object, ...]:
    """Return a row of ``sealed``."""
    sealed = new.sealed
    texts = (journal.text(sealed.headers), journal.text(sealed.facts))
    return n, new.digest, sealed.media_type, *texts, new.payload


def settle(db: Db, token: str, outcomes: Mapping[str, Outcome], now: int) -> bool:
    held = leases.held(db, token)
    rows = None if held is None else own(read(db, outcomes), outcomes, held)
    if held is None or rows is None:
        return False
    settled = [held.pop(row.n) for row in rows]
    db.hold((*(item.lane for item in settled), *lanes_of_follow_ups(db, outcomes.values())))
    tally = Tally()
    for item, row, outcome in zip(settled, rows, outcomes.values(), strict=True):
        state = _decide(db, tally, row, outcome, item.dest, now)
        _told(db, item.subject, item.dest, outcome.settlement.facts)
        if steps_aside(row, state, outcome.settlement):
            lanes.leave(db, tally, item.lane, row.n)
        lanes.place(db, tally, item.lane, now)
        if outcome.follow_up is not None and state is not State.ACKNOWLEDGED:
            follow(db, row, outcome.follow_up, now)
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


def lanes_of_follow_ups(db: Db, outcomes: Iterable[Outcome]) -> list[Lane]:
    return [
        Lane(transfer.lane_subject, destinations.named(db, transfer.partner)[0])
        for outcome in outcomes
        if outcome.follow_up is not None
        for transfer in outcome.follow_up.acceptance.transfers
    ]


class Step(NamedTuple):
    """What a settlement does to its transfer's row, unless the partner's receipt is there by then."""

    state: State
    attempts: int
    sends: int
    tries: int
    wake_at: int | None
    settled_at: int | None
    receipt_by: int | None
    offered_at: int | None


def step(what: Settlement, now: int) -> Step:
    after = State.IN_DOUBT if what.move is None else move(State.IN_DOUBT, what.move)
    return Step(
        state=after,
        attempts=int(what.counts and what.move not in _FREE),
        sends=sum(item.verb == "deliver" for item in what.attempts),
        tries=len(what.attempts),
        wake_at=micros(what.wake_at) if after in _SLEEPS else None,
        settled_at=now if after not in _SLEEPS else None,
        receipt_by=micros(what.receipt_by),
        offered_at=now if what.offered else None,
    )


def facts(row: Row, after: State, what: Settlement, used: int) -> dict[str, str]:
    """Return what the journal says of it."""
    told = {"state": str(after), "attempts": str(row.attempts + used)}
    told |= {"code": what.code} if what.code else {}
    return told | vouched(what.attempts)


def vouched(attempts: Sequence[Attempt]) -> dict[str, str]:
    """Return by whose signature the last reply held that had one, and which key of ours signed around what was sent."""
    calls = (call for one in reversed(attempts) for call in reversed(one.exchanges))
    signer, profile = next(((call.signer, call.profile) for call in calls if call.signer), ("", ""))
    ours = next((call.ours for one in reversed(attempts) for call in one.exchanges if call.ours), "")
    return ({"signer": signer, "profile": profile} if signer else {}) | journal.by(ours)


def as_tried(row: Row, outcome: Outcome) -> list[tuple[object, ...]]:
    """Return rows of ``attempt``."""
    tried = zip(outcome.settlement.attempts, outcome.exchanges, strict=True)
    return [
        (
            *(row.n, number, one.verb, one.outcome, one.code, one.detail),
            *(micros(one.started_at), one.seconds, exchanges),
        )
        for number, (one, exchanges) in enumerate(tried, row.tries + 1)
    ]


def steps_aside(row: Row, state: State, what: Settlement) -> bool:
    """Whether it gives up its place: it is done; or it stopped, or lies where its partner fetches it, where order does not matter."""
    stopped = what.offered or state not in _SLEEPS or (state is State.IN_DOUBT and what.wake_at is None)
    return state in DONE or (stopped and not row.order_sensitive)


def _decide(db: Db, tally: Tally, row: Row, outcome: Outcome, dest: int, now: int) -> State:
    what = outcome.settlement
    new = step(what, now)
    (receipt_at,) = only(
        db,
        "UPDATE transfer SET state=?, attempts=attempts+?, sends=sends+?, tries=tries+?, wake_at=?, settled_at=?, receipt_by=?,"
        " offered_at=?,"
        " problem=?, detail=?, reference=CASE WHEN ?='' THEN reference ELSE ? END WHERE n=? RETURNING receipt_at",
        (str(new.state), *new[1:], what.code, what.detail, what.reference, what.reference, row.n),
    )
    after = new.state if receipt_at is None else State.ACKNOWLEDGED
    if receipt_at is not None:
        proof.stands(db, row.n, now)
    if what.reference and what.receipt_by is not None:
        proof.remember(db, dest, what.reference, row.id)
    if what.attempts:
        keep(db, outcome.pen, *outcome.exchanges)
    for tried in as_tried(row, outcome):
        db.put("attempt", ATTEMPT, tried)
    tally.moved(dest, row.state, after)
    journal.write(
        db, now, str(what.move or "unsure"), row.message, row.id, facts(row, after, what, new.attempts)
    )
    return after


def _told(db: Db, subject: str, dest: int, facts: Mapping[str, str]) -> None:
    for name, value in facts.items():
        db.execute(
            "INSERT INTO told(subject,dest,name,value) VALUES(?,?,?,?)"
            " ON CONFLICT(subject,dest,name) DO UPDATE SET value=excluded.value",
            (subject, dest, name, value),
        )


def follow(db: Db, row: Row, packed: Packed, now: int) -> None:
    """Tell the sender, once. That it was told before must not undo what the partner did."""
    try:
        accept.accept(db, packed, follow_up=True)
    except Refusal as refusal:
        journal.write(db, now, "follow_up_refused", row.message, row.id, {"code": refusal.code})


def tell(db: Db, packed: Packed, about: str, now: int) -> bool:
    """Tell the sender of a transfer by a message of the hub's own; false when that was done before."""
    if accept.accept(db, packed, follow_up=True).replayed:
        return False
    (message,) = only(
        db, "SELECT m.id FROM transfer t JOIN message m ON m.n=t.message WHERE t.id=?", (about,)
    )
    journal.write(
        db, now, "told", message, about, {"key": packed.acceptance.key, "message": packed.acceptance.message}
    )
    return True
