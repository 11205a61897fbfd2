"""A kept connection: what may follow on it, what a reply may cost, and what a server may write."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import uvloop

from connectors.http1 import FIELDS, Bounds, Break, Connection, Reply
from connectors.reach import Reach
from connectors.transport import Answer, Broken, Http, Request
from tests.doubles.pki import Pki
from tests.doubles.raw import ok

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Handle = Callable[["Heard", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Heard:
    """``opened``: how many connections; ``ended``: one of them did; ``asked``: which of them each request came on."""

    def __init__(self) -> None:
        self.opened = 0
        self.ended = asyncio.Event()
        self.came = asyncio.Event()
        self.asked: list[int] = []
        self.sent = 0


@asynccontextmanager
async def serving(
    handle: Handle, *, receive: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[Heard, str]]:
    """``receive``: bytes that the system takes for a server that does not read."""
    heard = Heard()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.opened += 1
        try:
            await handle(heard, reader, writer)
        except (OSError, EOFError):
            pass
        finally:
            writer.transport.abort()
            heard.ended.set()

    listening = socket.create_server(("127.0.0.1", 0))
    if receive:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    server = await asyncio.start_server(one, sock=listening, ssl=tls)
    try:
        yield heard, f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def calling(url: str, *, kept: float = 15.0, **limits: Any) -> AsyncIterator[Http]:
    reach = {"read_timeout": 0.5, "total_timeout": 3, "max_reply_bytes": 10_000, "connect_tries": 1}
    http = Http(
        Reach.model_validate({"base_url": url, **reach, **limits}),
        clock=lambda: datetime(2026, 1, 2, tzinfo=UTC),
        kept=kept,
    )
    try:
        yield http
    finally:
        await http.close()


def always(answer: bytes) -> Handle:
    async def handle(heard: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = heard.opened
        while True:
            await reader.readuntil(b"\r\n\r\n{}")
            heard.asked.append(number)
            writer.write(answer)
            await writer.drain()

    return handle


def end(fileno: int) -> None:
    """Send a FIN past the event loop, and past TLS."""
    with socket.socket(fileno=os.dup(fileno)) as same:
        same.shutdown(socket.SHUT_WR)


ASK = Request(path="/x", body=b"{}")


async def twice(answer: bytes) -> tuple[list[Answer | Broken], list[int]]:
    """Ask twice, one after the other; return the replies and the connections that they came on."""
    async with serving(always(answer)) as (heard, url), calling(url) as http:
        replies = []
        for _ in range(2):
            replies.append(await http.send(ASK))
            await asyncio.sleep(0.02)
    return replies, heard.asked


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (ok(b"{}"), b"{}"),
        (CHUNKED + b"2\r\nab\r\n1;name=value\r\nc\r\n0\r\nMore: told\r\n\r\n", b"abc"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\n" + ok(b"{}"), b"{}"),
        (b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}", b"{}"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}", b"{}"),
    ],
    ids=["length", "chunks", "informational", "bare-line-ends", "no-content", "http-1.0"],
)
async def test_a_whole_reply_leaves_the_connection_for_the_next_request(answer: bytes, body: bytes) -> None:
    replies, connections = await twice(answer)
    assert [reply.body for reply in replies if isinstance(reply, Answer)] == [body, body]
    assert connections == [1, 1]


@pytest.mark.parametrize(
    "answer",
    [
        ok(b"{}", "Connection: close"),
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        ok(b"{}") + ok(b"a reply to nothing"),
        ok(b"{}") + b"\0",
        CHUNKED.replace(b"1.1", b"1.0").replace(b"OK", b"OK\r\nConnection: keep-alive")
        + b"2\r\n{}\r\n0\r\n\r\n",
    ],
    ids=["close", "http-1.0", "one-too-many", "garbage-behind", "http-1.0-in-chunks"],
)
async def test_a_connection_that_may_carry_somebody_elses_reply_is_left(answer: bytes) -> None:
    replies, connections = await twice(answer)
    assert [reply.body for reply in replies if isinstance(reply, Answer)] == [b"{}", b"{}"]
    assert connections == [1, 2]


async def test_bytes_that_come_while_nobody_asked_are_nobodys_reply() -> None:
    async def handle(heard: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = heard.opened
        await reader.readuntil(b"\r\n\r\n{}")
        heard.asked.append(number)
        writer.write(ok(b"first"))
        await asyncio.sleep(0.05)
        writer.write(ok(b"forged"))
        await reader.read()

    async with serving(handle) as (heard, url), calling(url) as http:
        await http.send(ASK)
        await asyncio.sleep(0.15)
        second = await http.send(ASK)
    assert isinstance(second, Answer)
    assert (second.body, heard.asked) == (b"first", [1, 2])


@pytest.mark.parametrize("unread", [ok(b"forged"), b""], ids=["a-reply", "its-end"])
async def test_what_came_unseen_before_a_request_is_not_its_reply(unread: bytes) -> None:
    """It lies in the system's buffers as the connection is about to be used again."""
    say, said = asyncio.Event(), asyncio.Event()

    async def handle(heard: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = heard.opened
        plain = writer.get_extra_info("socket")
        await reader.readuntil(b"\r\n\r\n{}")
        heard.asked.append(number)
        writer.write(ok(b"true"))
        if number == 1:
            await say.wait()
            if unread:
                os.write(plain.fileno(), unread)
            else:
                end(plain.fileno())
            said.set()
        await reader.read()

    async with serving(handle) as (heard, url), calling(url) as http:
        await http.send(ASK)
        say.set()
        await said.wait()
        second = await http.send(ASK)
    assert isinstance(second, Answer)
    assert (second.body, heard.asked) == (b"true", [1, 2])


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", Break.GARBLED),
        (b"HTTP/1.1 101 Switching\r\n\r\n", Break.GARBLED),
        (CHUNKED[:-2] + b"Content-Length: 2\r\n\r\n2\r\nab\r\n0\r\n\r\n", Break.GARBLED),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", Break.GARBLED),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * (FIELDS + 1) + b"\r\n", Break.GARBLED),
        (CHUNKED + b"0\r\n" + b"A: b\r\n" * (FIELDS + 1) + b"\r\n", Break.GARBLED),
        (CHUNKED.replace(b"chunked", b"gzip, chunked") + b"2\r\nab\r\n0\r\n\r\n", Break.GARBLED),
        (
            CHUNKED.replace(b": ", b": chunked\r\nTransfer-Encoding: ") + b"2\r\nab\r\n0\r\n\r\n",
            Break.GARBLED,
        ),
        (CHUNKED.replace(b"chunked", b"xchunked") + b"2\r\nab\r\n0\r\n\r\n", Break.GARBLED),
        (CHUNKED + b"3000\r\n" + b"a" * 0x3000 + b"\r\n0\r\n\r\n", Break.TOO_LARGE),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n", Break.GARBLED),
    ],
    ids=[
        *("upgraded", "switching", "two-framings", "two-lengths", "fields", "trailers"),
        *("coded", "chunked-twice", "another-coding", "chunks", "length"),
    ],
)
async def test_a_reply_that_can_be_read_in_two_ways_or_costs_too_much_is_none(
    answer: bytes, error: Break
) -> None:
    replies, connections = await twice(answer)
    assert [(reply.error, reply.may_have) for reply in replies if isinstance(reply, Broken)] == [
        (error, True),
        (error, True),
    ]
    assert connections == [1, 2]


