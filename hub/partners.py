"""Partner files: one closed TOML file per system that the hub talks to. Adding a partner changes no Python.

Every mistake of every file is found in one reading: unknown key, wrong type, plain ``http://`` that leaves the machine,
a schema, mapping, key or file that is not there, an id or an API key that stands twice. Each is HUB-CFG-001 with file,
line and path. What a room wants to know stands under ``[receives.<room>]`` and is read by the room's own model, so that
nothing here names a room. Relative file names are relative to the folder of the partner's file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import datetime  # noqa: TC003
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

import msgspec
from pydantic import AfterValidator, BaseModel, Field, IPvAnyNetwork, ValidationInfo, model_validator

from connectors.replies import Row  # noqa: TC001 - pydantic reads the annotations at run time
from hub import circuit, hours
from hub.closed_toml import Source, Steps
from hub.hours import Hours
from hub.routing.parties import Party, PartyRole, Stage
from hub.settings import Closed, Octets, Quota, Seconds, is_loopback
from hub.store.contract.delivery import Capacity, Window
from schemas.dossier import SCHEMA_ID, Kind
from schemas.problems import Problem, Refusal
from schemas.workdays import Workdays  # noqa: TC001

CODE = "HUB-CFG-001"
NO_MAPPING = "a mapping of the library, id@version"
CANONICAL = SCHEMA_ID.replace("/", "@")
"""The format of senders that speak the hub's own words."""

Built = TypeVar("Built")
Binding = Literal["jws-detached", "xmldsig-enveloped"]


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What partner files may refer to. ``rooms``: kind → model of its settings; ``mappings``: ``id@version``;
    ``keys``: names from the hub's settings; ``agency``: whether a code is in the registry. ``fits``: what the room itself
    finds wrong when it is built from the table (a WSDL that is not in the library, an operation that is not in the WSDL);
    costly, so by default nobody asks.
    """

    rooms: Mapping[str, type[BaseModel]]
    mappings: frozenset[str]
    keys: frozenset[str]
    agency: Callable[[str], bool]
    fits: Callable[[str, BaseModel, tuple[Row, ...]], Sequence[Problem]] = lambda _room, _settings, _rows: ()


class _Reading(msgspec.Struct, frozen=True):
    """Handed to the validators below: the world, and the folder of the file being read."""

    world: World
    folder: Path


def _told(info: ValidationInfo) -> _Reading:
    if not isinstance(info.context, _Reading):
        raise TypeError("partner files are read by hub.partners.load")
    return info.context


def _agency(code: str, info: ValidationInfo) -> str:
    if not _told(info).world.agency(code):
        raise ValueError("an agency of the registry")
    return code


def _mapping(reference: str, info: ValidationInfo) -> str:
    if reference != CANONICAL and reference not in _told(info).world.mappings:
        raise ValueError(NO_MAPPING)
    return reference


def _key(name: str, info: ValidationInfo) -> str:
    if name not in _told(info).world.keys:
        raise ValueError("the name of a key in the hub's settings")
    return name


def _room(kind: str, info: ValidationInfo) -> str:
    rooms = _told(info).world.rooms
    if kind not in rooms:
        raise ValueError(f"one of: {', '.join(sorted(rooms))}")
    return kind


def _hours(lines: tuple[str, ...]) -> tuple[str, ...]:
    hours.read(lines)
    return lines


def _file(path: Path, info: ValidationInfo) -> Path:
    found = _told(info).folder / path
    if not found.is_file():
        raise ValueError("a file that is there")
    return found


TAKEN = frozenset({"v1", "errors", "livez", "readyz", "metrics", "docs", "openapi"})
"""First parts of addresses that are the hub's own."""


def _own_path(path: str) -> str:
    if path in TAKEN:
        raise ValueError("a path that the hub does not use itself")
    return path


