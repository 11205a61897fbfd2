"""The whole hub in one process: desks, delivery, judging and sealing, over one embedded store."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from hub.processes import pool
from hub.processes.thread import Thread
from hub.store.sqlite.connection import SMALL
from hub.wiring.declared import declared
from hub.wiring.having import Having
from hub.wiring.parts import store_of
from hub.wiring.tools import tools_by
from hub.wiring.web import open_web
from hub.wiring.worker import open_worker

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from hub.api.edge import Edge
    from hub.delivery.delivery import Delivery
    from hub.settings.file import Settings


class Whole(msgspec.Struct, frozen=True):
    """What the process runs: the desks' application, and the delivery loop."""

    app: Edge
    delivery: Delivery
    settings: Settings


@asynccontextmanager
async def open_edge(
    path: Path, listening: Callable[[Settings], socket.socket | None] = lambda _: None
) -> AsyncIterator[Whole]:
    """Build all of it. ``listening``: where it answers with the hub's figures. Raises ``Refusal`` HUB-CFG-*, HUB-CRT-*, HUB-STO-*."""
    what = declared(path, thorough=True)
    tools = tools_by(what)
    held = Having(
        what=what, store=store_of(what.settings, SMALL), crew=Thread(pool.answering(*tools)), hands=1
    )
    shown = listening(what.settings)
    try:
        async with (
            open_web(path, shown=shown, within=held) as (app, settings),
            open_worker(path, within=held) as delivery,
        ):
            yield Whole(app, delivery, settings)
    finally:
        await held.close()
