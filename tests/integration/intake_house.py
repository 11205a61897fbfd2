"""A hub's front half for tests: partner files, registries, a real store, the judging bench and uvicorn on loopback.

    async with house(tmp_path, parts, now) as hub:
        answer = await hub.post(hub.received(), key="a-1")

Senders: ``desk`` (the hub's own words), ``neighbour`` (the same authority, another agency), ``stranger`` (another
authority), ``counter`` (the one-stop's JSON under a detached JWS), ``office`` (a land office's XML) and ``bureau`` (the
same under XML-DSig). Recipients: ``land`` decides, ``portal`` is informed.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import time
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp
import uvicorn
from argon2 import PasswordHasher
from multidict import CIMultiDict

from connectors import catalogue
from hub.api.acknowledging import Acknowledging, bringers, signed_receipts
from hub.api.admission import Admission, Watermark
from hub.api.app import build
from hub.api.carrying import Carrying
from hub.api.desk import Deps, Registries
from hub.api.door import Bounds, door
from hub.api.owners import Owners, owners
from hub.api.quotas import Quotas
from hub.ids import Ids
from hub.intake.acceptance import Accepting
from hub.intake.intake import Bench, Intake, judge_all
from hub.intake.refusals import Refusals
from hub.intake.spool import Spool
from hub.judging.desk import Believed, set_up, wrapped
from hub.metrics.counts import Counts
from hub.partners import reading
from hub.partners.partner import Partner, paces, parties, quotas
from hub.partners.world import World
from hub.receipts.receipts import unsigned
from hub.routing.router import Router
from hub.routing.table import load as load_routes
from hub.settings.sections import Console as Times
from hub.settings.sections import Documents, Limits
from hub.signatories import reading as signatories
from hub.store.sqlite.store import open_store
from hub.trust.state import Known
from hub.wiring.callers import doors, senders
from hub.wiring.console import console
from schemas import errors, workdays
from schemas.agencies import Agencies
from schemas.codelists import CodeLists
from schemas.library import BUILTIN
from schemas.mapping import Mapping as Format
from schemas.mapping import mappings
from schemas.procedures import Procedures
from tests.doubles.loopback import bound, ended

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from connectors.contract import Codec
    from hub.api.edge import Edge
    from hub.api.uses import Uses
    from hub.intake.intake import Run, Verdict
    from hub.judging.contract import Desk, Inbound
    from hub.receipts.receipts import Confirm
    from hub.settings.sections import Revocation
    from hub.store.contract.store import Store

PROVINCE, LAND, OTHER = "000.00.00.H47", "000.00.15.H47", "000.00.10.H47"
PROCEDURE = "1.009999"
KEYS = {
    name: f"key of the {name}"
    for name in ("desk", "neighbour", "stranger", "counter", "office", "bureau", "land")
}
CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
"""As good as any for a test, and quick."""
KINDS = ["received", "transferred", "step", "supplement_submitted", "withdrawn", "returned"]

Body = dict[str, Any]


def sender(
    name: str,
    agency: str,
    codes: Sequence[str],
    authority: str = PROVINCE,
    form: str = "lienthong.message@1",
    proof: str = "",
    kinds: Sequence[str] = KINDS,
) -> str:
    key = hashlib.sha256(KEYS[name].encode()).hexdigest()
    return (
        f'id = "{name}"\nagency = "{agency}"\nroom = "rest"\nname = {{ vi = "{name}", en = "{name}" }}\n'
        f'[sends]\nformat = "{form}"\nkinds = {json.dumps(list(kinds))}\ncodes = {json.dumps(list(codes))}\n'
        f'authority = "{authority}"\napi_keys = ["sha256:{key}"]\n{proof}'
    )


def proof(binding: str, pin: Path) -> str:
    return f'[sends.signature]\nbinding = "{binding}"\ncertificates = ["{pin}"]\n'


def acknowledging(name: str) -> str:
    """What a recipient's file says when it sends receipts; with a key of its own."""
    key = hashlib.sha256(KEYS[name].encode()).hexdigest()
    return f'acknowledges = true\n[receives.receipts]\napi_keys = ["sha256:{key}"]\n'


def recipient(name: str, agency: str, role: str, more: str = "") -> str:
    return (
        f'id = "{name}"\nagency = "{agency}"\nroom = "rest"\nname = {{ vi = "{name}", en = "{name}" }}\n'
        f'[receives]\nkinds = {json.dumps(KINDS)}\nrole = "{role}"\nmapping = "lienthong.message@1"\n'
        f'authority = "{PROVINCE}"\n{more}[receives.rest]\nbase_url = "http://127.0.0.1:9"\n'
    )


