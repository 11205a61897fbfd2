"""A stage for a hub whose processes are killed: the demonstration's scene with more partners, all simulated in this process.

    land      SOAP, can be asked, keeps keys        portal    its own words, can be asked, keeps no keys, two parts
    onestop   hears what failed                     asks      REST, can be asked, keeps no keys: a second copy shows
    keeps     REST, cannot be asked, keeps keys     neither   REST, neither: in doubt it waits for a person

What arrived is read from the partners' journals and compared with what the sender has a receipt for; the hub is asked
last, and only whether its store still adds up.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import shutil
import socket
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import aiohttp
import msgspec
from lxml import etree

from connectors.simulators.desk import Journal
from connectors.simulators.land import NS, Land
from connectors.simulators.onestop import OneStop
from connectors.simulators.portal import PROGRESS, Portal
from hub.demo.cast import EXAMPLES
from hub.demo.messages import Said, stories
from hub.demo.scene import Scene, build
from hub.lifecycle import State
from hub.settings import file as settings_file
from hub.wiring.parts import store_of
from signing.jose.detached import DetachedSigner
from signing.keys.ring import KeySource, load
from tests.doubles.desks import EveryCopy, Moody, Silent
from tests.doubles.postgres import cluster

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from connectors.simulators.desk import Desk
    from connectors.simulators.orders import Order
    from hub.store.contract.store import Store
    from hub.store.contract.views import TransferView
    from tests.doubles.postgres import Cluster

LEASE = 0.6
NAMES = ("onestop", "land", "portal", "asks", "keeps", "neither")
ROOMS = {"land": "soap", "portal": "national_portal", "onestop": "rest"}
MORE = {"asks": "can_be_asked = true", "keeps": "keeps_keys = true", "neither": ""}
VIETNAM = timezone(timedelta(hours=7))
FINAL = frozenset({State.DELIVERED, State.ACKNOWLEDGED, State.REFUSED, State.SKIPPED, State.WITHDRAWN})

PARTNER = """id = "{id}"
agency = "000.00.00.G22"
room = "rest"
name = {{ vi = "Sổ {id}", en = "Book {id}" }}
[receives]
kinds = [{kinds}]
role = "informed"
mapping = "lienthong.message@1"
authority = "000.00.00.H47"
schedule = []
ask_after = "1s"
{keeps}
[receives.rest]
base_url = "http://127.0.0.1:{port}"
path = "/lienthong/messages"
reply = {{ code = "/code", message = "/message", reference = "/reference" }}
"""
FIND = 'find = { path = "/lienthong/messages/{key}", key = "/key" }\n'
KINDS = ", ".join(
    f'"{kind}"'
    for kind in (
        *("received", "transferred", "supplement_requested", "supplement_submitted", "duty_announced"),
        *("duty_paid", "finished", "result_handed_over", "returned"),
    )
)
CIRCUIT = 'circuit = { after = 3, waits = ["200ms", "400ms"] }'
PATIENT = ", ".join(['"100ms"'] * 20 + ['"300ms"'] * 100)


class Engine(Protocol):
    """Where one hub keeps what it knows."""

    def settings(self) -> str:
        """The lines that say so."""
        ...

    def empty(self) -> None:
        """Nothing is there any more."""
        ...


class Embedded:
    """One SQLite file in the data folder, which is emptied anyway."""

    def settings(self) -> str:
        return ""

    def empty(self) -> None:
        """Nothing else is there."""


class Postgres:
    """A database on a private server of its own. ``port``: where the hub finds it, a proxy's perhaps."""

    def __init__(self, server: Cluster) -> None:
        self.server, self.name, self.port = server, server.database(), server.port
        self.restarting = asyncio.Lock()

    def settings(self) -> str:
        return f'database = "{self.server.conninfo(self.name)}"\n'.replace(
            f":{self.server.port}/", f":{self.port}/"
        )

    def empty(self) -> None:
        with self.server.connect("postgres") as db:
            db.execute(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)".encode())
            db.execute(f"CREATE DATABASE {self.name}".encode())


@contextlib.contextmanager
def on_sqlite() -> Iterator[Callable[[], Engine]]:
    yield Embedded


@contextlib.contextmanager
def on_postgres() -> Iterator[Callable[[], Engine]]:
    with contextlib.ExitStack() as servers:
        yield lambda: Postgres(servers.enter_context(cluster()))


ENGINES: Mapping[str, Callable[[], AbstractContextManager[Callable[[], Engine]]]] = {
    "sqlite": on_sqlite,
    "postgres": on_postgres,
}


