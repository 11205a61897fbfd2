"""A partner's room, opened on its test system, and the checks in their order."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urljoin, urlsplit

import msgspec
from lxml import etree

from connectors import catalogue
from connectors.contract import Envelope, Opened, Parcel
from connectors.credentials.contract import Clocks
from connectors.credentials.showing import credentials
from connectors.reach import Reach
from connectors.transport import Answer, Broken, Http, Request
from hub.delivery.sealing import Order, Workbench, Wrap, seal, wrap
from hub.drafting import wsdl
from hub.drafting.folder import plain, referring
from hub.partners import reading
from hub.probing import checks, drift, trial
from hub.probing.checks import Check, Promises, failed, passed, untold
from hub.settings import file as settings_file
from hub.wiring.declared import world_of
from hub.wiring.parts import new_ids, utc_now
from hub.wiring.tools import keys_of, tools_of
from schemas.dossier import to_json
from schemas.problems import Problem, Refusal, refuse
from schemas.strict_xml import parse_xml
from signing import bindings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors.contract import Connector, Envelopes, Sealed
    from hub.partners.declaration import Receives
    from hub.partners.partner import Partner
    from schemas.library import Library
    from schemas.mapping import Mapping

_MOST_FILES = 16
_ALIVE = ("live", "parallel")


class House(NamedTuple):
    """One partner with all that its probe needs. ``mapping``: ``None`` as long as it is unfinished."""

    partner: Partner
    receives: Receives
    reach: Reach
    library: Library
    mapping: Mapping | None
    bench: Workbench


def house(path: Path, name: str, base_url: str, *, live: bool) -> House:
    """Read the partner's file, draft or not. Raises ``Refusal`` HUB-CFG-*, and HUB-PRB-001 for a live address that nobody allowed."""
    settings = settings_file.load(path)
    file = settings.partners / f"{name}.toml"
    world, library, formats = world_of(path, file)
    partner = reading.read(file, world)
    receives, told = partner.receives, partner.settings
    if receives is None or not isinstance(told, Reach):
        raise refuse("HUB-PRB-008", name, rule="a partner that the hub calls")
    address = base_url or receives.sandbox or told.base_url
    named = address.rstrip("/") == (receives.sandbox or "").rstrip("/")
    alive = address.rstrip("/") == told.base_url.rstrip("/") and partner.stage.default in _ALIVE
    if alive and not named and not live:
        raise refuse(
            "HUB-PRB-001", f"{file.name}: receives.sandbox", rule="a test system's address, or --live"
        )
    elsewhere = getattr(getattr(told, "auth", None), "token_address", None)
    if elsewhere and not live and address.rstrip("/") != told.base_url.rstrip("/"):
        raise refuse(
            "HUB-PRB-001", f"{file.name}: token_address", rule="a login of the test system, or --live"
        )
    opened = type(told).model_validate({**dict(told), "base_url": address})
    mapping = formats.get(receives.mapping)
    bench = tools_of(partner, receives, opened, mapping, keys_of(settings))
    return House(msgspec.structs.replace(partner, settings=opened), receives, opened, library, mapping, bench)


async def probe(what: House) -> Sequence[Check]:
    """Everything in order; what nothing can be said of without a connection is said to be so."""
    reached = await checks.reach(what.reach)
    if reached.verdict is not checks.Verdict.PASSED:
        return (reached,)
    http = Http(what.reach, clock=utc_now)
    clocks = Clocks(utc_now, time.monotonic)
    auth = getattr(what.reach, "auth", None)
    found = [reached, await checks.chain(what.reach, utc_now())]
    try:
        found.append(await checks.clock(http, what.reach, utc_now))
        if auth is not None:
            shows = credentials(auth, what.reach, http, clocks)
            found.append(await checks.credentials(auth, shows))
            await shows.close()
        if hasattr(what.partner.settings, "wsdl"):
            found.append(await _drift(what))
    finally:
        await http.close()
    return (*found, *await _promised(what))


# --- the description, now -------------------------------------------------------------------------------------------


async def _drift(what: House) -> Check:
    """For a room whose settings name a WSDL of the library."""
    name, _, version = getattr(what.partner.settings, "wsdl", "").partition("@")
    held = wsdl.read(what.library.find("wsdl", name, version), name)
    with tempfile.TemporaryDirectory() as folder:
        wrong = await _fetched(what.reach, Path(folder))
        if wrong:
            return untold("wsdl", wrong)
        try:
            found = wsdl.read(Path(folder) / "0.xml", name)
        except Refusal as refusal:
            return failed("wsdl", "HUB-PRB-004", f"{refusal.code} {refusal.problems[0].rule}")
    changes = drift.differences(held, found)
    if changes:
        return failed("wsdl", "HUB-PRB-004", drift.told(changes))
    return passed("wsdl", f"{len(held.operations)}+{len(drift.new(held, found))}")


