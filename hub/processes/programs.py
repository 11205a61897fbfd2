"""The long-running programs behind ``lienthong serve``, ``web`` and ``work``."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import signal
import socket
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

import structlog
import uvloop

from hub.processes import logs, memory
from hub.processes.supervisor import stop_on_signals, stop_with_parent, supervise, webs, workers
from hub.replicating import renewing
from hub.settings import file as settings_file
from hub.settings import replica
from hub.settings.values import address
from hub.wiring.declared import declared
from hub.wiring.parts import refusals
from hub.wiring.tools import key_warnings, pool_tools
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from pathlib import Path

    import uvicorn

    from hub.api.edge import Edge
    from hub.processes.supervisor import Child
    from hub.settings.file import Settings

BACKLOG = 2048
"""Connections that the kernel holds for us while every web process is busy or one is being started again."""

log = structlog.get_logger(__name__)


def serve(settings: Path) -> int:
    """Run a whole hub: supervisor, web processes, workers. Returns when it was told to stop."""
    logs.configure(process="supervisor")
    read = _checked(settings)
    with _listening(read) as taking, _showing(read) or nullcontext() as shown:
        wanted = (
            *webs(settings, read.workers.web, taking.fileno(), shown.fileno() if shown else None),
            *workers(settings, read.workers.delivery),
        )
        return _run(_supervise(wanted))


async def _supervise(wanted: Sequence[Child]) -> None:
    stop = asyncio.Event()
    stop_on_signals(stop)
    await supervise(wanted, stop)


def _checked(settings: Path) -> Settings:
    """Say what is wrong once and at once, not in every child."""
    read = settings_file.load(settings)
    declared(settings, thorough=True)
    pool_tools(str(settings))
    for warning in key_warnings(str(settings)):
        log.warning("key_warning", code=warning.code, place=warning.place, rule=warning.rule)
    return read


def _listening(read: Settings) -> socket.socket:
    try:
        return _server(read.host, read.port)
    except OSError as error:
        why = errno.errorcode.get(error.errno or 0, "")
        raise refuse(
            "HUB-CFG-002", "listen", rule="an address of this machine that is free", detail=why
        ) from None


def _showing(read: Settings) -> socket.socket | None:
    """The hub works without its figures; an address that another program has is no reason not to start."""
    if read.metrics.listen == "off":
        return None
    host, port = address(read.metrics.listen)
    try:
        return _server(host, port)
    except OSError as error:
        log.warning(
            "metrics_not_shown", address=host, port=port, reason=errno.errorcode.get(error.errno or 0)
        )
        return None


def _server(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def _inherited(number: int | None) -> socket.socket | None:
    return None if number is None else socket.socket(fileno=number)


def web(
    settings: Path, *, supervised: bool = False, inherited: int | None = None, metrics: int | None = None
) -> int:
    """Run one web process. ``inherited``, ``metrics``: numbers of listening sockets; alone, the process listens by itself."""
    from hub.api.door import Server, door  # noqa: PLC0415 - heavy
    from hub.wiring.web import bounds_of, open_web  # noqa: PLC0415 - heavy

    logs.configure(process="web")
    shown = _inherited(metrics) if supervised else _showing(settings_file.load(settings))

    async def run() -> None:
        async with open_web(settings, shown=shown) as (app, read):
            _many_files(read.limits.connections)
            listening = _inherited(inherited) or _listening(read)
            server = Server(_answering(app, door(bounds_of(read))))
            stop = asyncio.Event()
            stop_on_signals(stop)
            watch = asyncio.create_task(_stop_server(server, stop))
            parent = asyncio.create_task(stop_with_parent(stop)) if supervised else None
            renewed = asyncio.create_task(_when_asked(read, stop.set)) if supervised else None
            memory.settle()
            log.info("web_started", address=read.host, port=read.port, pid=os.getpid())
            await server.serve(sockets=[listening])
            for task in (watch, parent, renewed):
                if task is not None:
                    task.cancel()

    return _run(run())


def edge(settings: Path, *, inherited: int | None = None) -> int:
    """Run a whole hub in this one process. ``inherited``: number of a listening socket.

    SIGHUP ends it as SIGTERM does and begins it anew on the same socket: nobody who calls meanwhile is turned away.
    """
    from hub.api.door import Server, door  # noqa: PLC0415 - heavy
    from hub.wiring.edge import open_edge  # noqa: PLC0415 - heavy
    from hub.wiring.web import bounds_of  # noqa: PLC0415 - heavy

    memory.hold()
    logs.configure(process="edge")
    anew: list[socket.socket] = []

    async def run() -> None:
        async with open_edge(settings, _showing) as whole:
            _many_files(whole.settings.limits.connections)
            listening = _inherited(inherited) or _listening(whole.settings)
            server = Server(_answering(whole.app, door(bounds_of(whole.settings))))
            stop = asyncio.Event()
            stop_on_signals(stop)

            def begin_anew() -> None:
                anew.append(listening.dup())
                stop.set()

            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, begin_anew)
            renewed = asyncio.create_task(_when_asked(whole.settings, begin_anew))
            memory.settle()
            log.info("edge_started", address=whole.settings.host, port=whole.settings.port, pid=os.getpid())
            async with asyncio.TaskGroup() as group:
                group.create_task(_stop_server(server, stop))
                group.create_task(whole.delivery.run(stop))
                await server.serve(sockets=[listening])
                stop.set()
                renewed.cancel()

    ended = _run(run())
    if anew:
        _again(settings, anew[0])
    return ended


def _again(settings: Path, listening: socket.socket) -> None:
    """Become a new process with the same number: what is in force now is read from the files."""
    listening.set_inheritable(True)
    words = ("edge", "run", "--settings", str(settings), "--socket", str(listening.fileno()))
    os.execv(sys.executable, [sys.executable, "-m", "hub.cli.main", *words])  # noqa: S606 - ourselves


def _answering(app: Edge, http: type[asyncio.Protocol]) -> uvicorn.Config:
    import uvicorn  # noqa: PLC0415 - heavy; only what answers senders needs it

    return uvicorn.Config(
        app,
        http=http,
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        proxy_headers=False,  # whose word counts is a setting ([documents] proxies), not a default
        timeout_graceful_shutdown=15,
    )


def _many_files(connections: int) -> None:
    """Raise the number of open files to what the connections need, as far as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * connections + 512
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