def desks() -> Mapping[str, Desk]:
    """Partners that know nothing yet."""

    def journal() -> Journal:
        return Journal(None, now)

    return {
        "onestop": OneStop(journal()),
        "land": Land(journal()),
        "portal": Portal(journal(), "", clock=now, lists_progress=True),
        "asks": EveryCopy(journal()),
        "keeps": OneStop(journal()),
        "neither": Silent(journal()),
    }


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Stage:
    """One hub's surroundings, used again for one run after another. ``excused``: statuses after which the sender comes again."""

    folder: Path
    scene: Scene
    servers: Mapping[str, Moody]
    signer: DetachedSigner
    engine: Engine
    excused: frozenset[int] = frozenset()
    receipts: dict[str, bytes] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    @property
    def settings(self) -> Path:
        return self.scene.settings

    @property
    def data(self) -> Path:
        return self.scene.settings.parent / "data"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.scene.hub_port}"

    async def begin_anew(self) -> None:
        """No data, no journals, no orders, no call of before still on its way."""
        for server in self.servers.values():
            await server.hang_up()
        shutil.rmtree(self.data, ignore_errors=True)
        self.engine.empty()
        password = self.scene.portal_password.read_text("utf-8").strip()
        for name, desk in desks().items():
            if isinstance(desk, Portal):
                desk._password = password
            self.servers[name].begin_anew(desk)
        self.receipts, self.wrong = {}, []

    def mood(self, partner: str, dossier: str, *orders: Order) -> None:
        """Spoil the next calls about this dossier."""
        self.servers[partner].moods.setdefault(dossier, []).extend(orders)

    # --- the sender

    async def say(self, said: Said, seconds: float = 60.0) -> bytes:
        """Say it until there is a receipt, as a sender does that heard no answer. The receipt never changes."""
        async with asyncio.timeout(seconds):
            while True:
                status, body = await self.post(said)
                if status == 202:
                    break
                if status not in {0, 429, 503} | self.excused:
                    raise AssertionError(f"{status} for {said.key}: {body.decode()}")
                await asyncio.sleep(0.02)
        first = self.receipts.setdefault(said.key, body)
        if first != body:
            self.wrong.append(f"a second receipt for {said.key}: {body.decode()} after {first.decode()}")
        return body

    async def post(self, said: Said) -> tuple[int, bytes]:
        headers = {
            "Authorization": f"Bearer {self.scene.api_key}",
            "Content-Type": "application/json",
            "Idempotency-Key": f'"{said.key}"',
            "X-JWS-Signature": self.signer.sign(said.body, now()),
        }
        timeout = aiohttp.ClientTimeout(total=5)
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(f"{self.url}/v1/messages", data=said.body, headers=headers) as reply,
            ):
                return reply.status, await reply.read()
        return 0, b""

    async def answers(self) -> bool:
        """Whether the hub's port is open."""
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.scene.hub_port)
        except OSError:
            return False
        writer.close()
        return True

    # --- what became of it

    def store(self) -> Store:
        return store_of(settings_file.load(self.settings, {}))

    @contextlib.asynccontextmanager
    async def looking(self) -> AsyncIterator[Store]:
        """The store as one more process sees it, closed again whatever happens."""
        store = self.store()
        try:
            yield store
        finally:
            await store.close()

    def judge(self, told: Sequence[Said], refused: frozenset[tuple[str, str]] = frozenset()) -> list[str]:
        """Say what is wrong with what the partners have. ``refused``: (partner, key) that the partner said no to for good.

        Nothing lost, nothing doubled, everything of a dossier in the order in which it was said, the same bytes each
        time. A partner that can neither be asked nor keeps keys may lack what is in doubt; it never has it twice.
        """
        broken = list(self.wrong)
        for partner, arrived in self._arrivals().items():
            wanted = {(one.dossier, one.at) for one in told if (partner, one.key) not in refused}
            got = Counter(arrived)
            lost = wanted - got.keys() if partner != "neither" else set()
            broken += [f"{partner} never got {one}" for one in sorted(lost)]
            broken += [f"{partner} got {one} {times} times" for one, times in got.items() if times > 1]
            broken += [f"{partner} got {one}, which nobody sent it" for one in sorted(got.keys() - wanted)]
            by_dossier: dict[str, list[str]] = defaultdict(list)
            for dossier, at in arrived:
                by_dossier[dossier].append(at)
            broken += [
                f"{partner} got {later} of {dossier} after {earlier}"
                for dossier, times in by_dossier.items()
                for earlier, later in pairwise(times)
                if earlier > later
            ]
        return [*broken, *self._other_bytes()]

    def failures(self) -> Counter[str]:
        """How often the sender was told of each failure, by the hub's key for it."""
        return Counter(entry.key for entry in self.servers["onestop"].desk.journal.entries)

    def _arrivals(self) -> Mapping[str, list[tuple[str, str]]]:
        """(dossier, when it happened) of everything that each partner processed, in its order."""
        found: dict[str, list[tuple[str, str]]] = {"land": [], "portal": []}
        for entry in self.servers["land"].desk.journal.entries:
            document = etree.fromstring(entry.body.encode())
            found["land"].append((entry.dossier, _at(document.findtext(f".//{{{NS}}}ThoiDiem") or "")))
        for entry in self.servers["portal"].desk.journal.of(PROGRESS):
            for record in msgspec.json.decode(entry.body):
                found["portal"].append((record["MaHoSo"], record["ThoiDiemXuLy"]))
        for name in MORE:
            entries = self.servers[name].desk.journal.entries
            messages = [(entry.dossier, msgspec.json.decode(entry.body)["event"]["at"]) for entry in entries]
            found[name] = [(dossier, _at(_here(moment))) for dossier, moment in messages]
        return found

    def _other_bytes(self) -> list[str]:
        return [
            f"{partner} was sent different bytes under {key}"
            for partner, server in self.servers.items()
            for key, digests in server.copies.items()
            if len(set(digests)) > 1
        ]


