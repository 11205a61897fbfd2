"""A transfer in the stead of another: corrected in its place, or routed again. Keys and bytes of the old one stay for ever.

A lane's order is that of the numbers, so a correction takes the old one's number and the old one gets a new one.
Identity is the id; numbers are this store's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hub.lifecycle import MOVES, Move, State
from hub.store.contract.store import Stale
from hub.store.sql import accept, destinations, forgotten, journal, lanes, leases, leaving
from hub.store.sql.counters import Tally
from hub.store.sql.db import Db, Lane, many, one, only
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.store.contract.intake import NewTransfer
    from hub.store.contract.mending import Correction, Rerouting

ROUTED_AGAIN = "routed again"


class _Old(NamedTuple):
    n: int
    id: str
    message: str
    number: int
    dossier: str | None
    partner: str
    part: int
    state: str
    tries: int
    in_lane: int


_OLD = """
SELECT t.n, t.id, m.id, m.n, m.dossier, d.partner, t.part, t.state, t.tries,
  EXISTS(SELECT 1 FROM item i WHERE i.subject=t.subject AND i.dest=t.dest AND i.n=t.n)
FROM transfer t JOIN message m ON m.n=t.message JOIN dest d ON d.id=t.dest WHERE t.id=?
"""


def _lane(db: Db, transfer: str) -> Lane:
    found = one(db, "SELECT subject, dest FROM transfer WHERE id=?", (transfer,))
    if found is None:
        raise refuse("HUB-LAN-004", "transfer")
    return Lane(*found)


def _checked(old: _Old, expected: State, *, leased: bool) -> None:
    state = State.IN_DOUBT if leased else State(old.state)
    if state is not expected:
        raise refuse("HUB-LAN-003", "state", rule=f"now {state}")
    if leased or (state, Move.SUPERSEDE) not in MOVES:
        raise refuse(
            "HUB-LAN-002", "move", rule="it is being sent" if leased else f"{state} cannot supersede"
        )


def _key(db: Db, message: str, number: int, partner: str, part: int) -> str:
    """The next generation of ``<message>:<partner>:<part>``."""
    (made,) = only(
        db,
        "SELECT count(*) FROM transfer t JOIN dest d ON d.id=t.dest WHERE t.message=? AND d.partner=? AND t.part=?",
        (number, partner, part),
    )
    key = f"{message}:{partner}:{part}"
    return f"{key}.{made + 1}" if made else key


def _withdraw(db: Db, tally: Tally, old: _Old, dest: int, at: int) -> None:
    db.execute(
        "UPDATE transfer SET state='withdrawn', wake_at=NULL, offered_at=NULL, settled_at=? WHERE id=?",
        (at, old.id),
    )
    tally.moved(dest, old.state, State.WITHDRAWN)


# --- correct ----------------------------------------------------------------------------------------------------


def correct(db: Db, what: Correction, at: int) -> int:
    """Return the number of the new transfer. Raises ``Refusal`` HUB-LAN-002, -003, -004, HUB-STG-002, -004, with nothing changed."""
    lane = _lane(db, what.old)
    leaving.check(db, what.old, what.leave)
    db.hold((lane,))
    old = _Old(*only(db, _OLD, (what.old,)))
    leased = leases.everything(db)
    _checked(old, what.expected, leased=old.n in leased)
    if old.tries != what.tries:
        raise refuse("HUB-LAN-003", "tries", rule=f"now {old.tries}")
    grip = lanes.grip(db, lane, {item.lane for item in leased.values()})
    tally = Tally()
    key = _key(db, old.message, old.number, old.partner, old.part)
    _take_number(db, old, what, key)
    _withdraw(db, tally, old, lane.dest, at)
    tally.add(lane.dest, State.WAITING, 1 + len(what.more))
    tally.add(lane.dest, "accepted", 1 + len(what.more))
    entered = lanes.settle_place(db, tally, lane, old.n, in_lane=bool(old.in_lane), belongs=True)
    made = [(what.new, key), *_further(db, tally, lane, old, what)]
    lanes.let_go(db, tally, grip, at, entered=entered)
    tally.write(db)
    facts = {
        "by": what.by,
        "reason": what.reason,
        "before": old.state,
        "state": "withdrawn",
        "successor": " ".join(id_ for id_, _ in made),
    }
    journal.write(
        db,
        at,
        str(Move.SUPERSEDE),
        old.message,
        old.id,
        facts | ({"asked": what.asked} if what.asked else {}),
    )
    for id_, each in made:
        journal.write(db, at, "corrects", old.message, id_, {"supersedes": old.id, "key": each})
    return old.n


def _further(db: Db, tally: Tally, lane: Lane, old: _Old, what: Correction) -> list[tuple[str, str]]:
    """Make the parts that the message did not have; return their ids and keys.

    They get the numbers of those that waited right behind the corrected one, and these the next ones, and so on: the lane's
    order is that of the numbers, and nobody behind a transfer that stands in its lane can be under way. Where a stopped head
    holds nobody back, order is not promised, and they come last.
    """
    if not what.more:
        return []
    behind = [
        n
        for (n,) in many(
            db, "SELECT n FROM item WHERE subject=? AND dest=? AND n>? ORDER BY n", (*lane, old.n)
        )
    ]
    fresh, made = [], []
    for number, (id_, operation) in enumerate(what.more, 1):
        key = _key(db, old.message, old.number, old.partner, old.part + number)
        (n,) = only(db, _LIKE_IT, (id_, operation, old.part + number, key, old.id, old.id))
        lanes.come_back(db, tally, lane, n)
        fresh.append(n)
        made.append((id_, key))
    for n in fresh:
        db.execute("UPDATE transfer SET n=? WHERE n=?", (-n, n))
    places = [*(behind if old.in_lane else ()), *fresh]
    for place, n in reversed(list(zip(places[len(fresh) :], places, strict=False))):
        _renumber(db, n, place)
    for place, n in zip(places, fresh, strict=False):
        _renumber(db, -n, place)
    return made


def _renumber(db: Db, old: int, new: int) -> None:
    """Everything that names a transfer by its number."""
    db.execute("UPDATE transfer SET n=? WHERE n=?", (new, old))
    db.execute("UPDATE sealed SET n=? WHERE n=?", (new, old))
    db.execute("UPDATE attempt SET transfer=? WHERE transfer=?", (new, old))
    db.execute("UPDATE link SET transfer=? WHERE transfer=?", (new, old))


_LIKE_IT = """
INSERT INTO transfer(id,message,dest,subject,operation,part,key,stage,deadline,state,supersedes)
SELECT ?,message,dest,subject,?,?,?,stage,deadline,'waiting',? FROM transfer WHERE id=? RETURNING n
"""


def _take_number(db: Db, old: _Old, what: Correction, key: str) -> None:
    (fresh,) = only(db, _LIKE_IT, (what.new, what.operation, old.part, key, old.id, old.id))
    db.execute("UPDATE transfer SET n=? WHERE id=?", (-fresh, what.new))
    _renumber(db, old.n, fresh)
    db.execute("UPDATE transfer SET n=? WHERE id=?", (old.n, what.new))


# --- route again ------------------------------------------------------------------------------------------------


def reroute(db: Db, what: Rerouting, at: int, before: str = "") -> list[str]:
    """Return the ids of the new transfers. Raises ``Refusal`` HUB-LAN-002, -003, -004; ``Stale`` when the dossier moved.

    ``before``: a message with an id before it may have been routed again, and sent, in a time that the store forgot.
    """
    db.hold_stages(alone=False)
    if what.stages != leaving.edition(db):
        raise Stale
    lane = _lane(db, what.old)
    (dossier,) = only(
        db, "SELECT m.dossier FROM transfer t JOIN message m ON m.n=t.message WHERE t.id=?", (what.old,)
    )
    if dossier is not None:
        _story(db, dossier, what)
    to = {each.partner: destinations.named(db, each.partner) for each in what.transfers}
    db.hold((lane, *(Lane(each.lane_subject, to[each.partner][0]) for each in what.transfers)))
    old = _Old(*only(db, _OLD, (what.old,)))
    leased = leases.everything(db)
    _checked(old, State.PARKED, leased=old.n in leased)
    _nothing_twice(db, old, to)
    grip = lanes.grip(db, lane, {item.lane for item in leased.values()})
    tally = Tally()
    _withdraw(db, tally, old, lane.dest, at)
    lanes.settle_place(db, tally, lane, old.n, in_lane=bool(old.in_lane), belongs=False)
    lanes.let_go(db, tally, grip, at)
    for each in forgotten.doubted(old.message, what.transfers, before):
        _come(db, tally, old, each, accept.Into(old.message, old.number, at, *to[each.partner]))
    tally.write(db)
    accept.watch(db, what.transfers)
    facts = {
        "by": what.by,
        "reason": ROUTED_AGAIN,
        "why": what.reason,
        "rule": what.rule,
        "state": "withdrawn",
    }
    successors = " ".join(each.id for each in what.transfers)
    journal.write(db, at, str(Move.SUPERSEDE), old.message, old.id, {**facts, "successors": successors})
    return [each.id for each in what.transfers]


def _come(db: Db, tally: Tally, old: _Old, new: NewTransfer, to: accept.Into) -> None:
    key = _key(db, old.message, old.number, new.partner, new.part)
    accept.come(db, tally, new, to, key=key, supersedes=old.id)
    journal.write(db, to.at, "routed_again", old.message, new.id, {"supersedes": old.id, "key": key})


def _story(db: Db, dossier: str, what: Rerouting) -> None:
    db.execute(
        "UPDATE dossier SET version=version+1, story=? WHERE version=?"
        " AND id=coalesce((SELECT g.dossier FROM merged g WHERE g.id=?), ?)",
        (what.story, what.expected_version, dossier, dossier),
    )
    if not db.changes():
        raise Stale


def _nothing_twice(db: Db, old: _Old, to: Mapping[str, object]) -> None:
    """Somebody may have routed another parked transfer of this message meanwhile."""
    rows = many(
        db,
        "SELECT d.partner FROM transfer t JOIN dest d ON d.id=t.dest WHERE t.message=? AND t.id<>? AND t.state<>'withdrawn'",
        (old.number, old.id),
    )
    twice = sorted({partner for (partner,) in rows} & set(to))
    if twice:
        raise refuse("HUB-LAN-003", "transfer", rule=f"goes to {', '.join(twice)} already")
