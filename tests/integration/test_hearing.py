"""What a partner answers is a message of its own: durable before the question counts as answered, once, or told why not."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from connectors.contract import Delivered, Outcome, Picked, Reason, Refused, Unsure
from hub.delivery.decide import Policy
from hub.delivery.hearing import Hearing
from hub.ids import Ids
from hub.judging.contract import Inbound
from hub.lifecycle import State
from hub.metrics.counts import Counts
from schemas import errors
from schemas.problems import refuse
from tests.doubles.pki import Pki
from tests.integration import delivery_house
from tests.integration.delivery_house import Partner
from tests.integration.intake_house import house, partner_files, parts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from hub.intake.intake import Intake
    from hub.judging.contract import Answers, Meant
    from hub.store.contract.intake import Accepted
    from tests.integration.intake_house import House, Parts

NOON = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)
CATALOGUE = errors.load()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    folder = tmp_path_factory.mktemp("parts")
    return parts(partner_files(folder / "partners", Pki(folder, NOON)["seal-p256"].certificate_file))


class Ear:
    """A worker's part of it, over the house's store and intake."""

    def __init__(self, hub: House, intake: Intake) -> None:
        self.hub, self.intake, self.counts, self.busy = hub, intake, Counts(), False
        self.ids = Ids(NOON.timestamp, lambda count: b"\1" * count)
        self.hearing = Hearing(
            hub.store, self.take, now=lambda: NOON, catalogue=CATALOGUE, counts=self.counts
        )

    async def take(self, partner: str, picked: Picked, _: Meant | Answers | None = None) -> Accepted:
        if self.busy:
            raise refuse("HUB-LIM-003", rule="later")
        headers = {"content-type": picked.media_type, "idempotency-key": picked.key}
        inbound = Inbound(
            message=self.ids(), sender=partner, headers=headers, body=picked.body, received_at=NOON
        )
        return await self.intake.receive(inbound, partner)

    async def hears(self, outcome: Outcome) -> Outcome:
        async def call() -> Outcome:
            return outcome

        return await self.hearing("desk", call())

    async def messages(self) -> int:
        return sum(1 for row in await self.hub.store.journal() if row.what == "accepted")


@asynccontextmanager
async def ear(folder: Path, made: Parts) -> AsyncIterator[Ear]:
    kept: list[Intake] = []

    def keep(intake: Intake) -> Intake:
        kept.append(intake)
        return intake

    async with house(folder, made, lambda: NOON, intake=keep) as hub:
        yield Ear(hub, kept[0])


def answered(body: object, key: str = "q-1") -> Delivered:
    picked = Picked(id="a-1", body=json.dumps(body).encode(), media_type="application/json", key=key)
    return Delivered(reference="a-1", answer=picked)


async def test_an_answer_is_taken_in_once_and_then_the_question_is_answered(
    tmp_path: Path, made: Parts
) -> None:
    async with ear(tmp_path, made) as one:
        said = answered(one.hub.received())
        assert await one.hears(said) == Delivered(reference="a-1")
        assert await one.hears(said) == Delivered(reference="a-1")
        assert await one.messages() == 1


async def test_an_answer_that_is_refused_for_good_ends_the_question_and_is_noted(
    tmp_path: Path, made: Parts
) -> None:
    async with ear(tmp_path, made) as one:
        outcome = await one.hears(answered(one.hub.received("x")))
        assert isinstance(outcome, Refused)
        assert outcome.reason.code == "HUB-DOS-001"
        (noted,) = await one.hub.store.refused()
        assert (noted.sender, noted.code, noted.request) == ("desk", "HUB-DOS-001", "answer a-1")
        assert await one.messages() == 0


async def test_an_answer_that_cannot_be_taken_just_now_leaves_the_question_open(
    tmp_path: Path, made: Parts
) -> None:
    async with ear(tmp_path, made) as one:
        one.busy = True
        said = answered(one.hub.received())
        outcome = await one.hears(said)
        assert isinstance(outcome, Unsure)
        assert outcome.reason.code == "HUB-LIM-003"
        one.busy = False
        assert isinstance(await one.hears(said), Delivered)
        assert await one.messages() == 1


@pytest.mark.parametrize("outcome", [Delivered(reference="1"), Unsure(reason=Reason(code="HUB-PAR-002"))])
async def test_what_brings_no_answer_stays_what_it_is(tmp_path: Path, made: Parts, outcome: Outcome) -> None:
    async with ear(tmp_path, made) as one:
        assert await one.hears(outcome) is outcome


async def test_the_delivery_loop_settles_nothing_before_the_answer_is_durable(
    tmp_path: Path, made: Parts
) -> None:
    (tmp_path / "b").mkdir()
    async with ear(tmp_path, made) as one:
        policy = Policy(schedule=(0.02,) * 50, jitter=0, keeps_keys=True, ask_after=0.02)
        neighbour = Partner(answered(one.hub.received()), policy=policy)
        async with delivery_house.house(tmp_path / "b", neighbour=neighbour, desk=Partner()) as worker:
            await worker.accept("m1", "neighbour", dossier="d1")
            delivery = worker.worker(hear=one.hearing)
            one.busy = True
            async with worker.working(delivery):
                await worker.settled("m1.neighbour")
                assert (await worker.view("m1.neighbour")).state is State.IN_DOUBT
                assert await one.messages() == 0
                one.busy = False
                await worker.reaches("m1.neighbour", State.DELIVERED)
            assert await one.messages() == 1
