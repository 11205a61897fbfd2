"""A malware scanner on a real socket that speaks clamd's protocol: INSTREAM over TCP or a unix socket.

It finds the EICAR test file, says what clamd says when a stream is too long, and misbehaves when it is told to.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
LIMIT = 25 << 20


@dataclass
class Clamd:
    """``streams``: what it was given; ``mood``: ``mute`` never answers, ``reset`` hangs up, ``babble`` says something else,
    ``hasty`` calls clean what it has not heard.
    """

    address: str = ""
    limit: int = LIMIT
    mood: str = ""
    keep: bool = True
    streams: list[bytes] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    open: set[asyncio.Task[None] | None] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.add(asyncio.current_task())
        with contextlib.suppress(OSError, EOFError):
            asked = await reader.readuntil(b"\0")
            assert asked in {b"zINSTREAM\0", b"zPING\0"}
            writer.write(await (self._heard(reader) if asked == b"zINSTREAM\0" else self._ponged()))
            await writer.drain()
        writer.transport.abort() if self.over.is_set() else writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def _ponged(self) -> bytes:
        if self.mood == "reset":
            raise EOFError
        if self.mood == "mute":
            await self.over.wait()
        return b"UNKNOWN COMMAND\0" if self.mood == "babble" else b"PONG\0"

    async def _heard(self, reader: asyncio.StreamReader) -> bytes:
        if self.mood == "reset":
            raise EOFError
        if self.mood == "hasty":
            return b"stream: OK\0"
        size, tail, found, kept = 0, b"", False, bytearray()
        while length := struct.unpack(">I", await reader.readexactly(4))[0]:
            size += length
            if size > self.limit:
                return b"INSTREAM size limit exceeded. ERROR\0"
            piece = await reader.readexactly(length)
            found = found or EICAR in tail + piece
            tail = (tail + piece)[-len(EICAR) :]
            if self.keep:
                kept += piece
        self.streams.append(bytes(kept))
        self.sizes.append(size)
        if self.mood == "mute":
            await self.over.wait()
        if self.mood == "babble":
            return b"UNKNOWN COMMAND\0"
        return b"stream: Win.Test.EICAR_HDB-1 FOUND\0" if found else b"stream: OK\0"


@asynccontextmanager
async def clamd(unix: Path | None = None, **how: object) -> AsyncIterator[Clamd]:
    """Run one; ``address`` is where it listens."""
    double = Clamd(**how)  # type: ignore[arg-type]  # the fields above
    if unix is not None:
        server = await asyncio.start_unix_server(double.serve, unix)
        double.address = f"unix:{unix}"
    else:
        server = await asyncio.start_server(double.serve, "127.0.0.1", 0)
        double.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield double
    finally:
        server.close()
        double.over.set()
        await asyncio.gather(*(task for task in double.open if task is not None), return_exceptions=True)
