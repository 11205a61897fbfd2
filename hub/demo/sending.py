"""Software that calls the hub by its own API: signs, sends, keeps the receipts, sends some again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hub.demo.telling import Failed
from signing.jose.detached import DetachedSigner
from signing.keys.ring import KeySource, load

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import aiohttp

    from hub.demo.messages import Said
    from hub.demo.scene import Scene

SENDERS = 12
EVERY = 20
"""Every so many messages one is sent a second time, as a sender does that lost its answer."""
ACCEPTED = 202


class Sender:
    """One system that signs what it says by its own seal. ``sent``: the keys of what was accepted."""

    def __init__(self, scene: Scene, name: str, session: aiohttp.ClientSession, sent: list[str]) -> None:
        self._url, self._session, self._sent = f"http://127.0.0.1:{scene.hub_port}", session, sent
        seal = scene.seal_of(name)
        source = KeySource(name=name, file=str(seal), certificate=str(seal.with_suffix(".pem")))
        self._signer = DetachedSigner(load(source))
        self._key = scene.key_file(name).read_text("utf-8").strip()
        self._places = asyncio.Semaphore(SENDERS)
        self.again = 0

    async def post(self, body: bytes, key: str) -> tuple[int, bytes]:
        headers = {
            "Authorization": f"Bearer {self._key}",
            "Content-Type": "application/json",
            "Idempotency-Key": f'"{key}"',
            "X-JWS-Signature": self._signer.sign(body, datetime.now(UTC)),
        }
        url = f"{self._url}/v1/messages"
        async with self._places, self._session.post(url, data=body, headers=headers) as reply:
            return reply.status, await reply.read()

    async def send(self, said: Said) -> None:
        status, receipt = await self.post(said.body, said.key)
        if status != ACCEPTED:
            raise Failed(f"{said.key}: HTTP {status} {receipt.decode()[:300]}")
        self._sent.append(said.key)
        if len(self._sent) % EVERY == 0:
            if await self.post(said.body, said.key) != (ACCEPTED, receipt):
                raise Failed(f"{said.key}: another receipt for the same bytes")
            self.again += 1

    async def tell(self, part: Iterable[Sequence[Said]]) -> None:
        """Send stories side by side, each in its own order."""

        async def one(story: Sequence[Said]) -> None:
            for said in story:
                await self.send(said)

        await asyncio.gather(*(one(story) for story in part))
