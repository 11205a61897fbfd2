"""The long-running programs behind ``lienthong serve``, ``web`` and ``work``."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Any

import structlog
import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from hub import logs
from hub import settings as settings_file
from hub.supervisor import children, stop_on_signals, stop_with_parent, supervise
from hub.wiring.declared import declared
from hub.wiring.tools import key_warnings, pool_tools
from hub.wiring.web import open_web
from hub.wiring.worker import open_worker

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from pathlib import Path

TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
BODY_BESIDE = 256 * 1024
"""A first read may hold body bytes behind a short head; only beyond one full read is it the head that grows."""

log = structlog.get_logger(__name__)


def serve(settings: Path) -> int:
    """Run a whole hub: supervisor, web process, workers. Returns when it was told to stop."""
    logs.configure(process="supervisor")
    read = settings_file.load(settings)
    declared(settings, thorough=True)
    pool_tools(str(settings))  # say what is wrong once and at once, not in every child
    for warning in key_warnings(str(settings)):
        log.warning("key_warning", code=warning.code, place=warning.place, rule=warning.rule)

    async def run() -> None:
        stop = asyncio.Event()
        stop_on_signals(stop)
        await supervise(children(settings, read.workers.delivery), stop)

    return _run(run())


def web(settings: Path, *, supervised: bool = False) -> int:
    """Run the web process alone."""
    logs.configure(process="web")

    async def run() -> None:
        async with open_web(settings) as (app, read):
            server = _Server(
                uvicorn.Config(
                    app,
                    host=read.host,
                    port=read.port,
                    http=_BoundedHead,
                    log_config=None,
                    access_log=False,
                    server_header=False,
                    timeout_keep_alive=60,
                    timeout_graceful_shutdown=15,
                )
            )
            stop = asyncio.Event()
            stop_on_signals(stop)
            watch = asyncio.create_task(_stop_server(server, stop))
            parent = asyncio.create_task(stop_with_parent(stop)) if supervised else None
            log.info("web_started", address=read.host, port=read.port, pid=os.getpid())
            await server.serve()
            for task in (watch, parent):
                if task is not None:
                    task.cancel()

    return _run(run())


LONGEST_HEAD = 64 * 1024
"""Bytes that a request line and its headers may have; the parser itself knows no bound."""


class _BoundedHead(HttpToolsProtocol):
    """Ends a connection whose head grows beyond the bound, before any of it is understood (431, RFC 6585 §5)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's
        super().__init__(*args, **kwargs)
        self._head, self._in_head = 0, True

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head += len(data)
            if self._head > LONGEST_HEAD + BODY_BESIDE and self._in_head:
                self.transport.write(TOO_LONG)
                self.transport.close()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        self._head, self._in_head = 0, True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()


class _Server(uvicorn.Server):
    """Leaves signals to the program: uvicorn raises them once more when it is done, and pool and store were never closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _stop_server(server: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True


def work(settings: Path, *, supervised: bool = False) -> int:
    """Run one worker process."""
    logs.configure(process="worker")

    async def run() -> None:
        stop = asyncio.Event()
        stop_on_signals(stop)
        parent = asyncio.create_task(stop_with_parent(stop)) if supervised else None
        async with open_worker(settings) as delivery:
            log.info("worker_started", pid=os.getpid())
            await delivery.run(stop)
        if parent is not None:
            parent.cancel()

    return _run(run())


def _run(program: Coroutine[None, None, None]) -> int:
    uvloop.run(program)
    return 0