def partner_files(folder: Path, pin: Path) -> Path:
    """Write the files. ``pin``: the certificate of those who sign."""
    folder.mkdir(parents=True)
    files = {
        "desk": sender("desk", PROVINCE, [PROVINCE]),
        "neighbour": sender("neighbour", OTHER, [PROVINCE]),
        "stranger": sender("stranger", OTHER, [OTHER], authority=OTHER),
        "counter": sender(
            "counter", PROVINCE, [PROVINCE], form="motcua.rest@1", proof=proof("jws-detached", pin)
        ),
        "office": sender("office", PROVINCE, [PROVINCE], form="land.soap@1"),
        "bureau": sender(
            "bureau", PROVINCE, [PROVINCE], form="land.soap@1", proof=proof("xmldsig-enveloped", pin)
        ),
        "land": recipient("land", LAND, "decides", acknowledging("land")),
        "portal": recipient("portal", "000.00.00.G22", "informed"),
    }
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text)
    return folder


@dataclass(frozen=True)
class Parts:
    """Everything that is the same for every process and every test."""

    partners: tuple[Partner, ...]
    desk: Desk
    router: Router
    formats: Mapping[str, Format]
    codecs: Mapping[str, Codec]


def parts(partner_folder: Path, limit: int = 1 << 20, signing: Path | None = None) -> Parts:
    """Read files, registries and mappings as the wiring does. ``signing``: the folder of signatories' files."""
    agencies = Agencies.load()
    procedures = Procedures.load(agencies)
    formats = mappings(BUILTIN / "mappings")
    world = World(
        rooms={name: catalogue.ROOMS[name].settings for name in ("rest", "mailbox", "edxml")},
        collecting=frozenset({"edxml"}),
        mappings=frozenset(formats),
        keys=frozenset(),
        agency=lambda code: agencies.known(code) is not None,
    )
    found = reading.load(partner_folder, world)
    codecs = {
        each.id: catalogue.ROOMS[each.room].build(each.settings, formats[each.receives.mapping])
        for each in found
        if each.receives
    }
    desk = set_up(
        found,
        formats=formats,
        codecs=codecs,
        agencies=agencies,
        procedures=procedures,
        limit=limit,
        believes=Believed(signatories=signatories.load(signing, world)),
    )
    router = Router(table=load_routes(agencies), agencies=agencies, procedures=procedures)
    return Parts(found, desk, router, formats, codecs)


@dataclass
class House:
    """A running front half. ``ready``: what ``/readyz`` shall miss."""

    url: str
    parts: Parts
    store: Store
    session: aiohttp.ClientSession
    spool: Path
    port: int
    refusals: Refusals
    uses: Uses
    app: Edge
    trust: Known
    ready: list[str] = field(default_factory=list)
    number: int = 0

    def message(self, kind: str, code: str, **dossier: Any) -> Body:
        return {
            "event": {"kind": kind, "at": "2026-11-20T01:00:00Z"},
            "key": "of the body",
            "sender": "nobody",
            "agency": "nowhere",
            "dossier": {"code": code, **dossier},
        }

    def code(self) -> str:
        """A dossier code that nobody has used."""
        self.number += 1
        return f"{PROVINCE}-261120-{self.number:04}"

    def said(self, form: str, body: Body, key: str = "k") -> bytes:
        """The same message in a sender's format."""
        mapping = self.parts.formats[form]
        message = self.parts.formats["lienthong.message@1"].read(
            json.dumps(body).encode(), "x", key, PROVINCE
        )
        return mapping.write(mapping.operations(message)[0], message, key)

    def received(self, code: str = "", **dossier: Any) -> Body:
        code = code or self.code()
        told: Body = {"procedure": {"national": PROCEDURE}, "applicant": {"name": "Nguyễn Văn Ánh"}}
        return self.message("received", code, **{**told, **dossier})

    async def post(
        self,
        body: Body | bytes,
        *,
        key: str | None = None,
        sender: str = "desk",
        headers: Mapping[str, str] | None = None,
        leave_out: Sequence[str] = (),
        twice: str = "",
    ) -> Answer:
        raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        sent = {
            "Authorization": f"Bearer {KEYS.get(sender, sender)}",
            "Content-Type": "application/json",
            **({"Idempotency-Key": key} if key is not None else {}),
            **(headers or {}),
        }
        for name in leave_out:
            sent.pop(name, None)
        repeated = CIMultiDict(sent)
        if twice:
            repeated.add(twice, sent[twice])
        async with self.session.post(
            f"{self.url}/v1/messages",
            data=io.BytesIO(raw),
            headers=repeated,
            skip_auto_headers=["Content-Type"],
        ) as got:
            return Answer(got.status, got.headers, await got.read())

    async def get(
        self, path: str, *, sender: str | None = "desk", headers: Mapping[str, str] | None = None
    ) -> Answer:
        sent = {**({"Authorization": f"Bearer {KEYS[sender]}"} if sender else {}), **(headers or {})}
        async with self.session.get(f"{self.url}{path}", headers=sent) as got:
            return Answer(got.status, got.headers, await got.read())


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def __getitem__(self, name: str) -> Any:
        return json.loads(self.body)[name]

    @property
    def code(self) -> str:
        """The code of a problem document, or nothing."""
        return str(json.loads(self.body).get("code", "")) if self.status >= 400 else ""


