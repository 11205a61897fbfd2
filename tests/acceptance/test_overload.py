"""Ten times what the hub takes at once, with large bodies and callers that never read: memory stays, and honest senders get in."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.hub_house import house, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.acceptance.hub_house import House

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("hub")]

CALLERS, SECONDS = 160, 6.0
BODY = b"x" * 900_000
LIMITS = """
[limits]
in_flight = 16
bytes_in_flight = "4MB"
connections = 128
answer_time = "1s"
body_time = "3s"
[metrics]
listen = "off"
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("overload"), settings=lambda text: text + LIMITS) as opened:
        yield opened


def resident(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS:"))


async def flood(hub: House, end: float, heard: list[bytes], *, reads: bool) -> None:
    """Call again and again with a large body; a caller that does not read leaves its answers where they are."""
    head = (
        f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: {hub.bearer['Authorization']}\r\n"
        f"Content-Type: application/json\r\nIdempotency-Key: k\r\nContent-Length: {len(BODY)}\r\n\r\n"
    ).encode()
    loop = asyncio.get_running_loop()
    while loop.time() < end:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", hub.scene.hub_port, limit=1024)
            try:
                async with asyncio.timeout(3):
                    writer.write(head)
                    for at in range(0, len(BODY), 65_536):
                        writer.write(BODY[at : at + 65_536])
                        await writer.drain()
                    if reads:
                        heard.append(await reader.readline())
            finally:
                writer.transport.abort()


async def test_memory_stays_under_ten_times_the_load_and_the_hub_is_there_afterwards(hub: House) -> None:
    (web,) = hub.children("web")
    for _ in range(20):
        await hub.send(next(hub.told)[0])
    before = resident(web)
    heard: list[bytes] = []
    loop = asyncio.get_running_loop()
    end = loop.time() + SECONDS
    callers = [asyncio.create_task(flood(hub, end, heard, reads=n % 2 == 0)) for n in range(CALLERS)]
    most = before
    while loop.time() < end:
        most = max(most, resident(web))
        await asyncio.sleep(0.05)
    await asyncio.gather(*callers)
    assert hub.children("web") == [web]
    statuses = {line.split()[1] for line in heard if line}
    assert b"503" in statuses
    assert statuses <= {b"400", b"401", b"408", b"413", b"422", b"429", b"503"}, statuses
    assert most - before < 96 << 20, f"grew by {(most - before) >> 20} MB"
    await until(lambda: answered(hub), 20, "a place again")


async def answered(hub: House) -> bool:
    said = next(hub.told)[0]
    return (await hub.post(said.body, said.key)).status == 202
