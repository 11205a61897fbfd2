r"""Asks a malware scanner about a document, in clamd's own protocol (clamd(8), INSTREAM), streaming: nothing is kept here.

``zINSTREAM\\0``, then pieces, each behind its length in four bytes, then a length of zero; the answer ends with a zero byte:
``stream: OK``, ``stream: <name> FOUND`` or ``… ERROR``. clamd answers in the middle and hangs up when a stream is longer
than its ``StreamMaxLength``, so the answer is listened for while the pieces are still going out.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BEGIN, END = b"zINSTREAM\0", struct.pack(">I", 0)
PING, PONG = b"zPING\0", b"PONG\0"
LONGEST_ANSWER = 4096
_FOUND = re.compile(r"stream: (.+) FOUND")
_TOO_LARGE = "size limit exceeded"


class Verdict(StrEnum):
    CLEAN = "clean"
    INFECTED = "infected"
    TOO_LARGE = "too-large"  # for this scanner
    UNKNOWN = "unknown"  # it did not answer, or not in words that say one of the above


class Answer(msgspec.Struct, frozen=True):
    """``finding``: the name of what was found, or what was wrong with asking."""

    verdict: Verdict
    finding: str = ""


class Scanner:
    """``address``: ``host:port`` or ``unix:/path``. ``timeout``: seconds for the way there, for each piece and for the answer."""

    def __init__(self, address: str, timeout: float) -> None:
        self._address, self._timeout = address, timeout

    async def scan(self, pieces: AsyncIterator[bytes]) -> Answer:
        """Never raises for what the scanner or the network does."""
        try:
            async with asyncio.timeout(self._timeout):
                line = await self._connect()
        except (OSError, TimeoutError) as error:
            return Answer(Verdict.UNKNOWN, f"unreachable: {type(error).__name__}")
        with line:
            return await self._ask(line, pieces)

    async def silence(self) -> str:
        """Say why it does not answer; empty: it does. Never raises for what the scanner or the network does."""
        try:
            async with asyncio.timeout(self._timeout):
                with await self._connect() as line:
                    await asyncio.get_running_loop().sock_sendall(line, PING)
                    said = await _heard(line)
        except (OSError, TimeoutError) as error:
            return type(error).__name__
        return "" if said == PONG else "another answer than PONG"

    async def _connect(self) -> socket.socket:
        """A bare socket: a stream of the event loop forgets what was said when the other side hangs up on us."""
        loop = asyncio.get_running_loop()
        where: Any
        if self._address.startswith("unix:"):
            family, where = socket.AF_UNIX, self._address.removeprefix("unix:")
        else:
            host, _, port = self._address.rpartition(":")
            found = await loop.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
            family, where = found[0][0], found[0][4]
        line = socket.socket(family, socket.SOCK_STREAM)
        try:
            line.setblocking(False)
            await loop.sock_connect(line, where)
        except BaseException:
            line.close()
            raise
        return line

    async def _ask(self, line: socket.socket, pieces: AsyncIterator[bytes]) -> Answer:
        hearing = asyncio.create_task(_heard(line))
        whole = False
        try:
            with contextlib.suppress(OSError, TimeoutError):  # what it says, if anything, is heard below
                whole = await self._send(line, pieces, hearing)
            async with asyncio.timeout(self._timeout):
                answer = understood(await hearing)
            hasty = answer.verdict is Verdict.CLEAN and not whole
            return Answer(Verdict.UNKNOWN, "an answer before the end") if hasty else answer
        except (OSError, TimeoutError) as error:
            return Answer(Verdict.UNKNOWN, f"no answer: {type(error).__name__}")
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)

    async def _send(
        self, line: socket.socket, pieces: AsyncIterator[bytes], hearing: asyncio.Task[bytes]
    ) -> bool:
        """Returns whether it was all sent before anything was said."""
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(line, BEGIN)
        async for piece in pieces:
            if not piece:
                continue  # a length of zero would be the end
            if hearing.done():
                return False
            async with asyncio.timeout(self._timeout):
                await loop.sock_sendall(line, struct.pack(">I", len(piece)))
                await loop.sock_sendall(line, piece)
        if hearing.done():
            return False
        async with asyncio.timeout(self._timeout):
            await loop.sock_sendall(line, END)
        return True


async def _heard(line: socket.socket) -> bytes:
    """Return what is said until a zero byte or the end of the line."""
    said = b""
    while b"\0" not in said and len(said) < LONGEST_ANSWER:
        more = await asyncio.get_running_loop().sock_recv(line, LONGEST_ANSWER)
        if not more:
            break
        said += more
    return said


def understood(raw: bytes) -> Answer:
    """Read an answer; one that is not understood, or not whole, releases nothing."""
    if raw.find(b"\0") != len(raw) - 1:  # also of an answer to nothing
        return Answer(Verdict.UNKNOWN, "no whole answer")
    said = raw[:LONGEST_ANSWER].rstrip(b"\0\n").decode("utf-8", "replace").strip()
    if said == "stream: OK":
        return Answer(Verdict.CLEAN)
    if found := _FOUND.fullmatch(said):
        return Answer(Verdict.INFECTED, found[1][:200])
    if _TOO_LARGE in said:
        return Answer(Verdict.TOO_LARGE, Verdict.TOO_LARGE)
    return Answer(Verdict.UNKNOWN, "an answer that is not understood")
