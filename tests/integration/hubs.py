"""Several real hubs in one process, over loopback: each with its settings, partner files, keys, store, web side and worker, in one process each, as `lienthong edge run` wires them.

    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        receipt = await tam_ky.say("mot-cua", received("000.00.21.H47-261120-0001"))
        letters = await province.letters("land")

The first one stands above the others; an edge below an edge names it: ``At(..., above="tam_ky")``. Lines go through ``hub.line``, a proxy of
``tests/doubles/proxy.py``, that can be cut. ``hub.stop()`` and ``hub.start()`` are a restart, ``hub.folder`` is what a backup would copy.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import json
import random
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import uvicorn

from hub.api.door import Bounds, door
from hub.settings import file as settings_file
from hub.wiring.edge import open_edge
from hub.wiring.parts import store_of
from schemas.dossier import Kind
from tests.doubles.loopback import ended
from tests.doubles.pki import Pki
from tests.doubles.proxy import Proxy, proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from hub.store.contract.store import Store
    from hub.store.contract.views import DossierView

PROVINCE, LAND, DISTRICT, WARD, OTHER_DISTRICT = (
    "000.00.00.H47",
    "000.00.15.H47",
    "000.00.21.H47",
    "000.01.21.H47",
    "000.00.22.H47",
)
BY_DEPARTMENT, BY_WARD = "1.009999", "1.009989"
"""Procedures that the department of land and that a commune decides."""
KINDS = [str(kind) for kind in Kind if kind is not Kind.DELIVERY_FAILED]
Body = dict[str, Any]


@dataclass(frozen=True)
class System:
    """One system of an agency: it brings JSON with an API key, and fetches from its mailbox."""

    id: str
    agency: str
    codes: tuple[str, ...] = ()
    role: str = "decides"
    authority: str = PROVINCE

    def file(self) -> str:
        key = hashlib.sha256(self.key.encode()).hexdigest()
        return (
            f'id = "{self.id}"\nagency = "{self.agency}"\nroom = "mailbox"\n'
            f'name = {{ vi = "{self.id}", en = "{self.id}" }}\n'
            f'[sends]\nformat = "lienthong.message@1"\nkinds = {json.dumps(KINDS)}\n'
            f'codes = {json.dumps(list(self.codes))}\nauthority = "{self.authority}"\napi_keys = ["sha256:{key}"]\n'
            f'[receives]\nkinds = {json.dumps([*KINDS, "delivery_failed"])}\nrole = "{self.role}"\n'
            f'mapping = "lienthong.message@1"\nauthority = "{self.authority}"\n'
        )

    @property
    def key(self) -> str:
        return f"key of {self.id}"


@dataclass(frozen=True)
class At:
    """What is at one hub: its code, its systems, the agencies that it serves for the hub above (``above``: by name, else the first). ``files``: further
    partner files, by id.
    """

    code: str
    systems: tuple[System, ...]
    serves: tuple[str, ...] = ()
    above: str = ""
    files: Mapping[str, str] = field(default_factory=dict)


AT_PROVINCE = At(
    PROVINCE,
    (
        System("land", LAND),
        System("motcua-tinh", PROVINCE, (PROVINCE,)),
        System("portal", "000.00.00.G22", (PROVINCE,), "informed"),
    ),
)
AT_TAM_KY = At(DISTRICT, (System("mot-cua", DISTRICT, (DISTRICT,)),), (DISTRICT,))
AT_HOI_AN = At(OTHER_DISTRICT, (System("mot-cua", OTHER_DISTRICT, (OTHER_DISTRICT,)),), (OTHER_DISTRICT,))


@dataclass
class Hub:
    """One hub. ``store``: a session of its own on the hub's store, as long as it runs; ``line``: between it and the hub above."""

    name: str
    at: At
    folder: Path
    port: int
    line: Proxy | None = None
    session: aiohttp.ClientSession | None = None
    number: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _running: contextlib.AsyncExitStack | None = None
    _store: Store | None = None

    @property
    def settings(self) -> Path:
        return self.folder / "lienthong.toml"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def store(self) -> Store:
        assert self._store is not None, f"{self.name} does not run"
        return self._store

    def code(self, agency: str = "") -> str:
        """A dossier code that nobody has used."""
        return f"{agency or self.at.code}-261120-{next(self.number):04}"

    async def start(self) -> None:
        async with contextlib.AsyncExitStack() as running:
            whole = await running.enter_async_context(open_edge(self.settings))
            await running.enter_async_context(_served(whole.app, self.port))
            stop = asyncio.Event()
            task = asyncio.create_task(whole.delivery.run(stop))

            async def end() -> None:
                stop.set()
                await task

            running.push_async_callback(end)
            store = store_of(settings_file.load(self.settings))
            running.push_async_callback(store.close)
            self._store, self._running = store, running.pop_all()

    async def stop(self) -> None:
        running, self._running, self._store = self._running, None, None
        if running is not None:
            await running.aclose()

    # --- as its systems see it

    async def say(self, system: str, body: Body, key: str = "", expect: int = 202) -> Body:
        """Bring a message; the receipt."""
        assert self.session is not None
        name = key or f"{self.name}-{next(self.number)}"
        headers = {"Authorization": f"Bearer {self._key(system)}", "Idempotency-Key": name}
        async with self.session.post(f"{self.url}/v1/messages", json=body, headers=headers) as got:
            text = await got.text()
            assert got.status == expect, text
            return dict(json.loads(text))

    async def letters(self, system: str) -> list[Body]:
        """Fetch all that lies there for a system and acknowledge it; what it says, oldest first."""
        assert self.session is not None
        headers, found = {"Authorization": f"Bearer {self._key(system)}"}, []
        async with self.session.get(f"{self.url}/v1/mailbox", headers=headers) as got:
            listed = (await got.json())["letters"]
        for letter in listed:
            path = f"{self.url}/v1/mailbox/{letter['transfer']}"
            async with self.session.get(path, headers=headers) as got:
                found.append(await got.json())
            told = {"digest": letter["digest"]}
            async with self.session.post(f"{path}/acknowledgement", json=told, headers=headers) as got:
                assert got.status == 200, await got.text()
        return found

    async def hears(self, system: str, *kinds: str, seconds: float = 20.0) -> list[Body]:
        """Wait until a system has got messages of these kinds, in this order."""
        found: list[Body] = []

        async def there() -> bool:
            found.extend(await self.letters(system))
            return len(found) >= len(kinds)

        await until(there, seconds, lambda: f"{system} at {self.name}: {_kinds(found)}")
        assert _kinds(found) == list(kinds)
        return found

    async def dossier(self, code: str) -> DossierView | None:
        return await self.store.dossier(code)

    async def kinds(self, code: str) -> list[str]:
        """What has been said about a dossier, in the order in which this hub took it in; hubs' own words about delays are no part of that."""
        found = await self.store.dossier(code)
        return [each.kind for each in found.messages if each.kind != "delivery_failed"] if found else []

    async def knows(self, code: str, *kinds: str, seconds: float = 20.0) -> None:
        """Wait until this hub has taken in what was said of a dossier."""

        async def there() -> bool:
            return len(await self.kinds(code)) >= len(kinds)

        await until(there, seconds, lambda: f"{self.name} does not know of {code}")
        found = await self.kinds(code)
        assert found == list(kinds)

    def _key(self, system: str) -> str:
        return next(each for each in self.at.systems if each.id == system).key


