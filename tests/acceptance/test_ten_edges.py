"""A province and ten districts, a week without lines, and lines that break while they come back: nothing is lost, doubled or out of order.

Every district works on with its own dossiers and, on some of them, against what the province says at the same time. ``CHANGES``: how
many things are said in that week (``make soak``: 10,000).
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from hub.lifecycle import State
from hub.store.contract.views import Filter
from hub.story import record, truth
from tests.doubles.proxy import Fault
from tests.integration.hubs import AT_PROVINCE, LAND, At, System, hubs, received, said, until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.integration.hubs import Hub

CHANGES = int(os.environ.get("CHANGES", "1000"))
DISTRICTS = {
    "tam_ky": "000.00.21.H47",
    "hoi_an": "000.00.22.H47",
    "dien_ban": "000.00.23.H47",
    "tay_giang": "000.00.24.H47",
    "dong_giang": "000.00.25.H47",
    "dai_loc": "000.00.26.H47",
    "que_son": "000.00.27.H47",
    "nam_giang": "000.00.29.H47",
    "phuoc_son": "000.00.30.H47",
    "hiep_duc": "000.00.31.H47",
}
OWN = ("received", "step", "suspended", "resumed", "finished")
"""A dossier that the district decides itself."""
PATIENCE = 60 + CHANGES / 15
BY_DISTRICT = "1.009998"
MBIT_2 = 2_000_000 / 8
DUE = "2099-12-31T10:00:00Z"
"""Nobody is to be told that something is late."""


def district(code: str) -> At:
    return At(code, (System("mot-cua", code, (code,)),), (code,))


class Week:
    """What is said while the lines are down: to whom, in which order."""

    def __init__(self, province: Hub, edges: Sequence[Hub]) -> None:
        self.province, self.edges = province, edges
        self.own: dict[str, tuple[Hub, list[str]]] = {}
        self.shared: dict[str, tuple[Hub, list[str]]] = {}

    async def before(self) -> None:
        """Two dossiers of each district are with the department of land at the province when the lines break."""
        for edge in self.edges:
            for _ in range(2):
                code = edge.code()
                await edge.say("mot-cua", received(code, due_at=DUE))
                await edge.say("mot-cua", said("transferred", code, to_agency=LAND))
                self.shared[code] = (edge, ["received", "transferred"])
        for code, (_, kinds) in self.shared.items():
            await self.province.knows(code, *kinds, seconds=PATIENCE)

    async def during(self, changes: int) -> None:
        """Both sides go on; of the shared dossiers both say something."""
        for code, (edge, kinds) in self.shared.items():
            await self.province.say("land", said("step", code))
            await edge.say("mot-cua", said("fee_due", code, {"fees": [{"code": "P", "amount": 10_000}]}))
            kinds += ["step", "fee_due"]
        rest = max(0, changes - 2 * len(self.shared)) // len(OWN)
        await asyncio.gather(*(self._alone(edge, rest // len(self.edges)) for edge in self.edges))

    async def _alone(self, edge: Hub, dossiers: int) -> None:
        codes = [edge.code() for _ in range(dossiers)]
        for kind in OWN:
            for code in codes:
                body = received(code, BY_DISTRICT, due_at=DUE) if kind == "received" else said(kind, code)
                await edge.say("mot-cua", body)
        self.own |= {code: (edge, list(OWN)) for code in codes}


def spoil(edges: Sequence[Hub], random_: random.Random) -> None:
    """Lines come back: each breaks a few times at a random byte; one is slow and far away, one stutters."""
    for number, edge in enumerate(edges):
        assert edge.line is not None
        cuts = [
            Fault(cut_up=random_.randint(1, 30_000), reset=random_.random() < 0.5)
            if random_.random() < 0.5
            else Fault(cut_down=random_.randint(1, 3_000), reset=random_.random() < 0.5)
            for _ in range(6)
        ]
        edge.line.fault(*cuts)
        slow = {0: Fault(bandwidth=MBIT_2, delay=1.0), 1: Fault(delay=0.2, jitter=0.2)}
        edge.line.faults(slow.get(number, Fault()))


async def all_settled(hub: Hub, partner: str) -> bool:
    waits = await hub.store.edges.waiting(partner)
    return not (waits.unsealed or waits.offered or waits.under_way)


async def truth_of(hub: Hub, code: str) -> str:
    found = await hub.dossier(code)
    return truth.digest(record.from_json(found.story)) if found else ""


@pytest.mark.timeout(PATIENCE * 4)
async def test_ten_districts_that_worked_alone_for_a_week_hold_what_the_province_holds(
    tmp_path: Path,
) -> None:
    made = {name: district(code) for name, code in DISTRICTS.items()}
    async with hubs(tmp_path, province=AT_PROVINCE, **made) as (province, *edges):
        week = Week(province, edges)
        await week.before()
        for edge in edges:
            assert edge.line is not None
            edge.line.faults(Fault(refuse=True))
            edge.line.cut()
        await week.during(CHANGES)
        for edge in edges:
            assert (await edge.store.edges.link("above")).error.startswith("HUB-NET-")

        began = time.monotonic()
        spoil(edges, random.Random(20170714))  # noqa: S311 - the same breaks each time
        for edge in edges:
            await until(
                lambda edge=edge: all_settled(edge, "above"),  # type: ignore[misc]
                PATIENCE,
                lambda edge=edge: f"{edge.name} still has something to send",  # type: ignore[misc]
            )
            partner = edge.name.replace("_", "-")
            await until(
                lambda partner=partner: all_settled(province, partner),  # type: ignore[misc]
                PATIENCE,
                lambda partner=partner: f"the province still has something for {partner}",  # type: ignore[misc]
            )
        print(f"{CHANGES} changes of ten districts in {time.monotonic() - began:.1f} s")  # noqa: T201 - shown with -s

        for code, (edge, kinds) in week.own.items():
            assert await province.kinds(code) == kinds == await edge.kinds(code)
        for code, (edge, kinds) in week.shared.items():
            here, there = await edge.kinds(code), await province.kinds(code)
            assert Counter(here) == Counter(there) == Counter(kinds)
            assert here[:2] == there[:2] == kinds[:2]
        for code, (edge, _) in (week.own | week.shared).items():
            assert await truth_of(edge, code) == await truth_of(province, code) != ""
        for hub in (province, *edges):
            assert await hub.store.conservation() == ()
            wrong = await hub.store.transfers(
                Filter(states=(State.REFUSED, State.PARKED, State.DEAD), limit=5)
            )
            assert wrong == ()
