"""What a connection may cost the web process: over real sockets, each bound alone, with short times."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn

from hub.api.door import PIPELINED, Bounds, door
from tests.doubles.loopback import bound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

BIG = b"x" * 20_000_000
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Front:
    """A server with our door and an application that answers without reading; ``/big`` with more than buffers hold."""

    def __init__(self) -> None:
        self.asked, self.port = 0, 0
        self.writers: list[asyncio.StreamWriter] = []
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, scope: Any, _: Any, send: Callable[..., Any]) -> None:
        self.asked += 1
        await self.open.wait()
        body = BIG if scope["path"] == "/big" else b"yes"
        head = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": body})

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(writer)
        return reader, writer

    async def leave(self) -> None:
        for writer in self.writers:
            writer.transport.abort()
        await asyncio.gather(*(writer.wait_closed() for writer in self.writers), return_exceptions=True)


@asynccontextmanager
async def front(**bounds: Any) -> AsyncIterator[tuple[Front, uvicorn.Server]]:
    app = Front()
    made = Bounds(**bounds)
    config = uvicorn.Config(app, log_config=None, lifespan="off", http=door(made))
    server, socket = uvicorn.Server(config), bound()
    serving = asyncio.create_task(server.serve(sockets=[socket]))
    while not server.started:  # noqa: ASYNC110 - uvicorn tells it by this attribute only
        await asyncio.sleep(0.01)
    app.port = socket.getsockname()[1]
    try:
        yield app, server
    finally:
        await app.leave()
        app.open.set()
        server.should_exit = server.force_exit = True
        await serving
        socket.close()


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Everything until the other side ends it."""
    try:
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionError:
        return b""


async def drip(writer: asyncio.StreamWriter, what: bytes, seconds: float = 3.0) -> None:
    """Say it again and again for so long."""
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            writer.write(what)
            await writer.drain()
            await asyncio.sleep(0.03)
    except ConnectionError:
        pass


@asynccontextmanager
async def dripping(writer: asyncio.StreamWriter, what: bytes) -> AsyncIterator[None]:
    task = asyncio.create_task(drip(writer, what))
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_head_that_drips_is_given_up() -> None:
    async with front(head_time=0.3) as (app, _):
        reader, writer = await app.connect()
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n")
        async with dripping(writer, b"a: b\r\n"):
            began = time.monotonic()
            assert (await rest(reader)).startswith(b"HTTP/1.1 408")
            assert time.monotonic() - began < 1.5
    assert app.asked == 0


async def test_who_connects_and_says_nothing_is_let_go() -> None:
    async with front(head_time=0.3) as (app, _):
        reader, _ = await app.connect()
        assert await rest(reader) == b""


async def test_blank_lines_between_requests_keep_nothing_open() -> None:
    async with front(head_time=0.3, idle=0.6) as (app, server):
        reader, writer = await app.connect()
        writer.write(GET)
        assert (await reader.readuntil(b"yes")).startswith(b"HTTP/1.1 200")
        async with dripping(writer, b"\r\n"):
            began = time.monotonic()
            await rest(reader)
            assert time.monotonic() - began < 1.5
        assert not server.server_state.connections


async def test_an_idle_connection_may_be_silent_for_its_time_and_no_longer() -> None:
    async with front(head_time=0.2, idle=0.8) as (app, _):
        reader, writer = await app.connect()
        writer.write(GET)
        await reader.readuntil(b"yes")
        await asyncio.sleep(0.4)
        writer.write(GET)
        await reader.readuntil(b"yes")
        began = time.monotonic()
        assert await rest(reader) == b""
        assert 0.5 < time.monotonic() - began < 2
    assert app.asked == 2


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: " + b"x" * 5000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 21 + b"\r\n",
    ],
    ids=["address", "line", "lines"],
)
async def test_a_head_over_its_bounds_is_refused_before_it_is_understood(head: bytes) -> None:
    async with front(head=4096, headers=20) as (app, _):
        reader, writer = await app.connect()
        writer.write(head)
        assert (await rest(reader)).startswith(b"HTTP/1.1 431")
    assert app.asked == 0


