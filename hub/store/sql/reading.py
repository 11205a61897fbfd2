"""Rows become frozen values here. Every query is a seek or a bounded range; nothing counts or skips rows."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.contract import Exchange, Sealed
from hub.health.circuit import Circuit
from hub.lifecycle import DONE, State
from hub.store.contract.delivery import Attempt, Work
from hub.store.contract.intake import Alias
from hub.store.contract.views import (
    AttemptView,
    DossierView,
    JournalRow,
    MessageView,
    Payloads,
    QueueRow,
    TransferView,
)
from hub.store.sql import leases, merging, tellings
from hub.store.sql.db import Db, many, one, only
from hub.store.sql.journal import OUR_KEY, mapping
from hub.store.sql.times import moment
from hub.store.vault import Unreadable
from hub.story import filling

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from hub.store.sql.bodies import Bodies, Unpack
    from hub.store.sql.leases import Leased

MOST_MESSAGES = 500
EXCHANGES = tuple[Exchange, ...]

_VIEW = """
SELECT t.n, t.id, m.id, d.partner, t.operation, t.part, t.key, m.kind, m.dossier,
  (SELECT a.code FROM alias a WHERE a.dossier=coalesce((SELECT g.dossier FROM merged g WHERE g.id=m.dossier), m.dossier)
   ORDER BY a.rank LIMIT 1),
  t.state,
  EXISTS(SELECT 1 FROM item i WHERE i.subject=t.subject AND i.dest=t.dest AND i.n=t.n)
  AND EXISTS(SELECT 1 FROM item i WHERE i.subject=t.subject AND i.dest=t.dest AND i.n<t.n),
  t.problem, t.detail, t.attempts, t.sends, m.accepted_at, t.wake_at, t.settled_at, t.deadline, t.reference, t.stage, m.sender,
  t.supersedes, t.receipt_by, t.receipt_at, t.message, t.offered_at, t.fetched_at,
  (SELECT j.facts FROM journal j WHERE j.message=m.id AND j.message<>'' AND j.transfer=t.id AND j.what='sealed' ORDER BY j.seq LIMIT 1)
FROM transfer t JOIN message m ON m.n=t.message JOIN dest d ON d.id=t.dest WHERE t.n=?
"""

_JOURNAL = "SELECT seq, at, what, message, transfer, facts FROM journal WHERE seq>? ORDER BY seq LIMIT ?"
_SIGNED = "SELECT seq, at, what, message, transfer, facts FROM journal WHERE seq>? AND at>=? AND facts LIKE ? ORDER BY seq LIMIT ?"
_JOURNAL_OF_MESSAGE = """
SELECT seq, at, what, message, transfer, facts FROM journal
WHERE message=? AND message<>'' AND seq>? ORDER BY seq LIMIT ?
"""
_JOURNAL_OF_TRANSFER = """
SELECT seq, at, what, message, transfer, facts FROM journal
WHERE message=(SELECT m.id FROM transfer t JOIN message m ON m.n=t.message WHERE t.id=?)
  AND message<>'' AND transfer IN ('', ?) AND seq>? ORDER BY seq LIMIT ?
"""


_ACCEPTED = "SELECT facts FROM journal WHERE message=? AND message<>'' AND what='accepted' AND transfer='' ORDER BY seq LIMIT 1"
_SUCCESSORS = "SELECT id FROM transfer WHERE message=? AND supersedes=? ORDER BY n"


def view(db: Db, n: int, leased: dict[int, Leased]) -> TransferView:
    """A receipt that came while it is leased counts at once; the lease's end only writes it down."""
    row = only(db, _VIEW, (n,))
    state = State.IN_DOUBT if n in leased else State(row[10])
    return TransferView(
        id=row[1],
        message=row[2],
        partner=row[3],
        operation=row[4],
        part=row[5],
        key=row[6],
        kind=row[7],
        dossier=row[8],
        code=row[9],
        state=State.ACKNOWLEDGED if n in leased and row[25] is not None else state,
        blocked=bool(row[11]) and n not in leased,
        problem=row[12],
        detail=row[13],
        attempts=row[14],
        sends=row[15],
        accepted_at=moment(row[16]),
        wake_at=moment(row[17]),
        settled_at=moment(row[18]),
        deadline=moment(row[19]),
        reference=row[20],
        stage=row[21],
        sender=row[22],
        supersedes=row[23],
        superseded_by=_successors(db, row[26], row[1]) if state is State.WITHDRAWN else (),
        receipt_by=moment(row[24]),
        receipt_at=moment(row[25]),
        offered_at=moment(row[27]),
        fetched_at=moment(row[28]),
        taken=filling.read(mapping(row[29]).get("taken", "") if row[29] else ""),
    )


