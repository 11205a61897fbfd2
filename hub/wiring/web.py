"""The web process."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from connectors.catalogue import DESKS
from hub.api import app as api
from hub.api import problems, uses
from hub.api.acknowledging import Acknowledging, bringers, signed_receipts
from hub.api.admission import Admission, Watermark
from hub.api.carrying import Carrying
from hub.api.desk import Deps, Registries
from hub.api.door import Bounds, whole
from hub.api.downloads import Downloader
from hub.api.owners import Owners, owners
from hub.api.quotas import Quotas
from hub.delivery.failure import gave_way, parked
from hub.edges.pinning import EVERY as PINS_EVERY
from hub.edges.pinning import Pinning
from hub.going_live.staging import READ_EVERY as STAGES_EVERY
from hub.going_live.staging import Standing
from hub.intake.acceptance import Accepting
from hub.intake.intake import Bench, Intake
from hub.intake.refusals import EVERY, Refusals
from hub.intake.spool import Spool
from hub.judging import desk
from hub.metrics.counts import Counts
from hub.partners.partner import capacities, paces, parties, quotas
from hub.processes import pool
from hub.registries.records import Records
from hub.rounds.rounds import again, beside, counting
from hub.routing import table as routes
from hub.routing.router import Router
from hub.trust.state import EVERY as READ_EVERY
from hub.trust.state import Known
from hub.wiring.callers import doors, senders
from hub.wiring.console import console
from hub.wiring.coverage import covered
from hub.wiring.declared import code_lists_of, codecs
from hub.wiring.documents import unscanned
from hub.wiring.edges import boarded, edges_of
from hub.wiring.enrolment import enrolling_of
from hub.wiring.evidence import confirming
from hub.wiring.having import having
from hub.wiring.hubs import below, exchanging, peers
from hub.wiring.parts import new_ids, store_of, utc_now
from hub.wiring.replicas import hub_code
from hub.wiring.room import ASK_EVERY, Room
from hub.wiring.trust import rules_of, time_left
from hub.wiring.watching import OfPartners, watched
from schemas import errors
from schemas.codelists import CodeLists
from schemas.problems import Problem

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from hub.api.edge import Edge
    from hub.settings.file import Settings
    from hub.store.contract.store import Store
    from hub.wiring.declared import Declared
    from hub.wiring.having import Having


SHARE_EVERY = 1.0
"""Seconds between two times that a web process tells the others what it let in."""


@asynccontextmanager
async def open_web(
    path: Path,
    *,
    store_of: Callable[[Settings], Store] = store_of,
    shown: socket.socket | None = None,
    within: Having | None = None,
) -> AsyncIterator[tuple[Edge, Settings]]:
    """Build the web process. ``store_of`` opens its store; ``shown``: where it answers with the hub's figures; ``within``: a
    process that has everything.
    """
    held = within or having(path, store_of)
    what, store = held.what, held.store
    settings, new_id = what.settings, new_ids()
    bench = Bench(
        pool.judging(held.crew, settings.limits.judge_time),
        processes=held.hands,
        batch=settings.limits.batch,
    )
    lists = code_lists_of(settings) if settings.desks.mapi else CodeLists({})  # nobody else asks for them
    router = Router(table=routes.load(what.agencies), agencies=what.agencies, procedures=what.procedures)
    standing = Standing(store.stages, parties(what.partners), what.agencies, store.catalogues)
    spool_folder = settings.data / "spool"
    spool = Spool(spool_folder, memory=settings.limits.memory, limit=settings.limits.body)
    spool.sweep()
    shares = Quotas(
        quotas(what.partners, settings.limits.sender),
        paces(what.partners, settings.limits.receiver),
        seconds=time.monotonic,
        now=utc_now,
        retry_after=settings.limits.retry_after,
    )

    async def ready() -> list[str]:
        return [] if await bench.alive() else ["pool"]

    counts, refusals = Counts(), Refusals(store)
    trust = Known(store.trust, rules_of(what))
    room = Room(settings, store)
    watermark = _watermark(settings, room)
    admission = Admission(settings.limits, shares, watermark)

    of_partners = OfPartners(
        left=time_left(what, trust),
        collected=[partner.id for partner, _ in what.collected],
        edges=partial(boarded, store, edges_of(what.partners), hub_code(settings)),
    )

    def gauges() -> dict[str, float]:
        requests, octets = admission.busy
        judging, waiting = bench.busy
        return {"requests": requests, "bytes": octets, "judging": judging, "waiting": waiting}

    try:
        await store.capacities(capacities(what.partners))
        await room.ask()
        await trust.read()
        await standing.read()
        calling = doors(what.partners, settings.documents.proxies, store.access, vouch=trust.vouch)
        intake = Intake(
            store=store,
            bench=bench,
            decide=Accepting(
                router=router, parties=(), days=what.days, standing=standing, hub=settings.hub.code
            ),
            now=utc_now,
            confirm=confirming(settings, trust.barred),
            vouch=trust.vouch,
            wrapped=desk.wrapped(what.partners),
            refresh=standing.read,
            tell=partial(parked, codec_of=codecs(what).get, confirm=confirming(settings, trust.barred)),
            yielded=partial(gave_way, codec_of=codecs(what).get, confirm=confirming(settings, trust.barred)),
        )
        pinning = Pinning(store.enrolments)
        await pinning.read()
        exchanges = exchanging(
            store,
            peers(what, trust.barred, pinning),
            intake.receive,
            codec_of=codecs(what).get,
            confirm=confirming(settings, trust.barred),
            counts=counts,
        )
        app = api.build(
            Deps(
                intake=intake,
                enrolling=enrolling_of(store, what, trust.barred),
                enrolled=pinning.read,
                below=below(store, what, exchanges, intake.receive),
                store=store,
                callers=calling.callers,
                tokens=calling.tokens,
                claims=calling.claims,
                senders=senders(what.partners),
                spool=spool,
                admission=admission,
                acknowledging=Acknowledging(
                    calling.callers,
                    bringers(what.partners),
                    store,
                    utc_now,
                    shares,
                    body_time=settings.limits.body_time,
                    signed=signed_receipts(what.partners),
                    vouch=trust.vouch,
                ),
                quotas=shares,
                refusals=refusals,
                carrying=Carrying(settings.limits, watermark),
                catalogue=errors.load(),
                limits=settings.limits,
                ready=ready,
                now=utc_now,
                new_id=new_id,
                counts=counts,
                language=settings.language,
                base=settings.public_url,
                keeping=settings.documents,
                unscanned=unscanned(what),
                downloaders=_downloaders(what),
                desks={path: DESKS[name] for path, name in settings.desks.mounted.items()},
                calls=Spool(spool_folder, memory=settings.limits.memory, limit=settings.desks.call),
                registries=Registries(
                    agencies=what.agencies,
                    procedures=what.procedures,
                    lists=lists,
                    records=Records.load(settings.registries),
                ),
                unknown=Spool(spool_folder, memory=settings.limits.memory, limit=settings.desks.unknown),
                console=console(
                    what.partners,
                    store.people,
                    Spool(spool_folder, memory=settings.limits.memory, limit=settings.console.upload),
                    settings.console,
                ),
                operators=frozenset(each.id for each in what.partners if each.access.operator),
                covered=partial(covered, store, what),
                speaks_for={each.id: each.agency for each in what.partners},
                edges=partial(boarded, store, edges_of(what.partners), hub_code(settings)),
                mailboxes=Owners(
                    partners=owners(what.partners),
                    codec_of=codecs(what).get,
                    confirm=confirming(settings, trust.barred),
                ),
            )
        )
        async with (
            watched(settings, store, "web", counts, gauges, shown, of_partners),
            counting(SHARE_EVERY, lambda: shares.sync(store.use), "quotas"),
            counting(EVERY, refusals.write, "refusals"),
            beside(again(ASK_EVERY, room.ask, "room")),
            beside(again(READ_EVERY, trust.read, "trust")),
            beside(again(PINS_EVERY, pinning.read, "pins")),
            beside(again(STAGES_EVERY, standing.read, "stages")),
            counting(uses.EVERY, lambda: calling.uses.write(store.access), "uses"),
        ):
            yield app, settings
    finally:
        if within is None:
            await held.close()


def bounds_of(settings: Settings) -> Bounds:
    """What one connection may cost, and what a connection without a place hears."""
    limits = settings.limits
    told = problems.document(
        [Problem(code="HUB-LIM-003", rule=f"connections: at most {limits.connections}")],
        catalogue=errors.load(),
        say=settings.language,
        base=settings.public_url,
        instance="",
        request="",
        retry_after=limits.retry_after,
    )
    return Bounds(
        head=limits.head,
        headers=limits.headers,
        head_time=limits.head_time,
        idle=limits.idle,
        answer_time=limits.answer_time,
        connections=limits.connections,
        requests=limits.requests,
        full=whole(problems.answer(told)),
    )


def _watermark(settings: Settings, room: Room) -> Watermark:
    limits = settings.limits
    return Watermark(room, time.monotonic, free=limits.disk_free, database=limits.database or 0)


def _downloaders(what: Declared) -> dict[str, Downloader]:
    return {
        partner.id: Downloader(
            id=partner.id,
            path=receives.documents.path,
            addresses=receives.documents.addresses,
            known=receives.documents.api_key,
            certificates=tuple(each.removeprefix("sha256:") for each in receives.documents.certificates),
        )
        for partner, receives in what.receiving
    }