Agency = Annotated[str, AfterValidator(_agency)]
MappingRef = Annotated[str, AfterValidator(_mapping)]
KeyName = Annotated[str, AfterValidator(_key)]
Room = Annotated[str, AfterValidator(_room)]
File = Annotated[Path, AfterValidator(_file)]
ApiKeyHash = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Header = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,62}$")]
HostName = Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,253}(:\d{1,5})?$")]
Label = Annotated[str, Field(min_length=1, max_length=200)]
Wait = Annotated[Seconds, Field(gt=0)]
Kinds = Annotated[tuple[Kind, ...], Field(min_length=1)]


class Name(Closed):
    vi: Label
    en: Label


class Stages(Closed):
    """``procedures``: by national or local procedure code, for those that differ from ``default``."""

    default: Stage = "live"
    procedures: dict[str, Stage] = Field(default_factory=dict)


class Proof(Closed):
    """How this sender's messages are signed. ``certificates``: the pins; ``header`` carries a detached JWS."""

    binding: Binding
    certificates: Annotated[tuple[File, ...], Field(min_length=1)]
    header: Header = "X-JWS-Signature"


class OwnQuota(Closed):
    """``hub.settings.Quota`` for one sender; what is not named here is the hub's default."""

    rate: Annotated[float, Field(gt=0)] | None = None
    burst: Annotated[int, Field(ge=1)] | None = None
    in_flight: Annotated[int, Field(ge=1)] | None = None
    backlog: Annotated[int, Field(ge=1)] | None = None
    day_messages: Annotated[int, Field(ge=1)] | None = None
    day_bytes: Octets | None = None


class Sources(Closed):
    """The sender's own document servers. ``hosts``: ``name`` or ``name:port``, asked over https (loopback may do without).

    ``ca_file``: only this bundle is trusted; ``schedule``: seconds before each further try; ``time``: for one download.
    """

    hosts: Annotated[tuple[HostName, ...], Field(min_length=1)]
    ca_file: File | None = None
    schedule: tuple[Seconds, ...] = (10.0, 60.0, 300.0, 1800.0, 7200.0, 21600.0, 43200.0, 86400.0)
    time: Seconds = 3600.0


class Sends(Closed):
    """``codes``: agency trees whose dossier codes it may create; ``authority``: whose alias its codes are.

    Without ``signature`` its messages need none. ``api_keys``: SHA-256 of each key, never the key. ``documents``: whether
    an address that a message gives for a document travels on as it is, or the hub fetches it first from ``sources``.
    """

    format: MappingRef
    kinds: Kinds
    codes: tuple[Agency, ...] = ()
    authority: Agency
    api_keys: Annotated[tuple[ApiKeyHash, ...], Field(min_length=1)]
    signature: Proof | None = None
    quota: OwnQuota = OwnQuota()
    documents: Literal["pass", "fetch"] = "pass"
    sources: Sources | None = None

    @model_validator(mode="after")
    def _fetched_from_somewhere(self) -> Self:
        if (self.documents == "fetch") != (self.sources is not None):
            raise ValueError('documents = "fetch" and [sends.sources] stand together')
        return self


class Seal(Closed):
    """How the hub signs what this partner receives, by the name of a key in the settings.

    ``reference``: whether an XML signature points at the payload by its ``Id`` or at the whole document; ``header``
    carries a detached JWS.
    """

    binding: Binding
    key: KeyName
    reference: Literal["id", "document"] = "id"
    header: Header = "X-JWS-Signature"


class Receipts(Closed):
    """Who may bring this partner's receipts to ``POST /v1/receipts``. ``api_keys``: SHA-256 of each key, never the key.

    A partner that also sends may use the keys of its ``[sends]`` and needs none here.
    """

    api_keys: Annotated[tuple[ApiKeyHash, ...], Field(min_length=1)]


class Circuit(Closed):
    """``after``: failures in a row, over all its lanes, that stop sending. ``waits``: seconds until each try, the last repeats."""

    after: Annotated[int, Field(ge=1, le=1000)] = circuit.AFTER
    waits: Annotated[tuple[Wait, ...], Field(min_length=1)] = circuit.WAITS


