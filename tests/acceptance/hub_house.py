"""A whole hub for tests: ``lienthong serve`` and three simulated partners as real processes on loopback.

The demonstration's scene with a second sender, ``bureau``, of another agency. What arrived is read from the partners'
own journals, what was kept from the store's file; the hub's processes are found by their parent.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import time
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from hub.demo import count as counting
from hub.demo import journals
from hub.demo.cast import EXAMPLES
from hub.demo.messages import stories
from hub.demo.processes import Processes, answers, children_of, free_ports
from hub.demo.scene import Scene, build
from hub.settings import file as settings_file
from hub.wiring.parts import store_of
from signing.jose.detached import DetachedSigner
from signing.keys.ring import KeySource, load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping

    from hub.demo.count import Arrival
    from hub.demo.messages import Said
    from hub.store.contract.store import Store

LEASE = 2.0
OTHER_KEY = "the key of the bureau"
LAND_KEY = "the key that the land department brings its receipts with"
BEFORE_IT = "[receives]\n"
ACKNOWLEDGES = f"""[receives.receipts]
api_keys = ["sha256:{hashlib.sha256(LAND_KEY.encode()).hexdigest()}"]

[receives]
acknowledges = true
receipt_within = "1h"
"""
BUREAU = f"""id = "bureau"
agency = "000.00.10.H47"
room = "rest"
name = {{ vi = "Sở khác", en = "Another department" }}
[sends]
format = "lienthong.message@1"
kinds = ["received"]
codes = ["000.00.10.H47"]
authority = "000.00.10.H47"
api_keys = ["sha256:{hashlib.sha256(OTHER_KEY.encode()).hexdigest()}"]
"""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def __getitem__(self, name: str) -> Any:
        return json.loads(self.body)[name]


async def until(true: Callable[[], bool | Awaitable[bool]], seconds: float, what: str = "") -> float:
    """Wait; return how long it took. Fails when it is not true in time."""
    began = time.monotonic()
    while True:
        got = true()
        if got if isinstance(got, bool) else await got:
            return time.monotonic() - began
        assert time.monotonic() - began < seconds, f"not in {seconds} s: {what}"
        await asyncio.sleep(0.05)


@dataclass
class House:
    scene: Scene
    processes: Processes
    told: Iterator[tuple[Said, ...]]
    partners: Mapping[str, int]
    signer: DetachedSigner
    stopped: list[int] = field(default_factory=list)

    # --- the hub's processes

    def start(self) -> None:
        self.processes.start("hub", ["hub.cli.main", "serve", "--settings", str(self.scene.settings)])

    async def ready(self) -> None:
        await answers(f"{self.url}/readyz", self.processes, 60)

    @property
    def supervisor(self) -> int:
        return self.processes.pid("hub")

    def children(self, verb: str) -> list[int]:
        """Pids of the hub's processes that run ``web`` or ``work``."""
        return [pid for pid, command in children_of(self.supervisor) if f" {verb} " in command]

    def pool(self, pid: int) -> list[int]:
        """Pids of the processes that judge or seal for ``pid``."""
        return [child for child, command in children_of(pid) if "spawn_main" in command]

    def family(self) -> list[int]:
        """Every process of the hub, the supervisor first."""

        def below(pid: int) -> Iterator[int]:
            yield pid
            for child, _ in children_of(pid):
                yield from below(child)

        return list(below(self.supervisor))

    # --- the senders

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.scene.hub_port}"

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.scene.api_key}"}

    async def post(self, body: bytes, key: str) -> Answer:
        """Say it as the one-stop does: signed, under its key."""
        headers = {
            **self.bearer,
            "Content-Type": "application/json",
            "Idempotency-Key": f'"{key}"',
            "X-JWS-Signature": self.signer.sign(body, datetime.now(UTC)),
        }
        timeout = aiohttp.ClientTimeout(total=30)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(f"{self.url}/v1/messages", data=body, headers=headers) as reply,
        ):
            return Answer(reply.status, reply.headers, await reply.read())

    async def send(self, said: Said) -> Answer:
        answer = await self.post(said.body, said.key)
        assert answer.status == 202, answer.body
        return answer

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}{path}", headers=self.bearer if headers is None else headers) as reply,
        ):
            return Answer(reply.status, reply.headers, await reply.read())

    # --- the partners

    async def order(self, partner: str, **order: object) -> None:
        url = f"http://127.0.0.1:{self.partners[partner]}/__control"
        async with aiohttp.ClientSession() as session, session.post(url, json=order) as reply:
            reply.raise_for_status()

    async def obey(self, partner: str) -> None:
        """Every order is taken back."""
        url = f"http://127.0.0.1:{self.partners[partner]}/__control"
        async with aiohttp.ClientSession() as session, session.delete(url) as reply:
            reply.raise_for_status()

    async def calls(self, partner: str) -> int:
        """How many calls came, whatever became of them."""
        url = f"http://127.0.0.1:{self.partners[partner]}/__control"
        async with aiohttp.ClientSession() as session, session.get(url) as reply:
            return int((await reply.json())["calls"])

    async def held(self, partner: str) -> list[int]:
        """The callers' ports whose answer the partner is holding back."""
        url = f"http://127.0.0.1:{self.partners[partner]}/__control"
        async with aiohttp.ClientSession() as session, session.get(url) as reply:
            return list((await reply.json())["held"])

    async def receipt(self, partner: str, dossier: str, **wish: str) -> tuple[int, Any]:
        """Let a partner bring its receipt for what it has of a dossier; what the hub answered."""
        url = f"http://127.0.0.1:{self.partners[partner]}/__receipts"
        body = {"to": f"{self.url}/v1/receipts", "api_key": LAND_KEY, "dossier": dossier, **wish}
        async with aiohttp.ClientSession() as session, session.post(url, json=body) as reply:
            told = await reply.json()
            return told["status"], json.loads(told["answer"])

    def entries(self, partner: str, dossier: str) -> list[Mapping[str, str]]:
        """What the partner wrote down about one dossier, in its order."""
        return [one for one in journals.entries(self.scene.journal(partner)) if one["dossier"] == dossier]

    def land(self, *dossiers: str) -> list[Arrival]:
        return [
            one for one in journals.arrivals("land", self.scene.journal("land")) if one.dossier in dossiers
        ]

    def progress(self, *dossiers: str) -> list[Arrival]:
        told = journals.arrivals("portal", self.scene.journal("portal"))
        return [one for one in told if one.dossier in dossiers]

    # --- the store's file

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        store = store_of(settings_file.load(self.scene.settings, {}))
        try:
            yield store
        finally:
            await store.close()


