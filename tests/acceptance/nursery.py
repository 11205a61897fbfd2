"""Hub processes that start in milliseconds: one warm interpreter forks them, each with its own points, clock and disk.

``python nursery.py`` imports the hub once and reads orders (``Born`` as JSON lines) from standard input; each becomes a
child that runs the real command line (``web``, ``work``, or any other words) of the hub. What differs from a hub in
production is put in from outside: asyncio's own loop instead of uvloop where points are counted, the pure pool as a
thread, a skewed clock, a disk that fails. The child does not outlive the nursery, nor the nursery its test.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os
import random
import resource
import select
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from tests.acceptance import crash_points, failing_disk, watched_sqlite

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from hub.delivery.sealing import Workbench
    from hub.judging.contract import Desk

ROOT = Path(__file__).parents[2]
_DIE_WITH_PARENT = 1  # prctl(2): PR_SET_PDEATHSIG


class Born(msgspec.Struct, frozen=True, kw_only=True):
    """One process to fork. ``words``: the command line. ``output``: where it writes what it says.

    ``points``: file of the points it reaches; empty: nothing is wrapped. ``clock``: file with the seconds that its clock
    is wrong by, read while it runs. ``disk``: file that says how SQLite's disk fails, read while it runs; empty: it does not. ``largest``: bytes that a
    file may have (RLIMIT_FSIZE); 0: any.
    """

    number: int
    settings: str
    words: tuple[str, ...]
    output: str
    points: str = ""
    target: str = ""
    nth: int = 1
    clock: str = ""
    disk: str = ""
    largest: int = 0


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the nursery says about a child. ``status``: its exit status, negative: the signal; ``None``: it was born."""

    number: int
    pid: int
    status: int | None = None


# --- the nursery's own process ----------------------------------------------------------------------------------


def main() -> None:
    """Serve until standard input ends."""
    _die_with_parent()
    os.set_blocking(0, False)
    nursery, rest = _Nursery(), b""
    while True:
        readable, _, _ = select.select([0], [], [], 0.01)
        if readable:
            piece = os.read(0, 1 << 16)
            if not piece:
                return
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                nursery.bear(msgspec.json.decode(line, type=Born))
        nursery.bury()


