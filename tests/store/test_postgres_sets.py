"""What PostgreSQL writes as sets is what the shared statements would have written one by one.

Two databases live through the same days, drawn from a seed: in one everything comes one after the other in transactions of its own,
in the other in groups. Every answer and every row must be the same.
"""

from __future__ import annotations

import contextlib
import random
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from hub.health.circuit import Health
from hub.lifecycle import Move
from hub.store.contract.delivery import Acknowledgement, Capacity, Settlement
from hub.store.contract.intake import Accepted, Alias
from hub.store.contract.store import Stale
from hub.store.postgres import accept as taking
from hub.store.postgres import claim as claiming
from hub.store.postgres import settle as recording
from hub.store.postgres.bell import Hints
from hub.store.postgres.connection import Connection, connect
from hub.store.postgres.schema import migrate
from hub.store.sql import accept as accepting
from hub.store.sql import acknowledge, destinations, leases, timers
from hub.store.sql import settle as settling
from hub.store.sql.db import many
from hub.store.sql.times import micros
from schemas.problems import Refusal
from tests.store.samples import AUTHORITY, acceptance, at, attempt, sealed, transfer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hub.store.contract.intake import Acceptance
    from tests.doubles.postgres import Cluster

PARTNERS = (
    Capacity(partner="so-tnmt", concurrency=9),
    Capacity(partner="dvcqg", concurrency=5, order_sensitive=False),
    Capacity(partner="thue", concurrency=3, rate=50.0, burst=4, circuit_after=2),
)
STEPS = 30

TABLES = (
    "SELECT id, origin, version, story FROM dossier",
    "SELECT code, authority, dossier, rank FROM alias",
    "SELECT id, sender, key, kind, digest, dossier, accepted_at, parts, media_type, headers, receipt, canonical, raw FROM message",
    "SELECT sender, key, digest, message FROM seen",
    """SELECT t.id, m.id, dest, subject, operation, part, t.key, stage, deadline, state, attempts, sends, tries, wake_at, settled_at, problem,
      detail, reference, receipt_by, receipt_at, ask_at, overdue, supersedes FROM transfer t JOIN message m ON m.n=t.message""",
    "SELECT t.id, s.digest, s.media_type, s.headers, s.facts, s.payload FROM sealed s JOIN transfer t ON t.n=s.n",
    "SELECT t.id, number, verb, outcome, code, a.detail, started_at, seconds, exchanges FROM attempt a JOIN transfer t ON t.n=a.transfer",
    "SELECT subject, dest, name, value FROM told",
    """SELECT i.subject, i.dest, row_number() OVER (PARTITION BY i.subject, i.dest ORDER BY i.n), t.id, shelf, class, at
      FROM item i JOIN transfer t ON t.n=i.n""",
    "SELECT dest, class, since, subject FROM ready",
    "SELECT wake, dest, subject FROM wait",
    "SELECT dest, subject FROM stopped",
    "SELECT token, worker, since, until FROM lease",
    "SELECT dest, what, n FROM counts WHERE n<>0",
    "SELECT * FROM dest",
    "SELECT * FROM dest_run",
    "SELECT dest, reference, transfer FROM theirs",
    "SELECT at, subject FROM late",
    "SELECT name FROM blob",
    "SELECT at, what, message, transfer, facts FROM journal",
)


class Side:
    """One of the two databases."""

    def __init__(self, cluster: Cluster) -> None:
        self.woken: set[int] = set()
        self.db = connect(cluster.conninfo(cluster.database()), None, told=self.woken.update)
        migrate(self.db)
        self.do(lambda db: destinations.set_capacities(db, PARTNERS))

    def do(self, work: Callable[[Connection], Any]) -> Any:
        return self.db.transaction(work)

    def rows(self) -> dict[str, list[Any]]:
        return {query: sorted(many(self.db, query), key=repr) for query in TABLES}

    def leased(self) -> dict[str, list[str]]:
        held: dict[str, list[str]] = {}
        for token, body in many(self.db, "SELECT token, body FROM lease ORDER BY token"):
            numbers = [item.n for item in leases.load(body)]
            found = many(self.db, "SELECT id FROM transfer WHERE n=ANY(?::bigint[]) ORDER BY id", (numbers,))
            held[token] = [id_ for (id_,) in found]
        return held


