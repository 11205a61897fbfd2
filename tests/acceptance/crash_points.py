"""Crash points, found by wrapping what a process does to the world outside it. Nothing of it stands in the product.

``install`` replaces, before the hub is started in this process, what commits, what sends and receives, and what writes
files: ``apsw.Connection`` and its VFS, asyncio's socket transports, ``os`` and ``open``. Each time one of them is reached,
a *point* is reached: ``<kind> <where in our code> <when>``. Points are not listed anywhere: new code brings its own.

    commit  a transaction, by each of our functions that wrote in it: before the COMMIT is carried out, and after
    disk    SQLite's own writes and syncs, by file: before, after, and with only half of it written
    send    a call to a partner or an answer to a sender: before, after, and with half of it sent
    hear    bytes that arrived: before and after our code has seen them
    file    open for writing, write, fsync, rename, link, unlink, mkdir … before and after; half of a write

A process has at most one target. When it reaches its target for the ``nth`` time it notes all points that it stands on
and ends itself with SIGKILL.
"""

from __future__ import annotations

import asyncio
import builtins
import contextvars
import io
import os
import re
import signal
import sys
from asyncio import selector_events
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakKeyDictionary

import apsw
import msgspec
import psycopg
import uvloop
from psycopg.pq import TransactionStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from tests.acceptance.watched_sqlite import Ear

ROOT = str(Path(__file__).parents[2]) + os.sep
OURS = tuple(ROOT + package + os.sep for package in ("hub", "connectors", "signing", "schemas"))
WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE|REPLACE|CREATE|DROP|ALTER|PRAGMA user_version\s*=|WITH\b.*\b(INSERT|UPDATE|DELETE)\b)", re.IGNORECASE | re.DOTALL)  # fmt: skip
MEANS = frozenset({"writer", "line", "db", "connection"})
"""Modules of the store that carry out what others say."""
IDS = re.compile(r"/[0-9A-Z]{20,}[^/]*|/[0-9a-f]{16,}")
_VFS = "lienthong-points"


TOGETHER = "\t"
"""Between the points that are reached at once: all that one COMMIT carries."""


class Target(msgspec.Struct, frozen=True):
    """Where to die: at the ``nth`` time that this point is reached. Empty: nowhere."""

    point: str = ""
    nth: int = 1


class Points:
    """What one process has reached. ``log`` only grows: its role and points reached together, at their first time.

    A line that begins with ``!`` is where the process died.
    """

    def __init__(self, log: Path, role: str, target: Target) -> None:
        self._role, self._target = role, target
        self._left = target.nth
        self._seen: set[str] = set()
        self._write = partial(os.write, os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))

    def reach(self, *points: str) -> None:
        """Stand on these points; do not come back when the target is one of them."""
        together = TOGETHER.join(points)
        if together not in self._seen:
            self._seen.add(together)
            self._note("", together)
        if self._target.point in points:
            self._left -= 1
            if self._left == 0:
                self._note("!", together)
                os.kill(os.getpid(), signal.SIGKILL)

    def dying_at(self, point: str) -> bool:
        """Whether this is where the process will end: half of something is done only then."""
        return self._left == 1 and self._target.point == point

    def _note(self, mark: str, together: str) -> None:
        self._write(f"{mark}{self._role}{TOGETHER}{together}\n".encode())


# --- where in our code ------------------------------------------------------------------------------------------


def _frames(start: FrameType | None) -> Iterator[FrameType]:
    while start is not None:
        if start.f_code.co_filename.startswith(OURS):
            yield start
        start = start.f_back


def _name(frame: FrameType) -> str:
    module = frame.f_code.co_filename.removeprefix(ROOT).removesuffix(".py").replace(os.sep, ".")
    called = (
        frame.f_code.co_qualname.replace(".<locals>", "").replace(".<lambda>", "").replace(".<genexpr>", "")
    )
    return f"{module}:{called}"


def site(depth: int = 2) -> str:
    """Name our innermost function on the stack; empty when none of ours is."""
    first = next(_frames(sys._getframe(depth)), None)
    return "" if first is None else _name(first)


