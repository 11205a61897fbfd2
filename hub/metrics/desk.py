"""``GET /metrics``, on an address of its own: for the machine that watches, never for senders."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import PlainTextResponse, Response

from hub.api.door import Bounds, Server, door

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

log = structlog.get_logger(__name__)

BOUNDS = Bounds(connections=32, head=8 << 10, head_time=5.0, answer_time=10.0)


def desk(page: Callable[[], Awaitable[bytes]]) -> ASGIApp:
    """``page``: makes what is shown."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (await _answer(scope, page))(scope, receive, send)

    return app


async def _answer(scope: Scope, page: Callable[[], Awaitable[bytes]]) -> Response:
    if scope["type"] != "http" or scope["path"] != "/metrics":
        return PlainTextResponse("/metrics\n", 404)
    if scope["method"] not in {"GET", "HEAD"}:
        return PlainTextResponse("GET\n", 405, {"Allow": "GET"})
    try:
        return Response(await page(), media_type=CONTENT_TYPE_LATEST)
    except Exception:
        log.exception("metrics_failed")
        return PlainTextResponse("the store cannot be read\n", 503)


@asynccontextmanager
async def serving(app: ASGIApp, listening: socket.socket | None) -> AsyncIterator[None]:
    """Answer on this socket inside the context; ``None``: not at all."""
    if listening is None:
        yield
        return
    config = uvicorn.Config(
        app, http=door(BOUNDS), lifespan="off", log_config=None, access_log=False, server_header=False
    )
    server = Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