class Downloads(Closed):
    """How a partner fetches the documents of what it receives. Links read ``<public_url>/<path>/<36 characters>``.

    ``grace``: how long a link outlives its transfer. What else is declared must hold for each download: ``addresses`` it
    comes from, ``api_key`` (one of the partner's own under ``sends.api_keys``), ``certificates`` (SHA-256 of the client
    certificate that a trusted proxy passes on).
    """

    path: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$"), AfterValidator(_own_path)] = "f"
    grace: Seconds = 30 * 86_400.0
    addresses: tuple[IPvAnyNetwork, ...] = ()
    api_key: bool = False
    certificates: tuple[ApiKeyHash, ...] = ()


class Receives(Closed):
    """What a partner takes and how it may be treated. ``schedule``: seconds before each further try.

    ``can_be_asked``: the room's question works there. ``keeps_keys``: it drops a second copy under the same key.
    ``order_sensitive``: a stopped transfer holds those behind it. ``acknowledges``: it sends receipts later, each within
    ``receipt_within`` of the delivery; otherwise *delivered* is final. ``ask_after``: wait before the first question about
    a transfer in doubt. ``rate``: transfers per second. ``hours``: when it may be sent to (``hub.hours``), in Vietnam time.
    ``calendar``: ``office``: not on public holidays, and without ``hours`` in the office hours of the hub's calendar.
    """

    kinds: Kinds
    role: PartyRole = "decides"
    mapping: MappingRef
    authority: Agency
    schedule: tuple[Seconds, ...] = (30.0, 300.0, 1800.0, 7200.0, 21600.0, 43200.0, 86400.0)
    jitter: Annotated[float, Field(ge=0, lt=1)] = 0.2
    can_be_asked: bool = False
    keeps_keys: bool = False
    order_sensitive: bool = True
    acknowledges: bool = False
    receipt_within: Annotated[Seconds, Field(gt=0)] = 259200.0
    concurrency: Annotated[int, Field(ge=1, le=256)] = 4
    rate: Annotated[float, Field(gt=0)] | None = None
    burst: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    ask_after: Seconds = 10.0
    circuit: Circuit = Circuit()
    hours: Annotated[tuple[str, ...], AfterValidator(_hours)] = ()
    calendar: Literal["always", "office"] = "always"
    signature: Seal | None = None
    receipts: Receipts | None = None
    documents: Downloads = Downloads()
    replies: tuple[Row, ...] = ()


class Declaration(Closed):
    """The file itself, without the room's own table."""

    id: Id
    agency: Agency
    room: Room
    name: Name
    stage: Stages = Stages()
    sends: Sends | None = None
    receives: Receives | None = None


class Partner(msgspec.Struct, frozen=True, kw_only=True):
    """One system of an agency. ``settings``: what its room's model made of ``[receives.<room>]``; ``None``: it never receives."""

    file: Path
    id: str
    agency: str
    room: str
    name: Name
    stage: Stages
    sends: Sends | None
    receives: Receives | None
    settings: BaseModel | None

    @property
    def party(self) -> Party:
        """As routing sees it."""
        return Party(
            partner_id=self.id,
            agency=self.agency,
            room=self.room,
            role=self.receives.role if self.receives else "informed",
            kinds=tuple(str(kind) for kind in self.receives.kinds) if self.receives else (),
            sends=tuple(str(kind) for kind in self.sends.kinds) if self.sends else (),
            stage=self.stage.default,
            stages=self.stage.procedures,
        )

    @property
    def api_keys(self) -> tuple[str, ...]:
        """All that it may authenticate with, for whatever."""
        receipts = self.receives.receipts if self.receives else None
        return (*(self.sends.api_keys if self.sends else ()), *(receipts.api_keys if receipts else ()))

    @property
    def capacity(self) -> Capacity | None:
        """As the claim sees it; ``None`` when it never receives."""
        told = self.receives
        if told is None:
            return None
        return Capacity(
            partner=self.id,
            concurrency=told.concurrency,
            rate=told.rate,
            burst=told.burst,
            order_sensitive=told.order_sensitive,
            circuit_after=told.circuit.after,
            circuit_waits=told.circuit.waits,
        )

    def timetable(self, days: Workdays) -> Hours | None:
        """When it may be sent to; ``None``: always."""
        told = self.receives
        if told is None or not (told.hours or told.calendar == "office"):
            return None
        week = hours.read(told.hours) if told.hours else hours.office(days)
        return Hours(week=week, office=told.calendar == "office")