def in_thread(executor: Executor, judge: Callable[[Sequence[Inbound]], list[Verdict]]) -> Run:
    """Judge in another thread, as a crew does in another process."""

    async def run(batch: Sequence[Inbound]) -> list[Verdict]:
        return await asyncio.get_running_loop().run_in_executor(executor, judge, batch)

    return run


@asynccontextmanager
async def house(
    folder: Path,
    made: Parts,
    now: Callable[[], datetime],
    *,
    limits: Limits | None = None,
    run: Callable[[Sequence[Inbound]], list[Verdict]] | None = None,
    pooled: Run | None = None,
    intake: Callable[[Intake], Any] = lambda intake: intake,
    watermark: Watermark | None = None,
    seconds: Callable[[], float] = time.monotonic,
    more: Mapping[str, Any] | None = None,
    confirm: Confirm = unsigned,
    rules: Mapping[str, Revocation] | None = None,
    times: Times | None = None,
    opens: Callable[[Ids], Store] | None = None,
) -> AsyncIterator[House]:
    """Open the house. ``opens``: its store, by default in a file of its own. ``rules``: how senders' certificates are asked about. ``more``: further parts of the desk. ``run``: what judges in a thread, by default at the desk; ``pooled``: what judges elsewhere. ``intake`` may wrap the intake."""
    limits = limits or Limits()
    ids = Ids(
        lambda: now().timestamp(), lambda count: hashlib.sha256(str(id(count)).encode()).digest()[:count]
    )
    store = opens(ids) if opens else open_store(folder / "hub.db", ids=ids)
    trust = Known(store.trust, rules)
    spool = Spool(folder / "spool", memory=limits.memory, limit=limits.body)
    spool.sweep()
    own = ThreadPoolExecutor(1)
    bench = Bench(
        pooled or in_thread(own, run or partial(judge_all, made.desk)), processes=1, batch=limits.batch
    )
    accepting = Accepting(router=made.router, parties=parties(made.partners), days=workdays.load())
    missing: list[str] = []
    shares = Quotas(
        quotas(made.partners, limits.sender),
        paces(made.partners, limits.receiver),
        seconds=seconds,
        now=now,
        retry_after=limits.retry_after,
    )

    async def ready() -> Sequence[str]:
        return [*missing, *(() if await bench.alive() else ("pool",))]

    mark = watermark or Watermark(lambda: (1 << 40, 0), seconds, free=1, database=0)
    refusals = Refusals(store)
    proxies = (more or {}).get("keeping", Documents()).proxies
    calling = doors(made.partners, proxies, store.access, now, seconds)
    deps = Deps(
        intake=intake(
            Intake(
                store=store,
                bench=bench,
                decide=accepting,
                now=now,
                confirm=confirm,
                wrapped=wrapped(made.partners),
                vouch=trust.vouch,
            )
        ),
        store=store,
        callers=calling.callers,
        tokens=calling.tokens,
        claims=calling.claims,
        senders=senders(made.partners),
        spool=spool,
        admission=Admission(limits, shares, mark),
        quotas=shares,
        refusals=refusals,
        acknowledging=Acknowledging(
            calling.callers,
            bringers(made.partners),
            store,
            now,
            shares,
            body_time=limits.body_time,
            signed=signed_receipts(made.partners),
            vouch=trust.vouch,
        ),
        carrying=Carrying(limits, mark),
        catalogue=errors.load(),
        limits=limits,
        ready=ready,
        now=now,
        new_id=ids,
        mailboxes=Owners(partners=owners(made.partners), codec_of=made.codecs.get, confirm=confirm),
        console=console(
            made.partners,
            store.people,
            Spool(folder / "spool", memory=limits.memory, limit=1 << 20),
            times or Times(),
            now=now,
            seconds=seconds,
            hasher=CHEAP,
            refused_after=0.02,
        ),
        **{
            "registries": Registries(
                agencies=made.router.agencies, procedures=made.router.procedures, lists=CodeLists({})
            ),
            **(more or {}),
        },
        counts=Counts(),
    )
    app = build(deps)
    config = uvicorn.Config(
        app,
        log_config=None,
        lifespan="off",
        http=door(Bounds()),
        proxy_headers=False,
    )
    server = uvicorn.Server(config)
    socket = bound()
    serving = asyncio.create_task(server.serve(sockets=[socket]))
    port = socket.getsockname()[1]
    try:
        while not server.started:  # noqa: ASYNC110 - uvicorn tells it by this attribute only
            await asyncio.sleep(0.01)
        async with aiohttp.ClientSession() as session:
            yield House(
                f"http://127.0.0.1:{port}",
                made,
                store,
                session,
                folder / "spool",
                port,
                refusals,
                calling.uses,
                app,
                trust,
                missing,
            )
    finally:
        await ended(server, serving)
        socket.close()
        await store.close()
        own.shutdown()