async def test_a_head_that_never_ends_is_refused_when_it_has_grown_too_long() -> None:
    async with front(head=4096) as (app, _):
        reader, writer = await app.connect()
        writer.write(b"GET / HTTP/1.1\r\nHost: ")
        async with dripping(writer, b"x" * 1000):
            assert (await rest(reader)).startswith(b"HTTP/1.1 431")
    assert app.asked == 0


async def test_a_body_behind_a_short_head_is_not_counted_as_head() -> None:
    async with front(head=1024) as (app, _):
        reader, writer = await app.connect()
        body = b"y" * 100_000
        for _ in range(2):
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + body)
            assert (await reader.readuntil(b"yes")).startswith(b"HTTP/1.1 200")
    assert app.asked == 2


async def test_who_finds_no_place_hears_it_and_a_place_that_is_left_is_free() -> None:
    async with front(connections=2) as (app, server):
        first = [await app.connect() for _ in range(2)]
        for reader, writer in first:
            writer.write(GET)
            await reader.readuntil(b"yes")
        reader, writer = await app.connect()
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n" + b"z" * 90_000)
        heard = await rest(reader)
        assert heard.startswith(b"HTTP/1.1 503")
        assert b"Retry-After: 2" in heard
        writer.close()
        first[0][1].close()
        while len(server.server_state.connections) > 1:  # noqa: ASYNC110 - uvicorn's own set
            await asyncio.sleep(0.01)
        reader, writer = await app.connect()
        writer.write(GET)
        assert (await reader.readuntil(b"yes")).startswith(b"HTTP/1.1 200")
    assert app.asked == 3


async def test_twice_as_many_are_cut_without_a_word() -> None:
    async with front(connections=2) as (app, server):
        held = [await app.connect() for _ in range(12)]
        await asyncio.sleep(0.1)
        assert len(server.server_state.connections) <= 5
        assert await rest(held[-1][0]) == b""


async def test_a_connection_serves_so_many_requests_and_says_so_with_the_last() -> None:
    async with front(requests=3) as (app, _):
        reader, writer = await app.connect()
        for number in range(3):
            writer.write(GET)
            heard = await reader.readuntil(b"yes")
            assert (b"connection: close" in heard) == (number == 2)
        assert await rest(reader) == b""
    assert app.asked == 3


async def test_only_a_few_requests_run_ahead_of_their_answers() -> None:
    async with front() as (app, _):
        app.open.clear()
        reader, writer = await app.connect()
        writer.write(GET * (PIPELINED + 3))
        assert await rest(reader) == b""
    async with front() as (app, _):
        reader, writer = await app.connect()
        writer.write(GET * PIPELINED)
        for _ in range(PIPELINED):
            await reader.readuntil(b"yes")
    assert app.asked == PIPELINED


async def test_an_answer_that_nobody_takes_is_given_up() -> None:
    async with front(answer_time=0.4, idle=30) as (app, server):
        _, writer = await app.connect()
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a stream's transport reads
        writer.write(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(0.2)
        assert len(server.server_state.connections) == 1
        await asyncio.sleep(1.0)
        assert not server.server_state.connections


async def test_an_answer_that_is_taken_slowly_but_steadily_arrives() -> None:
    async with front(answer_time=5) as (app, _):
        reader, writer = await app.connect()
        writer.write(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        got = 0
        while got < len(BIG):
            got += len(await asyncio.wait_for(reader.read(1 << 20), 5))


async def test_the_rest_of_a_body_that_was_refused_is_not_taken_for_ever() -> None:
    async with front(answer_time=0.4, idle=30) as (app, server):
        reader, writer = await app.connect()
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        async with dripping(writer, b"3\r\nabc\r\n"):
            assert (await reader.readuntil(b"yes")).startswith(b"HTTP/1.1 200")
            await rest(reader)
            assert not server.server_state.connections
    assert app.asked == 1
