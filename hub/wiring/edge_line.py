"""One command's own side of a line: a round now, a file to carry, how it stands."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from connectors.edge.calling import Trouble
from connectors.edge.settings import Settings as EdgeRoom
from hub.edges.carrying import Carrying
from hub.edges.pinning import Pinning
from hub.edges.standing import Reached, Standing
from hub.metrics.counts import Counts
from hub.processes import pool
from hub.processes.thread import Thread
from hub.replicating import laying
from hub.rounds.syncing import Syncing  # noqa: TC001 - msgspec reads the annotations at run time
from hub.settings import replica
from hub.store.sqlite.connection import SMALL
from hub.trust.state import Known
from hub.wiring.collecting import Door, Hands
from hub.wiring.declared import codecs, declared
from hub.wiring.evidence import confirming
from hub.wiring.hubs import calling, exchanging, line, peers
from hub.wiring.own_keys import own_key
from hub.wiring.parts import store_of
from hub.wiring.renewal import renewing
from hub.wiring.tools import tools_by
from hub.wiring.trust import reply_rules_of
from hub.wiring.watching import process_name
from schemas.problems import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime
    from pathlib import Path

    from hub.edges.peers import Peers
    from hub.reconciling.asking import Post
    from hub.settings.file import Settings
    from hub.store.contract.store import Store
    from hub.wiring.declared import Declared

CONNECT = 5.0
"""Seconds that a connection may take before it counts as none."""


class Side(msgspec.Struct, frozen=True):
    """``syncing``: ``None`` where there is no hub above."""

    peers: Peers
    carrying: Carrying
    syncing: Syncing | None

    def to(self, partner: str) -> Post:
        """Return how this hub asks a partner over the line. Raises ``Refusal`` HUB-RCN-006 for any but the hub above."""
        syncing, above = self.syncing, self.peers.above
        if syncing is None or above is None or above.partner != partner:
            raise refuse("HUB-RCN-006", partner, rule="the hub above")

        async def post(path: str, body: bytes) -> bytes:
            answer = await syncing.ask(path, body)
            if isinstance(answer, Trouble):
                raise refuse("HUB-RCN-006", path, detail=f"{answer.code} {answer.detail}".strip())
            return answer.body

        return post


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Side]:
    """Open what a command needs, beside the hub's own processes. Raises ``Refusal`` HUB-CFG-*, HUB-STO-*."""
    what = declared(path)
    store = store_of(what.settings, SMALL)
    crew = Thread(pool.answering(*tools_by(what)))
    try:
        known, pinning = Known(store.trust, reply_rules_of(what)), Pinning(store.enrolments)
        await known.read()
        await pinning.read()
        confirm, counts = confirming(what.settings, known.barred), Counts()
        name = process_name()
        hands = Hands(crew=crew, known=known, confirm=confirm, counts=counts, name=name)
        door = Door(store, what, hands)
        exchanges = exchanging(
            store,
            peers(what, known.barred, pinning),
            door.receive,
            codec_of=codecs(what).get,
            confirm=confirm,
            counts=counts,
        )
        async with line(store, what, exchanges, door.receive, f"{name} by hand") as syncing:
            yield Side(exchanges.peers, Carrying(exchanges), syncing)
        await pinning.read()
    finally:
        await crew.close()
        await store.close()


async def renewed(path: Path) -> datetime:
    """Have a new key of this hub certified now; return when its certificate ends. Raises ``Refusal``, ``Broke``."""
    what = declared(path)
    known = peers(what, frozenset)
    if known.above is None:
        raise refuse("HUB-CFG-002", "partners", rule="parent = true")
    renews = renewing(what.settings, known.sign, known.above)
    async with calling(what, known, known.above) as (client, _):
        return (await renews.renew(client)).ends


async def standing(path: Path, store: Store, now: datetime) -> Standing:
    """Say how this hub stands with the one above; nothing is sent, a connection is only opened."""
    what = declared(path)
    told = what.settings
    disk = shutil.disk_usage(told.data)
    seen = Standing(hub=told.hub.code, free=disk.free, room=disk.total, ends=_ends(told, now), now=now)
    found = _above(what)
    if found is None:
        return seen
    partner, code, room = found
    link = await store.edges.link(partner)
    laid = laying.read(replica.record(told))
    known = await store.replicas.newest(laid.hub or code)
    return msgspec.structs.replace(
        seen,
        above=code,
        url=room.url or "",
        link=link,
        waiting=await store.edges.waiting(partner),
        version=laid.number,
        newest=known.number if known else 0,
        reached=await reached(room.url or ""),
    )


def _above(what: Declared) -> tuple[str, str, EdgeRoom] | None:
    for each in what.partners:
        if isinstance(each.settings, EdgeRoom) and each.settings.parent:
            return each.id, each.settings.code or each.agency, each.settings
    return None


def _ends(told: Settings, now: datetime) -> datetime | None:
    try:
        return own_key(told, now).certificate.not_valid_after_utc
    except Refusal:
        return None


async def reached(url: str) -> Reached:
    """Look the name up and open a connection."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT):
            await loop.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError):
        return Reached.NO_NAME
    try:
        async with asyncio.timeout(CONNECT):
            _, writer = await asyncio.open_connection(parts.hostname, port)
    except ConnectionRefusedError:
        return Reached.REFUSED
    except (OSError, TimeoutError):
        return Reached.NO_ANSWER
    writer.close()
    return Reached.OPEN


def written(file: Path, raw: bytes) -> None:
    """Whole and on the stick, or not there. Raises ``OSError``."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    with draft.open("xb") as stream:
        stream.write(raw)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)
