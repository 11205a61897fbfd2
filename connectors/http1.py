"""One HTTP/1.1 connection as a client keeps it: a request goes out, its whole reply comes in, the next one follows.

No policy: whom to call, what to record and what a break means stands in ``connectors.transport``. Rules of this file:

* A reply is bounded while it comes in: its lines, its head, its body, and its time, also between two of its pieces.
* A connection is kept only when request and reply were whole, nobody said close, and not one byte came unasked.
* A reply says nothing of a request that had not left yet, unless it refuses it.
* Bytes are parsed by llhttp, strictly, but for the line ends that old servers write (RFC 9112 §2.2).
"""

from __future__ import annotations

import asyncio
import select
import ssl
from enum import StrEnum
from typing import cast

import httptools

HEAD = 64 * 1024
"""Bytes that may come without telling anything: a line that does not end, an endless chunk extension."""

FIELD, FIELDS = 8190, 128
PIECE = 128 * 1024
"""Bytes of a request that are handed on at once. What TLS has taken nobody sees leave; so it is given little at a time."""

_FINAL, _REDIRECTED, _FAILED = 200, 300, 400
_LENGTH = "length"
_CODING = "coding"
_FRAMES = {b"content-length": _LENGTH, b"transfer-encoding": _CODING}


class Break(StrEnum):
    """What broke, by class."""

    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    RESET = "reset"
    TRUNCATED = "truncated"
    GARBLED = "garbled"  # not HTTP, or an encoding that does not unpack
    TOO_LARGE = "too-large"
    REDIRECT = "redirect"
    UNSENDABLE = "unsendable"  # a header that HTTP cannot carry; nothing was opened


class Reply:
    """What has come in so far. ``status`` 0: no whole head. ``broken``: why it ends there; ``None``: it is whole."""

    __slots__ = ("body", "broken", "fields", "first", "status")

    def __init__(self) -> None:
        self.status = 0
        self.first = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.body = bytearray()
        self.broken: Break | None = None


class Bounds:
    """``body`` in bytes; ``between``: seconds between two signs of life; ``until``: the end, by the event loop's clock."""

    __slots__ = ("between", "body", "until")

    def __init__(self, body: int, between: float, until: float) -> None:
        self.body, self.between, self.until = body, between, until


