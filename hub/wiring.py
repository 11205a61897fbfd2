"""The composition root: everything is built here, once, from the settings file. Nothing else names a room or a store."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from connectors import catalogue
from hub import desk, partners, pool, routing
from hub import settings as settings_file
from hub.acceptance import Accepting
from hub.api import app as api
from hub.api.admission import Admission
from hub.api.desk import Caller, Deps
from hub.decide import Policy
from hub.delivery import Delivery
from hub.ids import Ids
from hub.intake import Bench, Intake
from hub.sealing import Pool, SignsBody, SignsXml, Unsigned, Workbench
from hub.spool import Spool
from hub.store.sqlite.store import open_store
from hub.store.vault import KEY_BYTES, Vault
from schemas import errors, mapping
from schemas.agencies import Agencies
from schemas.library import BUILTIN, Library
from schemas.problems import Refusal
from schemas.procedures import Procedures
from signing.jws import DetachedSigner
from signing.keys import KeyRing, KeySource
from signing.profiles import Reference, XmlProfile
from signing.xml import EnvelopedSigner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from fastapi import FastAPI

    from connectors.contract import Codec, Connector, Sealer
    from hub.judge import Desk
    from hub.partners import Partner, Receives
    from hub.settings import Settings
    from hub.store.contract import Store
    from schemas.problems import Problem

MAPPINGS = Path(mapping.__file__).parent / "mappings"


def utc_now() -> datetime:
    """Return the wall clock in UTC: the one clock of the hub, handed to everything that needs one."""
    return datetime.now(UTC)


def new_ids() -> Ids:
    return Ids(time.time, os.urandom)


# --- what is declared ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Declared:
    """The settings with everything that they name, read and checked. Picklable parts only; no keys, no connections."""

    settings: Settings
    partners: tuple[Partner, ...]
    library: Library
    formats: Mapping[str, mapping.Mapping]
    agencies: Agencies
    procedures: Procedures

    @property
    def receiving(self) -> tuple[tuple[Partner, Receives], ...]:
        return tuple((partner, partner.receives) for partner in self.partners if partner.receives)


def declared(path: Path) -> Declared:
    """Read settings, mappings, registries and partner files. Raises ``Refusal`` HUB-CFG-* with all that is wrong."""
    settings = settings_file.load(path)
    library = Library((BUILTIN,))
    formats = mapping.mappings(MAPPINGS, library)
    if settings.mappings:
        formats = {**formats, **mapping.mappings(settings.mappings, library)}
    agencies = Agencies.load()
    read = partners.load(settings.partners, _world(settings, formats, agencies))
    return Declared(settings, read, library, formats, agencies, Procedures.load(agencies))


def _world(settings: Settings, formats: Mapping[str, mapping.Mapping], agencies: Agencies) -> partners.World:
    return partners.World(
        rooms={kind: room.settings for kind, room in catalogue.ROOMS.items()},
        mappings=frozenset(formats),
        keys=frozenset(settings.keys),
        agency=lambda code: agencies.known(code) is not None,
    )


def check_partner(path: Path, file: Path) -> Sequence[Problem]:
    """Say what is wrong with one partner file, as it stands beside these settings."""
    settings = settings_file.load(path)
    formats = mapping.mappings(MAPPINGS, Library((BUILTIN,)))
    if settings.mappings:
        formats = {**formats, **mapping.mappings(settings.mappings, Library((BUILTIN,)))}
    try:
        partners.read(file, _world(settings, formats, Agencies.load()))
    except Refusal as refusal:
        return refusal.problems
    return ()


def codecs(what: Declared) -> dict[str, Codec]:
    return {
        partner.id: catalogue.ROOMS[partner.room].build(partner.settings, what.formats[receives.mapping])
        for partner, receives in what.receiving
    }


# --- in the pool --------------------------------------------------------------------------------------------------


def pool_tools(path: str) -> tuple[Desk, Workbench]:
    """Build what a pool process works with: the desk for judging, the workbench for sealing. Keys are loaded here."""
    what = declared(Path(path))
    speak = codecs(what)
    judging = desk.set_up(
        what.partners,
        formats=what.formats,
        codecs=speak,
        agencies=what.agencies,
        procedures=what.procedures,
        limit=what.settings.limits.body,
    )
    ring = KeyRing(_sources(what.settings))
    return judging, Workbench(
        codecs=speak, sealers={partner.id: _sealer(receives, ring) for partner, receives in what.receiving}
    )


def _sources(settings: Settings) -> list[KeySource]:
    return [
        KeySource(
            name=name,
            file=str(key.file),
            certificate=str(key.certificate or ""),
            password_file=str(key.password_file or ""),
        )
        for name, key in settings.keys.items()
    ]


def _sealer(receives: Receives, ring: KeyRing) -> Sealer:
    seal = receives.signature
    if seal is None:
        return Unsigned()
    if seal.binding == "jws-detached":
        return SignsBody(DetachedSigner(ring[seal.key]), seal.header, utc_now)
    by_id = seal.reference == "id"
    profile = XmlProfile(reference=Reference.ID if by_id else Reference.DOCUMENT)
    return SignsXml(EnvelopedSigner(ring[seal.key], profile), by_id=by_id)


# --- the processes ------------------------------------------------------------------------------------------------


def _master_key(settings: Settings) -> bytes:
    """Return the key that wraps the dossiers' keys; made on first use, readable by the hub's own user only."""
    path = settings.data / "master.key"
    settings.data.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        fresh = path.with_suffix(f".{os.getpid()}")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        try:
            os.write(handle, os.urandom(KEY_BYTES))
            os.fsync(handle)
            os.link(fresh, path)
        finally:
            os.close(handle)
            fresh.unlink()
    return path.read_bytes()


def _store(settings: Settings) -> Store:
    vault = Vault(_master_key(settings), os.urandom)
    return open_store(settings.data / "hub.db", ids=new_ids(), vault=vault)


@asynccontextmanager
async def open_reader(path: Path) -> AsyncIterator[tuple[Store, tuple[Partner, ...], Settings]]:
    """Open the store for the command line, with the partners and settings beside it."""
    what = declared(path)
    store = _store(what.settings)
    try:
        yield store, what.partners, what.settings
    finally:
        await store.close()


@asynccontextmanager
async def open_web(path: Path) -> AsyncIterator[tuple[FastAPI, Settings]]:
    """Build the web process."""
    what = declared(path)
    settings, new_id = what.settings, new_ids()
    store = _store(settings)
    processes = settings.workers.pool
    executor = pool.executor(pool_tools, str(path), processes)
    bench = Bench(executor, pool.judge, processes=processes, batch=settings.limits.batch)
    router = routing.Router(
        table=routing.load(what.agencies), agencies=what.agencies, procedures=what.procedures
    )
    parties = routing.roster(partners.parties(what.partners), what.agencies)
    spool = Spool(settings.data / "spool", memory=settings.limits.memory, limit=settings.limits.body)
    spool.sweep()

    async def ready() -> list[str]:
        return [] if await bench.alive() else ["pool"]

    try:
        await store.capacities(partners.capacities(what.partners))
        yield (
            api.build(
                Deps(
                    intake=Intake(
                        store=store,
                        bench=bench,
                        decide=Accepting(router=router, parties=parties, new_id=new_id),
                        now=utc_now,
                    ),
                    store=store,
                    callers=_callers(what),
                    spool=spool,
                    admission=Admission(
                        in_flight=settings.limits.in_flight, per_sender=settings.limits.per_sender
                    ),
                    catalogue=errors.load(),
                    limits=settings.limits,
                    ready=ready,
                    now=utc_now,
                    new_id=new_id,
                    language=settings.language,
                    base=settings.public_url,
                )
            ),
            settings,
        )
    finally:
        executor.shutdown(cancel_futures=True)
        await store.close()


def _callers(what: Declared) -> tuple[Caller, ...]:
    return tuple(
        Caller(
            id=partner.id,
            api_keys=desk.hashes(sends),
            authority=sends.authority,
            header=sends.signature.header.lower() if sends.signature else "",
        )
        for partner in what.partners
        if (sends := partner.sends)
    )


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One partner as the delivery loop needs it (``hub.delivery.Route``)."""

    connector: Connector
    codec: Codec
    policy: Policy


