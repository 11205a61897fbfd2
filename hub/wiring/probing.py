"""A partner's room, opened on its test system, and the checks in their order."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

import msgspec
from pydantic import ValidationError

from connectors import catalogue
from connectors.contract import Envelope, Opened, Parcel
from connectors.credentials.contract import Clocks
from connectors.credentials.showing import credentials
from connectors.reach import Reach
from connectors.transport import Http
from hub.closed_toml import Source
from hub.delivery.sealing import Order, Workbench, Wrap, seal, wrap
from hub.partners import reading
from hub.probing import checks, description, trial
from hub.probing.checks import Check, Promises, failed, untold
from hub.probing.description import origin
from hub.settings import file as settings_file
from hub.wiring.declared import world_of
from hub.wiring.parts import new_ids, utc_now
from hub.wiring.tools import keys_of, tools_of
from schemas.dossier import to_json
from schemas.problems import Problem, Refusal, refuse
from signing import bindings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors.contract import Connector, Envelopes, Sealed
    from connectors.credentials.contract import Credentials
    from hub.partners.declaration import Receives
    from hub.partners.partner import Partner
    from schemas.library import Library
    from schemas.mapping import Mapping

_ALIVE = ("live", "parallel")
_NUMBERS = 10**7
"""Formats that number what is sent take seven digits; a probe has no transfer whose own number it could be."""


class Receiving(NamedTuple):
    """What a partner takes. ``mapping``: ``None`` as long as it is unfinished."""

    receives: Receives
    mapping: Mapping | None
    bench: Workbench


class House(NamedTuple):
    """One partner with all that its probe needs. ``receiving``: ``None`` for one that is only picked up from."""

    partner: Partner
    reach: Reach
    library: Library
    receiving: Receiving | None


def house(path: Path, name: str, base_url: str, *, live: bool) -> House:
    """Read the partner's file, draft or not. ``name``: its id, or the file.

    Raises ``Refusal`` HUB-CFG-*, HUB-PRB-001 for a live address that nobody allowed, HUB-PRB-009 for a partner that has no file.
    """
    settings = settings_file.load(path)
    file = _file(settings.partners, name)
    world, library, formats = world_of(path, file)
    partner = reading.read(file, world)
    receives, told = partner.receives, partner.settings
    collects = partner.sends is not None and partner.sends.collect is not None
    if not isinstance(told, Reach) or not (receives or collects):
        raise refuse("HUB-PRB-008", name, rule="a partner that the hub calls")
    sandbox = receives.sandbox if receives else None
    address = base_url or sandbox or told.base_url
    alive = _same(address, told.base_url) and partner.stage.default in _ALIVE
    if alive and not _same(address, sandbox or "") and not live:
        raise refuse(
            "HUB-PRB-001", f"{file.name}: receives.sandbox", rule="a test system's address, or --live"
        )
    elsewhere = getattr(getattr(told, "auth", None), "token_address", None)
    if elsewhere and not live and not _same(address, told.base_url):
        raise refuse(
            "HUB-PRB-001", f"{file.name}: token_address", rule="a login of the test system, or --live"
        )
    opened, receiving = _at(told, address), None
    if receives:
        mapping = formats.get(receives.mapping)
        bench = tools_of(partner, receives, opened, mapping, keys_of(settings))
        receiving = Receiving(receives, mapping, bench)
    return House(msgspec.structs.replace(partner, settings=opened), opened, library, receiving)


def _file(folder: Path, name: str) -> Path:
    """A file that is named itself; the partner's by its name; or whichever says the id, whatever it is called."""
    if name.endswith(".toml") and Path(name).is_file():
        return Path(name)
    found = {each: _id(each) for each in sorted(folder.glob("*.toml"))}
    named = [each for each, told in found.items() if name in {each.stem, told}]
    if not named:
        known = sorted(told or each.stem for each, told in found.items())
        raise refuse("HUB-PRB-009", name, rule=f"one of: {', '.join(known)}")
    return next((each for each in named if found[each] == name), named[0])


def _id(file: Path) -> str:
    try:
        return str(Source(file, reading.CODE).values.get("id", ""))
    except Refusal:
        return ""


def _at(told: Reach, address: str) -> Reach:
    try:
        return type(told).model_validate({**dict(told), "base_url": address})
    except ValidationError as error:
        rule = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise refuse("HUB-CFG-001", "--base-url", rule=rule) from None


def _same(one: str, other: str) -> bool:
    """Whether two addresses mean one place, however they are written."""
    return (origin(one), _path(one)) == (origin(other), _path(other))


def _path(address: str) -> str:
    return re.sub("/+", "/", unquote(urlsplit(address).path)).rstrip("/")


async def probe(what: House) -> Sequence[Check]:
    """Everything in order; what nothing can be said of without a connection is said to be so."""
    reached = await checks.reach(what.reach)
    if reached.verdict is not checks.Verdict.PASSED:
        return (reached,)
    found = [reached, await checks.chain(what.reach, utc_now()), *checks.pinned(what.reach, utc_now())]
    for name, step in (
        ("clock", _called),
        ("wsdl", _described),
        ("collection", _collected),
        ("delivery", _promised),
    ):
        try:
            found += await step(what)
        except Refusal as refusal:
            told = refusal.problems[0]
            found.append(failed(name, refusal.code, f"{told.place} {told.rule}".strip()))
    return tuple(found)


