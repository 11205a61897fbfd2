"""What came of claimed transfers, and their sealed bytes: whatever several workers report at once, in a few statements.

What a settlement means, ``hub.store.sql.settle`` decides; here it is written as sets. Locks are taken in the order of all
who write: leases, lanes, destinations, each sorted.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from hub.lifecycle import State
from hub.store.postgres import lanes
from hub.store.postgres.floors import BEGINNING
from hub.store.postgres.rows import keep, spread
from hub.store.sql import health, journal, leases, links
from hub.store.sql import settle as one_by_one
from hub.store.sql.counters import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from hub.store.contract.delivery import Settlement
    from hub.store.postgres.connection import Connection
    from hub.store.sql.leases import Leased
    from hub.store.sql.settle import Outcome, Row, Seal

_WRITE = """
UPDATE transfer t SET
  state=CASE WHEN receipt_at IS NULL THEN z.state ELSE 'acknowledged' END,
  attempts=t.attempts+z.attempts, sends=t.sends+z.sends, tries=t.tries+z.tries,
  wake_at=CASE WHEN receipt_at IS NULL THEN z.wake_at END,
  settled_at=CASE WHEN receipt_at IS NULL THEN z.settled_at ELSE coalesce(z.settled_at, z.now) END,
  receipt_by=CASE WHEN receipt_at IS NULL THEN z.receipt_by END,
  offered_at=CASE WHEN receipt_at IS NULL THEN z.offered_at END,
  problem=CASE WHEN receipt_at IS NULL THEN z.code ELSE '' END,
  detail=CASE WHEN receipt_at IS NULL THEN z.detail ELSE '' END,
  reference=CASE z.reference WHEN '' THEN t.reference ELSE z.reference END,
  ask_at=CASE WHEN receipt_at IS NULL THEN ask_at END,
  overdue=CASE WHEN receipt_at IS NULL THEN overdue ELSE 0 END