def _writing_site() -> str:
    """Name what writes in a transaction: the outermost function of the store behind its writer > the innermost one."""
    names = [name for name in map(_name, _frames(sys._getframe(2))) if name.startswith("hub.")]
    names = [name for name in names if name.partition(":")[0].rpartition(".")[2] not in MEANS]
    inside = [name for name in names if name.startswith("hub.store.")] or names
    if not inside:
        return "?"
    short = [
        name.rpartition(".")[2] if ":" not in name else name.removeprefix("hub.store.") for name in inside
    ]
    return short[-1] if len(short) == 1 else f"{short[-1]}>{short[0]}"


# --- commits of SQLite, and what it does on disk ----------------------------------------------------------------


def _sqlite(points: Points, ear: Ear) -> None:
    def reach(wrote: set[str], when: str) -> None:
        points.reach(*(f"commit {where} {when}" for where in sorted(wrote) or ["nothing"]))

    ear.statement = lambda sql: _writing_site() if WRITES.match(sql) else ""
    ear.before = partial(reach, when="before")
    ear.after = partial(reach, when="after")
    ear.vfs = _VFS
    _vfs.append(_disk(points))


_vfs: list[apsw.VFS] = []
"""A VFS must outlive every connection that was opened with it."""


def _disk(points: Points) -> apsw.VFS:
    class File(apsw.VFSFile):
        def __init__(self, name: Any, flags: Any) -> None:
            filename = name.filename() if isinstance(name, apsw.URIFilename) else name
            self._kind = str(filename or "temporary").rpartition(".db")[2].removeprefix("-") or "main"
            super().__init__("", name, flags)

        def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - apsw's
            points.reach(f"disk write {self._kind} before")
            half = f"disk write {self._kind} half"
            if points.dying_at(half):
                super().xWrite(data[: len(data) // 2], offset)
            points.reach(half)
            super().xWrite(data, offset)
            points.reach(f"disk write {self._kind} after")

        def xSync(self, flags: int) -> None:  # noqa: N802 - apsw's
            points.reach(f"disk sync {self._kind} before")
            super().xSync(flags)
            points.reach(f"disk sync {self._kind} after")

        def xTruncate(self, size: int) -> None:  # noqa: N802 - apsw's
            points.reach(f"disk truncate {self._kind} before")
            super().xTruncate(size)
            points.reach(f"disk truncate {self._kind} after")

    class Disk(apsw.VFS):
        def __init__(self) -> None:
            super().__init__(_VFS, "")

        def xOpen(self, name: Any, flags: Any) -> Any:  # noqa: N802 - apsw's
            return File(name, flags)

    return Disk()


# --- commits of PostgreSQL ---------------------------------------------------------------------------------------


def _postgres(points: Points) -> None:
    """Statements go through ``Cursor.execute``, ``COMMIT`` too; outside a transaction each write is its own commit."""
    plain = psycopg.Cursor.execute
    wrote: WeakKeyDictionary[object, set[str]] = WeakKeyDictionary()

    @wraps(plain)
    def execute(self: psycopg.Cursor[Any], query: Any, *args: Any, **options: Any) -> Any:
        text = query.decode() if isinstance(query, bytes) else str(query)
        here = wrote.setdefault(self.connection, set())
        if WRITES.match(text):
            here.add(_writing_site())
        alone = self.connection.info.transaction_status is TransactionStatus.IDLE
        commits = here and (text.startswith("COMMIT") or (alone and not text.startswith("BEGIN")))
        names = sorted(here)
        if commits:
            points.reach(*(f"commit {where} before" for where in names))
        result = plain(self, query, *args, **options)
        if commits:
            points.reach(*(f"commit {where} after" for where in names))
        if commits or text.startswith("ROLLBACK"):
            here.clear()
        return result

    psycopg.Cursor.execute = execute  # type: ignore[method-assign]  # that is what it is for


# --- the network ------------------------------------------------------------------------------------------------

_asking: contextvars.ContextVar[str] = contextvars.ContextVar("asking", default="")


def _network(points: Points) -> None:
    from connectors.transport import Http  # noqa: PLC0415 - what is wrapped is imported after SQLite is

    plain_send = Http.send

    @wraps(plain_send)
    async def send(self: Http, request: Any) -> Any:
        token = _asking.set(site())
        try:
            return await plain_send(self, request)
        finally:
            _asking.reset(token)

    Http.send = send  # type: ignore[method-assign]
    transport: Any = selector_events._SelectorSocketTransport  # type: ignore[attr-defined]
    plain_write, plain_read = transport.write, transport._read_ready__data_received

    def write(self: Any, data: bytes) -> None:
        name = _spoken(self, bytes(data[:64]))
        points.reach(f"send {name} before")
        half = f"send {name} half"
        if points.dying_at(half):
            plain_write(self, data[: len(data) // 2])
        points.reach(half)
        plain_write(self, data)
        points.reach(f"send {name} after")

    def read(self: Any) -> None:
        name = _heard(self)
        points.reach(f"hear {name} before")
        plain_read(self)
        points.reach(f"hear {name} after")

    transport.write, transport._read_ready__data_received = write, read


def _spoken(transport: Any, first: bytes) -> str:
    """Name what is being said: a call by the function of ours that makes it, an answer by its request and status."""
    protocol = transport.get_protocol()
    asked = getattr(protocol, "scope", None)
    if isinstance(asked, dict):
        status = first.split(b" ", 2)[1].decode() if first.startswith(b"HTTP/1.1 ") else "more"
        return f"{asked.get('method')} {IDS.sub('/…', str(asked.get('path')))} {status}"
    transport._asking = _asking.get() or type(protocol).__name__
    return str(transport._asking)


def _heard(transport: Any) -> str:
    protocol = transport.get_protocol()
    return str(getattr(transport, "_asking", type(protocol).__name__))


# --- files ------------------------------------------------------------------------------------------------------

_CALLS = [
    "write",
    "fsync",
    "fdatasync",
    "rename",
    "replace",
    "unlink",
    "remove",
    "link",
    "truncate",
    "ftruncate",
    "mkdir",
    "rmdir",
    "chmod",
    "sendfile",
]
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def _files(points: Points) -> None:
    for call in _CALLS:
        setattr(os, call, _around(points, call, getattr(os, call)))
    os.open = _opening(points, os.open)
    opened = _file_opening(points, io.open)
    builtins.open = opened
    io.open = opened
    sys.modules["_io"].open = opened  # type: ignore[attr-defined]  # what tempfile calls


def _around(points: Points, call: str, plain: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(plain)
    def wrapped(*args: Any, **options: Any) -> Any:
        where = site()
        if not where:
            return plain(*args, **options)
        points.reach(f"file {call} {where} before")
        if call == "write" and points.dying_at(f"file {call} {where} half"):
            plain(args[0], args[1][: len(args[1]) // 2])
        if call == "write":
            points.reach(f"file {call} {where} half")
        result = plain(*args, **options)
        points.reach(f"file {call} {where} after")
        return result

    return wrapped


def _opening(points: Points, plain: Callable[..., int]) -> Callable[..., int]:
    @wraps(plain)
    def wrapped(path: Any, flags: int, *args: Any, **options: Any) -> int:
        where = site() if flags & _WRITING else ""
        if not where:
            return plain(path, flags, *args, **options)
        points.reach(f"file open {where} before")
        handle = plain(path, flags, *args, **options)
        points.reach(f"file open {where} after")
        return handle

    return wrapped


def _file_opening(points: Points, plain: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
        where = site() if set(mode) & set("wax+") else ""
        if not where:
            return plain(file, mode, *args, **options)
        points.reach(f"file open {where} before")
        opened = _File(points, where, plain(file, mode, *args, **options))
        points.reach(f"file open {where} after")
        return opened

    return wrapped


class _File:
    """A file that was opened for writing."""

    def __init__(self, points: Points, where: str, plain: Any) -> None:
        self._points, self._where, self._plain = points, where, plain

    def write(self, data: Any) -> Any:
        call = f"file write {self._where}"
        self._points.reach(f"{call} before")
        if self._points.dying_at(f"{call} half"):
            self._plain.write(data[: len(data) // 2])
            self._plain.flush()
        self._points.reach(f"{call} half")
        written = self._plain.write(data)
        self._points.reach(f"{call} after")
        return written

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._plain.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._plain)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)


def install(points: Points, ear: Ear) -> None:
    """Wrap everything. Once per process, before the hub is started."""
    uvloop.run = asyncio.run  # type: ignore[assignment]  # uvloop's transports are written in C and cannot be wrapped
    _sqlite(points, ear)
    _postgres(points)
    _network(points)
    _files(points)
