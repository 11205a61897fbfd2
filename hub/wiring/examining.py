"""Gathers what the doctor looks at. Nothing is changed, and what is wrong in one place stops no other look."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import BaseModel

from hub.doctor.facts import (
    Certificate,
    Collected,
    Declared,
    Facts,
    Folder,
    Legacy,
    Machine,
    Opened,
    Silent,
    Unreached,
)
from hub.doctor.rules import ALIVE, ENDS_SOON
from hub.documents.scanner import Scanner
from hub.replicating.board import halted, worries
from hub.rounds.collecting import chore, last_good
from hub.rounds.watch import BALANCE, SURVEY
from hub.settings import file as settings_file
from hub.settings.values import address
from hub.trust.forecast import forecast
from hub.wiring.declared import declared
from hub.wiring.edges import boarded, edges_of
from hub.wiring.parts import made_before, refusals, store_of
from hub.wiring.replicas import hub_code
from hub.wiring.tools import key_warnings, keys_of, pool_tools
from hub.wiring.trust import facts_of
from schemas.problems import Problem, Refusal
from signing.trust.pins import load_pins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from hub.partners.declaration import Collect
    from hub.partners.partner import Partner
    from hub.replicating.board import Worry
    from hub.settings.file import Settings
    from hub.store.contract.store import Store
    from hub.wiring.declared import Declared as Read
    from signing.keys.ring import KeyRing

CONNECT_SECONDS = 5.0
DAYS = ENDS_SOON.days


async def gather(path: Path, clock: Callable[[], datetime], *, network: bool) -> Facts:
    """Look at everything. ``network``: also whether partners can be reached. The time of the facts is read beside the
    store: opening it may take seconds, and a clock read before that would be away from the database's.
    """
    try:
        settings = settings_file.load(path)
    except Refusal as refusal:
        machine = Machine(now=clock(), files=_files())
        return Facts(machine=machine, declared=Declared(problems=refusal.problems))
    told, what, ring = _declared(path, settings)
    partners: Sequence[Partner] = what.partners if what else ()
    opened, shut = await _opened(settings, clock, what, ring)
    now = clock()
    taken = () if shut else tuple(_taken(settings, opened, now))  # shut: nobody can tell whose they are
    return Facts(
        machine=Machine(now=now, files=_files(), taken=taken),
        declared=told,
        folder=_folder(settings.data),
        opened=opened,
        shut=shut,
        unreached=await _unreached(partners) if network else (),
        scanner=await _scanner(settings),
    )


def _files() -> int:
    """The hard limit: the web process raises the soft one by itself."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def _asked(look: Callable[[], Any], problems: list[Problem]) -> Any:  # noqa: ANN401 - what was looked at
    try:
        return look()
    except Refusal as refusal:
        problems.extend(refusal.problems)
        return None


def _declared(path: Path, settings: Settings) -> tuple[Declared, Read | None, KeyRing | None]:
    problems: list[Problem] = []
    tools: list[Problem] = []
    keys: list[Problem] = []
    what: Read | None = _asked(lambda: declared(path, thorough=True), problems)
    partners: Sequence[Partner] = what.partners if what else ()
    if what:
        _asked(lambda: pool_tools(str(path)), tools)
    weak = _asked(lambda: key_warnings(str(path)), keys) or ()
    ours: KeyRing | None = _asked(lambda: keys_of(settings), keys)
    ends = [Certificate(name=key.name, ends=key.certificate.not_valid_after_utc) for key in ours or ()]
    return (
        Declared(
            problems=problems,
            tools=[*tools, *(problem for problem in dict.fromkeys(keys) if problem not in tools)],
            weak=weak,
            certificates=[*ends, *_pins(partners)],
            legacy=[*_legacy(partners)],
            embedded=not settings.database,
            disk_free=settings.limits.disk_free,
            database=settings.limits.database,
            connections=2 * settings.limits.connections,
            signs=bool(settings.evidence.key),
        ),
        what,
        ours,
    )


def _pins(partners: Sequence[Partner]) -> Iterator[Certificate]:
    for partner in partners:
        proof = partner.sends.signature if partner.sends else None
        for file in proof.pins if proof else ():
            with contextlib.suppress(Refusal):  # told by the pool already
                for pin in load_pins([file]):
                    yield Certificate(name=f"{partner.id}: {file.file.name}", ends=pin.not_after)


def _legacy(partners: Sequence[Partner]) -> Iterator[Legacy]:
    for partner in partners:
        proofs = (
            partner.sends and partner.sends.signature,
            partner.receives and partner.receives.reply_signature,
        )
        yield from (Legacy(partner=partner.id, until=p.sha1_until) for p in proofs if p and p.sha1_until)


