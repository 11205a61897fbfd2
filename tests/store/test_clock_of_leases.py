"""Leases are timed by a clock that nobody sets: whose wall clock is ahead takes nothing away from anybody."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from hub.store.contract.delivery import Capacity
from hub.store.sql.clock import Servers, SinceBoot, begun
from hub.store.sql.engine import Unavailable
from hub.store.sqlite.connection import migrate, open_writer
from tests.store.engines import ON_POSTGRES, SHARED_CLOCK, Place
from tests.store.samples import acceptance, roomy

if TYPE_CHECKING:
    from pathlib import Path

    from hub.store.contract.store import Store

SECOND = 1_000_000
HOUR = timedelta(hours=1)


@pytest.fixture(params=SHARED_CLOCK)
def two(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Store, Store]:
    place = Place(tmp_path, request.getfixturevalue("database") if request.param in ON_POSTGRES else "")
    return SHARED_CLOCK[request.param](place, 0), SHARED_CLOCK[request.param](place, 1)


async def test_a_worker_whose_clock_is_ahead_takes_no_lease_away(two: tuple[Store, Store]) -> None:
    here, ahead = two
    try:
        await _claimed(here, lease=30)
        later = datetime.now(UTC) + HOUR
        await ahead.tick(later)
        assert await ahead.claim("ahead", later, 10, 30) == ()
    finally:
        await here.close()
        await ahead.close()


async def test_a_lease_runs_out_also_for_a_worker_whose_clock_is_behind(two: tuple[Store, Store]) -> None:
    here, behind = two
    try:
        await _claimed(here, lease=0.2)
        await asyncio.sleep(0.4)
        earlier = datetime.now(UTC) - HOUR
        await behind.tick(earlier)
        assert len(await behind.claim("behind", earlier, 10, 30)) == 1
    finally:
        await here.close()
        await behind.close()


async def test_a_rate_goes_on_after_a_worker_whose_clock_was_ahead(two: tuple[Store, Store]) -> None:
    here, ahead = two
    try:
        now = datetime.now(UTC)
        await here.capacities([Capacity(partner="so-tnmt", concurrency=9, rate=20.0, burst=1)])
        for n in range(3):
            await here.accept(acceptance(f"m{n}", when=now - 2 * HOUR))
        assert len(await ahead.claim("ahead", now + HOUR, 10, 30)) == 1
        await asyncio.sleep(0.2)
        assert len(await here.claim("here", datetime.now(UTC), 10, 30)) == 1
    finally:
        await here.close()
        await ahead.close()


def test_a_new_start_lets_no_rate_wait_for_a_time_that_an_old_clock_told(tmp_path: Path) -> None:
    db = open_writer(tmp_path / "hub.db")
    migrate(db)
    db.execute("INSERT INTO dest(id,partner) VALUES(1,'so-tnmt')")
    db.execute("INSERT INTO dest_run(id,tokens_at) VALUES(1,?)", (9000 * SECOND,))
    begun(db, "monday", 1000 * SECOND, 50 * SECOND)
    assert list(db.execute("SELECT tokens_at FROM dest_run")) == [(1000 * SECOND,)]
    db.close()


async def _claimed(store: Store, lease: float) -> None:
    now = datetime.now(UTC)
    await store.capacities(roomy("so-tnmt"))
    await store.accept(acceptance("m1", when=now - 2 * HOUR))
    assert len(await store.claim("here", now, 10, lease)) == 1


async def test_processes_of_one_start_share_a_base_and_a_new_start_ends_every_lease(tmp_path: Path) -> None:
    db = open_writer(tmp_path / "hub.db")
    migrate(db)
    first = begun(db, "monday", 1000 * SECOND, 50 * SECOND)
    assert begun(db, "monday", 9000 * SECOND, 60 * SECOND) == first, "the wall clock was put right meanwhile"
    until = await SinceBoot(first, lambda: 90 * SECOND).time(0) + 30 * SECOND
    db.execute("INSERT INTO lease(token,worker,since,until,body) VALUES('t','w',0,?,x'')", (until,))
    second = begun(db, "tuesday", 900 * SECOND, 3 * SECOND)
    assert await SinceBoot(second, lambda: 3 * SECOND).time(0) >= until
    db.close()


async def test_the_servers_clock_goes_on_while_the_server_is_away() -> None:
    here, answers = [0], [7000 * SECOND]

    async def ask() -> int:
        if not answers:
            raise Unavailable
        return answers.pop()

    clock = Servers(ask, lambda: here[0])
    assert await clock.time(0) == 7000 * SECOND
    here[0] = 60 * SECOND
    assert await clock.time(0) == 7060 * SECOND


async def test_without_any_answer_of_the_server_no_time_is_guessed() -> None:
    async def ask() -> int:
        raise Unavailable

    with pytest.raises(Unavailable):
        await Servers(ask, lambda: 0).time(0)