def _successors(db: Db, message: int, id_: str) -> tuple[str, ...]:
    return tuple(row[0] for row in many(db, _SUCCESSORS, (message, id_)))


def number(db: Db, id_: str) -> int | None:
    row = one(db, "SELECT n FROM transfer WHERE id=?", (id_,))
    return row[0] if row else None


def by_prefix(db: Db, prefix: str) -> TransferView | None:
    """Return the transfer with this id, or the one whose id begins so; ``None`` for no such id, and for several."""
    rows = many(
        db,
        "SELECT n, id FROM transfer WHERE id>=? AND id<? ORDER BY id LIMIT 2",
        (prefix, prefix + "\U0010ffff"),
    )
    if len(rows) != 1 and not (rows and rows[0][1] == prefix):
        return None
    return view(db, rows[0][0], leases.everything(db))


def works(db: Db, bodies: Bodies, token: str, numbers: Iterable[int]) -> tuple[Work | str, ...]:
    """Return each transfer with its payloads; only its id where they cannot be read."""
    wanted = list(numbers)
    rows = {row[17]: row for row in db.each(_WORK, wanted)}
    seals = {row[0]: row[1:] for row in db.each(_SEALED, wanted)}
    told: dict[tuple[str, int], dict[str, str]] = {}
    for subject, dest, name, value in db.each(_TOLD, {row[14] for row in rows.values()}):
        told.setdefault((subject, dest), {})[name] = value
    packed = [row[13] for row in rows.values()] + [row[3] for row in seals.values()]
    unpack = bodies.unpacker(db, packed)
    made: list[Work | str] = []
    for n in wanted:
        row = rows[n]
        try:
            made.append(_work(unpack, token, row, seals.get(n), told.get((row[14], row[15]), {})))
        except Unreadable:
            made.append(str(row[0]))
    return tuple(made)


_WORK = """
SELECT t.id, m.id, d.partner, t.operation, t.part, t.key, m.kind, m.dossier, t.state, t.attempts, t.sends,
  m.accepted_at, t.deadline, m.canonical, t.subject, t.dest, d.circuit, t.n, t.stage
FROM transfer t JOIN message m ON m.n=t.message JOIN dest d ON d.id=t.dest WHERE t.n=?
"""
_SEALED = "SELECT n, media_type, headers, facts, payload FROM sealed WHERE n=?"
_TOLD = "SELECT subject, dest, name, value FROM told WHERE subject=?"


def _work(
    unpack: Unpack, token: str, row: tuple[Any, ...], seal: tuple[Any, ...] | None, told: dict[str, str]
) -> Work:
    return Work(
        token=token,
        transfer=row[0],
        message=row[1],
        partner=row[2],
        operation=row[3],
        part=row[4],
        key=row[5],
        kind=row[6],
        dossier=row[7],
        canonical=unpack(row[13], f"{row[1]}/canonical"),
        sealed=None if seal is None else _unsealed(unpack, seal, row[0]),
        doubt=row[8] == State.IN_DOUBT,
        attempts=row[9],
        sends=row[10],
        accepted_at=moment(row[11]),
        deadline=moment(row[12]),
        facts=told,
        probe=row[16] == Circuit.HALF_OPEN,
        stage=row[18],
        number=row[17],
    )


def sealed(db: Db, bodies: Bodies, n: int, transfer: str) -> Sealed | None:
    row = one(db, _SEALED, (n,))
    return None if row is None else _unsealed(bodies.unpacker(db, [row[4]]), row[1:], transfer)


def _unsealed(unpack: Unpack, row: tuple[Any, ...], transfer: str) -> Sealed:
    payload = unpack(row[3], f"{transfer}/sealed")
    return Sealed(payload=payload, media_type=row[0], headers=mapping(row[1]), facts=mapping(row[2]))


def owner(db: Db, transfer: str) -> str | None:
    """Whose key a transfer's payloads lie under: its dossier, or its message where there is none."""
    row = one(
        db,
        "SELECT coalesce(m.dossier, m.id) FROM transfer t JOIN message m ON m.n=t.message WHERE t.id=?",
        (transfer,),
    )
    return row[0] if row else None


def payloads(db: Db, bodies: Bodies, transfer: str) -> Payloads | None:
    row = one(
        db,
        "SELECT t.n, m.id, m.media_type, m.raw, m.canonical FROM transfer t JOIN message m ON m.n=t.message WHERE t.id=?",
        (transfer,),
    )
    if row is None:
        return None
    return Payloads(
        raw=bodies.unpack(db, row[3], f"{row[1]}/raw"),
        raw_media_type=row[2],
        canonical=bodies.unpack(db, row[4], f"{row[1]}/canonical"),
        sealed=sealed(db, bodies, row[0], transfer),
    )


