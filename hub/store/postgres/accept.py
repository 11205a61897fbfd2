"""Take messages in: all that arrived during one commit in a few statements of the next transaction.

What depends on each other (one key, one dossier, one code) comes in one after the other, in waves; a wave is written as
sets. What one of them may not do is its own answer and touches none of the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hub.store.contract.intake import Accepted
from hub.store.contract.store import Stale
from hub.store.postgres import lanes
from hub.store.postgres.line import Spoiled
from hub.store.postgres.rows import keep, spread
from hub.store.sql import destinations, journal, ledger, tellings
from hub.store.sql.accept import accept as write_one
from hub.store.sql.accept import accepted_facts, birth, decided_by, lanes_of
from hub.store.sql.bodies import KeyDestroyed
from hub.store.sql.counters import Tally
from hub.store.sql.db import Lane, Raced
from hub.store.sql.lanes import Arrival
from hub.store.sql.times import micros
from schemas.problems import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from hub.store.contract.intake import Acceptance, NewTransfer
    from hub.store.postgres.connection import Connection
    from hub.store.sql.accept import Birth, Packed

_SEEN = """
SELECT z.place, s.digest, s.message, s.receipt, s.confirmation FROM unnest(?::bigint[], ?::text[], ?::text[]) z(place, sender, key)
CROSS JOIN LATERAL (SELECT s.digest, s.message, m.receipt, m.confirmation FROM seen s LEFT JOIN message m ON m.id=s.message
  WHERE s.sender=z.sender AND s.key=z.key LIMIT 1) s ORDER BY z.place
"""
_BIND = """
INSERT INTO seen(sender, key, digest, message) SELECT * FROM unnest(?::text[], ?::text[], ?::text[], ?::text[])
ON CONFLICT DO NOTHING
"""
_OTHER_BYTES = ("HUB-IDM-002", "Idempotency-Key")
_VERSIONS = "SELECT id, version FROM dossier WHERE id=ANY(?::text[])"
_ALIASES = """
SELECT z.code, z.authority, a.dossier FROM unnest(?::text[], ?::text[]) z(code, authority)
CROSS JOIN LATERAL (SELECT dossier FROM alias WHERE code=z.code AND authority=z.authority LIMIT 1) a
"""
_BEGIN = """
INSERT INTO dossier(id, origin, version, story, truth)
SELECT id, origin, 1, story, truth FROM unnest(?::text[], ?::text[], ?::bytea[], ?::text[]) z(id, origin, story, truth)
ON CONFLICT DO NOTHING
"""
_GO_ON = """
WITH z AS MATERIALIZED (
  SELECT d.id, z.version, z.story, z.truth FROM unnest(?::text[], ?::bigint[], ?::bytea[], ?::text[]) z(id, version, story, truth)
  JOIN dossier d ON d.id=z.id ORDER BY d.id FOR UPDATE OF d)
UPDATE dossier d SET version=d.version+1, story=z.story, truth=z.truth FROM z WHERE d.id=z.id AND d.version=z.version
"""
_NAME = """
INSERT INTO alias(code, authority, dossier, rank) SELECT * FROM unnest(?::text[], ?::text[], ?::text[], ?::bigint[])
ON CONFLICT DO NOTHING
"""
_MESSAGES = """
INSERT INTO message(id, sender, key, kind, digest, dossier, accepted_at, parts, media_type, headers, receipt, canonical, raw, confirmation)
SELECT id, sender, key, kind, digest, dossier, accepted_at, parts, media_type, headers, receipt, canonical, raw, confirmation
FROM unnest(?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::bigint[], ?::bigint[], ?::text[], ?::text[], ?::bytea[],
  ?::bytea[], ?::bytea[], ?::text[]) WITH ORDINALITY
  z(id, sender, key, kind, digest, dossier, accepted_at, parts, media_type, headers, receipt, canonical, raw, confirmation, place)
