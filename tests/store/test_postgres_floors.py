"""A claim beside somebody who reads an old snapshot for hours: it does not walk over what was taken meanwhile, and misses nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from hub.store.postgres import claim as claiming
from hub.store.postgres.bell import Hints
from hub.store.postgres.claim import Taken
from hub.store.postgres.connection import Connection, connect
from hub.store.postgres.floors import AGAIN, ARMS, BEGINNING, MANY, SPAN, Floors
from hub.store.postgres.pace import LOOKS, SHARE, Pace
from hub.store.sql import accept as accepting
from hub.store.sql import destinations
from hub.store.sql.times import micros
from tests.store.samples import acceptance, at, roomy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hub.store.contract.intake import Acceptance

CLASS = 3  # no deadline


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def floors(clock: Clock) -> Floors:
    """Of a worker that took many from destination 1, the last one ready since second 1000, and began anew just now."""
    made = Floors(clock)
    made.took([Taken(1, CLASS, micros(at(1000)))] * MANY)
    assert made.begin(1) == BEGINNING
    return made


@pytest.fixture
def db(database: str) -> Iterator[Connection]:
    made = connect(database, None)
    made.transaction(lambda db: destinations.set_capacities(db, roomy("so-tnmt")))
    yield made
    made.close()


def test_who_took_few_begins_at_the_beginning(clock: Clock) -> None:
    floors = Floors(clock)
    floors.took([Taken(1, CLASS, micros(at(1000)))] * (MANY - 1))
    assert floors.begin(1) == floors.of(1) == BEGINNING
    assert floors.begin(1) == BEGINNING


def test_who_took_many_begins_a_little_before_the_last_one_of_each_arm(floors: Floors) -> None:
    floor = floors.begin(1)
    assert floor[CLASS] == micros(at(1000)) - SPAN
    assert [one for arm, one in enumerate(floor) if arm != CLASS] == [0] * (ARMS - 1)
    assert floors.begin(2) == BEGINNING, "each destination has its own"


def test_every_now_and_then_all_begin_at_the_beginning(floors: Floors, clock: Clock) -> None:
    clock.now += AGAIN - 1
    assert floors.begin(1) != BEGINNING
    clock.now += 1
    assert floors.of(1) != BEGINNING, "who only asks whether there is more does not wait for that"
    assert floors.begin(1) == BEGINNING
    assert floors.begin(1) != BEGINNING


def test_who_found_one_that_was_hidden_looks_further_back_from_then_on(floors: Floors) -> None:
    floors.took([Taken(1, CLASS, micros(at(900)))])
    assert floors.begin(1)[CLASS] <= micros(at(900))


def test_looks_that_are_always_slow_become_rare_and_frequent_again_when_they_are_quick(clock: Clock) -> None:
    pace = Pace(clock)

    def look(seconds: float) -> None:
        with pace.look():
            clock.now += seconds

    for seconds in (0.1, 0.1, 0.001, 0.1, 0.1):  # a busy machine, not a costly look
        look(seconds)
    assert pace.due
    for _ in range(LOOKS):
        look(0.1)
    assert not pace.due
    clock.now += SHARE * 0.1
    assert pace.due
    look(0.001)
    assert pace.due


def claim(db: Connection, floors: Floors, now: float) -> list[str]:
    wish = claiming.Wish(f"T{now}", "w", micros(at(now)), 10, micros(at(now + 30)), (), 0)
    hints = Hints()

    def take(db: Connection) -> claiming.Claim:
        return claiming.claim(db, hints, wish, claiming.due, floors.begin)

    return [head.subject for head in db.transaction(take).taken]


def test_what_was_committed_far_too_late_is_found_by_the_next_look_from_the_beginning(
    db: Connection, clock: Clock
) -> None:
    (dest,) = db.execute("SELECT id FROM dest").fetchone() or (0,)
    floors = Floors(clock)
    floors.took([Taken(dest, CLASS, micros(at(1000)))] * MANY)
    floors.begin(dest)
    for name, when in (("late", 900.0), ("slow", 991.0)):
        new = acceptance(name, when=at(when))
        db.transaction(lambda db, new=new: accepting.accept(db, packed(new)))  # type: ignore[misc]
    assert claim(db, floors, 1001) == ["slow"]
    clock.now += AGAIN
    assert claim(db, floors, 1031) == ["late"]


def packed(new: Acceptance) -> accepting.Packed:
    return accepting.Packed(new, None, b"\0" + new.raw, b"\0" + new.canonical)


def test_what_was_taken_beside_an_open_snapshot_is_not_walked_over(db: Connection, database: str) -> None:
    """Pages that one claim touches: with a floor as few as if nothing had ever been there."""
    (dest,) = db.execute("SELECT id FROM dest").fetchone() or (0,)
    reader = connect(database, None)
    db.execute("INSERT INTO ready SELECT ?, ?, n, 's' || n FROM generate_series(1, 20000) n", (dest, CLASS))
    reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    reader.execute("SELECT 1 FROM dest")
    db.execute("DELETE FROM ready WHERE since<=19000")
    whole, floored = (
        pages(db, dest, BEGINNING),
        pages(db, dest, [0] * CLASS + [19_000] + [0] * (ARMS - CLASS - 1)),
    )
    reader.close()
    assert whole > 4 * floored
    assert floored < 100


def pages(db: Connection, dest: int, floors: Sequence[int]) -> int:
    """Return how many pages a claim of ten looks at."""
    numbers = (
        [dest],
        [10],
        [0],
        [10],
        [0],
        claiming._CLASSES,
        claiming._LATER,
        claiming._ARM,
        list(floors),
        10,
    )
    db.execute("BEGIN")
    plan = [str(row[0]) for row in db.execute(f"EXPLAIN (ANALYZE, BUFFERS) {claiming._TAKE}", numbers)]
    db.execute("ROLLBACK")
    found = next(match for line in plan if (match := re.search(r"shared hit=(\d+)(?: read=(\d+))?", line)))
    return int(found[1]) + int(found[2] or 0)