def attempts(db: Db, bodies: Bodies, transfer: str) -> tuple[AttemptView, ...]:
    rows = db.execute(
        "SELECT a.number, a.verb, a.outcome, a.code, a.detail, a.started_at, a.seconds, a.exchanges"
        " FROM attempt a JOIN transfer t ON t.n=a.transfer WHERE t.id=? ORDER BY a.number",
        (transfer,),
    )
    return tuple(_attempt(db, bodies, transfer, row) for row in rows.fetchall())


def _attempt(db: Db, bodies: Bodies, transfer: str, row: tuple[Any, ...]) -> AttemptView:
    packed = bodies.unpack(db, row[7], f"{transfer}/exchanges")
    attempt = Attempt(
        verb=row[1],
        outcome=row[2],
        code=row[3],
        detail=row[4],
        started_at=moment(row[5]),
        seconds=row[6],
        exchanges=msgspec.msgpack.decode(packed, type=EXCHANGES),
    )
    return AttemptView(number=row[0], attempt=attempt)


def message(db: Db, id_: str) -> MessageView | None:
    row = one(db, "SELECT n FROM message WHERE id=?", (id_,))
    return _message(db, row[0]) if row else None


def _message(db: Db, n: int) -> MessageView:
    row = only(
        db,
        "SELECT id, sender, key, kind, digest, dossier, accepted_at, receipt, confirmation FROM message WHERE n=?",
        (n,),
    )
    transfers = many(db, "SELECT id FROM transfer WHERE message=? ORDER BY n", (n,))
    accepted = one(db, _ACCEPTED, (row[0],))
    code, gave_way = tellings.why(db, row[5], row[0]) if row[5] else (None, None)
    if code is None:
        code = mapping(accepted[0]).get("quarantine", "") if accepted else ""
    return MessageView(
        id=row[0],
        sender=row[1],
        key=row[2],
        kind=row[3],
        digest=row[4],
        dossier=row[5],
        accepted_at=moment(row[6]),
        receipt=bytes(row[7]),
        confirmation=row[8],
        transfers=tuple(id_ for (id_,) in transfers),
        quarantine=code,
        gave_way=gave_way,
    )


def messages(db: Db, sender: str, after: str, limit: int) -> tuple[MessageView, ...]:
    last = one(db, "SELECT n FROM message WHERE id=? AND sender=?", (after, sender))
    older, bound = (" AND n<?", (last[0],)) if last else ("", ())
    query = f"SELECT n FROM message WHERE sender=?{older} ORDER BY n DESC LIMIT ?"  # noqa: S608 - constants
    return tuple(_message(db, n) for (n,) in many(db, query, (sender, *bound, limit)))


def of_message(db: Db, n: int) -> list[int]:
    """Return the numbers of a message's transfers in their order."""
    return [row[0] for row in many(db, "SELECT n FROM transfer WHERE message=? ORDER BY n", (n,))]


_DOSSIER = "SELECT id, origin, version, story FROM dossier WHERE id=?"
_DOSSIER_BY_CODE = """
SELECT id, origin, version, story FROM dossier WHERE id IN (SELECT dossier FROM alias WHERE code=?) ORDER BY id DESC LIMIT 1
"""


def dossier(db: Db, code_or_id: str) -> DossierView | None:
    """By the hub's id, and only otherwise by a code; where several authorities use one code, the youngest dossier is meant.

    An id that was merged into another leads there.
    """
    row = one(db, _DOSSIER, (merging.root(db, code_or_id),)) or one(db, _DOSSIER_BY_CODE, (code_or_id,))
    if row is None:
        return None
    merged = merging.family(db, row[0])
    aliases = many(db, "SELECT authority, code FROM alias WHERE dossier=? ORDER BY rank", (row[0],))
    query = "SELECT n FROM message WHERE dossier=? ORDER BY n LIMIT ?"
    messages = sorted(n for id_ in merged for (n,) in many(db, query, (id_, MOST_MESSAGES)))[:MOST_MESSAGES]
    numbers = [n for one_ in messages for n in of_message(db, one_)]
    leased = leases.everything(db)
    return DossierView(
        id=row[0],
        origin=row[1],
        version=row[2],
        aliases=tuple(Alias(authority=authority, code=code) for authority, code in aliases),
        story=bytes(row[3]),
        messages=tuple(_message(db, n) for n in messages),
        transfers=tuple(view(db, n, leased) for n in numbers),
        merged=tuple(merged[1:]),
    )


