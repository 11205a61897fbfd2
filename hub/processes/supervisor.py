"""One supervisor, its children: web processes and worker processes, each with a pool that verifies and seals.

A child that dies is started again, sooner at first, later when it keeps dying. Children end with their parent: each
holds the read end of a pipe whose other end only the supervisor has, so even a supervisor killed with SIGKILL leaves
no orphans behind. Nothing is shared between the processes but the store.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING

import msgspec
import structlog

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

log = structlog.get_logger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 15.0
HEALTHY_AFTER = 30.0
"""A child that lived this many seconds starts again at once when it dies."""
GRACE = 20.0
"""Seconds a child has to finish what is under way before it is killed; its leases then run out."""


class Child(msgspec.Struct, frozen=True):
    """One process to keep alive: a name for the log, the command line's own words, open files that it inherits."""

    name: str
    arguments: tuple[str, ...]
    files: tuple[int, ...] = ()


def webs(settings: Path, number: int, socket: int, metrics: int | None = None) -> tuple[Child, ...]:
    """Name the processes that take messages in, all from one listening socket, which outlives each of them.

    ``metrics``: a second one, for the figures.
    """
    words, files = _shown(metrics)
    child = ("web", *_where(settings), "--socket", str(socket), *words)
    names = ["web"] if number == 1 else [f"web-{one}" for one in range(1, number + 1)]
    return tuple(Child(name, child, (socket, *files)) for name in names)


def workers(settings: Path, number: int, metrics: int | None = None) -> tuple[Child, ...]:
    """Name the processes that deliver."""
    words, files = _shown(metrics)
    child = ("work", *_where(settings), *words)
    return tuple(Child(f"worker-{one}", child, files) for one in range(1, number + 1))


def _shown(metrics: int | None) -> tuple[tuple[str, ...], tuple[int, ...]]:
    return ((), ()) if metrics is None else (("--metrics", str(metrics)), (metrics,))


def _where(settings: Path) -> tuple[str, ...]:
    return ("--settings", str(settings), "--supervised")


async def supervise(wanted: Sequence[Child], stop: asyncio.Event) -> None:
    """Keep every child alive until ``stop``; then let each finish, and kill what does not."""
    await asyncio.gather(*(_keep_alive(child, stop) for child in wanted))


async def _keep_alive(child: Child, stop: asyncio.Event) -> None:
    pause, clock = FIRST_PAUSE, asyncio.get_running_loop().time
    while not stop.is_set():
        began = clock()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hub.cli.main", *child.arguments),
            stdin=asyncio.subprocess.PIPE,
            pass_fds=child.files,
        )
        log.info("child_started", worker=child.name, pid=process.pid)
        ended = asyncio.create_task(process.wait())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if stop.is_set():
            await _end(process, ended)
            return
        pause = FIRST_PAUSE if clock() - began > HEALTHY_AFTER else min(pause * 2, LONGEST_PAUSE)
        log.warning("child_ended", worker=child.name, status=process.returncode, wait=pause)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)


async def _end(process: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(asyncio.shield(ended), GRACE)
    except TimeoutError:
        process.kill()
        await ended


def stop_on_signals(stop: asyncio.Event) -> None:
    """SIGTERM and SIGINT set ``stop``; a second one ends the process at once."""

    def asked() -> None:
        if stop.is_set():
            os._exit(1)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)


async def stop_with_parent(stop: asyncio.Event) -> None:
    """Set ``stop`` when the supervisor is gone: the pipe on standard input ends."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        await reader.read()
    finally:
        transport.close()
    stop.set()
