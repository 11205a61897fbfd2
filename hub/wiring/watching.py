"""What every process does beside its work: says that it lives, shows the figures of the whole hub."""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence  # noqa: TC003 - msgspec reads the annotations at run time
from contextlib import asynccontextmanager
from datetime import datetime  # noqa: TC003
from typing import TYPE_CHECKING

import msgspec

from hub.metrics.desk import desk, serving
from hub.metrics.page import page
from hub.metrics.pulse import EVERY, Pulse
from hub.replicating.board import Line  # noqa: TC001
from hub.rounds.rounds import again, beside
from hub.store.contract.watching import Process
from hub.version import own_version
from hub.wiring.parts import new_ids, utc_now

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.metrics.counts import Counts
    from hub.settings.file import Settings
    from hub.store.contract.store import Store


class OfPartners(msgspec.Struct, frozen=True, kw_only=True):
    """What figures tell of partners. ``left``: seconds until no certificate of one may be believed; ``collected``: those that are
    picked up from; ``edges``: makes the board of hubs below.
    """

    left: Callable[[datetime], Mapping[str, float]]
    collected: Sequence[str] = ()
    edges: Callable[[datetime], Awaitable[Sequence[Line]]] | None = None


def process_name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


@asynccontextmanager
async def watched(
    settings: Settings,
    store: Store,
    role: str,
    counts: Counts,
    gauges: Callable[[], Mapping[str, float]],
    shown: socket.socket | None,
    partners: OfPartners,
) -> AsyncIterator[None]:
    """Keep this process's row while the context lasts, and answer on ``shown`` with the figures of all."""
    new_id = new_ids()
    now = utc_now()
    me = Process(
        id=new_id(),
        host=socket.gethostname(),
        pid=os.getpid(),
        role=role,
        version=own_version(),
        since=now,
        seen=now,
    )
    pulse = Pulse(store, me, counts, gauges=gauges, now=utc_now, new_id=new_id)

    async def figures() -> bytes:
        await pulse.beat()
        at = utc_now()
        return await page(
            store,
            at,
            version=me.version,
            free=lambda: free_bytes(settings),
            most=settings.limits.database,
            left=partners.left(at),
            collected=partners.collected,
            edges=await partners.edges(at) if partners.edges else (),
        )

    await pulse.beat()
    try:
        async with serving(desk(figures), shown), beside(again(EVERY, pulse.beat, "pulse")):
            yield
    finally:
        await pulse.end()


def free_bytes(settings: Settings) -> int:
    disk = os.statvfs(settings.data)
    return disk.f_bavail * disk.f_frsize
