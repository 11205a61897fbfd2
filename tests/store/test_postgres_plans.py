"""No statement of the way of a message reads a table from end to end; the plans in the documentation are the real ones."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hub.lifecycle import Move, State
from hub.store.contract.delivery import Settlement
from hub.store.contract.intake import Accepted
from hub.store.postgres import accept as taking
from hub.store.postgres import claim as claiming
from hub.store.postgres import lanes as many_lanes
from hub.store.postgres import settle as recording
from hub.store.postgres.bell import Hints
from hub.store.postgres.connection import Connection, connect, numbered
from hub.store.postgres.schema import migrate
from hub.store.sql import accept as accepting
from hub.store.sql import actions, destinations, lanes, leases, reading, timers
from hub.store.sql import settle as settling
from hub.store.sql.bodies import Bodies
from hub.store.sql.db import Lane
from hub.store.sql.times import micros
from tests.doubles import postgres
from tests.store.samples import AUTHORITY, acceptance, at, attempt, roomy, sealed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hub.store.contract.intake import Acceptance
    from hub.store.sql.db import Rows
    from tests.doubles.postgres import Cluster

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "queue-on-postgresql.md"
SMALL = {"lease", "pg_attribute"}
"""As many rows as workers have groups in hand; the catalogue."""


class Watched(Connection):
    """Remembers what it was asked."""

    seen: dict[str, Sequence[Any]]

    def execute(self, query: str, bindings: Sequence[Any] = ()) -> Rows:
        if query.lstrip()[:6].upper() in {"SELECT", "INSERT", "UPDATE", "DELETE"} or "WITH" in query[:10]:
            self.seen[query] = bindings
        return super().execute(query, bindings)


_QUIET = "SELECT 'ALTER TABLE ' || relname || ' SET (autovacuum_enabled=false)' FROM pg_class WHERE relkind='r' AND relnamespace='public'::regnamespace"


def _new(cluster: Cluster) -> Connection:
    """A database that nobody used and whose statistics nobody gathers behind our back: both change the planner's guesses."""
    made = connect(cluster.conninfo(cluster.database()), None)
    migrate(made)
    for (quiet,) in made.raw.execute(_QUIET).fetchall():
        made.raw.execute(quiet)
    return made


@pytest.fixture
def db(cluster: Cluster) -> Iterator[Watched]:
    made = _new(cluster)
    made.__class__ = Watched
    assert isinstance(made, Watched)
    made.seen = {}
    yield made
    made.close()


def packed(new: Acceptance) -> accepting.Packed:
    return accepting.Packed(new, None, b"\0" + new.raw, b"\0" + new.canonical)


def the_way_of_a_message(db: Watched) -> None:
    do, hints = db.transaction, Hints()

    def claim(second: float) -> tuple[leases.Leased, ...]:
        wish = claiming.Wish(
            f"T{second}", "w", micros(at(second)), 10, micros(at(second + 30)), ("nobody",), 0
        )
        return do(lambda db: claiming.claim(db, hints, wish, claiming.due).taken)

    do(lambda db: destinations.set_capacities(db, roomy("so-tnmt")))
    for n in range(3):
        accepting.known(db, AUTHORITY, "code-d1")
        accepting.replay(db, "motcua-tinh", f"key-m{n}", "")
        new = packed(acceptance(f"m{n}", dossier="d1", version=n, deadline=at(9000)))
        (said,) = do(lambda db, new=new: taking.accept(db, [new]))  # type: ignore[misc]
        assert isinstance(said, Accepted)
    heads = claim(1)
    reading.works(db, Bodies(None, None), "T1", [head.n for head in heads])  # type: ignore[arg-type]
    seal = {"m0.so-tnmt.0": settling.Seal(sealed(), None, b"\0x", "digest")}
    assert do(lambda db: recording.seal(db, [recording.Sealing("T1", seal)]))
    assert do(lambda db: leases.renew(db, "T1", micros(at(32))))
    outcomes = {"m0.so-tnmt.0": settling.Outcome(_delivered(), None, (b"\0",), None)}
    assert do(lambda db: recording.settle(db, [recording.Report("T1", outcomes, micros(at(3)))]))
    (head,) = claim(4)
    timers.next_due(db, micros(at(5)), micros(at(5)))
    do(lambda db: timers.tick(db, micros(at(60)), micros(at(60))))
    order = actions.Order("m1.so-tnmt.0", Move.HOLD, State.WAITING, "r", "thu")
    do(lambda db: actions.act(db, order, micros(at(61))))
    do(lambda db: destinations.pause(db, "so-tnmt", paused=True, reason="r", by="thu", now=at(62)))
    assert head.n


def _delivered() -> Settlement:
    return Settlement(transfer="m0.so-tnmt.0", move=Move.DELIVER, attempts=(attempt(),), facts={"a": "b"})