def received(code: str, national: str = BY_DEPARTMENT, **more: Any) -> Body:
    return said(
        "received",
        code,
        {"procedure": {"national": national}, "applicant": {"name": "Nguyễn Văn Ánh"}, **more},
    )


def said(kind: str, code: str, dossier: Body | None = None, **event: Any) -> Body:
    return {
        "event": {"kind": kind, "at": "2026-11-20T01:00:00Z", **event},
        "key": "of the body",
        "sender": "nobody",
        "agency": "nowhere",
        "dossier": {"code": code, **(dossier or {})},
    }


def _kinds(found: Sequence[Body]) -> list[str]:
    return [each["event"]["kind"] for each in found]


async def until(
    true: Callable[[], Awaitable[bool]], seconds: float = 20.0, why: Callable[[], str] = lambda: ""
) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not await true():  # noqa: ASYNC110 - hubs are looked at as another process would
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(why() or "it did not come true") from None


@asynccontextmanager
async def hubs(folder: Path, **made: At) -> AsyncIterator[tuple[Hub, ...]]:
    """Start hubs, the first above the others."""
    (folder / "pki").mkdir(parents=True, exist_ok=True)
    pki = Pki(folder / "pki", datetime.now(UTC))
    found = {name: Hub(name, at, folder / name, _free()) for name, at in made.items()}
    first = next(iter(found))
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        for name, hub in found.items():
            hub.session = session
            above = found[hub.at.above or first] if name != first else None
            if above is not None:
                hub.line = stack.enter_context(proxy(("127.0.0.1", above.port)))
            _write(pki, hub, above, [each for each in found.values() if _above(each, first) == name])
        for hub in found.values():
            await hub.start()
            stack.push_async_callback(hub.stop)
        yield tuple(found.values())