async def _opened(
    settings: Settings, clock: Callable[[], datetime], what: Read | None, ring: KeyRing | None
) -> tuple[Opened | None, Sequence[Problem]]:
    """Open the store as it is; one that was never made is not made now. What has clocks in it is read last."""
    try:
        with refusals():
            there = made_before(settings)
        if not there:
            return None, ()
        store = store_of(settings)
    except Refusal as refusal:
        return None, refusal.problems
    except Exception as error:  # noqa: BLE001 - whatever a damaged file makes of it
        return None, [Problem(code="HUB-STO-010", detail=type(error).__name__)]
    try:
        verdicts = [await store.verdict(name) for name in (BALANCE, SURVEY)]
        return Opened(
            figures=await store.figures(),
            queue=await store.queue(),
            verdicts=[verdict for verdict in verdicts if verdict],
            trust=forecast(await facts_of(store, what, ring), clock(), DAYS) if what else (),
            inspection=await store.inspect(clock()),
            processes=await store.processes(),
            evidence=await store.evidence.standing(),
            edges=await _edges(store, settings, what, clock()),
            staged=len((await store.stages.stages()).staged),
            collected=[await _collected(store, *one) for one in what.collected] if what else (),
        ), ()
    except Refusal as refusal:  # the server went away meanwhile
        return None, refusal.problems
    except Exception as error:  # noqa: BLE001 - whatever a damaged file makes of it
        return None, [Problem(code="HUB-STO-010", detail=type(error).__name__)]
    finally:
        await store.close()


async def _edges(store: Store, settings: Settings, what: Read | None, now: datetime) -> Sequence[Worry]:
    lines = await boarded(store, edges_of(what.partners if what else ()), hub_code(settings), now)
    return (*worries(lines, now), *(each for link in await store.edges.links() for each in halted(link)))


async def _collected(store: Store, partner: Partner, told: Collect) -> Collected:
    said = await store.verdict(chore(partner.id))
    return Collected(
        partner=partner.id,
        alarm_after=told.alarm_after,
        good_at=last_good(said) if said else None,
        code=said.broken[0] if said and said.broken else "",
    )


def _taken(settings: Settings, opened: Opened | None, now: datetime) -> Iterator[tuple[str, str]]:
    """Name our addresses that are in use while no web process of ours runs on this machine."""
    ours = [one for one in opened.processes if one.host == socket.gethostname()] if opened else []
    if any(now - process.seen < ALIVE for process in ours):
        return
    for name, listen in (("listen", settings.listen), ("[metrics] listen", settings.metrics.listen)):
        if listen != "off" and _in_use(*address(listen)):
            yield name, listen


def _in_use(host: str, port: int) -> bool:
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        return error.errno == errno.EADDRINUSE
    return False


def _folder(data: Path) -> Folder | None:
    if not data.is_dir():
        return None
    disk = os.statvfs(data)
    return Folder(
        path=str(data),
        writable=os.access(data, os.W_OK) and not disk.f_flag & os.ST_RDONLY,
        mode=data.stat().st_mode & 0o777,
        free=disk.f_bavail * disk.f_frsize,
        kind=_file_system(data.resolve()),
    )


def _file_system(path: Path) -> str:
    """The kind of the deepest mount that holds the path (proc(5): ``mounts``)."""
    found = ("", "")
    for line in Path("/proc/mounts").read_text("utf-8", "replace").splitlines():
        _, where, kind, *_ = line.split()
        place = where.replace("\\040", " ")
        if path.is_relative_to(place) and len(place) >= len(found[0]):
            found = (place, kind)
    return found[1]


async def _scanner(settings: Settings) -> Silent | None:
    """Ask it to answer, and give it nothing to scan."""
    told = settings.scanner
    if not told.address:
        return None
    why = await Scanner(told.address, min(told.timeout, CONNECT_SECONDS)).silence()
    return Silent(address=told.address, why=why) if why else None


async def _unreached(partners: Sequence[Partner]) -> Sequence[Unreached]:
    asked = [(partner.id, url) for partner in partners if partner.settings for url in _urls(partner.settings)]
    return [one for one in await asyncio.gather(*(_try(*each) for each in asked)) if one]


def _urls(model: BaseModel) -> Iterator[str]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _urls(value)
        elif (
            isinstance(value, str)
            and value.startswith(("http://", "https://"))
            and name.endswith(("url", "address"))
        ):
            yield value


async def _try(partner: str, url: str) -> Unreached | None:
    """Connect, and say nothing: whether a door is there, not whether it opens."""
    found = urlsplit(url)
    host, port = found.hostname or "", found.port or (443 if found.scheme == "https" else 80)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
        writer.close()
    except (OSError, TimeoutError) as error:
        return Unreached(partner=partner, address=f"{host}:{port}", why=_why(error))
    return None


def _why(error: OSError) -> str:
    """In words where it is one of the usual three; a person does not know Python's names."""
    usual = {
        ConnectionRefusedError: "connection refused",
        TimeoutError: "no answer in time",
        socket.gaierror: "the name does not resolve",
    }
    return usual.get(type(error), type(error).__name__)