ORDER BY place RETURNING id, n
"""
_DESTS = "SELECT partner, id, order_sensitive, live_since FROM dest WHERE partner=ANY(?::text[])"
_TRANSFERS = """
INSERT INTO transfer(id, message, dest, subject, operation, part, key, stage, deadline, state, wake_at, problem, detail)
SELECT id, message, dest, subject, operation, part, key, stage, deadline, state, wake_at, problem, detail
FROM unnest(?::text[], ?::bigint[], ?::bigint[], ?::text[], ?::text[], ?::bigint[], ?::text[], ?::text[], ?::bigint[], ?::text[], ?::bigint[],
  ?::text[], ?::text[]) WITH ORDINALITY
  z(id, message, dest, subject, operation, part, key, stage, deadline, state, wake_at, problem, detail, place)
ORDER BY place RETURNING id, n
"""
_FACTS = """
INSERT INTO fact(dossier, message, known_at, fact) SELECT dossier, message, known_at, fact
FROM unnest(?::text[], ?::text[], ?::bigint[], ?::bytea[]) WITH ORDINALITY z(dossier, message, known_at, fact, place) ORDER BY place
"""
_TELLINGS = """
INSERT INTO telling(dossier, hub, no, message, telling, aside)
SELECT * FROM unnest(?::text[], ?::text[], ?::bigint[], ?::text[], ?::bytea[], ?::text[]) ON CONFLICT DO NOTHING
"""
_PREFIXES = (
    "INSERT INTO prefix(dossier, story) SELECT * FROM unnest(?::text[], ?::bytea[]) ON CONFLICT DO NOTHING"
)
_WATCH = "INSERT INTO late(at, subject) SELECT * FROM unnest(?::bigint[], ?::text[]) ON CONFLICT DO NOTHING"


class _Coming(NamedTuple):
    """``place``: in the group."""

    place: int
    packed: Packed

    @property
    def new(self) -> Acceptance:
        return self.packed.acceptance

    def marks(self) -> set[Hashable]:
        """Return what no other of the same wave may have."""
        keys = (("key", self.new.sender, key) for key in self.new.keys)
        codes = (("code", alias.authority, alias.code) for alias in self.new.aliases)
        return {*keys, *codes, ("dossier", self.new.dossier or self.new.message)}


Answer = Accepted | BaseException


def accept(db: Connection, group: Sequence[Packed]) -> list[Answer]:
    """For each its receipt, ``Stale`` or a ``Refusal``. Raises ``Raced``; ``Spoiled`` for one that must be done without."""
    answers: dict[int, Answer] = {}
    edition = decided_by(db, (packed.acceptance for packed in group))
    for wave in _waves([_Coming(place, packed) for place, packed in enumerate(group)]):
        answers |= _replays(db, wave)
        for one in wave:
            if one.new.stages not in {None, edition}:
                answers.setdefault(one.place, Stale())
        known = _known(db, [one for one in wave if one.place not in answers], answers)
        fresh = [one for one in wave if one.place not in answers]
        if fresh:
            _write(db, fresh, known)
        for one in fresh:
            answers[one.place] = Accepted(
                message=one.new.message, receipt=one.new.receipt, confirmation=one.new.confirmation
            )
    return [answers[place] for place in range(len(group))]


def _waves(coming: list[_Coming]) -> Iterator[list[_Coming]]:
    """What shares something with one before it comes in a later wave, so that order stays."""
    while coming:
        wave: list[_Coming] = []
        later: list[_Coming] = []
        taken: set[Hashable] = set()
        for one in coming:
            marks = one.marks()
            (wave if taken.isdisjoint(marks) else later).append(one)
            taken |= marks
        yield wave
        coming = later


# --- what cannot come in ------------------------------------------------------------------------------------------


def _known(db: Connection, wave: Sequence[_Coming], answers: dict[int, Answer]) -> dict[tuple[str, str], str]:
    """Answer those that were decided on what is no longer so; return whose the codes are that are known."""
    about = [one for one in wave if one.new.dossier is not None]
    if not about:
        return {}
    versions: dict[str | None, int] = dict(db.execute(_VERSIONS, ([one.new.dossier for one in about],)))
    codes = [(alias.code, alias.authority) for one in about for alias in one.new.aliases]
    known = {(row[0], row[1]): row[2] for row in spread(db, _ALIASES, codes)} if codes else {}
    for one in about:
        refused = _refused(one.new, versions.get(one.new.dossier, 0), known)
        if refused is not None:
            answers[one.place] = refused
    return known


def _replays(db: Connection, wave: Sequence[_Coming]) -> dict[int, Answer]:
    """The first of a message's keys that is bound decides."""
    asked = [(one, key) for one in wave for key in one.new.keys]
    rows = [(n, one.new.sender, key) for n, (one, key) in enumerate(asked)]
    answers: dict[int, Answer] = {}
    for n, digest, message, receipt, confirmation in spread(db, _SEEN, rows) if rows else ():
        new, place = asked[n][0].new, asked[n][0].place
        same = new.clocked or digest == new.digest
        stored = Accepted(message=message, receipt=receipt, replayed=True, confirmation=confirmation or "")
        said = stored if same else refuse(*_OTHER_BYTES)
        answers.setdefault(place, said)
    return answers