_DESTS = """
SELECT d.id, partner, paused, circuit, circuit_until, circuit_code, places, opens, closes
FROM dest d JOIN dest_run r ON r.id=d.id ORDER BY partner
"""


_TRIAL_PLACES = """
SELECT i.dest, i.subject FROM transfer t JOIN item i ON i.subject=t.subject AND i.dest=t.dest AND i.n=t.n WHERE t.stage='trial'
"""


def queue(db: Db) -> tuple[QueueRow, ...]:
    counts: dict[int, dict[str, int]] = {}
    for dest, what, n in db.execute("SELECT dest, what, n FROM counts"):
        counts.setdefault(dest, {})[what] = n
    trial = _trial(db)
    for item in leases.everything(db).values():
        state, stage = only(db, "SELECT state, stage FROM transfer WHERE n=?", (item.n,))
        for each in (counts, trial) if stage == "trial" else (counts,):
            each[item.dest][state] -= 1
            each[item.dest]["in_doubt"] = each[item.dest].get("in_doubt", 0) + 1
    places = many(db, _TRIAL_PLACES)
    blocked = Counter(dest for dest, _ in places)
    blocked.subtract(dest for dest, _ in {(dest, subject) for dest, subject in places})
    return tuple(
        _queue_row(db, dest, counts.get(dest[0], {}), trial.get(dest[0], {}), blocked[dest[0]])
        for dest in many(db, _DESTS)
    )


def _trial(db: Db) -> dict[int, dict[str, int]]:
    """Cost grows with what is on trial only."""
    found: dict[int, dict[str, int]] = {}
    for dest, state, n in many(
        db, "SELECT dest, state, count(*) FROM transfer WHERE stage='trial' GROUP BY dest, state"
    ):
        found.setdefault(dest, {})[state] = n
    return found


def _queue_row(
    db: Db, dest: tuple[Any, ...], counts: dict[str, int], trial: dict[str, int], blocked: int
) -> QueueRow:
    return QueueRow(
        partner=dest[1],
        counts={str(state): counts[state] for state in State if counts.get(state)},
        blocked=counts.get("items", 0) - counts.get("lanes", 0),
        oldest=_oldest(db, dest[0], [state for state in State if state not in DONE]),
        paused=bool(dest[2]),
        circuit=dest[3],
        overdue=counts.get("overdue", 0),
        expired=counts.get("expired", 0),
        circuit_until=moment(dest[4]),
        circuit_code=dest[5],
        window=dest[6] if dest[3] == Circuit.CLOSED else None,
        opens=moment(dest[7]),
        closes=moment(dest[8]),
        unfetched=_unfetched(db, dest[0]),
        trial=trial,
        trial_blocked=blocked,
    )


def _unfetched(db: Db, dest: int) -> datetime | None:
    query = "SELECT min(offered_at) FROM transfer WHERE dest=? AND offered_at IS NOT NULL AND state='waiting'"
    (at,) = only(db, query, (dest,))
    return moment(at)


def _oldest(db: Db, dest: int, states: Iterable[State]) -> datetime | None:
    """Acceptance of the oldest unfinished transfer that is no trial: one seek per state, over trials that are older."""
    query = "SELECT n FROM transfer WHERE dest=? AND state=? AND stage<>'trial' ORDER BY n LIMIT 1"
    firsts = [n for state in states for (n,) in many(db, query, (dest, str(state)))]
    if not firsts:
        return None
    row = one(
        db,
        "SELECT m.accepted_at FROM transfer t JOIN message m ON m.n=t.message WHERE t.n=?",
        (min(firsts),),
    )
    return moment(row[0]) if row else None  # a store that is broken is looked at, too


def journal(db: Db, message_: str, transfer: str, after: int, limit: int) -> tuple[JournalRow, ...]:
    if transfer:
        rows = many(db, _JOURNAL_OF_TRANSFER, (transfer, transfer, after, limit))
    elif message_:
        rows = many(db, _JOURNAL_OF_MESSAGE, (message_, after, limit))
    else:
        rows = many(db, _JOURNAL, (after, limit))
    return _rows(rows)


def signed(db: Db, fingerprint: str, since: int, after: int, limit: int) -> tuple[JournalRow, ...]:
    """The facts are JSON as ``journal.text`` writes them, a fingerprint is hex."""
    wanted = f'%"{OUR_KEY}":"{fingerprint}"%'
    return _rows(many(db, _SIGNED, (after, since, wanted, limit)))


def _rows(rows: Iterable[Sequence[Any]]) -> tuple[JournalRow, ...]:
    return tuple(
        JournalRow(seq=seq, at=moment(at), what=what, message=id_, transfer=whose, facts=mapping(facts))
        for seq, at, what, id_, whose, facts in rows
    )
