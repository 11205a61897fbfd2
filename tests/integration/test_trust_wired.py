"""The wired web process: what the store knows of certificates decides at its door within seconds, without a restart."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

import aiohttp
import uvicorn

from hub.demo.cast import EXAMPLES
from hub.demo.messages import stories
from hub.demo.scene import build
from hub.settings import file as settings_file
from hub.trust.contract import Barred, Said, Standing
from hub.trust.state import EVERY
from hub.wiring.parts import store_of
from hub.wiring.web import open_web
from signing.jose.detached import DetachedSigner
from signing.keys.ring import KeySource, load
from tests.doubles.loopback import bound

if TYPE_CHECKING:
    from pathlib import Path

    from hub.demo.scene import Scene


def asking(scene: Scene) -> None:
    """Let the sender's file demand that its authority is asked."""
    (file,) = (
        each
        for each in (scene.settings.parent / "partners").glob("*.toml")
        if "[sends.signature]" in each.read_text("utf-8")
    )
    told = '\n[sends.signature.revocation]\nmode = "require"\ngrace = "1h"\nocsp = "http://127.0.0.1:9"\n'
    file.write_text(file.read_text("utf-8") + told, "utf-8")


async def test_a_sender_is_let_in_and_shut_out_by_what_becomes_known_of_its_certificate(
    tmp_path: Path,
) -> None:
    scene = build(tmp_path / "site", 1, (2, 3, 4))
    asking(scene)
    key = load(KeySource(name="m", file=str(scene.sender_key), certificate=str(scene.sender_certificate)))
    signer = DetachedSigner(key)
    bodies = (
        story[0].body for story in stories(EXAMPLES / "messages", 200)
    )  # what was taken once is taken again
    numbers = count()
    elsewhere = store_of(settings_file.load(scene.settings))
    socket = bound()
    async with open_web(scene.settings) as (edge, _), aiohttp.ClientSession() as session:
        server = uvicorn.Server(uvicorn.Config(edge, log_config=None, lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[socket]))
        url = f"http://127.0.0.1:{socket.getsockname()[1]}/v1/messages"

        while not server.started:  # noqa: ASYNC110 - uvicorn tells it by this attribute only
            await asyncio.sleep(0.01)

        async def sent(name: str, body: bytes) -> str:
            headers = {
                "Authorization": f"Bearer {scene.api_key}",
                "Content-Type": "application/json",
                "Idempotency-Key": f'"{name}"',
                "X-JWS-Signature": signer.sign(body, datetime.now(UTC)),
            }
            async with session.post(url, data=body, headers=headers) as answer:
                return "202" if answer.ok else str((await answer.json(content_type=None))["code"])

        async def until(code: str) -> None:
            async with asyncio.timeout(EVERY + 20):
                while await sent(str(next(numbers)), next(bodies)) != code:  # noqa: ASYNC110 - a hub rings no bell for who waits outside
                    await asyncio.sleep(0.2)

        now = datetime.now(UTC)
        await until("HUB-CRT-005")
        good = Standing(
            fingerprint=key.fingerprint,
            state=Said.GOOD,
            heard_at=now,
            valid_until=now + timedelta(hours=1),
            tried_at=now,
        )
        await elsewhere.trust.hear([good], now)
        await until("202")
        lost = Barred(fingerprint=key.fingerprint, name="m", since=now, at=now, by="an", reason="lost")
        await elsewhere.trust.bar(lost)
        await until("HUB-CRT-004")
        server.should_exit = True
        await serving
    socket.close()
    await elsewhere.close()
