"""The door of the web process: what a connection may cost before, between and after its requests.

uvicorn's protocol knows no bound for a request's head, for the time it takes, for what comes after a refusal, or for an
answer that is never read. Here a connection has, in this order:

* a place (``connections``): without one it hears 503 on its first words and is closed;
* ``head_time`` for the whole head of a request, however slowly it drips, and ``head`` bytes in at most ``headers`` lines for it
  (408, 431: RFC 6585 §5); only an idle connection may be silent, for ``idle``;
* a few requests ahead of their answers (pipelining), and ``requests`` in all;
* ``answer_time`` to take each answer, and as long for the rest of a body that was refused before it was read.

What a dead or hostile peer holds is given back in seconds. Bodies are bounded by ``hub.api.admission``.
"""

from __future__ import annotations

import contextlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from starlette.responses import Response

PIPELINED = 8
"""Requests that may wait for the answer to an earlier one on their connection; beyond them it is cut."""

LINGER = 1.0
"""Seconds for a peer to hear a last word: closing on bytes that it is still sending would destroy it on the way."""

LATE = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
FULL = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n"


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes in bytes, times in seconds. ``full``: what a connection without a place hears, a whole HTTP answer."""

    head: int = 64 << 10
    headers: int = 100
    head_time: float = 10.0
    idle: float = 60.0
    answer_time: float = 30.0
    connections: int = 1024
    requests: int = 10_000
    full: bytes = FULL


class Server(uvicorn.Server):
    """Leaves signals to the program: uvicorn raises them once more when it is done, and pool and store were never closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def whole(answer: Response) -> bytes:
    """Write an answer out, for a connection that ends with it."""
    status = HTTPStatus(answer.status_code)
    lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode(), b"connection: close"]
    lines += [name + b": " + value for name, value in answer.raw_headers]
    return b"\r\n".join([*lines, b"", bytes(answer.body)])


def door(bounds: Bounds) -> type[HttpToolsProtocol]:
    """Return the protocol class that keeps ``bounds``; uvicorn makes one of it for each connection."""
    return type("Door", (_Door,), {"bounds": bounds})


class _Door(HttpToolsProtocol):
    """``_in_head``: no request is under way, or its head has not ended; ``_begun``: its first byte has come."""

    bounds: Bounds

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's
        super().__init__(*args, **kwargs)
        self.timeout_keep_alive = self.bounds.idle  # type: ignore[assignment]  # it also takes fractions of a second
        self._in_head, self._begun, self._over, self._turned_away = True, False, False, False
        self._head, self._fresh, self._requests, self._body_open = 0, True, 0, False
        self._timers: dict[str, asyncio.TimerHandle] = {}

    # --- the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # pause_writing then means: something is still to be taken
        self._turned_away = len(self.connections) > self.bounds.connections
        if len(self.connections) > 2 * self.bounds.connections:
            transport.abort()  # not even room for saying so
            return
        self._arm("head", self.bounds.head_time, self._late)

    def connection_lost(self, exc: Exception | None) -> None:
        for name in tuple(self._timers):
            self._disarm(name)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        if self._turned_away:
            self._end(self.bounds.full)
            return
        between, requests = self._in_head, self._requests
        super().data_received(data)
        if not self._in_head or self._over:
            return
        if self._begun or (
            between and requests == self._requests
        ):  # a drip of blank lines between requests counts as a head, too
            self._arm("head", self.bounds.head_time, self._late)
        self._head = 0 if self._fresh else self._head + len(data)
        self._fresh = False
        if self._head > self.bounds.head:
            self._end(TOO_LONG)

    # --- one request

    def on_message_begin(self) -> None:
        self._in_head, self._begun, self._head, self._fresh = True, True, 0, True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._disarm("head")
        self._in_head = self._begun = False
        self._body_open = True
        self._requests += 1
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self.bounds.head or len(self.headers) > self.bounds.headers:
            self._end(TOO_LONG)
        elif len(self.pipeline) >= PIPELINED:
            self._over = True
            self.transport.abort()
        else:
            super().on_headers_complete()
            if self._requests >= self.bounds.requests:
                self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        if not self._over:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_head, self._body_open = True, False
        self._disarm("rest")
        if not self._over:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._body_open and not self.transport.is_closing():
            self._arm("rest", self.bounds.answer_time, self._cut)

    # --- an answer

    def pause_writing(self) -> None:
        super().pause_writing()
        self._arm("answer", self.bounds.answer_time, self._cut)

    def resume_writing(self) -> None:
        self._disarm("answer")
        super().resume_writing()

    # --- ends

    def _late(self) -> None:
        self._end(LATE if self._begun else b"")

    def _end(self, said: bytes) -> None:
        """Say it, hear nothing more, and close. Where an earlier request still waits for its answer there is nothing to say."""
        self._over = True
        self._disarm("head")
        waits = self.cycle is not None and not self.cycle.response_complete
        if waits or not said:
            self.transport.abort()
        elif not self.transport.is_closing():
            self.transport.write(said)
            self.transport.write_eof()
            self._arm("linger", LINGER, self._cut)

    def _cut(self) -> None:
        self.transport.abort()

    def _arm(self, name: str, seconds: float, ring: Any) -> None:  # noqa: ANN401 - a method without arguments
        if name not in self._timers:
            self._timers[name] = self.loop.call_later(seconds, ring)

    def _disarm(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()
