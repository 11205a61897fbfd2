"""A simulated partner inside the test's own event loop, and sockets that misbehave below HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from connectors.simulators.server import HOST, Server

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterator

    import uvicorn

    from connectors.simulators.desk import Desk


@asynccontextmanager
async def loopback(desk: Desk, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[Server, str]]:
    """Serve a desk; yields the server (its orders, calls and journal) and its base URL."""
    server = Server(desk, tls=tls, keep=True)
    port = await server.start()
    try:
        yield server, f"{'https' if tls else 'http'}://{HOST}:{port}"
    finally:
        await server.stop()


def bound() -> socket.socket:
    """A free port for uvicorn on asyncio's own loop, which switches Nagle's delay off only for sockets that call themselves
    TCP: on others each answer after a connection's first waits 40 ms. (The hub itself runs on uvloop.)
    """
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.bind((HOST, 0))
    return made


async def ended(server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
    """End uvicorn when its requests have ended, without the two tenths of a second that it looks around by itself."""
    for each in server.servers:
        each.close()
    for connection in list(server.server_state.connections):
        connection.shutdown()
    while server.server_state.tasks or server.server_state.connections:  # noqa: ASYNC110 - it tells by these only
        await asyncio.sleep(0.002)
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving


@contextlib.contextmanager
def nobody() -> Iterator[int]:
    """A port that refuses every connection: bound, so that nobody else gets it, and not listening."""
    with socket.socket() as held:
        held.bind((HOST, 0))
        yield int(held.getsockname()[1])


@asynccontextmanager
async def mute() -> AsyncIterator[int]:
    """A port that accepts connections and never says a word: a TLS handshake there never ends."""
    writers: list[asyncio.StreamWriter] = []

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    server = await asyncio.start_server(hold, HOST, 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await server.wait_closed()
