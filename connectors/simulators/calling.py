"""Partners that call the hub: what each family's client says and how it reads an answer, and one call on the wire.

A ``Caller`` is a client without its network. ``tricks`` plays it, well behaved or not.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol
from urllib.parse import urlsplit

from connectors.simulators.desk import Value

if TYPE_CHECKING:
    from datetime import datetime

PATIENCE = 60.0
"""Seconds that the clients of the field wait for an answer (their read timeout)."""
PIECE = 2**16


class Ask(Value, frozen=True):
    """One request of a client. ``path`` is added to the address that the client was given."""

    path: str
    body: bytes = b""
    method: str = "POST"
    headers: Mapping[str, str] = {}


class Heard(NamedTuple):
    """``status`` 0: nothing came back that is HTTP."""

    status: int
    body: bytes = b""

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


Verdict = Literal["taken", "refused", "unclear"]
"""What the client makes of an answer: it is content; it was told no; it cannot tell and comes again."""


class Caller(Protocol):
    """A family's client. It may remember what it heard: a session, whether the other side knows a dossier."""

    operations: tuple[str, ...]
    """What it says about one dossier, in the order in which it says it."""
    asks: frozenset[str]
    """Those of them that only ask."""
    optional: frozenset[str]
    """Those that a hub may say no to: the client goes on without."""

    def greeting(self) -> Ask | None:
        """Ask to be let in; ``None`` where every call proves itself."""
        ...

    def admitted(self, heard: Heard, /) -> bool:
        """Keep what the answer to ``greeting`` gave; false when it was no welcome."""
        ...

    def ask(self, operation: str, dossier: str, at: datetime) -> Ask:
        """Write the request. ``at`` is the client's clock, for the fields that say when it was written."""
        ...

    def verdict(self, operation: str, heard: Heard, /) -> Verdict:
        """Judge an answer as the client's own code does."""
        ...


class Manner(Value, frozen=True):
    """How a request goes over the wire. ``short``: bytes that its length promises and that never come."""

    chunked: bool = False
    pieces: int = 1
    short: int = 0
    hears: bool = True


PLAIN = Manner()


async def say(address: str, ask: Ask, manner: Manner = PLAIN) -> Heard:
    """Send one request over a connection of its own, as these clients do, and hear the answer."""
    to = urlsplit(address)
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(to.hostname, to.port or 80)
            try:
                return await _exchange(reader, writer, _head(to.netloc, to.path, ask, manner), ask, manner)
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return Heard(0)


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes, ask: Ask, manner: Manner
) -> Heard:
    with contextlib.suppress(ConnectionError):  # who is refused early is answered before all was written
        writer.write(head)
        for piece in _pieces(ask.body, manner):
            writer.write(piece)
            await writer.drain()
        if manner.short:
            writer.write_eof()
    if not manner.hears:
        return Heard(0)
    return _heard(await _all(reader))


def _head(host: str, base: str, ask: Ask, manner: Manner) -> bytes:
    length = (
        {"Transfer-Encoding": "chunked"}
        if manner.chunked
        else {"Content-Length": str(len(ask.body) + manner.short)}
    )
    headers = {"Host": host, **ask.headers, **length, "Connection": "close"}
    lines = [
        f"{ask.method} {base.rstrip('/')}{ask.path} HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def _pieces(body: bytes, manner: Manner) -> list[bytes]:
    size = max(1, min(PIECE, -(-len(body) // manner.pieces)) if manner.pieces > 1 else PIECE)
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    if not manner.chunked:
        return pieces
    return [*(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces), b"0\r\n\r\n"]


async def _all(reader: asyncio.StreamReader) -> bytes:
    """Read to the end; what came before a reset counts."""
    came = b""
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(PIECE):
            came += piece
    return came


def _heard(answer: bytes) -> Heard:
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if not head.startswith(b"HTTP/1.") or not words[1].isdigit():
        return Heard(0)
    if b"transfer-encoding: chunked" in head.lower():
        body = _unchunked(body)
    return Heard(int(words[1]), body)


def _unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size.split(b";")[0] or b"0", 16)
        whole, body = whole + rest[:length], rest[length + 2 :] if length else b""
    return whole
