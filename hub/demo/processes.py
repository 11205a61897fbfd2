"""Processes of the demonstration: started, waited for, always ended."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Self

GRACE = 25.0
LOWEST_PORT, PORTS = 10_000, 20_000


def free_ports(count: int) -> tuple[int, ...]:
    """Return loopback ports that were free a moment ago, below those that the system gives to whoever calls somebody."""
    found: list[int] = []
    with contextlib.ExitStack() as held:
        while len(found) < count:
            port = LOWEST_PORT + secrets.randbelow(PORTS)
            with contextlib.suppress(OSError):
                held.enter_context(socket.create_server(("127.0.0.1", port)))
                found.append(port)
    return tuple(found)


class Processes:
    """Every process started here ends here, whatever happens in between."""

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        self._logs, self._environment = logs, dict(environment)
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in reversed(tuple(self._running)):
            self.stop(name)

    def start(self, name: str, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start ``python -m <arguments>`` with its output in ``<logs>/<name>.log``."""
        with (self._logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own modules
                [sys.executable, "-m", *arguments], stdout=log, stderr=log, env=self._environment
            )
        self._running[name] = process
        return process

    def stop(self, name: str) -> None:
        process = self._running.pop(name)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def pid(self, name: str) -> int:
        return self._running[name].pid

    def ended(self) -> str | None:
        """Name a process that ended by itself."""
        return next((name for name, process in self._running.items() if process.poll() is not None), None)


def children_of(pid: int) -> Iterator[tuple[int, str]]:
    """Yield the child processes of ``pid`` with their command lines."""
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError, ValueError):
            fields = dict(
                line.split(":\t", 1) for line in status.read_text("utf-8").splitlines() if ":\t" in line
            )
            if int(fields["PPid"]) == pid:
                words = (status.parent / "cmdline").read_bytes().split(b"\0")
                yield int(fields["Pid"]), b" ".join(words).decode()


async def answers(url: str, processes: Processes, seconds: float = 90.0) -> None:
    """Wait until ``url`` answers 200. Raises ``TimeoutError`` with the url, ``RuntimeError`` when a process ended meanwhile."""
    timeout = aiohttp.ClientTimeout(total=2)
    ends = time.monotonic() + seconds
    async with aiohttp.ClientSession(timeout=timeout) as session:
        while time.monotonic() < ends:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(url) as reply:
                    if reply.status == 200:  # noqa: PLR2004 - HTTP's word for yes
                        return
            if gone := processes.ended():
                raise RuntimeError(f"{gone} ended; see its log")
            await asyncio.sleep(0.05)
    raise TimeoutError(f"{url}: {seconds:g} s")


def owns_port(pid: int, port: int) -> bool:
    """Say whether ``pid`` holds the established TCP connection that begins at this local port."""
    wanted, established = f":{port:04X}", "01"
    rows = (line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:])
    sockets = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(wanted) and row[3] == established}
    for handle in Path(f"/proc/{pid}/fd").glob("*"):
        with contextlib.suppress(OSError):
            if handle.readlink().name in sockets:
                return True
    return False