class Connection(asyncio.Protocol):
    """One request at a time. ``lost``: nothing can be sent any more."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.WriteTransport
        self._answer: asyncio.Future[Reply] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._left = memoryview(b"")
        self._full = self._stays = self._said_goodbye = False
        self.lost = False
        self.idle_since = 0.0

    async def ask(self, pieces: tuple[bytes, ...], bounds: Bounds) -> Reply:
        """Send a request; return its reply, whole or broken. Whoever is cancelled meanwhile loses the connection."""
        self._reply, self._bounds = Reply(), bounds
        self._parser = _parser(self)
        self._framed = self._coded = self._complete = self._stays = False
        self._phrase, self._told, self._silent, self._count = b"", 0, 0, 0
        answer: asyncio.Future[Reply] = self._loop.create_future()
        self._answer = answer
        for piece in pieces[:-1]:
            self._transport.write(piece)
        self._left = memoryview(pieces[-1])
        self._write()
        self._alive, self._unsent = self._loop.time(), self._not_sent
        self._watch()
        try:
            return await answer
        except asyncio.CancelledError:
            # also when the reply came in the same moment: nobody takes the connection back
            self._stays = False
            raise
        finally:
            self._rest()

    @property
    def keeps(self) -> bool:
        """Whether another request may follow the last one."""
        return self._stays and not self.lost and not self._transport.is_closing()

    @property
    def is_quiet(self) -> bool:
        """Whether nothing lies in the system's buffers that this loop has not seen yet: an end, or a reply to nothing."""
        return not self._unread.poll(0)

    def close(self) -> None:
        self.lost = True
        self._left = memoryview(b"")
        self._transport.abort()

    # --- the loop's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's own has no such base
        self._transport.set_write_buffer_limits(high=PIECE // 2)
        self._unread = select.poll()
        self._unread.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._write()

    def eof_received(self) -> None:
        """Under TLS the other side must have said so itself: anybody can cut a connection (RFC 9112 §9.8)."""
        tls = self._transport.get_extra_info("ssl_object")
        self._said_goodbye = tls is None or _has_ended(tls)

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():
            self._stays = False  # nobody asked
            self.close()
            return
        self._alive = self._loop.time()
        self._silent += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._stop(Break.GARBLED)  # what follows a whole reply breaks only the connection
        if self._complete or self._reply.broken:
            self._end(None)
        elif self._silent > HEAD:
            self._end(Break.GARBLED)

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        if isinstance(error, ssl.SSLError):
            self._end(Break.TLS)
        elif not self._reply_begun:
            self._end(Break.RESET)
        elif self._framed or error or not self._said_goodbye:
            self._end(Break.TRUNCATED)
        else:
            self._end(None)  # RFC 9112 §6.3: a reply without a length ends with its connection

    @property
    def _reply_begun(self) -> bool:
        return self._answer is not None and self._reply.status > 0

    @property
    def _not_sent(self) -> int:
        return len(self._left) + self._transport.get_write_buffer_size()

    def _write(self) -> None:
        while self._left and not self._full:
            piece, self._left = self._left[:PIECE], self._left[PIECE:]
            self._transport.write(piece)

    def _watch(self) -> None:
        """End what is too late; what is still being sent is a sign of life, too."""
        now, unsent = self._loop.time(), self._not_sent
        if unsent < self._unsent:
            self._alive, self._unsent = now, unsent
        due = min(self._bounds.until, self._alive + self._bounds.between)
        if now >= due:
            self._end(Break.TIMEOUT)
        else:
            self._timer = self._loop.call_at(due, self._watch)

    def _end(self, why: Break | None) -> None:
        if self._answer is None or self._answer.done():
            return
        reply = self._reply
        reply.broken = reply.broken or why
        if self._not_sent:
            self._stays = False
            if reply.status < _REDIRECTED:  # of what was said before
                reply.broken = reply.broken or Break.GARBLED
        if reply.broken:
            self._stays = False
        self._answer.set_result(reply)

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._answer = None
        self.idle_since = self._loop.time()
        if not self._stays:
            self.close()

    # --- the parser's side

    def on_message_begin(self) -> None:
        if self._complete:
            raise httptools.HttpParserError("a reply to nothing")  # it ends the parsing

    def on_status(self, phrase: bytes) -> None:
        self._phrase += phrase

    def on_header(self, name: bytes, value: bytes) -> None:
        """Also the fields behind a chunked body: they count and are not kept."""
        self._silent = 0
        self._count += 1
        if len(name) + len(value) > FIELD or self._count > FIELDS:
            self._stop(Break.GARBLED)
        elif not self._reply.status:
            self._reply.fields.append((name, value))
            frame = _FRAMES.get(name.lower())
            self._framed = self._framed or frame is not None
            if frame is _LENGTH:
                self._told = int(value)
            elif frame is _CODING:
                self._code(value)

    def _code(self, coding: bytes) -> None:
        """Only chunks are undone here; what is coded twice would be taken for its content."""
        if self._coded or coding.strip().lower() != b"chunked":
            self._stop(Break.GARBLED)
        self._coded = True

    def on_headers_complete(self) -> None:
        status, reply = self._parser.get_status_code(), self._reply
        if status < _FINAL:  # RFC 9110 §15.2: it comes before the reply
            reply.fields.clear()
            self._phrase, self._framed, self._coded, self._told = b"", False, False, 0
            return
        reply.status = status
        reply.first = f"HTTP/{self._parser.get_http_version()} {status} ".encode() + self._phrase
        if _REDIRECTED <= status < _FAILED:
            self._stop(Break.REDIRECT)
        elif self._told > self._bounds.body:
            self._stop(Break.TOO_LARGE)

    def on_chunk_header(self) -> None:
        self._silent = 0

    def on_body(self, piece: bytes) -> None:
        self._silent = 0
        body, cap = self._reply.body, self._bounds.body
        body += piece[: cap + 1 - len(body)]
        if len(body) > cap:
            self._stop(Break.TOO_LARGE)

    def on_message_complete(self) -> None:
        if self._reply.status and not self._complete:
            self._complete = True
            old = (
                self._coded and self._parser.get_http_version() == "1.0"
            )  # RFC 9112 §6.1: faulty, to be closed
            self._stays = self._parser.should_keep_alive() and not old

    def _stop(self, why: Break) -> None:
        """The first reason counts."""
        self._stays = False
        if not self._complete:
            self._reply.broken = self._reply.broken or why


def _has_ended(tls: ssl.SSLObject) -> bool:
    """Whether the other side's close_notify came."""
    try:
        return tls.read(1) == b""
    except ssl.SSLError as error:
        return isinstance(error, ssl.SSLZeroReturnError)


def _parser(told: Connection) -> httptools.HttpResponseParser:
    parser = httptools.HttpResponseParser(told)
    parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True)
    return parser
