"""What a recipient requires and nobody said: parked, and told to who has it; by the web process as it is wired."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import aiohttp
import uvicorn

from hub.demo.cast import EXAMPLES
from hub.demo.scene import build
from hub.settings import file as settings_file
from hub.store.contract.views import Filter
from hub.wiring.parts import store_of
from hub.wiring.web import open_web
from schemas.dossier import Failure, from_json
from signing.jose.detached import DetachedSigner
from signing.keys.ring import KeySource, load
from tests.doubles.loopback import bound

if TYPE_CHECKING:
    from pathlib import Path


async def test_what_a_recipient_requires_and_nobody_said_is_told_to_who_has_it(tmp_path: Path) -> None:
    scene = build(tmp_path / "site", 1, (2, 3, 4))
    key = load(KeySource(name="m", file=str(scene.sender_key), certificate=str(scene.sender_certificate)))
    said = json.loads((EXAMPLES / "messages" / "01-received.json").read_bytes())
    del said["HoSo"]["TrichYeuHoSo"]
    body = json.dumps(said).encode()
    headers = {
        "Authorization": f"Bearer {scene.api_key}",
        "Content-Type": "application/json",
        "X-JWS-Signature": DetachedSigner(key).sign(body, datetime.now(UTC)),
    }
    socket = bound()
    url = f"http://127.0.0.1:{socket.getsockname()[1]}/v1"
    async with open_web(scene.settings) as (edge, _), aiohttp.ClientSession(headers=headers) as session:
        server = uvicorn.Server(uvicorn.Config(edge, log_config=None, lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[socket]))
        while not server.started:  # noqa: ASYNC110 - uvicorn tells it by this attribute only
            await asyncio.sleep(0.01)
        async with session.post(f"{url}/messages", data=body) as answer:
            receipt = await answer.json()
        async with session.get(f"{url}/dossiers/{said['HoSo']['MaHoSo']}") as answer:
            seen = await answer.json()
        server.should_exit = True
        await serving
    parked = [each for each in receipt["transfers"] if each["state"] == "parked"]
    assert {(each["partner"], each["problem"]) for each in parked} == {("dvcqg", "HUB-MAP-004")}
    shown = next(each for each in seen["transfers"] if each["id"] == parked[0]["id"])
    assert (shown["supplier"], shown["detail"].split()[-1]) == ("origin", "dossier.summary")
    assert (seen["state"], [leg["state"] for leg in seen["legs"]]) == ("accepted", ["accepted"])
    store = store_of(settings_file.load(scene.settings))
    told = await store.transfers(Filter(partner="motcua-tinh"))
    stored = [await store.payloads(each.id) for each in told]
    failures = [from_json(each.canonical).failure for each in stored if each is not None]
    await store.close()
    assert {each.transfer: each.supplier for each in failures if each} == {
        each["id"]: "origin" for each in parked
    }
    assert all(isinstance(each, Failure) and each.detail == shown["detail"] for each in failures)
