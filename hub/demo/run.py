"""``lienthong demo``: a hub and three partners as real processes; an outage, a killed worker; the partners count.

Nothing is staged inside the hub: it runs as ``lienthong serve`` from a settings file, and what is printed at the end is
read from the journals of the partners, which know nothing of the hub's own books.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from hub.demo import count as counting
from hub.demo import stamping
from hub.demo.documents import bring, enclose, missing
from hub.demo.messages import stories
from hub.demo.processes import Processes, answers, children_of, free_ports, owns_port
from hub.demo.scene import EXAMPLES, build
from hub.lifecycle import DONE
from hub.settings import file as settings_file
from hub.store.contract.views import Filter
from hub.wiring import bundles
from hub.wiring.parts import store_of
from schemas.problems import Refusal
from signing.jose.detached import DetachedSigner
from signing.keys.ring import KeySource, load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

    from hub.demo.count import Count
    from hub.demo.messages import Said
    from hub.demo.scene import Scene
    from hub.store.contract.store import Store

ONESTOP, LAND, PORTAL = "onestop", "land", "portal"
OUTAGE = 4.0
PATIENCE = 90.0
LATE = 8
"""Calls that the land department answers late, so that one is under way when the worker is killed."""
SENDERS = 12
EVERY = 20
"""Every so many messages one is sent a second time, as a sender does that lost its answer."""
ACCEPTED, REFUSED = 202, range(400, 500)


class Failed(Exception):  # noqa: N818 - the demonstration's own word
    """What was promised is not so."""


SILENCE = 5.0
"""Seconds after which a person who sees nothing new is told what is going on."""


class Told:
    """Prints each thing in Vietnamese and English."""

    def __init__(self) -> None:
        self._words = tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))
        self._last = time.monotonic()

    @contextlib.asynccontextmanager
    async def meanwhile(
        self, name: str, values: Callable[[], Mapping[str, object]] = dict, silence: float = SILENCE
    ) -> AsyncIterator[None]:
        """Say it whenever nothing was said for so long."""

        async def beat() -> None:
            while True:
                await asyncio.sleep(silence / 5)
                if time.monotonic() - self._last >= silence:
                    self(name, "…", **values())

        beating = asyncio.create_task(beat())
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

    def __call__(self, name: str, mark: str = "✓", **values: object) -> None:
        self._last = time.monotonic()
        word = self._words[name]
        print(f"{mark} {word['vi'].format(**values)}\n  {word['en'].format(**values)}", flush=True)

    def line(self, text: str = "") -> None:
        print(text, flush=True)


def run(directory: Path, messages: int) -> int:
    """Run the demonstration in ``directory``. Returns 0 only when nothing was lost, doubled or out of order."""
    tell, began = Told(), time.monotonic()
    try:
        asyncio.run(_play(directory.absolute(), messages, tell))
    except Failed as failed:
        tell("failed", "✕", why=failed)
        return 1
    except TimeoutError as error:
        tell("slow", "✕", what=error, logs=f"{directory}/log")
        return 1
    except (RuntimeError, aiohttp.ClientError) as error:
        tell("failed", "✕", why=f"{type(error).__name__} {error}; {directory}/log")
        return 1
    tell("good", seconds=round(time.monotonic() - began))
    return 0


async def _play(folder: Path, messages: int, tell: Told) -> None:
    hub_port, *ports = free_ports(5)
    scene = build(folder, hub_port, (ports[0], ports[1], ports[2]), stamping_port=ports[3])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LIENTHONG_")}
    with Processes(folder / "log", environment) as processes:
        tell("starting", "…")
        async with tell.meanwhile("starting"):
            await _start(scene, processes)
        tell("scene", url=f"http://127.0.0.1:{hub_port}")
        said, documents = enclose([*stories(EXAMPLES / "messages", -(-messages // _steps()))])
        await _bring(scene, documents)
        sent: list[str] = []
        async with tell.meanwhile("sending", lambda: {"sent": len(sent), "of": sum(map(len, said))}):
            await _act(scene, processes, said, tell, sent)
        asked = await _finish(scene, tell)
        if not asked:
            raise Failed("no transfer was left in doubt by the killed worker")
        tell("recovered", asked=asked)
        counts = _counted(scene, [one for story in said for one in story])
        await _arrived(scene, documents, tell)
        bundle = await _prove(scene, tell)
    _show(counts, tell)
    _verify(scene, tell)
    _look_around(scene, bundle, tell)
    judge(counts)


async def _bring(scene: Scene, documents: Mapping[str, bytes]) -> None:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        for content in documents.values():
            await bring(session, f"http://127.0.0.1:{scene.hub_port}", scene.api_key, content)


async def _arrived(scene: Scene, documents: Mapping[str, bytes], tell: Told) -> None:
    """The portal fetches at its own pace; by now it is about to have done so."""
    ends = time.monotonic() + PATIENCE / 6
    async with tell.meanwhile("fetching"):
        while (left := missing(scene.pulled, documents)) and time.monotonic() < ends:  # noqa: ASYNC110 - the portal rings no bell
            await asyncio.sleep(0.1)
    if left:
        raise Failed(f"documents of {', '.join(left)}")
    tell("documents", count=len(documents))


def judge(counts: Iterable[Count]) -> None:
    """Raise ``Failed`` with the partners whose own count is not what was sent."""
    wrong = [one.partner for one in counts if not one.clean]
    if wrong:
        raise Failed(", ".join(wrong))


def _steps() -> int:
    return len(list((EXAMPLES / "messages").glob("*.json")))


# --- the partners and the hub -------------------------------------------------------------------------------------


async def _start(scene: Scene, processes: Processes) -> None:
    if stamping.possible():
        arguments = ["--port", str(scene.stamping_port), "--folder", str(scene.stamping)]
        processes.start("stamping", ["hub.demo.stamping", *arguments])
    for name in (ONESTOP, LAND, PORTAL):
        _start_partner(scene, processes, name)
    processes.start("hub", ["hub.cli.main", "serve", "--settings", str(scene.settings)])
    await answers(f"http://127.0.0.1:{scene.hub_port}/readyz", processes)


def _start_partner(scene: Scene, processes: Processes, name: str) -> None:
    port = dict(zip((ONESTOP, LAND, PORTAL), scene.ports, strict=True))[name]
    arguments = [f"connectors.simulators.{name}", "--port", str(port), "--journal", str(scene.journal(name))]
    if name == PORTAL:
        arguments += ["--secret-file", str(scene.portal_password), "--lists-progress", "--lifetime", "6"]
        arguments += ["--pulled", str(scene.pulled)]
    processes.start(name, arguments)


async def _order(scene: Scene, **order: object) -> None:
    url = f"http://127.0.0.1:{scene.ports[1]}/__control"
    async with aiohttp.ClientSession() as session, session.post(url, json=order) as reply:
        reply.raise_for_status()


async def _held(scene: Scene) -> list[int]:
    """Return the callers' ports whose answer the land department is holding back."""
    url = f"http://127.0.0.1:{scene.ports[1]}/__control"
    async with aiohttp.ClientSession() as session, session.get(url) as reply:
        return list((await reply.json())["held"])