def _refused(new: Acceptance, version: int, known: Mapping[tuple[str, str], str]) -> Exception | None:
    """A first code that already names another dossier: read again. A further one: that dossier is someone else's."""
    if version != new.expected_version:
        return Stale()
    for rank, alias in enumerate(new.aliases):
        if known.get((alias.code, alias.authority), new.dossier) != new.dossier:
            return refuse("HUB-DOS-003", f"/dossier/aliases/{rank}") if rank else Stale()
    return None


# --- what comes in ------------------------------------------------------------------------------------------------


def _write(db: Connection, fresh: Sequence[_Coming], known: Mapping[tuple[str, str], str]) -> None:
    bound = [(one.new.sender, key, one.new.digest, one.new.message) for one in fresh for key in one.new.keys]
    _all_of(db, _BIND, bound)
    _dossiers(db, [one.new for one in fresh if one.new.dossier is not None], known)
    _under_keys(db, fresh)
    numbers = _messages(db, fresh)
    for one in fresh:
        facts = accepted_facts(one.new)
        journal.write(db, micros(one.new.accepted_at), "accepted", one.new.message, facts=facts)
    known_facts = [row for one in fresh if (row := ledger.row(one.new)) is not None]
    if known_facts:
        spread(db, _FACTS, known_facts)
    _tellings(db, [one.new for one in fresh])
    _transfers(
        db,
        [(one.new, numbers[one.new.message], each) for one in fresh for each in one.new.transfers],
        [lane for one in fresh for lane in lanes_of(db, one.packed)],
    )
    late = {
        (micros(each.deadline), each.lane_subject)
        for one in fresh
        for each in one.new.transfers
        if each.deadline
    }
    if late:
        spread(db, _WATCH, sorted(late))
    for told in (each for one in fresh for each in one.packed.tells):
        write_one(db, told, follow_up=True)


def _tellings(db: Connection, new: Sequence[Acceptance]) -> None:
    """Raise ``Raced`` where a number was given meanwhile."""
    _all_of(db, _TELLINGS, [row for one in new if (row := tellings.row(one)) is not None])
    prefixes = [before for one in new if (before := tellings.prefix(one)) is not None]
    if prefixes:
        spread(db, _PREFIXES, prefixes)
    for one in new:
        tellings.reconsider(db, one)