@pytest.fixture
def sides(cluster: Cluster) -> Iterator[tuple[Side, Side]]:
    both = Side(cluster), Side(cluster)
    yield both
    for side in both:
        side.db.close()


def packed(new: Acceptance) -> accepting.Packed:
    return accepting.Packed(new, None, b"\0" + new.raw, b"\0" + new.canonical)


class Days:
    def __init__(self, seed: int, one_by_one: Side, as_sets: Side) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a seed that repeats, no secret
        self.one_by_one, self.as_sets = one_by_one, as_sets
        self.said: list[Acceptance] = []
        self.versions: dict[str, int] = {}
        self.now = 0.0
        self.n = 0

    def step(self) -> None:
        self.now += self.random.choice((0.5, 3.0, 20.0, 900.0))
        what = self.random.choices(
            (self.messages, self.claim, self.seal, self.settle, self.receipt, self.tick), (4, 4, 3, 6, 4, 1)
        )
        what[0]()

    # --- intake

    def messages(self) -> None:
        group = [self.message() for _ in range(self.random.randint(1, 6))]
        waves = taking._waves([taking._Coming(n, packed(new)) for n, new in enumerate(group)])
        ones = {one.place: self.alone(one.packed) for wave in waves for one in wave}
        sets = self.as_sets.do(lambda db: taking.accept(db, [packed(new) for new in group]))
        assert [shown(said) for said in sets] == [shown(ones[place]) for place in range(len(group))]
        for new, said in zip(group, sets, strict=True):
            if isinstance(said, Accepted) and not said.replayed and new.dossier is not None:
                self.versions[new.dossier] = new.expected_version + 1
        self.said += group

    def alone(self, one: accepting.Packed) -> object:
        try:
            return self.one_by_one.do(lambda db: accepting.accept(db, one))
        except (Stale, Refusal) as error:
            return error

    def message(self) -> Acceptance:
        draw = self.random
        if self.said and draw.random() < 0.2:  # once more, or others under its key
            before = draw.choice(self.said)
            another = draw.choice(("other", before.digest))
            return msgspec.structs.replace(before, digest=another, natural_key=draw.choice(self.said).key)
        self.n += 1
        name = f"m{self.n}"
        dossier = draw.choice((None, f"d{draw.randint(1, 5)}", f"d{self.n + 10}"))
        version = self.versions.get(dossier or "", 0) + (draw.random() < 0.1)
        subject = dossier or draw.choice((name, "list"))
        transfers = tuple(
            transfer(
                name,
                partner.partner,
                subject=subject,
                deadline=draw.choice((None, at(100), at(10_000), at(10**6))),
                problem=draw.choice(("", "", "", "HUB-ROU-001")),
                doubt=draw.choice(("", "", "", "HUB-STO-006")),
            )
            for partner in draw.sample(PARTNERS, draw.randint(0, 3))
        )
        made = acceptance(
            name, dossier=dossier, version=version, transfers=transfers, sender="một cửa\0", when=at(self.now)
        )
        if dossier is None:
            return made
        more = tuple(
            Alias(authority=AUTHORITY, code=f"more-{draw.randint(1, 4)}") for _ in range(draw.randint(0, 2))
        )
        natural = draw.choice(("", f"natural-{draw.randint(1, 4)}"))
        return msgspec.structs.replace(made, aliases=(*made.aliases, *more), natural_key=natural)

    # --- delivery

    def claim(self) -> None:
        self.n += 1
        wish = claiming.Wish(f"T{self.n}", "w", micros(at(self.now)), 12, micros(at(self.now + 60)), (), 0)
        for side in (self.one_by_one, self.as_sets):
            side.do(lambda db: claiming.claim(db, Hints(), wish, claiming.due))
        assert self.one_by_one.leased() == self.as_sets.leased()

    def some(self) -> list[tuple[str, list[str]]]:
        """Some transfers of some leases, now and then of one that was lost."""
        held = self.as_sets.leased()
        found = [
            (token, self.random.sample(ids, self.random.randint(1, len(ids)))) for token, ids in held.items()
        ]
        if held and self.random.random() < 0.2:
            found.append(self.random.choice((("lost", found[0][1]), found[0])))
        return self.random.sample(found, self.random.randint(min(1, len(found)), len(found)))

    def seal(self) -> None:
        some = [
            (token, {id_: settling.Seal(sealed(id_), None, b"\0x", self.random.choice("aab")) for id_ in ids})
            for token, ids in self.some()
        ]
        ones = [self.one_by_one.do(partial(settling.seal, token=seal[0], seals=seal[1])) for seal in some]
        assert (
            self.as_sets.do(lambda db: recording.seal(db, [recording.Sealing(*seal) for seal in some]))
            == ones
        )

    def settle(self) -> None:
        reports = [
            recording.Report(token, {id_: self.outcome(id_) for id_ in ids}, micros(at(self.now)) + place)
            for place, (token, ids) in enumerate(self.some())
        ]
        ones = [self.one_by_one.do(partial(settling.settle, **report._asdict())) for report in reports]
        assert self.as_sets.do(lambda db: recording.settle(db, reports)) == ones

    def outcome(self, id_: str) -> settling.Outcome:
        draw = self.random
        move = draw.choice(
            (*[Move.DELIVER] * 4, *[Move.DEFER] * 3, Move.REFUSE, Move.EXHAUST, Move.PARK, Move.UNSENT, None)
        )
        tries = () if move in {Move.PARK, Move.UNSENT} else (attempt(),) * draw.randint(1, 2)
        waits = move in {Move.DEFER, Move.UNSENT} or (move is None and draw.random() < 0.5)
        what = Settlement(
            transfer=id_,
            move=move,
            attempts=tries,
            code="" if move is Move.DELIVER else "HUB-PAR-003",
            detail=draw.choice(("", "nói\0")),
            wake_at=at(self.now + draw.choice((-1, 5, 40))) if waits else None,
            counts=draw.random() < 0.8,
            reference=draw.choice(("", "", f"ref-{draw.randint(1, 3)}")),
            facts=draw.choice(({}, {"theirs": str(draw.randint(1, 9)), "a": "b"})),
            receipt_by=at(self.now + 30) if move is Move.DELIVER and draw.random() < 0.4 else None,
            health=draw.choice((*[Health.UP] * 5, Health.NOTHING, Health.DOWN, Health.RESTS)),
            rest=None,
        )
        follow = None
        if move in {Move.REFUSE, Move.EXHAUST}:
            name = f"failed-{id_}"
            follow = packed(
                acceptance(
                    name,
                    sender="hub",
                    when=at(self.now),
                    transfers=(transfer(name, "dvcqg", subject="back"),),
                )
            )
        return settling.Outcome(what, None, (b"\0x",) * len(tries), follow)

    # --- what else happens

    def receipt(self) -> None:
        known = [row[0] for row in many(self.as_sets.db, "SELECT id FROM transfer WHERE sends>0 ORDER BY id")]
        known += [id_ for ids in self.as_sets.leased().values() for id_ in ids] * 3
        if not known:
            return
        id_ = self.random.choice(known)
        raw = Acknowledgement(partner="", raw=b"r", received_at=at(self.now), said_at=at(self.now))
        receipt = acknowledge.Packed(raw, id_, "digest", None, b"\0r")
        for side in (self.one_by_one, self.as_sets):
            with contextlib.suppress(Refusal):  # nothing of it can have left yet
                side.do(lambda db: acknowledge.acknowledge(db, receipt))

    def tick(self) -> None:
        for side in (self.one_by_one, self.as_sets):
            side.do(lambda db: timers.tick(db, micros(at(self.now)), micros(at(self.now))))


def shown(said: object) -> object:
    return said if isinstance(said, Accepted) else repr(said)


@pytest.mark.parametrize("seed", range(8))
def test_sets_write_what_would_have_been_written_one_by_one(sides: Sequence[Side], seed: int) -> None:
    one_by_one, as_sets = sides
    days = Days(seed, one_by_one, as_sets)
    days.messages()
    for _ in range(STEPS):
        for side in sides:
            side.woken.clear()
        days.step()
        assert as_sets.woken == one_by_one.woken
        assert as_sets.rows() == one_by_one.rows()
        assert as_sets.leased() == one_by_one.leased()