async def assert_arrived(hub: House, said: Iterable[Said], seconds: float = 30.0) -> None:
    """Each once and in order at both partners, and nothing else about these dossiers; the store agrees."""
    all_ = list(said)
    dossiers = {one.dossier for one in all_}

    def there() -> bool:
        return all(len(got) >= len(all_) for got in (hub.land(*dossiers), hub.progress(*dossiers)))

    await until(there, seconds, "arrived")
    for partner, arrivals in (("land", hub.land(*dossiers)), ("portal", hub.progress(*dossiers))):
        assert counting.count(partner, all_, arrivals).clean, counting.count(partner, all_, arrivals)
    async with hub.store() as store:
        assert await store.conservation() == ()


def alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and was not yet collected does not."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] not in "ZX"
    return False


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


@contextmanager
def house(folder: Path, settings: Callable[[str], str] = lambda text: text) -> Iterator[House]:
    """Open it: everything runs and is ready inside. ``settings`` may change the text of the settings file."""
    hub_port, *ports = free_ports(4)
    scene = build(folder, hub_port, (ports[0], ports[1], ports[2]))
    text = scene.settings.read_text("utf-8").replace('lease = "5s"', f'lease = "{LEASE:.0f}s"')
    scene.settings.write_text(settings(text), "utf-8")
    files = scene.settings.parent / "partners"
    (files / "bureau.toml").write_text(BUREAU, "utf-8")
    land = (files / "so-tnmt.toml").read_text("utf-8")
    (files / "so-tnmt.toml").write_text(land.replace(BEFORE_IT, ACKNOWLEDGES), "utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LIENTHONG_")}
    seal = KeySource(name="motcua", file=str(scene.sender_key), certificate=str(scene.sender_certificate))
    partners = dict(zip(("onestop", "land", "portal"), ports, strict=True))
    with Processes(folder / "log", environment) as processes:
        for name, port in partners.items():
            words = [f"connectors.simulators.{name}", "--port", str(port)]
            words += ["--journal", str(scene.journal(name))]
            if name == "portal":
                words += ["--secret-file", str(scene.portal_password), "--lists-progress"]
            processes.start(name, words)
        told = stories(EXAMPLES / "messages", 500)
        opened = House(scene, processes, told, partners, DetachedSigner(load(seal)))
        opened.start()
        asyncio.run(opened.ready())
        yield opened