FROM unnest(?::bigint[], ?::text[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::text[], ?::text[],
  ?::text[], ?::bigint[])
  z(n, state, attempts, sends, tries, wake_at, settled_at, receipt_by, offered_at, code, detail, reference, now)
WHERE t.n=z.n RETURNING t.n, t.receipt_at
"""
_TOLD = """
INSERT INTO told(subject, dest, name, value) SELECT * FROM unnest(?::text[], ?::bigint[], ?::text[], ?::text[])
ON CONFLICT(subject, dest, name) DO UPDATE SET value=excluded.value
"""
_THEIRS = """
INSERT INTO theirs(dest, reference, transfer) SELECT * FROM unnest(?::bigint[], ?::text[], ?::text[]) ON CONFLICT DO NOTHING
"""
_SHRINK = (
    "UPDATE lease SET body=z.body FROM unnest(?::text[], ?::bytea[]) z(token, body) WHERE lease.token=z.token"
)
_RETURN = """
WITH back AS MATERIALIZED (
  SELECT r.id, z.n, z.place FROM unnest(?::bigint[], ?::bigint[]) WITH ORDINALITY z(id, n, place)
  JOIN dest_run r ON r.id=z.id ORDER BY r.id FOR UPDATE OF r)
UPDATE dest_run r SET in_flight=r.in_flight-back.n FROM back WHERE r.id=back.id
RETURNING r.id, r.failures=0 AND r.places IS NULL, EXISTS(
  SELECT 1 FROM dest d CROSS JOIN generate_series(0, 7) z(arm) CROSS JOIN LATERAL (
    SELECT 1 FROM ready WHERE ready.dest=d.id AND class=z.arm % 4
      AND since >= greatest(CASE WHEN z.arm<4 THEN d.live_since ELSE 0 END, (?::bigint[])[(back.place-1)*8+z.arm+1])
      AND since < CASE WHEN z.arm<4 THEN 9223372036854775807 ELSE d.live_since END LIMIT 1) more
  WHERE d.id=r.id)
"""
_SEALED = "SELECT n, digest FROM sealed WHERE n=ANY(?::bigint[])"
_SEAL = """
INSERT INTO sealed(n, digest, media_type, headers, facts, payload)
SELECT * FROM unnest(?::bigint[], ?::text[], ?::text[], ?::text[], ?::text[], ?::bytea[])
"""


class Report(NamedTuple):
    """What one worker settles of one lease, at one moment."""

    token: str
    outcomes: Mapping[str, Outcome]
    now: int


class Sealing(NamedTuple):
    token: str
    seals: Mapping[str, Seal]


class _Settled(NamedTuple):
    item: Leased
    row: Row
    outcome: Outcome
    now: int

    @property
    def what(self) -> Settlement:
        return self.outcome.settlement


def settle(
    db: Connection, reports: Sequence[Report], floors: Callable[[int], Sequence[int]] = lambda _: BEGINNING
) -> list[bool]:
    """For each report whether it was written; false: its lease was lost. ``floors``: where a look for more begins."""
    held = {token: body for token, (body, _) in _held(db, (report.token for report in reports)).items()}
    rows = one_by_one.read(db, {id_ for report in reports for id_ in report.outcomes})
    written, settled = [], []
    for token, outcomes, now in reports:
        rest = held.get(token, {})
        mine = one_by_one.own(rows, outcomes, rest) if token in held else None
        written.append(mine is not None)
        pairs = zip(mine or (), outcomes.values(), strict=mine is not None)
        settled += [_Settled(rest.pop(row.n), row, outcome, now) for row, outcome in pairs]
    if settled:
        _record(db, settled)
        _give_back(
            db, {token: held[token] for (token, *_), done in zip(reports, written, strict=True) if done}
        )
        _learn(db, settled, floors)
    return written


def _held(db: Connection, tokens: Iterable[str]) -> dict[str, tuple[dict[int, Leased], int]]:
    """By token: what it holds by transfer number, and when that was claimed."""
    return {
        token: ({item.n: item for item in leases.load(body)}, since)
        for token, body, since in db.hold_leases(sorted(set(tokens)))
    }


def _record(db: Connection, settled: Sequence[_Settled]) -> None:
    outcomes = [one.outcome for one in settled]
    db.hold((*(one.item.lane for one in settled), *one_by_one.lanes_of_follow_ups(db, outcomes)))
    tally = Tally()
    states = _write(db, tally, settled)
    keep(db, ((one.outcome.pen, one.outcome.exchanges) for one in settled if one.what.attempts))
    _remember(db, settled)
    lanes.free(
        db,
        tally,
        [
            lanes.Freed(one.item.lane, one.row.n, one_by_one.steps_aside(one.row, state, one.what), one.now)
            for one, state in zip(settled, states, strict=True)
        ],
    )
    tally.write(db)
    for one, state in zip(settled, states, strict=True):
        if one.outcome.follow_up is not None and state is not State.ACKNOWLEDGED:
            one_by_one.follow(db, one.row, one.outcome.follow_up, one.now)


def _write(db: Connection, tally: Tally, settled: Sequence[_Settled]) -> list[State]:
    """Write the transfers, their attempts and the journal; return what each is from now on."""
    steps = [one_by_one.step(one.what, one.now) for one in settled]
    rows = [
        (one.row.n, str(new.state), *new[1:], one.what.code, one.what.detail, one.what.reference, one.now)
        for one, new in zip(settled, steps, strict=True)
    ]
    receipts: dict[int, int | None] = dict(spread(db, _WRITE, rows))
    states = []
    for one, new in zip(settled, steps, strict=True):
        after = new.state if receipts[one.row.n] is None else State.ACKNOWLEDGED
        states.append(after)
        tally.moved(one.item.dest, one.row.state, after)
        for tried in one_by_one.as_tried(one.row, one.outcome):
            db.put("attempt", one_by_one.ATTEMPT, tried)
        facts = one_by_one.facts(one.row, after, one.what, new.attempts)
        journal.write(db, one.now, str(one.what.move or "unsure"), one.row.message, one.row.id, facts)
    return states


def _remember(db: Connection, settled: Sequence[_Settled]) -> None:
    """Keep what partners told: facts for later deliveries, and their numbers that receipts may name."""
    told = {
        (one.item.subject, one.item.dest, name): value
        for one in settled
        for name, value in one.what.facts.items()
    }
    if told:
        spread(db, _TOLD, sorted((*key, value) for key, value in told.items()))
    theirs = {
        (one.item.dest, one.what.reference, one.row.id)
        for one in settled
        if one.what.reference and one.what.receipt_by is not None
    }
    if theirs:
        spread(db, _THEIRS, sorted(theirs))


def _give_back(db: Connection, rest: Mapping[str, dict[int, Leased]]) -> None:
    done = [token for token, items in rest.items() if not items]
    if done:
        db.execute("DELETE FROM lease WHERE token=ANY(?::text[])", (done,))
    kept = [(token, leases.dump(list(items.values()))) for token, items in rest.items() if items]
    if kept:
        spread(db, _SHRINK, kept)


def _learn(db: Connection, settled: Sequence[_Settled], floors: Callable[[int], Sequence[int]]) -> None:
    """Destinations last: fewer are under way there, and their breakers learn what was seen."""
    counts = Counter(one.item.dest for one in settled)
    seen = [floor for dest in counts for floor in floors(dest)]
    returned = db.execute(_RETURN, (list(counts), list(counts.values()), seen))
    for dest, whole, more in sorted(returned):
        if more:
            db.due(dest)
        for turn, now in enumerate(sorted({one.now for one in settled if one.item.dest == dest})):
            said = [one.what for one in settled if (one.item.dest, one.now) == (dest, now)]
            health.learn(db, dest, said, now, whole=whole and turn == 0)


# --- sealed bytes


def seal(db: Connection, sealings: Sequence[Sealing]) -> list[bool]:
    """For each whether these are its transfers' bytes; false: the lease was lost, or other bytes were sealed before.

    The journal gives it the time of the claim: sealing has no clock of its own.
    """
    held = _held(db, (one.token for one in sealings))
    rows = one_by_one.read(db, {id_ for one in sealings for id_ in one.seals})
    owned = [
        one_by_one.own(rows, seals, held[token][0]) if token in held else None for token, seals in sealings
    ]
    numbers = [row.n for mine in owned for row in mine or ()]
    before: dict[int, str] = dict(db.execute(_SEALED, (numbers,))) if numbers else {}
    fresh: list[tuple[Row, Seal, int]] = []
    same = []
    for (token, seals), mine in zip(sealings, owned, strict=True):
        pairs = list(zip(mine or (), seals.values(), strict=mine is not None))
        fresh += [(row, new, held[token][1]) for row, new in pairs if row.n not in before]
        before |= {row.n: new.digest for row, new in pairs if row.n not in before}
        same.append(mine is not None and all(before[row.n] == new.digest for row, new in pairs))
    if fresh:
        _seal(db, fresh)
    return same


def _seal(db: Connection, fresh: Sequence[tuple[Row, Seal, int]]) -> None:
    keep(db, ((new.pen, (new.payload,)) for _, new, _ in fresh))
    rows: list[Any] = [one_by_one.as_stored(row.n, new) for row, new, _ in fresh]
    spread(db, _SEAL, rows)
    for row, new, at in fresh:
        links.write(db, row.n, new.owner, new.links)
        journal.write(db, at, "sealed", row.message, row.id, one_by_one.sealed_facts(new))