def load(folder: Path, world: World) -> tuple[Partner, ...]:
    """Read every ``*.toml`` of the folder, in the order of their names. Raises ``Refusal`` with the problems of all."""
    partners: list[tuple[Source, Partner]] = []
    problems: list[Problem] = []
    if not folder.is_dir():
        raise Refusal(Problem(code=CODE, place=folder.name, rule="a folder that is there"))
    for path in sorted(folder.glob("*.toml")):
        try:
            source = Source(path, CODE)
            partners.append((source, _read(source, world)))
        except Refusal as refusal:
            problems.extend(refusal.problems)
    problems.extend(_twice(partners))
    problems.extend(_keyless(partners))
    if problems:
        raise Refusal(*problems)
    return tuple(partner for _, partner in partners)


def read(path: Path, world: World) -> Partner:
    """Read one partner's file. Raises ``Refusal`` with every problem of it."""
    return _read(Source(path, CODE), world)


def _read(source: Source, world: World) -> Partner:
    values, room, table = _without_room(source.values, world)
    under: Steps = ("receives", room)
    reading = _Reading(world, source.path.parent)
    problems: list[Problem] = []
    declaration = _try(problems, lambda: source.read(Declaration, values, context=reading))
    settings = None
    if table is not None:
        settings = _try(problems, lambda: _room_settings(source, world.rooms[room], table, under))
        known = {problem.line for problem in problems}
        problems.extend(problem for problem in _open_http(source, table, under) if problem.line not in known)
    if declaration is not None and declaration.receives is not None and settings is not None and not problems:
        found = world.fits(room, settings, declaration.receives.replies)
        problems.extend(_placed(source, problem, table or {}, under) for problem in found)
    if declaration is not None:
        problems.extend(_receipts(source, declaration))
    if declaration is None or problems:
        raise Refusal(*sorted(problems, key=lambda problem: problem.line))
    return Partner(file=source.path, settings=settings, **dict(declaration))


def _receipts(source: Source, told: Declaration) -> Iterator[Problem]:
    """A partner that acknowledges must be able to say so; one that does not has nothing to bring."""
    if told.receives is None:
        return
    if told.receives.acknowledges and not (told.receives.receipts or told.sends):
        yield source.problem(
            ("receives", "acknowledges"), "receives.receipts.api_keys, or [sends], for its receipts"
        )
    if told.receives.receipts and not told.receives.acknowledges:
        yield source.problem(("receives", "receipts"), "acknowledges = true")


def _placed(source: Source, problem: Problem, table: dict[str, Any], under: Steps) -> Problem:
    """Lead what a room says (``operations.X``, ``wsdl:nope@1``) back to the line of its table."""
    steps = tuple(re.split(r"[.:]", problem.place))
    at = (*under, *(steps if "." in problem.place else steps[:1])) if steps[0] in table else under
    detail = problem.detail or problem.place.partition(":")[2]
    return source.problem(at, problem.rule or "a schema of the library", detail)


def _without_room(values: dict[str, Any], world: World) -> tuple[dict[str, Any], str, dict[str, Any] | None]:
    """Part the room's own table from the rest; no table is an empty one for a partner that receives."""
    room, receives = values.get("room"), values.get("receives")
    if not isinstance(room, str) or room not in world.rooms or not isinstance(receives, dict):
        return values, "", None
    rest = {key: value for key, value in receives.items() if key != room}
    table = receives.get(room, {})
    return {**values, "receives": rest}, room, table if isinstance(table, dict) else {}