class _Nursery:
    def __init__(self) -> None:
        self._ear = watched_sqlite.install()  # before the hub is imported
        from connectors import reach  # noqa: PLC0415 - this is the warming up
        from connectors.soap import client  # noqa: F401, PLC0415
        from hub import rules  # noqa: PLC0415
        from hub.api import door  # noqa: F401, PLC0415
        from hub.cli import acting, running  # noqa: F401, PLC0415
        from hub.processes import programs  # noqa: F401, PLC0415
        from hub.store.postgres import store  # noqa: F401, PLC0415
        from hub.wiring import web, worker  # noqa: F401, PLC0415
        from hub.wiring.declared import declared  # noqa: PLC0415
        from hub.wiring.tools import pool_tools  # noqa: PLC0415
        from schemas import errors  # noqa: PLC0415

        self._make = pool_tools
        _everywhere(declared, cache(declared))  # reading the same files again costs each child 80 ms
        errors.load()
        rules._written()
        reach._of_this_machine()
        self._tools: dict[str, tuple[Desk, Workbench]] = {}
        self._numbers: dict[int, int] = {}

    def bear(self, order: Born) -> None:
        if order.settings not in self._tools:
            self._tools[order.settings] = self._make(order.settings)
            gc.collect()
            gc.freeze()  # what is here lasts as long as each child: none of them looks at it again
        pid = os.fork()
        if pid == 0:
            status = 70
            try:
                status = _live(order, self._tools[order.settings], self._ear)
            finally:
                os._exit(status)
        self._numbers[pid] = order.number
        _tell(Told(number=order.number, pid=pid))

    def bury(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                number = self._numbers.pop(pid)
                _tell(Told(number=number, pid=pid, status=os.waitstatus_to_exitcode(status)))


def _tell(told: Told) -> None:
    os.write(1, msgspec.json.encode(told) + b"\n")


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


# --- a child ----------------------------------------------------------------------------------------------------


def _live(order: Born, tools: tuple[Desk, Workbench], ear: watched_sqlite.Ear) -> int:
    _die_with_parent()
    handle = os.open(order.output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    random.seed()
    _without_processes(tools)
    if order.clock:
        _skewed(order.clock)
    if order.disk:
        failing_disk.install(Path(order.disk), ear)
    if order.points:
        _wrapped(order, ear)
    if order.largest:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # EFBIG instead of an end
        resource.setrlimit(resource.RLIMIT_FSIZE, (order.largest, order.largest))
    from hub.cli.main import main as command_line  # noqa: PLC0415

    return command_line([*order.words, "--settings", order.settings])


def _wrapped(order: Born, ear: watched_sqlite.Ear) -> None:
    # `lienthong transfer retry …`: its points are called by its words, not by what they are about
    role = " ".join(word for word in order.words[:2] if word.isalpha())
    crash_points.install(
        crash_points.Points(Path(order.points), role, crash_points.Target(order.target, order.nth)), ear
    )


def _without_processes(tools: tuple[Desk, Workbench]) -> None:
    """The pool is pure: it has no store and no network. A thread does as well and needs no second interpreter."""
    from hub.processes import pool  # noqa: PLC0415
    from hub.processes.crew import Crew  # noqa: PLC0415

    class Thread:
        """Has the parts of a ``Crew`` that the hub uses."""

        def __init__(self, *_: object) -> None:
            self._thread = ThreadPoolExecutor(1)
            self.pids: frozenset[int] = frozenset()

        async def ask(self, frame: bytes, _: float | None = None) -> bytes:
            run = asyncio.get_running_loop().run_in_executor
            return await run(self._thread, pool._answer, *tools, frame)

        async def close(self) -> None:
            self._thread.shutdown()

    _everywhere(Crew, Thread)


def _skewed(file: str) -> None:
    """Every module that was handed the hub's one clock gets a wrong one."""
    from hub.wiring.parts import utc_now  # noqa: PLC0415

    handle = os.open(file, os.O_RDONLY)
    _everywhere(utc_now, lambda: utc_now() + timedelta(seconds=float(os.pread(handle, 32, 0) or b"0")))


def _everywhere(plain: Callable[..., object], instead: Callable[..., object]) -> None:
    """Every module that imported ``plain`` by its name gets the other."""
    for module in tuple(sys.modules.values()):
        if getattr(module, plain.__name__, None) is plain:
            setattr(module, plain.__name__, instead)


# --- the test's side --------------------------------------------------------------------------------------------


class Child:
    """One forked process."""

    def __init__(self, number: int) -> None:
        loop = asyncio.get_running_loop()
        self.number = number
        self.born: asyncio.Future[int] = loop.create_future()
        self.ended: asyncio.Future[int] = loop.create_future()

    @property
    def pid(self) -> int:
        return self.born.result()

    @property
    def alive(self) -> bool:
        return not self.ended.done()

    def signal(self, number: int) -> None:
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def wait(self) -> int:
        """Return its exit status when it is gone, negative for a signal."""
        return await asyncio.shield(self.ended)  # whoever stops waiting does not end it for the others

    async def kill(self) -> None:
        self.signal(signal.SIGKILL)
        await self.wait()

    async def stop(self, patience: float = 20.0) -> int:
        """Ask it to stop; return its exit status. Killed when it does not."""
        self.signal(signal.SIGTERM)
        try:
            return await asyncio.wait_for(self.wait(), patience)
        except TimeoutError:
            await self.kill()
            raise


class Nursery:
    """A nursery process. Use it from one event loop, as a context."""

    def __init__(self) -> None:
        self._children: dict[int, Child] = {}
        self._count = 0

    async def __aenter__(self) -> Self:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LIENTHONG_")}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            __file__,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**environment, "PYTHONPATH": str(ROOT)},
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in tuple(self._children.values()):
            if child.born.done():
                await child.kill()
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._reading

    async def bear(self, settings: Path, words: tuple[str, ...], output: Path, **more: object) -> Child:
        """Fork a process; it has begun when this returns. ``more``: the other fields of ``Born``."""
        self._count += 1
        child = self._children[self._count] = Child(self._count)
        order = Born(
            number=self._count,
            settings=str(settings),
            words=words,
            output=str(output),
            **more,  # type: ignore[arg-type]
        )
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")
        await self._process.stdin.drain()
        await child.born
        return child

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            told = msgspec.json.decode(line, type=Told)
            child = self._children[told.number]
            if told.status is None:
                child.born.set_result(told.pid)
            else:
                child.ended.set_result(told.status)
                del self._children[told.number]
        gone = RuntimeError("the nursery ended")
        for child in self._children.values():
            for future in (child.born, child.ended):
                if not future.done():
                    future.set_exception(gone)


if __name__ == "__main__":
    main()