@pytest.mark.parametrize(
    "begin", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 ", CHUNKED + b"2;", CHUNKED + b"0\r\nX: "]
)
async def test_a_line_without_an_end_is_not_listened_to(begin: bytes) -> None:
    async def handle(heard: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(begin)
        for _ in range(1000):
            writer.write(b"a" * 4096)
            await writer.drain()
            await asyncio.sleep(0)
            heard.sent += 4096

    async with serving(handle) as (heard, url), calling(url) as http:
        result = await http.send(ASK)
    assert isinstance(result, Broken)
    assert result.error is Break.GARBLED
    assert heard.sent < 1_000_000


async def test_a_reply_without_a_length_ends_with_its_connection() -> None:
    async def handle(_: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        writer.write_eof()
        await reader.read()

    async with serving(handle) as (_, url), calling(url) as http:
        result = await http.send(ASK)
    assert isinstance(result, Answer)
    assert result.body == b"all of it"


async def test_an_answer_may_come_before_the_request_was_taken() -> None:
    async def handle(heard: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.asked.append(heard.opened)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await asyncio.sleep(0.3)

    async with serving(handle) as (heard, url), calling(url) as http:
        for _ in range(2):
            result = await http.send(Request(path="/", body=b"x" * 30_000_000))
            assert isinstance(result, Answer)
            assert result.status == 413
    assert heard.asked == [1, 2]


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
async def test_who_says_yes_to_what_has_not_left_has_not_taken_it(pki: Pki, *, secure: bool) -> None:
    async def handle(_: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ok(b"taken"))
        await asyncio.sleep(0.3)

    async with (
        serving(handle, receive=65_536, tls=pki.server_context() if secure else None) as (_, url),
        calling(url, ca_file=pki["root"].certificate_file) as http,
    ):
        result = await http.send(Request(path="/", body=b"x" * 30_000_000))
    assert isinstance(result, Broken)
    assert (result.error, result.may_have) == (Break.GARBLED, True)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), datetime.now(UTC))


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("polite", [True, False], ids=["said", "cut"])
def test_under_tls_a_reply_without_a_length_ends_only_where_its_server_says_so(
    pki: Pki, loop: Callable[[], asyncio.AbstractEventLoop], *, polite: bool
) -> None:
    async def handle(_: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n<a/>")
        await asyncio.sleep(0.05)
        if polite:
            writer.close()
        else:
            end(writer.get_extra_info("socket").fileno())
        await asyncio.sleep(0.2)

    async def ask() -> Answer | Broken:
        async with (
            serving(handle, tls=pki.server_context()) as (_, url),
            calling(url, ca_file=pki["root"].certificate_file) as http,
        ):
            return await http.send(ASK)

    with asyncio.Runner(loop_factory=loop) as runner:
        result = runner.run(ask())
    assert isinstance(result, Answer) if polite else result.error is Break.TRUNCATED  # type: ignore[union-attr]


async def test_a_connection_that_ends_while_it_is_opened_has_carried_nothing(pki: Pki) -> None:
    """With TLS 1.2 the server has the last word of the handshake, and may say more with it."""
    context = pki.server_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    async def handle(_: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        come, gone = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(come, gone, server_side=True)
        while True:
            come.write(await reader.read(65_536))
            with suppress(ssl.SSLWantReadError):
                tls.do_handshake()
                tls.write(b"unasked")
                break
            writer.write(gone.read())
        writer.write(gone.read())
        await reader.read()

    async with (
        serving(handle) as (_, url),
        calling(url.replace("http:", "https:"), ca_file=pki["root"].certificate_file) as http,
    ):
        result = await http.send(ASK)
    assert isinstance(result, Broken)
    assert (result.error, result.may_have) == (Break.CONNECT, False)


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
async def test_a_partner_that_takes_a_large_body_slowly_is_not_silent(pki: Pki, *, secure: bool) -> None:
    async def handle(_: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        left = 25_000_000
        while left > 0:
            left -= len(await reader.read(2**20))
            await asyncio.sleep(0.005)
        writer.write(ok(b"{}"))
        await writer.drain()

    async with (
        serving(handle, receive=65_536, tls=pki.server_context() if secure else None) as (_, url),
        calling(url, read_timeout=0.6, total_timeout=20, ca_file=pki["root"].certificate_file) as http,
    ):
        result = await http.send(Request(path="/", body=b"x" * 25_000_000))
    assert isinstance(result, Answer)


async def test_silence_ends_a_call_before_its_whole_time() -> None:
    async def handle(_: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(ok(b"{}")[:-1])
        await reader.read()

    began = asyncio.get_running_loop().time()
    async with serving(handle) as (_, url), calling(url, read_timeout=0.2, total_timeout=30) as http:
        result = await http.send(ASK)
    assert isinstance(result, Broken)
    assert (result.error, result.may_have) == (Break.TIMEOUT, True)
    assert asyncio.get_running_loop().time() - began < 5


async def test_a_call_that_is_given_up_takes_its_connection_along() -> None:
    async def handle(heard: Heard, reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        heard.came.set()
        await reader.read()

    async with serving(handle) as (heard, url), calling(url) as http:
        call = asyncio.create_task(http.send(ASK))
        await heard.came.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(heard.ended.wait(), 5)


async def test_a_reply_that_comes_as_its_call_is_given_up_keeps_no_connection() -> None:
    given_up: list[asyncio.Task[Reply]] = []

    class GivenUp(Connection):
        def on_message_complete(self) -> None:
            super().on_message_complete()
            self._loop.call_soon(given_up[0].cancel)

    loop = asyncio.get_running_loop()
    async with serving(always(ok(b"{}"))) as (heard, url):
        _, connection = await loop.create_connection(GivenUp, "127.0.0.1", int(url.rpartition(":")[2]))
        bounds = Bounds(10_000, 5, loop.time() + 5)
        given_up.append(loop.create_task(connection.ask((b"GET / HTTP/1.1\r\n\r\n{}",), bounds)))
        with pytest.raises(asyncio.CancelledError):
            await given_up[0]
        await asyncio.wait_for(heard.ended.wait(), 5)
    assert not connection.keeps


async def test_a_connection_without_work_is_given_back() -> None:
    async with serving(always(ok(b"{}"))) as (heard, url), calling(url, kept=0.05) as http:
        await http.send(ASK)
        await asyncio.wait_for(heard.ended.wait(), 5)


async def test_a_connection_that_rested_too_long_is_not_used_again() -> None:
    """Whoever looks after the resting ones looks now and then only."""
    async with serving(always(ok(b"{}"))) as (heard, url), calling(url, kept=0.4) as http:
        await http.send(ASK)
        await asyncio.sleep(0.2)
        await http.send(ASK)
        await asyncio.sleep(0.5)  # it was looked at in the middle
        await http.send(ASK)
    assert heard.asked == [1, 1, 2]


async def test_calls_at_once_have_connections_of_their_own() -> None:
    async with serving(always(ok(b"{}"))) as (heard, url), calling(url) as http:
        await asyncio.gather(*(http.send(ASK) for _ in range(5)))
        await asyncio.gather(*(http.send(ASK) for _ in range(5)))
    assert heard.opened == 5
    assert len(heard.asked) == 10


async def test_a_host_with_two_addresses_is_reached_on_the_one_that_answers() -> None:
    async with serving(always(ok(b"{}"))) as (_, url):
        port = url.rpartition(":")[2]
        async with calling(f"http://localhost:{port}") as http:
            result = await http.send(ASK)
    assert isinstance(result, Answer)


@pytest.mark.parametrize("path", ["/a b", "/a\r\nX: y", "/a#b", "/\t"])
async def test_a_target_that_is_none_opens_nothing(path: str) -> None:
    async with serving(always(ok(b"{}"))) as (heard, url), calling(url) as http:
        result = await http.send(Request(path=path, body=b"{}"))
    assert isinstance(result, Broken)
    assert (result.error, result.may_have, heard.opened) == (Break.UNSENDABLE, False, 0)


@pytest.mark.parametrize(
    "request_",
    [
        Request(path="/", headers={"X": "\ud800"}),
        Request(path="/", headers={"X\udc80": "a"}),
        Request(path="/\ud800"),
        Request(path="/", headers={"content-length": "1"}),
        Request(path="/", headers={"Transfer-Encoding": "chunked"}),
    ],
    ids=["value", "name", "path", "length", "coding"],
)
async def test_what_http_cannot_carry_or_would_frame_anew_opens_nothing(request_: Request) -> None:
    async with serving(always(ok(b"{}"))) as (heard, url), calling(url) as http:
        result = await http.send(request_)
    assert isinstance(result, Broken)
    assert (result.error, result.may_have, heard.opened) == (Break.UNSENDABLE, False, 0)


async def test_a_header_of_a_room_takes_the_place_of_ours_however_it_is_written() -> None:
    async with serving(always(ok(b"{}"))) as (_, url), calling(url) as http:
        result = await http.send(
            Request(path="/", body=b"{}", headers={"accept": "text/xml", "host": "partner"})
        )
    assert isinstance(result, Answer)
    sent = result.exchanges[0].sent.lower()
    assert (sent.count(b"\r\naccept:"), sent.count(b"\r\nhost:")) == (1, 1)


async def test_calls_at_once_ask_for_the_hosts_addresses_once() -> None:
    """A lookup holds a thread that all partners share, also when nobody waits for it any more."""

    class Counting(ThreadPoolExecutor):
        taken = 0

        def submit(self, *args: Any, **more: Any) -> Any:
            self.taken += 1
            return super().submit(*args, **more)

    threads = Counting(2)
    asyncio.get_running_loop().set_default_executor(threads)
    async with serving(always(ok(b"{}"))) as (heard, url), calling(url) as http:
        await asyncio.gather(*(http.send(ASK) for _ in range(5)))
    assert (heard.opened, threads.taken) == (5, 1)
