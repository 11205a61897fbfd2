"""A TCP server that says exactly the given bytes: for what no HTTP library would ever write."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Raw:
    """``heard``: the requests, one per item; ``answers``: what to say to each, the last one for ever.

    An answer ends the connection when it is not followed by another one on it (``keep``).
    """

    def __init__(self, *answers: bytes, keep: bool = False) -> None:
        self.heard: list[bytes] = []
        self._answers, self._keep = list(answers), keep

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (
                        int(line[15:])
                        for line in head.split(b"\r\n")
                        if line.lower().startswith(b"content-length:")
                    ),
                    0,
                )
                self.heard.append(head + await reader.readexactly(length))
                answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                writer.write(answer)
                await writer.drain()
                if not self._keep or not answer:
                    break
        except (OSError, EOFError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def raw(*answers: bytes, keep: bool = False) -> AsyncIterator[tuple[Raw, str]]:
    """Yield the server and its base URL."""
    said = Raw(*answers, keep=keep)
    server = await asyncio.start_server(said.handle, "127.0.0.1", 0)
    try:
        yield said, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


def ok(body: bytes, *lines: str) -> bytes:
    head = "\r\n".join(("HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *lines))
    return head.encode() + b"\r\n\r\n" + body
