"""A simulated partner brings a receipt to the hub when it is told to: for something that it really processed.

``POST /__receipts`` with a ``Wish``; the answer is what the hub answered. Loopback only.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from connectors.simulators.desk import Value

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from connectors.simulators.desk import Entry

PATH = "/__receipts"
HOST = "127.0.0.1"
PATIENCE = 30.0


class Wish(Value, frozen=True, forbid_unknown_fields=True):
    """``to``: the hub's door for receipts. ``dossier``: the last entry about it is meant; empty: the last one of all.

    ``by``: whether the receipt names the transfer by its key or by this partner's own number; ``key`` overrides it.
    ``digest``: ``own`` (of what was received), any other text as it stands, or empty for none.
    """

    to: str
    api_key: str
    dossier: str = ""
    by: str = "key"
    key: str = ""
    digest: str = ""


def receipt(wish: Wish, entries: Sequence[Entry], now: datetime) -> bytes:
    """Write the receipt. Raises ``LookupError`` when nothing was processed that it could be for."""
    found = [entry for entry in entries if not wish.dossier or entry.dossier == wish.dossier]
    if not found:
        raise LookupError(wish.dossier)
    entry = found[-1]
    named = {"reference": entry.reference} if wish.by == "reference" else {"key": wish.key or entry.key}
    digest = {"digest": entry.digest if wish.digest == "own" else wish.digest} if wish.digest else {}
    return msgspec.json.encode({**named, **digest, "at": now})


async def bring(wish: Wish, body: bytes) -> tuple[int, bytes]:
    """Return status and body of the hub's answer. Raises ``OSError``, ``TimeoutError``."""
    to = urlsplit(wish.to)
    head = (
        f"POST {to.path} HTTP/1.1\r\nHost: {to.netloc}\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {wish.api_key}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(HOST, to.port)
        try:
            writer.write(head.encode() + body)
            await writer.drain()
            answer = await reader.read()
        finally:
            writer.close()
    first, _, said = answer.partition(b"\r\n\r\n")
    return int(first.split(b" ", 2)[1]), said
