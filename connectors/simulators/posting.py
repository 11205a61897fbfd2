"""One POST over a connection of its own, as the clients of the field make it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

PATIENCE = 60.0


class Posted(NamedTuple):
    """``status`` 0: nothing came back."""

    status: int
    head: str = ""
    body: str = ""


async def post(url: str, body: bytes, headers: Mapping[str, str]) -> Posted:
    to = urlsplit(url)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = (
        f"POST {to.path} HTTP/1.1\r\nHost: {to.netloc}\r\nAccept: application/json\r\n{lines}"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(to.hostname, to.port)
        try:
            writer.write(head.encode() + body)
            await writer.drain()
            answer = await reader.read()
        except OSError:
            return Posted(0)
        finally:
            writer.close()
    first, _, said = answer.partition(b"\r\n\r\n")
    return Posted(int(first.split(b" ", 2)[1]), first.decode("latin-1"), said.decode())