def scans(db: Connection, query: str) -> set[str]:
    """Name the tables that a statement reads from end to end, by its plan for any bindings."""
    db.raw.execute(f"PREPARE shown AS {numbered(query)}".encode())
    found = whole(db, "shown", query)
    db.raw.execute("DEALLOCATE shown")
    return found


def whole(db: Connection, name: str, query: str) -> set[str]:
    """An index that is read without a condition, other than for its first row, is a table read from end to end, too."""
    nothing = ", ".join(["NULL"] * query.count("?"))
    asked = f"EXPLAIN (COSTS OFF) EXECUTE {name}{f'({nothing})' if nothing else ''}"
    lines = [str(line) for (line,) in db.raw.execute(asked.encode())]
    found = {match[1] for line in lines if (match := re.search(r"Seq Scan on (\w+)", line))}
    for before, line, after in zip(["", *lines], lines, [*lines[1:], ""], strict=False):
        match = re.search(r"Index (?:Only )?Scan .*using \w+ on (\w+)", line)
        if match and "Index Cond" not in after and "Limit" not in before:
            found.add(match[1])
    return found


def test_the_way_of_a_message_reads_no_table_from_end_to_end(db: Watched) -> None:
    the_way_of_a_message(db)
    asked = list(db.seen)
    assert len(asked) > 40
    found = {query: tables - SMALL for query in asked if (tables := scans(db, query))}
    assert {query: tables for query, tables in found.items() if tables} == {}


def test_a_plan_that_was_made_for_an_empty_table_goes_before_the_table_is_full(db: Watched) -> None:
    """The planner's statistics say that nothing is there: reading a table from end to end seems to cost nothing."""
    db.raw.execute("VACUUM ANALYZE")
    the_way_of_a_message(db)
    db.raw.execute(_MANY)
    assert kept(db, taking._SEEN) == {"seen", "message"}
    db._planned = float("-inf")
    db.transaction(lambda _: None)
    assert kept(db, taking._SEEN) == set()


_MANY = "INSERT INTO seen(sender, key, digest, message) SELECT 'many', n::text, '', '' FROM generate_series(1, 5000) n"


def kept(db: Connection, query: str) -> set[str]:
    """Name the tables that the plan reads from end to end which this connection keeps for a statement."""
    known = "SELECT name FROM pg_prepared_statements WHERE statement=%s"
    (name,) = db.raw.execute(known, (numbered(query),)).fetchone() or ("",)
    return whole(db, name, query)


# --- the page

SHOWN: dict[str, tuple[str, Sequence[Any]]] = {
    "lock": (claiming._LOCK, ([1, 2],)),
    "read": (claiming._LOAD, ([1, 2],)),
    "take": (claiming._TAKE, ([1], [4], [1], [4], [0], [0, 1], [0, 0], [0, 0], [0] * 8, 10)),
    "look": (claiming._DUE, ()),
    "write": (recording._WRITE, ([1], ["delivered"], *[[1]] * 7, *[[""]] * 3, [1])),
    "heads": (many_lanes._HEADS, (["d1"], [1])),
    "return": (recording._RETURN, ([1], [1], [0] * 8)),
    "head": (lanes._HEAD, Lane("d1", 1)),
}


def plan(db: Connection, name: str) -> str:
    query, bindings = SHOWN[name]
    return "\n".join(str(row[0]) for row in Connection.execute(db, f"EXPLAIN (COSTS OFF) {query}", bindings))


def nodes(text: str) -> list[str]:
    """Return what the plan does, without its conditions."""
    lines = (line.strip().removeprefix("->").strip() for line in text.splitlines())
    return [line for line in lines if line and not re.match(r"[A-Z][\w ]*:|[(]", line)]


@pytest.fixture
def fresh(cluster: Cluster) -> Iterator[Connection]:
    made = _new(cluster)
    yield made
    made.close()


@pytest.mark.parametrize("name", SHOWN)
def test_the_page_shows_the_plans_that_run(fresh: Connection, name: str) -> None:
    shown = re.search(rf"<!-- plan: {name} -->\n```text\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert shown is not None
    assert nodes(shown[1]) == nodes(plan(fresh, name))


def write() -> None:
    """Put the plans of today into the page: ``python -m tests.store.test_postgres_plans``."""
    with postgres.cluster() as cluster:
        db = connect(cluster.conninfo(cluster.database()), None)
        migrate(db)
        text = PAGE.read_text("utf-8")
        for name in SHOWN:
            before, fence, rest = text.partition(f"<!-- plan: {name} -->\n```text\n")
            text = before + fence + plan(db, name) + "\n```" + rest.partition("```")[2]
        db.close()
    PAGE.write_text(text, "utf-8")


if __name__ == "__main__":
    write()
