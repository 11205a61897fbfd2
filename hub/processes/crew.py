"""Processes that work for an event loop: a frame of bytes goes to a free one, a frame comes back.

A process does one frame at a time. One that takes too long is killed, one that dies is replaced; what it had is told to
whoever asked, and nobody else is touched. Processes are spawned, so that nothing is inherited by accident, and they end
with the process that made them, even when that one was killed.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import socket
import threading
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Protocol, cast

import structlog

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

Answer = Callable[[bytes], bytes]
Make = Callable[[str], Answer]
"""Runs in the new process, with the settings file's path: build the tools, return what answers a frame."""

log = structlog.get_logger(__name__)

_SPAWN = multiprocessing.get_context("spawn")
_HEAD = 4
LAST_WORDS = 10.0
"""Seconds that a process has to end by itself when the crew is closed."""


class Died(Exception):  # noqa: N818 - says what it is
    """The process ended before it had answered."""


class TooLong(Exception):  # noqa: N818 - says what it is
    """No answer in time; the process was killed."""


class Works(Protocol):
    """Whoever answers frames: processes here, a thread in ``hub.processes.thread``."""

    async def ask(self, frame: bytes, seconds: float | None = None) -> bytes:
        """Return the answer. ``seconds`` count from when the work begins. Raises ``Died`` or ``TooLong``."""
        ...

    async def close(self) -> None: ...


class Crew:
    """Use it from one event loop. Processes are started when they are first needed."""

    def __init__(self, make: Make, settings: str, processes: int) -> None:
        self._make, self._settings, self._processes = make, settings, processes
        self._hands: set[_Hand] = set()
        self._idle: list[_Hand] = []
        self._waiting: deque[asyncio.Future[_Hand]] = deque()
        self._closed = False

    async def ask(self, frame: bytes, seconds: float | None = None) -> bytes:
        """Return the answer. ``seconds`` count from when a process begins. Raises ``Died`` or ``TooLong``."""
        hand = await self._free()
        answer = hand.begin(frame)
        try:
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError:
            log.warning("process_too_slow", pid=hand.pid, seconds=seconds)
            hand.kill()
            raise TooLong from None

    async def close(self) -> None:
        self._closed = True
        await asyncio.gather(*(hand.end() for hand in tuple(self._hands)))

    @property
    def pids(self) -> frozenset[int]:
        """The processes that are there now."""
        return frozenset(hand.pid for hand in self._hands)

    async def _free(self) -> _Hand:
        if self._idle:
            return self._idle.pop()
        waiting: asyncio.Future[_Hand] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        try:
            await self._staff()
            return await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled() and waiting.exception() is None:
                self.free(waiting.result())
            raise

    async def _staff(self) -> None:
        while len(self._hands) < self._processes and not self._closed:
            hand = _Hand(self)
            self._hands.add(hand)
            await hand.start(self._make, self._settings)

    def free(self, hand: _Hand) -> None:
        """Take back a process that has nothing to do; who waits longest gets it."""
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(hand)
                return
        self._idle.append(hand)

    def gone(self, hand: _Hand, *, worked: bool) -> None:
        """A process ended. One that never began would only fail again: whoever waits is told, the next who asks tries anew."""
        self._hands.discard(hand)
        if hand in self._idle:
            self._idle.remove(hand)
        if self._closed or not worked:
            while self._waiting:
                waiting = self._waiting.popleft()
                if not waiting.done():
                    waiting.set_exception(Died())
        elif self._waiting:
            hand.keep(asyncio.create_task(self._staff()))


class _Hand(asyncio.Protocol):
    """One process as the event loop sees it."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._got = bytearray()
        self._answer: asyncio.Future[bytes] | None = None
        self._worked = self._ending = False
        self._kept: set[asyncio.Task[None]] = set()
        self._transport: asyncio.WriteTransport
        self._process: SpawnProcess

    async def start(self, make: Make, settings: str) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = _SPAWN.Process(target=_serve, args=(theirs, make, settings), daemon=True)
            self._process.start()
        ours.setblocking(False)
        await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=ours)

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    def begin(self, frame: bytes) -> asyncio.Future[bytes]:
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(len(frame).to_bytes(_HEAD, "big") + frame)
        return self._answer

    def kill(self) -> None:
        self._process.kill()

    def keep(self, task: asyncio.Task[None]) -> None:
        self._kept.add(task)
        task.add_done_callback(self._kept.discard)

    async def end(self) -> None:
        """Let it finish what it has; it ends when nobody speaks to it any more."""
        self._ending = True
        self._transport.close()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._process.join, LAST_WORDS)
        self._process.kill()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's own has no such base

    def data_received(self, data: bytes) -> None:
        self._got += data
        while len(self._got) >= _HEAD:
            end = _HEAD + int.from_bytes(self._got[:_HEAD], "big")
            if len(self._got) < end:
                return
            frame = bytes(memoryview(self._got)[_HEAD:end])
            del self._got[:end]
            self._hear(frame)

    def _hear(self, frame: bytes) -> None:
        """The first frame says that the tools are built; every other is an answer."""
        answer, self._answer, self._worked = self._answer, None, True
        if answer is not None and not answer.done():
            answer.set_result(frame)
        self._crew.free(self)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - the standard library's signature
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Died())
        self._crew.gone(self, worked=self._worked)
        if not self._ending:
            self._process.kill()
            self.keep(asyncio.create_task(asyncio.to_thread(self._process.join, LAST_WORDS)))


# --- in the process ---------------------------------------------------------------------------------------------


def _serve(hub: socket.socket, make: Make, settings: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the parent's business
    threading.Thread(target=_end_with_parent, daemon=True).start()
    hub.setblocking(True)
    with hub:
        answer = make(settings)
        hub.sendall(bytes(_HEAD))
        while (head := _receive(hub, _HEAD)) is not None:
            frame = _receive(hub, int.from_bytes(head, "big"))
            if frame is None:
                return
            told = answer(frame)
            hub.sendall(len(told).to_bytes(_HEAD, "big") + told)


def _receive(hub: socket.socket, size: int) -> bytes | None:
    """Return that many bytes; ``None`` when the hub has closed its end."""
    got = bytearray(size)
    view = memoryview(got)
    while view:
        count = hub.recv_into(view)
        if not count:
            return None
        view = view[count:]
    return bytes(got)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
