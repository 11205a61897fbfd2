"""The department without a system: a worker lays out what is for it, an officer's tool takes each letter and says that it has it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from hub.delivery.decide import Policy
from hub.delivery.delivery import Delivery
from hub.delivery.sealing import Pool, Unsigned, Workbench, seal
from hub.partners.partner import capacities
from tests.integration.delivery_house import Partner
from tests.july.partners import HEARD, OFFICE, key_of
from tests.july.places import JUSTICE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence
    from datetime import datetime

    from connectors.contract import Sealed
    from hub.delivery.sealing import Order
    from schemas.problems import Problem
    from tests.integration.intake_house import House
    from tests.july.telling import Act

PATIENCE = 30.0


class Box:
    """``taken``: letters that were fetched and acknowledged."""

    def __init__(self, hub: House, worker: Callable[[], Delivery]) -> None:
        self._hub, self._worker = hub, worker
        self.taken = 0

    async def empty(self, told: Iterable[Act]) -> None:
        """Take what follows from this half-day's acts. Raises ``TimeoutError`` when it does not come."""
        wanted = self.taken + sum(map(_is_for_the_office, told))
        if wanted == self.taken:
            return
        async with asyncio.timeout(PATIENCE), at_work(self._worker()):
            while self.taken < wanted:
                for letter in (await self._call("GET", ""))["letters"]:
                    await self._take(letter)
                await asyncio.sleep(0.005)

    async def _take(self, letter: dict[str, Any]) -> None:
        there = f"/{letter['transfer']}"
        await self._call("GET", there)
        answer = await self._call("POST", f"{there}/acknowledgement", {"digest": letter["digest"]})
        assert answer["state"] == "acknowledged", answer
        self.taken += 1

    async def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {key_of(OFFICE)}"}
        url = f"{self._hub.url}/v1/mailbox{path}"
        async with self._hub.session.request(method, url, json=body, headers=headers) as got:
            assert got.status == 200, (path, await got.read())
            found: dict[str, Any] = await got.json(content_type=None)
            return found


def _is_for_the_office(act: Act) -> bool:
    return act.case.unit == JUSTICE and act.kind in HEARD and not act.again


@asynccontextmanager
async def at_work(worker: Delivery) -> AsyncIterator[None]:
    """While the clock stands: a worker whose clock jumps has lost what it holds."""
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    try:
        yield
    finally:
        stop.set()
        await running


async def box(hub: House, now: Callable[[], datetime]) -> Box:
    """Workers seal as the hub does; nobody else is called."""
    await hub.store.capacities([one for one in capacities(hub.parts.partners) if one.partner == OFFICE])
    bench = Workbench(codecs=hub.parts.codecs, sealers=dict.fromkeys(hub.parts.codecs, Unsigned()))

    async def run(orders: Sequence[Order]) -> list[Sealed | Problem]:
        return [seal(bench, order) for order in orders]

    def worker() -> Delivery:
        return Delivery(
            name="w",
            store=hub.store,
            sealery=Pool(run),
            routes={
                OFFICE: Partner(policy=Policy(schedule=(), fetches=True)),
                **{name: Partner() for name in hub.parts.codecs if name != OFFICE},
            },
            codec_of=hub.parts.codecs.get,
            now=now,
            uniform=lambda low, _: low,
        )

    return Box(hub, worker)