def _try(problems: list[Problem], read: Callable[[], Built]) -> Built | None:
    try:
        return read()
    except Refusal as refusal:
        problems.extend(refusal.problems)
        return None


def _room_settings(source: Source, model: type[BaseModel], table: dict[str, Any], under: Steps) -> BaseModel:
    settings = source.read(model, table, under)
    missing: list[Problem] = []
    anchored = _anchored(source, settings, under, missing)
    if missing:
        raise Refusal(*missing)
    return anchored


def _anchored(source: Source, model: BaseModel, under: Steps, missing: list[Problem]) -> BaseModel:
    """Make every file name of a room's settings absolute, and note those that are not there."""
    changed: dict[str, Any] = {}
    for name in type(model).model_fields:
        value, place = getattr(model, name), (*under, name)
        if isinstance(value, Path):
            changed[name] = source.path.parent / value
            if not changed[name].exists():
                missing.append(source.problem(place, "a file that is there"))
        elif isinstance(value, BaseModel):
            changed[name] = _anchored(source, value, place, missing)
    return model.model_copy(update=changed)


def _open_http(source: Source, value: object, at: Steps) -> Iterator[Problem]:
    """Name every address that would leave this machine unencrypted, whatever the room calls it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _open_http(source, inner, (*at, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _open_http(source, inner, (*at, number))
    elif isinstance(value, str) and value.lower().startswith("http://") and not _stays_here(value):
        yield source.problem(at, "only https:// leaves this machine")


def _stays_here(url: str) -> bool:
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False


def _keyless(partners: list[tuple[Source, Partner]]) -> Iterator[Problem]:
    for source, partner in partners:
        if partner.receives and partner.receives.documents.api_key and not partner.sends:
            yield source.problem(("receives", "documents", "api_key"), "a partner with sends.api_keys")


def _twice(partners: list[tuple[Source, Partner]]) -> Iterator[Problem]:
    ids: set[str] = set()
    keys: set[str] = set()
    for source, partner in partners:
        if partner.id in ids:
            yield source.problem(("id",), "an id of its own: this one stands in another file")
        ids.add(partner.id)
        for place, key in _keys(partner):
            if key in keys:
                yield source.problem(place, "an API key of its own: this one stands twice")
            keys.add(key)


def _keys(partner: Partner) -> Iterator[tuple[Steps, str]]:
    for number, key in enumerate(partner.sends.api_keys if partner.sends else ()):
        yield ("sends", "api_keys", number), key
    receipts = partner.receives.receipts if partner.receives else None
    for number, key in enumerate(receipts.api_keys if receipts else ()):
        yield ("receives", "receipts", "api_keys", number), key


def parties(partners: tuple[Partner, ...]) -> tuple[Party, ...]:
    return tuple(partner.party for partner in partners)


def quotas(partners: tuple[Partner, ...], default: Quota) -> dict[str, Quota]:
    """Return what each sender may use."""
    return {
        partner.id: default.model_copy(update=partner.sends.quota.model_dump(exclude_none=True))
        for partner in partners
        if partner.sends
    }


def capacities(partners: tuple[Partner, ...]) -> tuple[Capacity, ...]:
    return tuple(capacity for partner in partners if (capacity := partner.capacity))


def windows(partners: tuple[Partner, ...], days: Workdays, now: datetime) -> tuple[Window, ...]:
    """Return for every partner that receives when it may be sent to: now or next, or always."""
    return tuple(_window(partner, days, now) for partner in partners if partner.receives)


def _window(partner: Partner, days: Workdays, now: datetime) -> Window:
    table = partner.timetable(days)
    if table is None:
        return Window(partner=partner.id)
    opens, closes = hours.window(table, days, now)
    return Window(partner=partner.id, opens=opens, closes=closes)