async def _called(what: House) -> Sequence[Check]:
    """Whose time it is there, and whether it knows us."""
    http = Http(what.reach, clock=utc_now)
    clocks = Clocks(utc_now, time.monotonic)
    auth = getattr(what.reach, "auth", None)
    try:
        found = [await checks.clock(http, what.reach, utc_now)]
        if auth is not None:
            try:
                shows = credentials(auth, what.reach, http, clocks)
            except Refusal as refusal:
                return (*found, failed("credentials", refusal.code, refusal.problems[0].detail))
            found.append(await checks.credentials(auth, shows))
            await shows.close()
    finally:
        await http.close()
    return found


async def _described(what: House) -> Sequence[Check]:
    """For a room whose settings name a WSDL of the library."""
    told = getattr(what.partner.settings, "wsdl", "")
    if not told:
        return ()
    http = Http(what.reach, clock=utc_now)
    shows = _shows(what, http)
    try:
        return (await description.compared(what.reach, what.library, told, utc_now, shows),)
    finally:
        if shows is not None:
            await shows.close()
        await http.close()


def _shows(what: House, http: Http) -> Credentials | None:
    """Nothing where nothing can be shown: the check of the credentials says why."""
    auth = getattr(what.reach, "auth", None)
    try:
        return auth and credentials(auth, what.reach, http, Clocks(utc_now, time.monotonic))
    except Refusal:
        return None


async def _collected(what: House) -> Sequence[Check]:
    """For a partner that is picked up from: look at the first that lies ready, and leave it there."""
    sends, collect = what.partner.sends, catalogue.ROOMS[what.partner.room].collect
    if sends is None or sends.collect is None or collect is None:
        return ()
    collector = collect(what.partner.settings, _outfit(what))
    try:
        return (await checks.collection(collector),)
    finally:
        await collector.close()


# --- what is promised -----------------------------------------------------------------------------------------------


async def _promised(what: House) -> Sequence[Check]:
    if what.receiving is None:
        return ()
    receives = what.receiving.receives
    if what.receiving.mapping is None:
        return tuple(untold(name, receives.mapping, "HUB-MAP-007") for name in ("delivery", "idempotency"))
    made = _parcel(what, what.receiving, new_ids()())
    if isinstance(made, Problem):
        return (untold("delivery", f"{made.place} {made.rule}".strip(), made.code),)
    other = _parcel(what, what.receiving, new_ids()())  # a format may say the key inside, too
    stranger = made if isinstance(other, Problem) else other
    connector = _connector(what, what.receiving)
    room = catalogue.ROOMS[what.partner.room]
    told = Promises(asked=receives.can_be_asked, keeps=receives.keeps_keys, numbered=room.numbers)
    try:
        return await checks.promises(connector, made, stranger, told)
    finally:
        await connector.close()


def _key(what: House, own: str) -> str:
    return f"{own}:{what.partner.id}:1"


def _parcel(what: House, way: Receiving, own: str) -> Parcel | Problem:
    """Seal a trial dossier as a worker would seal a real one."""
    key, now = _key(what, own), utc_now()
    codec = way.bench.codecs[what.partner.id]
    for kind in way.receives.kinds:
        said = trial.message(kind, what.partner.agency, own, now)
        operations = codec.operations(said)
        if operations:
            order = Order(
                transfer=key,
                partner=what.partner.id,
                operation=operations[0],
                key=key,
                canonical=to_json(said),
                number=int(now.timestamp()) % _NUMBERS,
                at=now,
            )
            sealed: Sealed | Problem = seal(way.bench, order)
            if isinstance(sealed, Problem):
                return sealed
            code = said.dossier.code if said.dossier else ""
            return Parcel(key=key, operation=operations[0], sealed=sealed, dossier=code)
    return Problem(code="HUB-MAP-002", rule="an operation for this kind")


def _connector(what: House, way: Receiving) -> Connector:
    signature = way.receives.signature
    signs = signature is not None and bindings.per_attempt(signature.profile)
    envelopes: Envelopes | None = None
    if signs or way.receives.reply_signature is not None:
        envelopes = _Wraps(what.partner.id, way, signs=signs)
    outfit = msgspec.structs.replace(_outfit(what), envelopes=envelopes)
    return catalogue.ROOMS[what.partner.room].connect(what.partner.settings, way.receives.replies, outfit)


def _outfit(what: House) -> catalogue.Outfit:
    return catalogue.Outfit(library=what.library, now=utc_now, seconds=time.monotonic)


class _Wraps:
    """Envelopes signed and verified in this process: a probe has one partner and no hurry."""

    def __init__(self, partner: str, way: Receiving, *, signs: bool) -> None:
        self._partner, self._way, self._signs = partner, way, signs

    @property
    def signs(self) -> bool:
        return self._signs

    @property
    def checks(self) -> bool:
        return self._way.receives.reply_signature is not None

    async def sign(self, envelope: Envelope) -> Envelope:
        made = await self._wrapped(envelope, came=False)
        if not isinstance(made, Envelope):
            raise TypeError(type(made).__name__)
        return made

    async def open(self, envelope: Envelope) -> Opened:
        made = await self._wrapped(envelope, came=True)
        if not isinstance(made, Opened):
            raise TypeError(type(made).__name__)
        return made

    async def _wrapped(self, envelope: Envelope, *, came: bool) -> Envelope | Opened:
        order = Wrap(partner=self._partner, envelope=envelope, at=utc_now(), came=came)
        made = await asyncio.to_thread(wrap, self._way.bench, order)
        if isinstance(made, Problem):
            raise Refusal(made)
        return made