# --- the sender ---------------------------------------------------------------------------------------------------


class Sender:
    """The one-stop software: signs, sends, keeps the receipts, sends some again."""

    def __init__(self, scene: Scene, session: aiohttp.ClientSession, sent: list[str]) -> None:
        self._scene, self._session, self._sent = scene, session, sent
        source = KeySource(
            name="motcua", file=str(scene.sender_key), certificate=str(scene.sender_certificate)
        )
        self._signer = DetachedSigner(load(source))
        self._places = asyncio.Semaphore(SENDERS)
        self.again = 0

    async def post(self, body: bytes, key: str) -> tuple[int, bytes]:
        headers = {
            "Authorization": f"Bearer {self._scene.api_key}",
            "Content-Type": "application/json",
            "Idempotency-Key": f'"{key}"',
            "X-JWS-Signature": self._signer.sign(body, datetime.now(UTC)),
        }
        url = f"http://127.0.0.1:{self._scene.hub_port}/v1/messages"
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


# --- what happens -------------------------------------------------------------------------------------------------


async def _act(
    scene: Scene, processes: Processes, said: list[tuple[Said, ...]], tell: Told, sent: list[str]
) -> None:
    """``sent``: the keys of what was sent, as it goes on."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        sender = Sender(scene, session, sent)
        await sender.tell(story[:3] for story in said)
        await _refused(sender, said[0][3], tell)
        processes.stop(LAND)
        tell("down", "▮", seconds=OUTAGE)
        await asyncio.gather(sender.tell(story[3:6] for story in said), asyncio.sleep(OUTAGE))
        _start_partner(scene, processes, LAND)
        await answers(f"http://127.0.0.1:{scene.ports[1]}/__control", processes)
        tell("up")
        await _order(scene, kind="late", after=True, seconds=3.0, times=LATE)
        told = asyncio.create_task(sender.tell(story[6:] for story in said))
        await _kill(scene, processes, tell)
        await told
        tell(
            "sent",
            messages=len(sent),
            dossiers=len(said),
            again=sender.again,
        )


async def _refused(sender: Sender, said: Said, tell: Told) -> None:
    """Send a day that does not exist, then see the same key accepted with the mended message later on."""
    told = json.loads(said.body)
    told["HoSo"]["NgayHenTra"] = "20260231080000"
    status, body = await sender.post(json.dumps(told, ensure_ascii=False).encode(), said.key)
    problem = json.loads(body)
    if status not in REFUSED:
        raise Failed(f"an impossible day was answered with HTTP {status}")
    error = problem["errors"][0]
    tell("bad", code=problem["code"], place=error.get("pointer") or error.get("place", ""))


async def _kill(scene: Scene, processes: Processes, tell: Told) -> None:
    """Kill the worker that has a call under way at the land department."""
    async with asyncio.timeout(30):
        while True:
            held = await _held(scene)
            workers = [pid for pid, command in children_of(processes.pid("hub")) if " work " in f"{command} "]
            if victim := next((pid for pid in workers for port in held if owns_port(pid, port)), None):
                break
            await asyncio.sleep(0.02)
    os.kill(victim, signal.SIGKILL)
    tell("killed", "▮", pid=victim)


async def _finish(scene: Scene, tell: Told) -> int:
    """Wait until every transfer is done; return how many were asked about first."""
    store = store_of(settings_file.load(scene.settings))
    left: Counter[str] = Counter()
    try:
        ends = time.monotonic() + PATIENCE
        async with tell.meanwhile("waiting", lambda: {"left": left.total()}):
            while left := await _unfinished(store):
                if time.monotonic() > ends:
                    tell("unfinished", "✕", seconds=PATIENCE, states=dict(left))
                    break
                await asyncio.sleep(0.25)
        async with tell.meanwhile("counting"):
            if broken := await store.conservation():
                raise Failed("; ".join(broken))
            return await _asked(store)
    finally:
        await store.close()


async def _unfinished(store: Store) -> Counter[str]:
    states: Counter[str] = Counter()
    for row in await store.queue():
        states.update({state: count for state, count in row.counts.items() if count and state not in DONE})
    return states


async def _asked(store: Store) -> int:
    asked, after = 0, ""
    while page := await store.transfers(Filter(after=after, limit=200)):
        after = page[-1].id
        for transfer in page:
            asked += any(one.attempt.verb == "find" for one in await store.attempts(transfer.id))
    return asked


async def _prove(scene: Scene, tell: Told) -> Path:
    """Write down what proves one dossier to somebody who was not there, and check it as he would."""
    store = store_of(settings_file.load(scene.settings))
    now = datetime.now(UTC)
    try:
        (first,) = await store.transfers(Filter(partner=scene.partner("soap"), limit=1))
        wanted = first.code or first.id
        bundle = await bundles.export(scene.settings, store, wanted, now)
    finally:
        await store.close()
    scene.evidence.mkdir(mode=0o700)
    path = scene.evidence / f"{wanted}.asice"
    path.touch(mode=0o600)
    path.write_bytes(bundle.content)
    try:
        proof = await bundles.check(None, path.read_bytes(), [scene.root], now)
    except Refusal as refusal:
        raise Failed(f"{path.name}: {refusal.code}") from refusal
    shown, held = _short(path), len(proof.holds)
    if proof.checked.stamped_at:
        tell("evidence_stamped", path=shown, holds=held)
    else:
        tell("evidence_unstamped", path=shown, holds=held)
    return path


# --- what came of it ----------------------------------------------------------------------------------------------


def _counted(scene: Scene, said: list[Said]) -> list[Count]:
    land = counting.of_land(scene.journal(LAND))
    progress = counting.of_portal(scene.journal(PORTAL), "CapNhatTienDoHoSoMC")
    return [
        counting.count(scene.partner("soap"), said, land),
        counting.count(scene.partner("national_portal"), said, progress),
    ]


def _show(counts: list[Count], tell: Told) -> None:
    tell.line()
    tell("count", "■")
    tell("head", " ")
    for one in counts:
        tell.line(
            f"    {one.partner:<10} {one.sent:>5} {one.delivered:>5}   {one.lost:>3} {one.doubled:>3} {one.out_of_order:>3}"
        )


def _verify(scene: Scene, tell: Told) -> None:
    """Take one document out of the department's journal and have xmlsec1 verify it."""
    entries = counting.entries(scene.journal(LAND))
    if not entries:
        raise Failed("nothing arrived at the land department")
    path = scene.folder / "delivered.xml"
    path.write_text(entries[-1]["body"], "utf-8")
    root = f"urn:lienthong:example:land:1:{entries[-1]['operation']}"
    command = ["xmlsec1", "--verify", "--trusted-pem", str(scene.root), "--id-attr:Id", root, str(path)]
    tell.line()
    tell("verify", "■", path=_short(path))
    tell.line("    " + shlex.join([_short(Path(word)) if word.startswith("/") else word for word in command]))
    if shutil.which("xmlsec1") is None:
        raise Failed("xmlsec1")
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the command shown
    if done.returncode != 0:
        raise Failed(f"xmlsec1: {done.stderr.strip()[:300]}")
    tell("verified", verdict=(done.stdout + done.stderr).split("\n")[0])


def _look_around(scene: Scene, bundle: Path, tell: Told) -> None:
    program = _short(Path(sys.argv[0])) if Path(sys.argv[0]).name == "lienthong" else "lienthong"
    tell.line()
    tell("next", "■")
    tell.line(f"    export LIENTHONG_SETTINGS={_short(scene.settings)}")
    for words in (
        "queue list",
        f"transfer list --partner {scene.partner('soap')} --limit 5",
        "partner list",
        f"evidence verify {_short(bundle)} --anchor {_short(scene.root)}",
        "error explain HUB-SCH-007",
    ):
        tell.line(f"    {program} {words}")
    tell.line()


def _short(path: Path) -> str:
    with contextlib.suppress(ValueError):
        return str(path.absolute().relative_to(Path.cwd()))
    return str(path)