@asynccontextmanager
async def open_worker(path: Path) -> AsyncIterator[Delivery]:
    """Build a worker process."""
    what = declared(path)
    settings = what.settings
    store = _store(settings)
    executor = pool.executor(pool_tools, str(path), settings.workers.pool)
    speak = codecs(what)
    lines = {
        partner.id: Line(
            connector=_connect(partner, receives, what), codec=speak[partner.id], policy=_policy(receives)
        )
        for partner, receives in what.receiving
    }
    try:
        await store.capacities(partners.capacities(what.partners))
        yield Delivery(
            name=f"{socket.gethostname()}-{os.getpid()}",
            store=store,
            sealery=Pool(executor, pool.seal),
            routes=lines,
            codec_of=speak.get,
            now=utc_now,
            new_id=new_ids(),
            uniform=random.SystemRandom().uniform,
            lease=settings.lease,
        )
    finally:
        for line in lines.values():
            await line.connector.close()
        executor.shutdown(cancel_futures=True)
        await store.close()


def _connect(partner: Partner, receives: Receives, what: Declared) -> Connector:
    room = catalogue.ROOMS[partner.room]
    outfit = catalogue.Outfit(library=what.library, now=utc_now, seconds=time.monotonic)
    return room.connect(partner.settings, receives.replies, outfit)


def _policy(receives: Receives) -> Policy:
    return Policy(
        schedule=receives.schedule,
        jitter=receives.jitter,
        can_be_asked=receives.can_be_asked,
        keeps_keys=receives.keeps_keys,
        ask_after=receives.ask_after,
    )
