"""A hundred hubs below that have nothing to say wait for something to come, and cost the hub above next to nothing."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import aiohttp
import pytest

from connectors.edge import frames, texts, tokens
from connectors.edge.values import MAJOR, Acks, Head, Hello, Speaks
from schemas.agencies import FOLDER
from schemas.dossier import Kind
from signing.jose.detached import DetachedSigner
from signing.keys.ring import KeySource, load
from signing.profiles import JwsProfile
from tests.doubles.pki import Pki
from tests.integration.hubs import AT_PROVINCE, DISTRICT, PROVINCE, hubs, received, said

if TYPE_CHECKING:
    from pathlib import Path

    from tests.doubles.pki import Issued

EDGES = 100
QUIET = 5.0
"""Seconds for which all of them only wait."""
SOON = 10.0
"""Seconds in which a hub stops whose callers have gone; their lines were to stay open for 30."""
MOST = 0.5
"""Of one processor, for all of them together: a bound on this test's own callers, too, which share it."""


class Caller:
    """A hub below as small as can be: its line stays open, and it counts the batches that come."""

    def __init__(self, name: str, url: str, sign: tokens.Signs, session: aiohttp.ClientSession) -> None:
        self.name, self._url, self._sign, self._session = name, url, sign, session
        self.came = 0

    async def greet(self) -> None:
        now = datetime.now(UTC)
        acks = Acks(v=MAJOR, source=self.name, target=PROVINCE, epoch=1, upto=0, made_at=now)
        hello = Hello(
            v=MAJOR, hub=self.name, speaks=(Speaks(major=MAJOR),), clock=now, made=Head(), acks=acks
        )
        async with self._session.post(
            f"{self._url}/edge/v1/hello", data=texts.write(hello), headers=self._headers()
        ) as got:
            assert got.status == 200, await got.text()

    async def wait(self) -> None:
        """Wait for batches, for ever."""
        while True:
            path = f"{self._url}/edge/v1/batches?epoch=1&after={self.came}&wait=30"
            async with self._session.get(path, headers=self._headers()) as got:
                assert got.status == 200, await got.text()
                self.came += len(list(frames.Frames().feed(await got.read())))

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {tokens.issue(self.name, PROVINCE, datetime.now(UTC), self._sign)}"}


def communes() -> list[str]:
    """Codes of communes that are below other districts."""
    rows = (FOLDER / "agencies" / "quang-nam.csv").read_text("utf-8").splitlines()
    told = [row.split(",")[:3] for row in rows]
    return [code for code, level, parent in told if level == "commune" and parent != DISTRICT]


def edge_file(number: int, code: str, pin: Issued) -> str:
    kinds = str([str(kind) for kind in Kind]).replace("'", '"')
    return (
        f'id = "edge-{number}"\nagency = "{code}"\nroom = "edge"\nname = {{ vi = "e", en = "e" }}\n'
        f'[sends]\nformat = "lienthong.message@1"\nkinds = {kinds}\nauthority = "{code}"\n'
        f'[sends.signature]\nbinding = "jws-detached"\ncertificates = ["{pin.certificate_file}"]\n'
        f'[receives]\nkinds = {kinds}\nmapping = "lienthong.message@1"\nauthority = "{code}"\n'
        f'order_sensitive = false\n[receives.edge]\ncode = "edge-{number}"\nserves = ["{code}"]\n'
    )


@pytest.mark.timeout(120)
async def test_a_hundred_hubs_that_wait_cost_little_and_hear_at_once(tmp_path: Path) -> None:
    pin = Pki(tmp_path, datetime.now(UTC)).named("edges")
    key = load(KeySource(name="edges", file=str(pin.key_file), certificate=str(pin.certificate_file)))
    signer = DetachedSigner(key, JwsProfile(says_time=False))
    units = [DISTRICT, *communes()][:EDGES]
    files = {f"edge-{number}": edge_file(number, code, pin) for number, code in enumerate(units)}
    made = dataclasses.replace(AT_PROVINCE, files=files)
    async with (
        hubs(tmp_path, province=made) as (province,),
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
    ):
        callers = [Caller(name, province.url, signer.sign, session) for name in files]
        await asyncio.gather(*(caller.greet() for caller in callers))
        waiting = [asyncio.create_task(caller.wait()) for caller in callers]
        await asyncio.sleep(2.0)
        began, cpu = time.monotonic(), time.process_time()
        await asyncio.sleep(QUIET)
        cost = (time.process_time() - cpu) / (time.monotonic() - began)
        print(f"{EDGES} idle: {cost:.2f} of a processor")  # noqa: T201 - shown with -s
        code = province.code()
        await province.say("motcua-tinh", received(code))
        asked = time.monotonic()
        await province.say("motcua-tinh", said("transferred", code, to_agency=DISTRICT))
        while not callers[0].came:
            assert time.monotonic() < asked + 5
            await asyncio.sleep(0.02)
        assert [caller.came for caller in callers[1:]] == [0] * (EDGES - 1)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        left = time.monotonic()
    assert cost < MOST
    assert time.monotonic() - left < SOON, "whoever hung up is waited for no longer"
