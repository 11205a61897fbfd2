"""A partner that is down for a while, under a whole hub: what it hears meanwhile, and how it is come back to."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.hub_house import House, assert_arrived, house, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from hub.demo.messages import Said
    from hub.store.contract.views import QueueRow

pytestmark = pytest.mark.xdist_group("hub")

DOSSIERS, STEPS, LIVE = 60, 5, 10
OUTAGE = 12.0
FAILURES, CONCURRENCY, FIRST_WAIT = 5, 8, 2.0  # of the example's file
FOR_EVER = 10**9
AT_FIRST = 0.06
"""Seconds after the first call in which no answer can have come yet."""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as opened:
        yield opened


async def queue_row(hub: House) -> QueueRow:
    async with hub.store() as store:
        return next(row for row in await store.queue() if row.partner == hub.scene.partner("soap"))


async def say(hub: House, stories: Sequence[Sequence[Said]]) -> None:
    """Every dossier's messages in their order, several dossiers at once."""
    gate = asyncio.Semaphore(8)

    async def one(story: Sequence[Said]) -> None:
        async with gate:
            for said in story:
                await hub.send(said)

    await asyncio.gather(*(one(story) for story in stories))


async def in_hand(hub: House, stop: asyncio.Event) -> list[tuple[float, int]]:
    """How many calls the partner had in hand and when, looked at again and again."""
    seen = []
    while not stop.is_set():
        held = len(await hub.held("land"))
        seen.append((time.monotonic(), held))
        await asyncio.sleep(0.01)
    return seen


async def test_a_partner_that_is_down_hears_little_and_then_everything_live_traffic_first(
    hub: House,
) -> None:
    stories = [story[:STEPS] for story in itertools.islice(hub.told, DOSSIERS + LIVE)]
    backlog, live = stories[:DOSSIERS], stories[DOSSIERS:]
    waiting = [said for story in backlog for said in story]
    await hub.order("land", kind="status", status=503, times=FOR_EVER)
    await say(hub, backlog)
    codes = {said.dossier for said in waiting}
    await until(lambda: len(hub.progress(*codes)) == len(waiting), 60, "the other partner has everything")

    before = await hub.calls("land")
    await asyncio.sleep(OUTAGE)
    during = await hub.calls("land") - before
    row = await queue_row(hub)
    assert (row.circuit_code, hub.land(*codes)) == ("HUB-PAR-003", [])
    assert set(row.counts) <= {"waiting", "in_doubt"}, "nothing was given up"
    assert sum(row.counts.values()) == len(waiting)
    assert before <= FAILURES + CONCURRENCY + 20, "at most what was out when it opened, and probes"
    assert during <= OUTAGE / FIRST_WAIT, "one probe for each wait"

    stop = asyncio.Event()
    looking = asyncio.create_task(in_hand(hub, stop))
    await hub.obey("land")
    await hub.order("land", kind="late", after=True, seconds=0.1, times=FOR_EVER)
    await until(lambda: len(hub.land(*codes)) > 0, 40, "the probe arrived")
    await say(hub, [story[:1] for story in live])
    fresh = {story[0].dossier for story in live}
    await until(lambda: len(hub.land(*fresh)) == LIVE, 20, "live traffic arrived")
    behind = len(waiting) - len(hub.land(*codes))
    stop.set()
    hands = await looking
    assert behind > len(waiting) / 3, "live traffic did not wait for the backlog"
    first = next(when for when, count in hands if count)
    begun = [count for when, count in hands if first <= when < first + AT_FIRST]
    assert max(begun) <= 2, "it begins with one and grows"
    assert CONCURRENCY / 2 < max(count for _, count in hands) <= CONCURRENCY

    await assert_arrived(hub, [*waiting, *(story[0] for story in live)], 60)
    assert (await queue_row(hub)).circuit == "closed"
    assert (await queue_row(hub)).window is None
    async with hub.store() as store:
        told = [one.what for one in await store.journal(limit=100_000) if one.what.startswith("circuit_")]
    assert told[:2] == ["circuit_open", "circuit_half_open"]
    assert told[-1] == "circuit_closed"
