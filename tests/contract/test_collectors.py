"""The one suite that every room passes that picks up: what lies at its partner becomes one message, whatever breaks between."""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import pytest

from connectors.catalogue import ROOMS
from connectors.contract import Picked, Taken
from hub.rounds.collecting import TURN
from tests.contract.collector import COLLECTORS, connected
from tests.contract.room import SECRET
from tests.doubles.storage import behind
from tests.integration.collecting_house import NOON, Cut, Worker, messages
from tests.integration.intake_house import LAND, house, parts, recipient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from connectors.contract import Collector
    from hub.intake.intake import Intake
    from hub.judging.contract import Answers, Meant
    from hub.store.contract.intake import Accepted
    from tests.contract.collector import CollectorUnderTest, Lying
    from tests.doubles.storage import Storage
    from tests.integration.intake_house import House, Parts

LATER = NOON + timedelta(seconds=2 * TURN)
"""When a turn of a process that died has run out."""


class Stage(NamedTuple):
    hub: House
    intake: Intake
    storage: Storage
    lying: Lying
    room: CollectorUnderTest

    @asynccontextmanager
    async def process(self, name: str = "w1") -> AsyncIterator[Worker]:
        async with self.collector() as collector:
            yield Worker(self.hub, self.intake, collector, name, self.room.partner)

    @asynccontextmanager
    async def collector(self) -> AsyncIterator[Collector]:
        made = connected(self.room, self.lying)
        try:
            yield made
        finally:
            await made.close()

    async def messages(self) -> int:
        return await messages(self.hub)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    folder = tmp_path_factory.mktemp("partners")
    (folder / "land.toml").write_text(recipient("land", LAND, "decides"))
    (folder / "unit.txt").write_text(SECRET)
    for room in COLLECTORS:
        (folder / f"{room.partner}.toml").write_text(room.file)
    return parts(folder)


@pytest.fixture(params=COLLECTORS, ids=lambda room: room.name)
async def stage(request: pytest.FixtureRequest, tmp_path: Path, made: Parts) -> AsyncIterator[Stage]:
    room: CollectorUnderTest = request.param
    kept: list[tuple[Intake, Storage]] = []

    def keep(intake: Intake) -> Intake:
        kept.append((intake, behind(intake)))
        return intake

    async with house(tmp_path, made, lambda: NOON, intake=keep) as hub, room.lying(hub, tmp_path) as lying:
        lying.offer()
        yield Stage(hub, *kept[0], lying, room)


def test_every_room_that_picks_up_is_in_this_suite() -> None:
    assert {name for name, room in ROOMS.items() if room.collect} == {each.room for each in COLLECTORS}


async def test_what_is_offered_twice_is_one_message_and_settled_twice(stage: Stage) -> None:
    async with stage.process() as one:
        for _ in "ab":
            assert await one.round() == 1, await one.trouble()
            assert not stage.lying.lies()
            assert await stage.messages() == 1
            stage.lying.offer()


async def test_a_process_that_dies_between_taking_and_settling_leaves_it_there_and_doubles_nothing(
    stage: Stage,
) -> None:
    async with stage.process("dies") as one:
        take = one.take

        async def died(partner: str, picked: Picked, _: Meant | Answers | None = None) -> Accepted:
            await take(partner, picked)
            raise Cut

        one.collecting._take = died
        with pytest.raises(Cut):
            await one.round()
    assert (await stage.messages(), stage.lying.lies()) == (1, True)
    async with stage.process("next") as other:
        other.now = LATER
        assert await other.round() == 1, await other.trouble()
    assert (await stage.messages(), stage.lying.lies()) == (1, False)


async def test_what_is_not_durable_is_not_settled(stage: Stage) -> None:
    async with stage.process() as one:
        for stage.storage.fails in ("before", "after"):
            assert await one.round() == 0
            assert stage.lying.lies()
            assert await one.trouble() == ("HUB-LIM-003",)
        stage.storage.fails = ""
        assert await one.round() == 1, await one.trouble()
    assert (await stage.messages(), stage.lying.lies()) == (1, False)


async def test_two_that_pick_it_up_at_once_settle_it_without_harm(stage: Stage) -> None:
    async with stage.collector() as one, stage.collector() as other:
        picked = [await offered(each) for each in (one, other)]
        assert picked[0] == picked[1]
        for collector, each in zip((one, other), picked, strict=True):
            assert await collector.settle(each, Taken(message="m")) is None
        assert not stage.lying.lies()


async def offered(collector: Collector) -> Picked:
    async with aclosing(collector.collect(1 << 20)) as found:
        (one,) = [each async for each in found]
    assert isinstance(one, Picked)
    return one