def _all_of(db: Connection, query: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """In one order for all who write. Raises ``Raced`` unless it changes a row for each."""
    if rows:
        spread(db, query, sorted(rows))
        if db.changes() != len(rows):
            raise Raced(query)


def _dossiers(db: Connection, new: Sequence[Acceptance], known: Mapping[tuple[str, str], str]) -> None:
    """Raise ``Raced`` where one moved since it was looked at: looked at again, it is stale."""
    _all_of(
        db,
        _BEGIN,
        [(one.dossier, one.sender, one.story, one.truth) for one in new if not one.expected_version],
    )
    _all_of(
        db,
        _GO_ON,
        [(one.dossier, one.expected_version, one.story, one.truth) for one in new if one.expected_version],
    )
    codes: dict[tuple[str, str], tuple[str | None, int]] = {}
    for one in new:
        for rank, alias in enumerate(one.aliases, 1 if one.expected_version else 0):
            if (alias.code, alias.authority) not in known:
                codes.setdefault((alias.code, alias.authority), (one.dossier, rank))
    _all_of(db, _NAME, [(*code, *of) for code, of in codes.items()])


def _under_keys(db: Connection, fresh: Sequence[_Coming]) -> None:
    """Keys are there, files are named, documents are their dossiers'."""
    try:
        keep(db, [(one.packed.pen, (one.packed.raw, one.packed.canonical)) for one in fresh])
    except KeyDestroyed as error:
        raise Spoiled(_place(fresh, error.owner)) from error
    for one in fresh:
        if one.packed.enclose is not None:
            try:
                one.packed.enclose(db)
            except (Refusal, KeyDestroyed) as error:
                raise Spoiled(one.place) from error


def _place(fresh: Sequence[_Coming], owner: str) -> int:
    return next(
        one.place for one in fresh if one.packed.pen is not None and one.packed.pen.key.owner == owner
    )


def _messages(db: Connection, fresh: Sequence[_Coming]) -> dict[str, int]:
    rows = [
        (
            *(new.message, new.sender, new.key, new.kind, new.digest, new.dossier, micros(new.accepted_at)),
            *(len(new.transfers), new.media_type, journal.text(new.headers), new.receipt),
            *(one.packed.canonical, one.packed.raw, new.confirmation),
        )
        for one in fresh
        for new in (one.new,)
    ]
    return dict(spread(db, _MESSAGES, rows))


def _transfers(
    db: Connection, coming: Sequence[tuple[Acceptance, int, NewTransfer]], also: Sequence[Lane]
) -> None:
    """Numbers are drawn under the lanes' locks: they are the order of a lane. ``also``: lanes to be held with theirs."""
    if not coming:
        return
    dests = _destinations(db, {each.partner for *_, each in coming})
    lane = {each.id: Lane(each.lane_subject, dests[each.partner].id) for *_, each in coming}
    db.hold((*lane.values(), *also))
    born = {each.id: birth(each, micros(new.accepted_at)) for new, _, each in coming}
    rows = [_row(number, lane[each.id].dest, each, born[each.id]) for _, number, each in coming]
    numbers: dict[str, int] = dict(spread(db, _TRANSFERS, rows))
    tally = Tally()
    arriving = []
    for new, _, each in coming:
        at, dest, its = micros(new.accepted_at), dests[each.partner], born[each.id]
        tally.add(dest.id, its.state)
        tally.add(dest.id, "accepted")
        its.tell(db, at, new.message, each.id)
        if dest.order_sensitive or not its.stopped:
            arrival = Arrival(numbers[each.id], at, micros(each.deadline), dest.live_since, its.stopped)
            arriving.append((lane[each.id], arrival))
    if arriving:
        lanes.arrive(db, tally, arriving)
    tally.write(db)


class _Dest(NamedTuple):
    id: int
    order_sensitive: bool
    live_since: int


def _destinations(db: Connection, partners: AbstractSet[str]) -> dict[str, _Dest]:
    found = {row[0]: _Dest(*row[1:]) for row in db.execute(_DESTS, (list(partners),))}
    for partner in sorted(partners - found.keys()):
        found[partner] = _Dest(*destinations.named(db, partner))
    return found


def _row(message: int, dest: int, new: NewTransfer, born: Birth) -> tuple[object, ...]:
    where = (dest, new.lane_subject, new.operation, new.part, new.key, new.stage)
    return new.id, message, *where, micros(new.deadline), str(born.state), *born[1:]