def _above(hub: Hub, first: str) -> str:
    return "" if hub.name == first else hub.at.above or first


def _write(pki: Pki, hub: Hub, above: Hub | None, below: Sequence[Hub]) -> None:
    """Its settings, its key, its systems' files, and those of the hubs that it knows."""
    partners = hub.folder / "partners"
    partners.mkdir(parents=True)
    own = pki.named(hub.name)
    hub.settings.write_text(
        f'data = "data"\npartners = "partners"\nlisten = "127.0.0.1:{hub.port}"\npublic_url = "{hub.url}"\n'
        f'[metrics]\nlisten = "off"\n[hub]\ncode = "{hub.at.code}"\nkey = "hub"\n'
        f'[keys.hub]\nfile = "{own.key_file}"\ncertificate = "{own.certificate_file}"\n'
    )
    for system in hub.at.systems:
        (partners / f"{system.id}.toml").write_text(system.file())
    for name, text in hub.at.files.items():
        (partners / f"{name}.toml").write_text(text)
    for each in below:
        serves = f"serves = {json.dumps(list(each.at.serves))}\n"
        (partners / f"{each.name}.toml").write_text(_peer(each, pki, each.name, serves))
    if above is not None and hub.line is not None:
        url = f'url = "http://127.0.0.1:{hub.line.port}"\nparent = true\nwait = 2\npause = 0.3\n'
        (partners / "above.toml").write_text(_peer(above, pki, "above", url))


def _peer(hub: Hub, pki: Pki, id_: str, room: str) -> str:
    pin = pki.named(hub.name).certificate_file
    kinds = json.dumps([str(kind) for kind in Kind])
    return (
        f'id = "{id_.replace("_", "-")}"\nagency = "{hub.at.code}"\nroom = "edge"\n'
        f'name = {{ vi = "{hub.name}", en = "{hub.name}" }}\n'
        f'[sends]\nformat = "lienthong.message@1"\nkinds = {kinds}\nauthority = "{hub.at.code}"\n'
        f'[sends.signature]\nbinding = "jws-detached"\ncertificates = ["{pin}"]\n'
        f'[receives]\nkinds = {kinds}\nmapping = "lienthong.message@1"\nauthority = "{hub.at.code}"\n'
        f"order_sensitive = false\nconcurrency = 64\n[receives.edge]\n{room}"
    )


def _free() -> int:
    """A port that nobody gets by chance meanwhile: a hub that is stopped comes back at its own."""
    while True:
        port = random.randrange(20_000, 30_000)  # noqa: S311 - no secret; below those that the system gives out
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@asynccontextmanager
async def _served(app: Any, port: int) -> AsyncIterator[None]:
    config = uvicorn.Config(app, log_config=None, lifespan="off", http=door(Bounds()), proxy_headers=False)
    server = uvicorn.Server(config)
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    serving = asyncio.create_task(server.serve(sockets=[made]))
    try:
        while not server.started:  # noqa: ASYNC110 - uvicorn tells it by this attribute only
            await asyncio.sleep(0.01)
        yield
    finally:
        await ended(server, serving)
        made.close()