def _here(moment: str) -> str:
    """The sender's wall time of an instant."""
    return datetime.fromisoformat(moment).astimezone(VIETNAM).isoformat()


def _at(moment: str) -> str:
    return "".join(character for character in moment[:19] if character.isdigit())


def stays(view: TransferView) -> bool:
    """Final; or in doubt with nobody to ask, and whatever stands behind that."""
    nobody_to_ask = view.state is State.IN_DOUBT and view.wake_at is None
    return view.state in FINAL or (view.partner == "neither" and (nobody_to_ask or view.blocked))


# --- setting it up ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def room() -> Iterator[Path]:
    """A folder in memory where there is one: a process that is killed loses nothing that the kernel has, on any disk."""
    shared = Path("/dev/shm")  # noqa: S108 - a folder of our own inside it
    with tempfile.TemporaryDirectory(dir=shared if os.access(shared, os.W_OK) else None) as folder:
        yield Path(folder)


@contextlib.asynccontextmanager
async def stage(folder: Path, engine: Engine) -> AsyncIterator[Stage]:
    """Open it: the partners answer, the hub does not run."""
    servers = {name: Moody(desk) for name, desk in desks().items()}
    ports = {name: await server.start() for name, server in servers.items()}
    try:
        yield set_up(folder, servers, ports, engine)
    finally:
        for server in servers.values():
            await server.stop()


def lasting_port() -> int:
    """A port that stays free while nobody listens on it: no outgoing connection is given one below the ephemeral range."""
    while True:
        port = 10_000 + secrets.randbelow(20_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port


def set_up(folder: Path, servers: Mapping[str, Moody], ports: Mapping[str, int], engine: Engine) -> Stage:
    """Write settings, keys and partner files. ``ports``: where the hub finds each partner, a proxy's perhaps."""
    scene = build(folder, lasting_port(), (ports["onestop"], ports["land"], ports["portal"]))
    settings = scene.settings.read_text("utf-8")
    settings = settings.replace('lease = "5s"', f'lease = "{LEASE * 1000:.0f}ms"\n{engine.settings()}')
    scene.settings.write_text(settings, "utf-8")
    files = scene.settings.parent / "partners"
    for name, keeps in MORE.items():
        text = PARTNER.format(id=name, keeps=keeps, port=ports[name], kinds=KINDS)
        (files / f"{name}.toml").write_text(text + (FIND if name == "asks" else ""), "utf-8")
    for file in files.glob("*.toml"):
        text = re.sub(r"(?m)^schedule = .*", f"schedule = [{PATIENT}]", file.read_text("utf-8"))
        text = re.sub(r"(?m)^\[receives\.circuit\].*\n(?:\w.*\n)*", "", text)
        text = re.sub(r"(?m)^ask_after = .*", f'ask_after = "100ms"\n{CIRCUIT}', text)
        text = re.sub(r"(?m)^read_timeout = .*\n|^total_timeout = .*\n", "", text)
        text = re.sub(r"(?m)^(base_url = .*)", r'\1\nread_timeout = "2s"\ntotal_timeout = "4s"', text)
        file.write_text(text, "utf-8")
    seal = KeySource(name="motcua", file=str(scene.sender_key), certificate=str(scene.sender_certificate))
    return Stage(folder, scene, servers, DetachedSigner(load(seal)), engine)


def told_of(*steps: int) -> list[tuple[Said, ...]]:
    """One dossier per number: the first so many messages of its story."""
    told = stories(EXAMPLES / "messages", len(steps))
    return [story[:many] for story, many in zip(told, steps, strict=True)]
