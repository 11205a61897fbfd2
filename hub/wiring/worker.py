"""A worker process."""

from __future__ import annotations

import random
import time
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from connectors import catalogue
from connectors.contract import Answers, Codec, Connector
from hub.delivery.answering import Answering
from hub.delivery.decide import Policy
from hub.delivery.delivery import Delivery
from hub.delivery.hearing import Hearing
from hub.delivery.remembering import Remembering
from hub.delivery.sealing import Pool
from hub.documents.links import Linking
from hub.going_live.staging import clear
from hub.metrics.counts import Counts
from hub.partners.partner import capacities, parties, windows
from hub.processes import pool
from hub.rounds.rounds import again, beside
from hub.rounds.upkeep import Pruner, ages_of
from hub.rounds.vigil import Vigil
from hub.rounds.watch import Watch
from hub.trust.state import EVERY, Known
from hub.wiring.collecting import Door, Hands, collecting, router_of
from hub.wiring.declared import codecs
from hub.wiring.documents import cared_for, desks
from hub.wiring.edges import boarded, edges_of
from hub.wiring.evidence import confirming, kept_evidence
from hub.wiring.having import having
from hub.wiring.hubs import exchanging, peers, relaying, synced
from hub.wiring.parts import link_secret, utc_now
from hub.wiring.publishing import publishing
from hub.wiring.replicas import giving_down, hub_code
from hub.wiring.timestamps import stamped
from hub.wiring.trust import inquiring, reply_rules_of, time_left
from hub.wiring.watching import OfPartners, process_name, watched
from schemas import errors
from signing import bindings

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from hub.partners.declaration import Receives
    from hub.partners.partner import Partner
    from hub.processes.crew import Works
    from hub.settings.sections import Retention
    from hub.store.contract.store import Store
    from hub.wiring.declared import Declared
    from hub.wiring.having import Having


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One partner as the delivery loop needs it (``hub.delivery.delivery.Route``)."""

    connector: Connector
    codec: Codec
    policy: Policy


@asynccontextmanager
async def open_worker(
    path: Path, *, shown: socket.socket | None = None, within: Having | None = None
) -> AsyncIterator[Delivery]:
    """Build a worker process. ``shown``: where it answers with the hub's figures; ``within``: a process that has everything."""
    held = within or having(path)
    what, store, crew = held.what, held.store, held.crew
    settings = what.settings
    known = Known(store.trust, reply_rules_of(what))
    speak = codecs(what)
    lines = {
        partner.id: Line(
            connector=connect(partner, receives, what, crew, known),
            codec=speak[partner.id],
            policy=_policy(receives, fetches=partner.fetches),
        )
        for partner, receives in what.receiving
    }
    confirm = confirming(settings, known.barred)
    vigil = Vigil(store=store, routes=lines, codec_of=speak.get, now=utc_now, confirm=confirm)
    closing = AsyncExitStack()
    try:
        await store.capacities(capacities(what.partners))
        name, counts = process_name(), Counts()
        speaks = {id_: codec for id_, codec in speak.items() if isinstance(codec, Answers)}
        sealing = Answering(
            Remembering(
                relaying(
                    Pool(pool.sealing_in(crew, settings.limits.judge_time, known.barred)), store, what, speak
                ),
                store.said,
            ),
            store,
            answers=frozenset(id_ for id_, codec in speaks.items() if codec.answers),
            recalls=frozenset(id_ for id_, codec in speaks.items() if codec.recalls),
        )
        stamping = await closing.enter_async_context(stamped(what, sealing))
        await known.read()  # before anything is signed
        await clear(store.stages, parties(what.partners), what.agencies, router_of(what), utc_now())
        hands = Hands(crew=crew, known=known, confirm=confirm, counts=counts, name=name)
        door = Door(store, what, hands)
        exchanges = exchanging(
            store,
            peers(what, known.barred),
            door.receive,
            codec_of=speak.get,
            confirm=confirm,
            counts=counts,
        )
        delivery = Delivery(
            name=name,
            store=store,
            sealery=Linking(
                stamping,
                store.documents,
                desks(what),
                link_secret(settings),
                hubs=frozenset(each.id for each in what.partners if each.party.hub),
                want=partial(_want, store),
            ),
            routes=lines,
            codec_of=speak.get,
            now=utc_now,
            uniform=random.SystemRandom().uniform,
            windows=lambda now: windows(what.partners, what.days, now),
            hand=settings.workers.hand,
            lease=settings.lease,
            counts=counts,
            confirm=confirm,
            hear=Hearing(store, door.take, now=utc_now, catalogue=errors.load(), counts=counts),
        )
        watch = Watch(store, name, utc_now)
        async with (
            watched(
                settings,
                store,
                "worker",
                counts,
                lambda: {"transfers": delivery.in_hand},
                shown,
                OfPartners(
                    left=time_left(what, known),
                    collected=[partner.id for partner, _ in what.collected],
                    edges=partial(boarded, store, edges_of(what.partners), hub_code(settings)),
                ),
            ),
            beside(watch.run()),
            beside(again(EVERY, known.read, "trust")),
            beside(_pruner(store, settings.retention, name).run()),
            beside(vigil.run()),
            beside(publishing(store, what, speak).run()),
            giving_down(store, what, exchanges.peers.sign, name),
            kept_evidence(store, settings, name),
            inquiring(store, what, name),
            cared_for(store.documents, what, path),
            collecting(store, what, hands, door),
            synced(store, what, exchanges, door.receive, name),
        ):
            yield delivery
        await watch.end()
    finally:
        await closing.aclose()
        for line in lines.values():
            await line.connector.close()
        if within is None:
            await held.close()


async def _want(store: Store, messages: Sequence[str]) -> None:
    await store.documents.want(messages, utc_now())


def _pruner(store: Store, retention: Retention, name: str) -> Pruner:
    return Pruner(store, ages_of(retention), now=utc_now, holder=name, every=retention.every)


def connect(partner: Partner, receives: Receives, what: Declared, crew: Works, known: Known) -> Connector:
    room = catalogue.ROOMS[partner.room]
    seal = receives.signature
    wraps = pool.Wraps(
        partner.id,
        signs=seal is not None and bindings.per_attempt(seal.profile),
        checks=receives.reply_signature is not None,
        barred=known.barred,
        vouch=known.vouch,
    )
    outfit = catalogue.Outfit(
        library=what.library,
        now=utc_now,
        seconds=time.monotonic,
        envelopes=pool.Envelopes(crew, wraps, utc_now, what.settings.limits.judge_time)
        if wraps.signs or wraps.checks
        else None,
    )
    return room.connect(partner.settings, receives.replies, outfit)


def _policy(receives: Receives, *, fetches: bool) -> Policy:
    return Policy(
        schedule=receives.schedule,
        jitter=receives.jitter,
        can_be_asked=receives.can_be_asked,
        keeps_keys=receives.keeps_keys,
        ask_after=receives.ask_after,
        receipt_within=receives.receipt_within if receives.acknowledges else None,
        fetches=fetches,
    )
