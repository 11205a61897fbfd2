"""The hub to which the plan is told, and the half year: half-day by half-day, many dossiers at once, each in order.

    async with hub(tmp_path) as running:
        told = await tell(running, plan(20))

The hub's clock follows the plan: a message is accepted at the end of the half-day in which it is said.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import groupby
from time import monotonic
from typing import TYPE_CHECKING

import aiohttp

from connectors.catalogue import DESKS
from hub.intake.spool import Spool
from hub.settings.sections import Limits, Quota
from tests.integration.intake_house import house, parts
from tests.july.clerks import Clerks
from tests.july.days import VIETNAM
from tests.july.mailbox import box
from tests.july.partners import AGENCIES, write
from tests.july.telling import families

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from hub.ids import Ids
    from hub.store.contract.store import Store
    from tests.integration.intake_house import House
    from tests.july.facts import Case
    from tests.july.mailbox import Box
    from tests.july.plan import Plan
    from tests.july.telling import Act

TOGETHER = 24
NOON, EVENING = time(12, 30), time(20)
LIMITS = Limits(sender=Quota(backlog=None, in_flight=256))


@dataclass
class Clock:
    """The hub's clock. Only forwards."""

    at: datetime = datetime(2017, 1, 6, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def seconds(self) -> float:
        """What quotas go by: the same half year, and what passes meanwhile."""
        return self.at.timestamp() + monotonic()

    def move(self, to: datetime) -> None:
        self.at = max(self.at, to)


@dataclass
class Running:
    hub: House
    clerks: Clerks
    clock: Clock
    box: Box


@asynccontextmanager
async def hub(folder: Path, opens: Callable[[Ids], Store] | None = None) -> AsyncIterator[Running]:
    clock = Clock()
    made = parts(write(folder / "partners"))
    (folder / "spool").mkdir(exist_ok=True)
    more = {
        "desks": {
            "/soap": DESKS["soap"],
            "/lgsp": DESKS["lgsp"],
            "/dvcqg": DESKS["mapi"],
            "/cong": DESKS["portal"],
        },
        "operators": frozenset({"trung-tam"}),
        "speaks_for": AGENCIES,
        "calls": Spool(folder / "spool", memory=64 << 10, limit=256 << 10),
        "unknown": Spool(folder / "spool", memory=64 << 10, limit=256 << 10),
    }
    async with (
        house(folder, made, clock, limits=LIMITS, more=more, opens=opens, seconds=clock.seconds) as running,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=TOGETHER)) as session,
    ):
        clerks = Clerks(running.url, session, dict(made.formats))
        yield Running(running, clerks, clock, await box(running, clock))


async def tell(running: Running, cases: Iterable[Case]) -> None:
    """Tell everything that is said of these dossiers."""
    gate = asyncio.Semaphore(TOGETHER)
    for moment, group in half_days(families(cases)):
        running.clock.move(moment)
        running.clerks.sign_out()
        await asyncio.gather(*(_told(running.clerks, acts, gate) for acts in group))
        await running.box.empty(act for acts in group for act in acts)


async def _told(clerks: Clerks, acts: Sequence[Act], gate: asyncio.Semaphore) -> None:
    async with gate:
        for act in acts:
            await clerks.say(act)


def half_days(told: Sequence[Sequence[Act]]) -> Iterator[tuple[datetime, list[list[Act]]]]:
    """The half-days in their order; of each, what is said of each family of dossiers."""
    everything = [
        (ends(act.said), number, place, act)
        for number, acts in enumerate(told)
        for place, act in enumerate(acts)
    ]
    everything.sort(key=lambda one: one[:3])
    for moment, group in groupby(everything, key=lambda one: one[0]):
        yield (
            moment,
            [[act for *_, act in of] for _, of in groupby(group, key=lambda one: one[1])],
        )


def ends(moment: datetime) -> datetime:
    """The end of the half-day in which something is said."""
    here = moment.astimezone(VIETNAM)
    if here.time() < NOON:
        return datetime.combine(here.date(), NOON, VIETNAM)
    if here.time() < EVENING:
        return datetime.combine(here.date(), EVENING, VIETNAM)
    return datetime.combine(here.date() + timedelta(days=1), NOON, VIETNAM)


def everything(plan: Plan) -> tuple[Case, ...]:
    return (*plan.cases, *plan.others)