async def _fetched(reach: Reach, folder: Path) -> str:
    """Fetch the WSDL, and what it refers to on the same server; return why not, or nothing."""
    parts = urlsplit(reach.base_url)
    origin = f"{parts.scheme}://{parts.netloc}"
    http = Http(reach.model_copy(update={"base_url": origin}), clock=utc_now)
    first = f"{origin}{parts.path or '/'}?wsdl"
    names, waiting = {first: "0.xml"}, [first]
    try:
        while waiting:
            url = waiting.pop()
            answer = await http.send(Request(path=url.removeprefix(origin), method="GET"))
            wrong = _kept(answer, url, origin, names, waiting, folder)
            if wrong:
                return f"?wsdl: {wrong}"
    finally:
        await http.close()
    return ""


def _kept(
    answer: Answer | Broken, url: str, origin: str, names: dict[str, str], waiting: list[str], folder: Path
) -> str:
    """Write one file with its references made local, and note what is still to be fetched."""
    if not isinstance(answer, Answer) or answer.status != 200:  # noqa: PLR2004 - RFC 9110 section 15.3.1
        return str(answer.status) if isinstance(answer, Answer) else answer.code
    try:
        root = parse_xml(plain(answer.body))
    except Refusal as refusal:
        return refusal.code
    for node, key in referring(root):
        target = urljoin(url, str(node.get(key)))
        if not target.startswith(f"{origin}/") or len(names) >= _MOST_FILES:
            return key
        if target not in names:
            names[target] = f"{len(names)}.xml"
            waiting.append(target)
        node.set(key, names[target])
    (folder / names[url]).write_bytes(etree.tostring(root))
    return ""


# --- what is promised -----------------------------------------------------------------------------------------------


async def _promised(what: House) -> Sequence[Check]:
    if what.mapping is None:
        return tuple(
            untold(name, what.receives.mapping, "HUB-MAP-007") for name in ("delivery", "idempotency")
        )
    made = _parcel(what, new_ids()())
    if isinstance(made, Problem):
        return (untold("delivery", f"{made.place} {made.rule}".strip(), made.code),)
    stranger = msgspec.structs.replace(made, key=_key(what, new_ids()()))
    connector = _connector(what)
    told = Promises(asked=what.receives.can_be_asked, keeps=what.receives.keeps_keys)
    try:
        return await checks.promises(connector, made, stranger, told)
    finally:
        await connector.close()


def _key(what: House, own: str) -> str:
    return f"{own}:{what.partner.id}:1"


def _parcel(what: House, own: str) -> Parcel | Problem:
    """Seal a trial dossier as a worker would seal a real one."""
    kinds = [kind for kind in what.receives.kinds if what.mapping]
    key = _key(what, own)
    codec = what.bench.codecs[what.partner.id]
    for kind in kinds:
        said = trial.message(kind, what.partner.agency, own, utc_now())
        operations = codec.operations(said)
        if operations:
            order = Order(
                transfer=key,
                partner=what.partner.id,
                operation=operations[0],
                key=key,
                canonical=to_json(said),
            )
            sealed: Sealed | Problem = seal(what.bench, order)
            if isinstance(sealed, Problem):
                return sealed
            code = said.dossier.code if said.dossier else ""
            return Parcel(key=key, operation=operations[0], sealed=sealed, dossier=code)
    return Problem(code="HUB-MAP-002", rule="an operation for this kind")


def _connector(what: House) -> Connector:
    signature = what.receives.signature
    signs = signature is not None and bindings.per_attempt(signature.profile)
    envelopes: Envelopes | None = None
    if signs or what.receives.reply_signature is not None:
        envelopes = _Wraps(what, signs=signs)
    outfit = catalogue.Outfit(library=what.library, now=utc_now, seconds=time.monotonic, envelopes=envelopes)
    return catalogue.ROOMS[what.partner.room].connect(what.partner.settings, what.receives.replies, outfit)


class _Wraps:
    """Envelopes signed and verified in this process: a probe has one partner and no hurry."""

    def __init__(self, what: House, *, signs: bool) -> None:
        self._what, self._signs = what, signs

    @property
    def signs(self) -> bool:
        return self._signs

    @property
    def checks(self) -> bool:
        return self._what.receives.reply_signature is not None

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
        order = Wrap(partner=self._what.partner.id, envelope=envelope, at=utc_now(), came=came)
        made = await asyncio.to_thread(wrap, self._what.bench, order)
        if isinstance(made, Problem):
            raise Refusal(made)
        return made
