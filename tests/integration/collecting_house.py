"""A worker process's part of picking up, over a house's store and intake (``tests.integration.intake_house``)."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hub.documents.bringing import Bringing
from hub.documents.contract import Safety
from hub.ids import Ids
from hub.judging.contract import Inbound
from hub.metrics.counts import Counts
from hub.rounds.collecting import Collecting, Stop, chore
from schemas import errors

if TYPE_CHECKING:
    from connectors.contract import Collector, Picked
    from hub.intake.intake import Intake
    from hub.judging.contract import Answers, Meant
    from hub.store.contract.intake import Accepted
    from tests.integration.intake_house import House

NOON = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)
CATALOGUE = errors.load()


class Cut(BaseException):
    """The process dies here."""


class Worker:
    """``name``: of the process; ``partner``: whose ``collector`` it is."""

    def __init__(
        self, hub: House, intake: Intake, collector: Collector, name: str = "w1", partner: str = "desk"
    ) -> None:
        self.hub, self.intake, self.now = hub, intake, NOON
        self.counts = Counts()
        self.stop = Stop(partner=partner, collector=collector, every=60.0, limit=1 << 20)
        self.ids = Ids(NOON.timestamp, random.Random(name).randbytes)  # noqa: S311 - numbers that repeat, not secrets
        self.collecting = Collecting(
            hub.store,
            [self.stop],
            self.take,
            now=lambda: self.now,
            holder=name,
            catalogue=CATALOGUE,
            counts=self.counts,
        )
        self.bringing = Bringing(
            documents=hub.store.documents,
            new_id=self.ids,
            limit=1 << 20,
            quota=1 << 30,
            expires=3600.0,
            unscanned=Safety.CLEAN,
        )

    async def take(self, partner: str, picked: Picked, meant: Meant | Answers | None = None) -> Accepted:
        await self.bringing.bring(partner, picked.enclosed, self.now)
        headers = {"content-type": picked.media_type, "idempotency-key": picked.key}
        inbound = Inbound(
            message=self.ids(),
            sender=partner,
            headers=headers,
            body=picked.body,
            received_at=self.now,
            meant=meant,
        )
        return await self.intake.receive(inbound, partner)

    async def round(self) -> int | None:
        return await self.collecting.round(self.stop)

    async def trouble(self) -> tuple[str, ...]:
        said = await self.hub.store.verdict(chore(self.stop.partner))
        assert said is not None
        return said.broken


async def messages(hub: House) -> int:
    return sum(1 for row in await hub.store.journal() if row.what == "accepted")
