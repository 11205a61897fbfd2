"""Who picks up at partners, and where what they picked up goes: the intake of a worker process."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from connectors import catalogue
from connectors.contract import Collector  # noqa: TC001 - msgspec reads the annotations at run time
from hub.delivery.failure import gave_way, parked
from hub.documents.bringing import Bringing
from hub.going_live.staging import Standing
from hub.intake.acceptance import Accepting
from hub.intake.intake import Bench, Intake
from hub.judging import desk
from hub.judging.contract import Inbound
from hub.judging.wrapping import KEY_HEADER
from hub.partners.partner import parties
from hub.processes import pool
from hub.rounds.collecting import Collecting, Stop
from hub.rounds.rounds import beside
from hub.routing import table as routes
from hub.routing.router import Router
from hub.wiring.declared import codecs
from hub.wiring.documents import unscanned
from hub.wiring.parts import new_ids, utc_now
from schemas import errors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from connectors.contract import Picked
    from hub.judging.contract import Answers, Meant
    from hub.metrics.counts import Counts
    from hub.processes.crew import Works
    from hub.receipts.receipts import Confirm
    from hub.store.contract.intake import Accepted
    from hub.store.contract.store import Store
    from hub.trust.state import Known
    from hub.wiring.declared import Declared


class Hands(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker already has: who judges, who is believed, who signs receipts, what is counted."""

    crew: Works
    known: Known
    confirm: Confirm
    counts: Counts
    name: str


@asynccontextmanager
async def collecting(store: Store, what: Declared, hands: Hands, door: Door) -> AsyncIterator[None]:
    """Pick up while the context lasts. Raises ``Refusal`` HUB-CFG-001 for a room's secrets that cannot be read."""
    stops: list[Stop] = []
    try:
        stops += [
            Stop(
                partner=partner.id,
                collector=collector(partner.room, partner.settings, what),
                every=told.every,
                limit=what.settings.limits.body,
                receipts=partner.receives is not None and partner.receives.acknowledges,
            )
            for partner, told in what.collected
        ]
        round_ = Collecting(
            store,
            stops,
            door.take,
            now=utc_now,
            holder=hands.name,
            catalogue=errors.load(),
            counts=hands.counts,
        )
        async with beside(round_.run()):
            yield
        await round_.end()
    finally:
        for stop in stops:
            await stop.collector.close()


def collector(room: str, settings: object, what: Declared) -> Collector:
    build = catalogue.ROOMS[room].collect
    if build is None:  # partner files are read against the same list
        raise TypeError(room)
    return build(settings, catalogue.Outfit(library=what.library, now=utc_now, seconds=time.monotonic))


class Door:
    """Takes in what was picked up, or answered, as the web process takes in what is brought."""

    def __init__(self, store: Store, what: Declared, hands: Hands) -> None:
        settings, self._new_id = what.settings, new_ids()
        standing = Standing(store.stages, parties(what.partners), what.agencies, store.catalogues)
        self._intake = Intake(
            store=store,
            bench=Bench(
                pool.judging(hands.crew, settings.limits.judge_time), processes=settings.workers.pool, batch=1
            ),
            decide=Accepting(
                router=router_of(what), parties=(), days=what.days, standing=standing, hub=settings.hub.code
            ),
            now=utc_now,
            confirm=hands.confirm,
            vouch=hands.known.vouch,
            wrapped=desk.wrapped(what.partners),
            refresh=standing.read,
            tell=partial(parked, codec_of=codecs(what).get, confirm=hands.confirm),
            yielded=partial(gave_way, codec_of=codecs(what).get, confirm=hands.confirm),
        )
        self._bringing = Bringing(
            documents=store.documents,
            new_id=self._new_id,
            limit=settings.limits.document,
            quota=settings.limits.unclaimed,
            expires=settings.documents.expires,
            unscanned=unscanned(what),
        )

    async def receive(self, inbound: Inbound, sender: str) -> Accepted:
        """Take in what another hub relays."""
        return await self._intake.receive(inbound, sender)

    async def take(self, partner: str, picked: Picked, meant: Meant | Answers | None = None) -> Accepted:
        now = utc_now()
        await self._bringing.bring(partner, picked.enclosed, now)
        key = {KEY_HEADER: picked.key} if picked.key else {}
        inbound = Inbound(
            message=self._new_id(),
            sender=partner,
            headers={"content-type": picked.media_type, **key},
            body=picked.body,
            received_at=now,
            meant=meant,
        )
        return await self._intake.receive(inbound, partner)


def router_of(what: Declared) -> Router:
    return Router(table=routes.load(what.agencies), agencies=what.agencies, procedures=what.procedures)
