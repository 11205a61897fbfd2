"""A TCP proxy that breaks what it carries: our own, so that faults come byte-exactly and while it runs.

    with proxy(to=("127.0.0.1", 9001)) as line:
        line.fault(Fault(cut_down=100, reset=True))     # the next connection: 100 bytes of the answer, then RST
        line.faults(Fault(delay=0.2, jitter=0.1))       # every one from here on
        line.cut()                                      # everything that is open now

It runs in a thread of its own with a loop of its own; every method may be called from any thread. ``up`` is what the
caller sends, ``down`` what comes back. Jitter comes from ``random``, so a seed repeats it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from concurrent.futures import Future

HOST = "127.0.0.1"
CHUNK = 16 * 1024
RESET = struct.pack("ii", 1, 0)  # SO_LINGER on with no time: close() sends RST
T = TypeVar("T")


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to one connection. Times in seconds, ``bandwidth`` in bytes a second (0: as it comes).

    ``refuse``: a RST instead of a conversation. ``blackhole``: takes everything, passes on nothing. ``cut_up``,
    ``cut_down``: passes this many bytes in that direction, then ends the connection, with RST when ``reset``.
    ``half_close``: when the cut comes, only that direction ends; the other one goes on. ``again``: once the answer has
    begun, say everything that the caller said a second time on a connection of its own, and throw that answer away.
    """

    delay: float = 0.0
    jitter: float = 0.0
    bandwidth: float = 0.0
    refuse: bool = False
    blackhole: bool = False
    cut_up: int | None = None
    cut_down: int | None = None
    reset: bool = False
    half_close: bool = False
    again: bool = False


NONE = Fault()


class _Cut(Exception):  # noqa: N818 - says what it is
    """A connection has carried all that it may."""


class Proxy:
    """One port in front of another. ``carried``: bytes up and down; ``connections``: how many came."""

    def __init__(self, to: tuple[str, int], uniform: Callable[[float, float], float]) -> None:
        self._to, self._uniform = to, uniform
        self._once: deque[Fault] = deque()
        self._always = NONE
        self._stopped = False
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self.port = 0
        self.connections = 0
        self.carried = [0, 0]

    # --- from any thread

    def start(self) -> None:
        self._thread.start()
        self._run(self._listen())

    def fault(self, *faults: Fault) -> None:
        """Spoil the next connections, one each, in this order."""
        self._loop.call_soon_threadsafe(self._once.extend, faults)

    def faults(self, fault: Fault = NONE) -> None:
        """Spoil every connection from here on that nothing else was ordered for; without an argument: none."""
        self._loop.call_soon_threadsafe(setattr, self, "_always", fault)

    def cut(self) -> None:
        """Reset everything that is open now."""
        self._loop.call_soon_threadsafe(self._reset_all)

    def hang_up(self) -> None:
        """Return when nothing is carried any more, not what stood still on its way either; no fault is left."""
        self._run(self._hang_up())

    def close(self) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[None, None, T]) -> T:
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(10)

    # --- on its own loop

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connection, HOST, self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._hang_up()
        await asyncio.sleep(
            0.01
        )  # a transport that was told to go needs a turn of the loop, and its socket another

    async def _hang_up(self) -> None:
        self._once.clear()
        self._always = NONE
        self._reset_all()
        open_ = tuple(self._tasks)
        for task in open_:
            task.cancel()
        await asyncio.gather(*open_, return_exceptions=True)

    def _reset_all(self) -> None:
        for writer in tuple(self._open):
            _reset(writer)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self.connections += 1
        fault = self._once.popleft() if self._once else self._always
        self._open.add(writer)
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await self._carry(fault, reader, writer)
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _carry(self, fault: Fault, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if fault.refuse:
            _reset(writer)
            return
        if fault.blackhole:
            while await reader.read(CHUNK):
                pass
            return
        try:
            back, there = await asyncio.open_connection(*self._to)
        except OSError:
            _reset(writer)
            return
        self._open.add(there)
        said = bytearray()
        pumps = (
            asyncio.ensure_future(self._pump(fault, 0, fault.cut_up, reader, there, said)),
            asyncio.ensure_future(self._pump(fault, 1, fault.cut_down, back, writer, said)),
        )
        try:
            done, _ = await asyncio.wait(pumps, return_when=asyncio.FIRST_EXCEPTION)
            if any(isinstance(pump.exception(), _Cut) for pump in done) and fault.reset:
                _reset(writer)
                _reset(there)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._open.discard(there)
            try:
                await _flushed(writer)
                await _flushed(there, back)
            finally:
                there.transport.abort()

    async def _pump(
        self,
        fault: Fault,
        direction: int,
        most: int | None,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        said: bytearray,
    ) -> None:
        left = most
        while left is None or left > 0:
            piece = await reader.read(CHUNK if left is None else min(CHUNK, left))
            if not piece:
                break
            if fault.delay or fault.jitter:
                await asyncio.sleep(max(0.0, fault.delay + self._uniform(-fault.jitter, fault.jitter)))
            if fault.bandwidth:
                await asyncio.sleep(len(piece) / fault.bandwidth)
            if fault.again and direction == 0:
                said += piece
            writer.write(piece)
            await writer.drain()
            self.carried[direction] += len(piece)
            if left is not None:
                left -= len(piece)
            if fault.again and direction == 1 and said:
                await self._say_again(bytes(said))
                said.clear()
        if left == 0 and not fault.half_close:
            raise _Cut
        if writer.can_write_eof():
            writer.write_eof()

    async def _say_again(self, said: bytes) -> None:
        reader, writer = await asyncio.open_connection(*self._to)
        try:
            writer.write(said)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await reader.read(CHUNK)
        finally:
            writer.transport.abort()


async def _flushed(writer: asyncio.StreamWriter, answers: asyncio.StreamReader | None = None) -> None:
    """Let what was carried arrive: a socket that is closed over unread answers sends RST, which destroys it."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(0.5):
            if writer.is_closing():
                return
            if answers is not None and writer.can_write_eof():
                writer.write_eof()
                while await answers.read(CHUNK):
                    pass
            writer.close()
            await writer.wait_closed()


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


@contextmanager
def proxy(to: tuple[str, int], *, seed: int = 0) -> Iterator[Proxy]:
    """Open a port in front of ``to``."""
    line = Proxy(to, random.Random(seed).uniform)  # noqa: S311 - repeats, is no secret
    line.start()
    try:
        yield line
    finally:
        line.close()