async def _when_asked(settings: Settings, begin_anew: Callable[[], object]) -> None:
    """Something else stands in files than when this process read them: it ends, and is begun anew by whoever keeps it alive."""
    await renewing.until_asked(settings.data / replica.FOLDER)
    log.info("begins_anew", pid=os.getpid())
    begin_anew()


async def _stop_server(server: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True


def work(settings: Path, *, processes: int = 1, supervised: bool = False, metrics: int | None = None) -> int:
    """Run worker processes: one here, or several under a supervisor."""
    if processes > 1:
        logs.configure(process="supervisor")
        with _showing(_checked(settings)) or nullcontext() as held:
            return _run(_supervise(workers(settings, processes, held.fileno() if held else None)))
    from hub.wiring.worker import open_worker  # noqa: PLC0415 - heavy; only a worker reaches partners

    logs.configure(process="worker")
    shown = _inherited(metrics) if supervised else _showing(settings_file.load(settings))

    async def run() -> None:
        stop = asyncio.Event()
        stop_on_signals(stop)
        parent = asyncio.create_task(stop_with_parent(stop)) if supervised else None
        renewed = (
            asyncio.create_task(_when_asked(settings_file.load(settings), stop.set)) if supervised else None
        )
        async with open_worker(settings, shown=shown) as delivery:
            memory.settle()
            log.info("worker_started", pid=os.getpid())
            await delivery.run(stop)
        for task in (parent, renewed):
            if task is not None:
                task.cancel()

    return _run(run())


def _run(program: Coroutine[None, None, None]) -> int:
    """Raises ``Refusal`` HUB-STO-* when the store fails where nothing can be tried again."""
    with refusals():
        uvloop.run(program)
    return 0
