"""The hub's own settings: one closed TOML file, each value open to one ``LIENTHONG_…`` variable.

``LIENTHONG_LIMITS__BODY=2MB`` overrides ``[limits] body``; two underscores stand for a dot. An unknown key, in the
file or in the environment, is refused with its path. Secrets are never here: a key is a name and two file names.
Relative paths are relative to the folder of the settings file.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, date, datetime, time
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    model_validator,
)

from hub.calendar import VIETNAM
from hub.closed_toml import Source
from schemas.problems import Problem, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

CODE = "HUB-CFG-002"
PREFIX = "LIENTHONG_"
FILE_VARIABLE = "LIENTHONG_SETTINGS"
"""Where the command line looks for the file; not a setting itself."""
ITS_OWN = frozenset({FILE_VARIABLE, "LIENTHONG_LANG"})
"""Variables of the command line; they are not settings."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "y": 365 * 86400.0}
_SIZES = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|y)")
_SIZE = re.compile(r"(\d+) ?(B|KB|MB|GB)")
_LISTEN = re.compile(r"(?P<host>[^:\s]+|\[[0-9A-Fa-f:.]+\]):(?P<port>\d{1,5})")
_HIGHEST_PORT = 65535


def seconds(value: object) -> object:
    """Read ``"30s"``, ``"5m"``, ``"1h"``; numbers are refused, because their unit would be a guess."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('a duration: "500ms", "30s", "5m", "24h", "7d" or "10y"')
    return float(match.group(1)) * _UNITS[match.group(2)]


def octets(value: object) -> object:
    """Read ``"1MB"`` or a whole number of bytes."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('a size: "512KB", "1MB" or a number of bytes')
    return int(match.group(1)) * _SIZES[match.group(2)]


def _listen(value: object) -> object:
    match = _LISTEN.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match["port"]) > _HIGHEST_PORT:
        raise ValueError('an address and a port: "127.0.0.1:8080"')
    return value


def moment(value: object) -> datetime:
    """Read a day, which begins at midnight in Vietnam, or a time with its zone; a time without one would be a guess."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value) if "T" in value else date.fromisoformat(value)
        except ValueError:
            value = None
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time(), VIETNAM).astimezone(UTC)
    raise ValueError("a day: 2027-01-31, or a time with its zone: 2027-01-31T08:00:00+07:00")


def _database(value: object) -> object:
    """Nothing, or an address without its password: that stands in a file of its own."""
    if value == "":
        return value
    try:
        found = urlsplit(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or found.scheme not in {"postgresql", "postgres"}:
        raise ValueError('"" (an SQLite file in `data`) or "postgresql://user@host:5432/database"')
    if found.password is not None or "password" in parse_qs(found.query):
        raise ValueError("an address without a password; that stands in database_password_file")
    return value


def _listen_or_off(value: object) -> object:
    return value if value == "off" else _listen(value)


LONGEST = 100 * _UNITS["y"]
"""No moment that a duration leads to is one that no clock can tell."""
LARGEST_DOCUMENT = 8_000_000_000
"""Bytes; a file in a backup's tar may have 8 GB, what encrypting adds included."""
Seconds = Annotated[float, BeforeValidator(seconds), Field(ge=0, le=LONGEST)]
Moment = Annotated[datetime, BeforeValidator(moment)]
Octets = Annotated[int, BeforeValidator(octets), Field(ge=1)]


class Closed(BaseModel):
    """Frozen, and every key known."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class KeyPlace(Closed):
    """Where a signing key lies: PEM or PKCS#12. ``password_file``: its first line is the password. ``certificate``: beside a PEM key.

    In a token: ``module`` is its PKCS#11 library, ``token`` its label, ``label`` the key's, ``pin_file`` holds the PIN, and
    ``certificate`` lies beside it. Needs the extra ``[hsm]``.
    """

    file: Path | None = None
    password_file: Path | None = None
    certificate: Path | None = None
    module: Path | None = None
    token: str = ""
    label: str = ""
    pin_file: Path | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        of_token = (self.module, self.token, self.label, self.pin_file)
        if any(of_token) and (self.file or not (all(of_token) and self.certificate)):
            raise ValueError("file; or module, token, label, pin_file and certificate")
        return self

    @property
    def is_there(self) -> bool:
        return self.file is not None or self.module is not None


class KeyGeneration(KeyPlace):
    """``begins``: it signs from then on; ``ends``: nobody need know it any more. Without them its certificate says."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    begins: Moment | None = None
    ends: Moment | None = None


class KeyFile(KeyPlace):
    """A signing key by name: one place, or several generations of it."""

    generations: tuple[KeyGeneration, ...] = ()

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if bool(self.generations) == self.is_there:
            raise ValueError("file, or generations")
        if not all(one.is_there for one in self.generations):
            raise ValueError("generations: each with its file")
        if len({one.id for one in self.generations}) < len(self.generations):
            raise ValueError("generations: each with an id of its own")
        return self

    @property
    def places(self) -> tuple[KeyGeneration, ...]:
        """Return every generation; a key without any is the one that it is."""
        return self.generations or (KeyGeneration(id="1", **self.model_dump(exclude={"generations"})),)


class Workers(Closed):
    """``web``: processes that take messages in, one port for all; ``delivery``: worker processes; ``pool``: processes
    that verify, translate and seal, per web or worker process. ``hand``: transfers that a worker process has under way at
    once, which bounds its memory.
    """

    web: Annotated[int, Field(ge=1, le=64)] = 1
    delivery: Annotated[int, Field(ge=1, le=64)] = 1
    pool: Annotated[int, Field(ge=1, le=64)] = 1
    hand: Annotated[int, Field(ge=1, le=10_000)] = 400


class Quota(Closed):
    """What one sender may use. Over it: 429 with Retry-After; nothing accepted is ever lost.

    ``rate``: requests a second, ``burst`` at once after a rest; ``in_flight``: requests being read or checked at once, in each
    web process; ``backlog``: unfinished transfers of its messages; ``day_messages``, ``day_bytes``: accepted from midnight to
    midnight in Vietnam. ``None``: no bound.
    """

    rate: Annotated[float, Field(gt=0)] | None = None
    burst: Annotated[int, Field(ge=1)] = 100
    in_flight: Annotated[int, Field(ge=1)] = 128
    backlog: Annotated[int, Field(ge=1)] | None = 500_000
    day_messages: Annotated[int, Field(ge=1)] | None = None
    day_bytes: Octets | None = None


class Pace(Closed):
    """How often a recipient may call: its receipts and its downloads, each by itself. ``None``: no bound."""

    rate: Annotated[float, Field(gt=0)] | None = None
    burst: Annotated[int, Field(ge=1)] = 100


class Limits(Closed):
    """Bounds of the intake. Over them a sender hears 413, 429 or 503 with Retry-After; nothing accepted is ever lost.

    ``memory``: bodies up to this size are checked in memory, larger ones from a spool file. ``in_flight``: requests
    being read or checked at once, all senders together; ``bytes_in_flight``: of their bodies; both in each web process.
    ``body_time``: for a body to arrive; ``answer_time``: for an answer to be taken; ``judge_time``: for
    checking or sealing one message. ``head``, ``headers``, ``head_time``: of the
    request line and its headers. ``connections``, ``requests`` per connection, ``idle`` between them. ``disk_free``: under it
    intake stops and delivery goes on; ``database``: over it too. ``retry_after``: seconds that a refused sender is asked to
    wait where nothing better is known; ``batch``: messages per call into the judging pool; ``sender``, ``receiver``: for those
    whose file names no quota.
    ``document``: one document by reference; ``document_time``: for one request that brings (part of) it, ``body_time`` being
    the longest silence in it; ``documents``: such requests at once, ``documents_per_sender`` of them of one sender;
    ``unclaimed``: bytes of one sender that no message has named yet, 64 KB at least for each document.
    """

    body: Octets = 1 << 20
    memory: Octets = 64 << 10
    in_flight: Annotated[int, Field(ge=1)] = 256
    bytes_in_flight: Octets = 64 << 20
    body_time: Seconds = 30.0
    answer_time: Seconds = 30.0
    judge_time: Seconds = 10.0
    head: Octets = 64 << 10
    headers: Annotated[int, Field(ge=8)] = 100
    head_time: Seconds = 10.0
    connections: Annotated[int, Field(ge=1)] = 1024
    requests: Annotated[int, Field(ge=1)] = 10_000
    idle: Seconds = 60.0
    disk_free: Octets = 256 << 20
    database: Octets | None = None
    retry_after: Annotated[int, Field(ge=1, le=3600)] = 2
    batch: Annotated[int, Field(ge=1, le=256)] = 16
    document: Annotated[Octets, Field(le=LARGEST_DOCUMENT)] = 256 << 20
    document_time: Seconds = 3600.0
    documents: Annotated[int, Field(ge=1, le=1024)] = 32
    documents_per_sender: Annotated[int, Field(ge=1, le=1024)] = 8
    unclaimed: Octets = 2 << 30
    sender: Quota = Quota()
    receiver: Pace = Pace()


TAKEN = frozenset({"token", "v1", "errors", "livez", "readyz", "metrics", "docs", "openapi"})
"""First parts of addresses that are the hub's own."""


def _mount(path: str) -> str:
    if path.split("/")[1] in TAKEN:
        raise ValueError("a path that the hub does not use itself")
    return path


Mount = Annotated[
    str, Field(pattern=r"^/[a-z0-9][a-z0-9_-]{0,62}(/[a-zA-Z0-9._-]{1,63}){0,3}$"), AfterValidator(_mount)
]


class Desks(Closed):
    """Drop-in desks: where clients that some system has already for another gateway find what they expect. One that has no path is
    not there. ``call``: one call with the files in it; ``unknown``: one of which the hub knows whose it is once it has read it.
    ``lgsp``: one-stop systems that publish to a provincial gateway. ``vbdlis``: the land administration system that calls a
    one-stop. ``mapi``: one-stop systems that report to the national portal; ``portal``: that portal itself. ``soap``: the hub's own
    SOAP service, at ``v1`` below the path.
    """

    call: Octets = 32 << 20
    unknown: Octets = 4 << 20
    lgsp: Mount | None = None
    vbdlis: Mount | None = None
    mapi: Mount | None = None
    soap: Mount | None = None
    portal: Mount | None = None

    @property
    def mounted(self) -> dict[str, str]:
        """Name by path."""
        return {path: name for name, path in self._named if path}

    @property
    def _named(self) -> tuple[tuple[str, str | None], ...]:
        return (
            ("portal", self.portal),
            ("lgsp", self.lgsp),
            ("mapi", self.mapi),
            ("soap", self.soap),
            ("vbdlis", self.vbdlis),
        )

    @model_validator(mode="after")
    def _each_at_its_own(self) -> Self:
        paths = [path for _, path in self._named if path]
        if any(one != other and f"{one}/".startswith(f"{other}/") for one in paths for other in paths) or (
            len(set(paths)) != len(paths)
        ):
            raise ValueError("two desks at one path, or one below the other")
        return self


class PdfSignatures(Closed):
    """Signatures in PDF documents are looked at, never altered. ``anchors``: PEM files of the authorities whose signers are
    known. What takes more than ``time``, ``memory`` or is larger than ``largest`` is told to be unreadable or too large.
    """

    anchors: tuple[Path, ...] = ()
    largest: Annotated[Octets, Field(le=1 << 30)] = 32 << 20
    time: Annotated[Seconds, Field(gt=0)] = 20.0
    memory: Octets = 1 << 30
    every: Annotated[Seconds, Field(ge=0.1)] = 5.0


class Documents(Closed):
    """Documents by reference. ``expires``: when an upload that no message claims is thrown away; ``grace``: how long what
    nobody needs stays before the sweep takes it; ``sweep``: between two sweeps; ``proxies``: networks whose
    ``X-Forwarded-For`` and ``Client-Cert`` (RFC 9440) are believed.
    """

    expires: Seconds = 86_400.0
    grace: Seconds = 86_400.0
    sweep: Annotated[Seconds, Field(ge=1)] = 600.0
    signatures: PdfSignatures = PdfSignatures()
    proxies: tuple[IPvAnyNetwork, ...] = ()


class Scanner(Closed):
    """A malware scanner that speaks clamd's protocol. ``address``: ``host:port`` or ``unix:/path``; empty: every document
    is clean at once. ``required``: what the scanner says is too large for it stays held; otherwise it passes, journaled as
    unscanned. ``timeout``: for one answer; ``retry``: before a scanner that did not answer is asked again; ``quarantine``:
    how long what is infected is kept, encrypted and never served.
    """

    address: Annotated[str, Field(pattern=r"^(|unix:/.+|[^\s/]+:\d{1,5})$")] = ""
    required: bool = True
    timeout: Seconds = 60.0
    retry: Annotated[Seconds, Field(ge=1)] = 30.0
    quarantine: Seconds = 30 * 86_400.0


class Metrics(Closed):
    """``listen``: where ``/metrics`` answers, for the machine that watches; ``"off"``: nowhere."""

    listen: Annotated[str, BeforeValidator(_listen_or_off)] = "127.0.0.1:9464"


class Retention(Closed):
    """How long things are kept after everything of their message has ended; nothing of a dossier goes before all of it is
    delivered. ``payloads``: what was received; ``evidence``: what was sent and answered, byte for byte; ``keys``: the senders'
    keys (at least the longest retry schedule and a week); a message's record goes when all three are over. ``refusals``:
    what was refused at the door. ``every``: between two rounds of the pruner.
    """

    payloads: Seconds = 90 * 86_400.0
    evidence: Seconds = 10 * 365 * 86_400.0
    journal: Seconds = 10 * 365 * 86_400.0
    keys: Seconds = 400 * 86_400.0
    refusals: Seconds = 30 * 86_400.0
    every: Annotated[float, BeforeValidator(seconds), Field(ge=1)] = 3600.0


Service = Annotated[str, Field(pattern=r"^(|https?://[^\s?#@]+)$")]
"""Where an authority answers. Plain http is enough: what it says is signed."""


class Revocation(Closed):
    """Whether authorities are asked about the certificates of one signer. ``mode``: ``off``; ``require``: an answer must count
    now, and ``grace`` longer; ``cached``: the last answer counts for ``grace``. ``ocsp``, ``crl``: who is asked; ``hosts``: where
    else the certificate's own addresses may lead.
    """

    mode: Literal["off", "cached", "require"] = "off"
    grace: Seconds = 24 * 3600.0
    ocsp: Service = ""
    crl: Service = ""
    hosts: tuple[Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,253}(:\d{1,5})?$")], ...] = ()

    @model_validator(mode="after")
    def _asks_somebody(self) -> Self:
        if self.mode != "off" and not (self.ocsp or self.crl or self.hosts):
            raise ValueError("ocsp, crl or hosts: who is asked")
        return self


class Trust(Closed):
    """Certificates and their authorities. ``authorities``: PEM files of those that issue seals; ``every``: between two questions
    about a certificate; ``timeout``: for one answer; ``own``: how the hub's own certificates are asked about.
    """

    authorities: tuple[Path, ...] = ()
    every: Annotated[Seconds, Field(ge=1)] = 3600.0
    timeout: Annotated[Seconds, Field(gt=0)] = 10.0
    own: Revocation = Revocation()


class Timestamps(Closed):
    """The authority that stamps what the hub proves (RFC 3161). ``url``: empty: nothing is stamped. ``certificates``: PEM files
    with its root, and what stands between; ``policy``: the OID to ask for; ``timeout``: for one answer; ``grace``: how long
    stamps may fail to come before the hub calls it an error.
    """

    url: Service = ""
    certificates: tuple[Path, ...] = ()
    policy: Annotated[str, Field(pattern=r"^[0-9.]*$")] = ""
    timeout: Annotated[Seconds, Field(gt=0)] = 10.0
    grace: Seconds = 4 * 3600.0

    @model_validator(mode="after")
    def _believed_by_something(self) -> Self:
        if self.url and not self.certificates:
            raise ValueError("certificates: whom to believe")
        return self


class Evidence(Closed):
    """``key``: the name of the hub's key that signs receipts, statements and bundles; empty: they are not signed.
    ``interval``: between two digests over the journal, each stamped once. ``certificates``: PEM files of those whose bundles
    are believed here, beside the hub's own: their certificates, or the authorities above them.
    """

    key: str = ""
    certificates: tuple[Path, ...] = ()
    interval: Annotated[float, BeforeValidator(seconds), Field(ge=1)] = 60.0


class Backup(Closed):
    """``folder``: where ``db backup`` writes to, better on another disk; ``keep``: how many of them stay, 0 for all."""

    folder: Path = Path("var/backup")
    keep: Annotated[int, Field(ge=0)] = 14


class Settings(Closed):
    """Everything the composition root needs to know. ``name``: what partners call this hub in what they sign for it
    (``aud``); without one it is ``public_url``: how senders reach the hub, for links in answers.
    """

    data: Path = Path("var/hub")
    database: Annotated[str, BeforeValidator(_database)] = ""
    database_password_file: Path | None = None
    partners: Path = Path("partners")
    mappings: Path | None = None
    signatories: Path | None = None
    calendar: Path | None = None
    registries: Path | None = None
    listen: Annotated[str, BeforeValidator(_listen)] = "127.0.0.1:8080"
    name: Annotated[str, Field(max_length=512)] = ""
    public_url: str = ""
    language: Literal["vi", "en"] = "vi"
    lease: Seconds = 30.0
    keys: dict[str, KeyFile] = {}
    workers: Workers = Workers()
    limits: Limits = Limits()
    desks: Desks = Desks()
    documents: Documents = Documents()
    scanner: Scanner = Scanner()
    timestamps: Timestamps = Timestamps()
    trust: Trust = Trust()
    metrics: Metrics = Metrics()
    retention: Retention = Retention()
    backup: Backup = Backup()
    evidence: Evidence = Evidence()
    migrate: bool = True

    @property
    def host(self) -> str:
        return address(self.listen)[0]

    @property
    def port(self) -> int:
        return address(self.listen)[1]


def address(listen: str) -> tuple[str, int]:
    """Part a host from its port."""
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


def load(path: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the file (``None``: defaults only) and the environment. Raises ``Refusal`` HUB-CFG-002 with every problem."""
    here = path.parent if path else Path()
    if path is None:
        values, read = {}, None
    else:
        read = Source(path, CODE)
        values = read.values
    merged, from_environment = _with_environment(values, environment)
    try:
        settings = (read or _NoFile()).read(Settings, merged)
    except Refusal as refusal:
        raise Refusal(*(_named(problem, from_environment) for problem in refusal.problems)) from None
    return _anchored(settings, here)


class _NoFile(Source):
    """No file: places are bare paths."""

    def __init__(self) -> None:
        self.path, self.name, self.code = Path(), "settings", CODE
        self.values, self.lines = {}, {}


def _with_environment(
    values: dict[str, Any], environment: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Lay the variables over the file's values; return also which path came from which variable."""
    merged, origins = _copy(values), {}
    for name in sorted(environment):
        if not name.startswith(PREFIX) or name in ITS_OWN:
            continue
        steps = [step.lower() for step in name.removeprefix(PREFIX).split("__")]
        table = merged
        for step in steps[:-1]:
            inner = table.get(step)
            if not isinstance(inner, dict):
                inner = table[step] = {}
            table = inner
        table[steps[-1]] = _scalar(environment[name])
        origins[".".join(steps)] = name
    return merged, origins


def _copy(values: dict[str, Any]) -> dict[str, Any]:
    return {key: _copy(value) if isinstance(value, dict) else value for key, value in values.items()}


def _scalar(text: str) -> str | int:
    return int(text) if re.fullmatch(r"\d+", text) else text


def _named(problem: Problem, origins: Mapping[str, str]) -> Problem:
    path = problem.place.partition(": ")[2]
    name = origins.get(path)
    return (
        problem
        if name is None
        else Problem(code=problem.code, place=f"{name}: {path}", rule=problem.rule, detail=problem.detail)
    )


def _anchored(settings: Settings, here: Path) -> Settings:
    keys = {name: _anchored_key(key, here) for name, key in settings.keys.items()}
    return settings.model_copy(
        update={
            "data": here / settings.data,
            "partners": here / settings.partners,
            "backup": settings.backup.model_copy(update={"folder": here / settings.backup.folder}),
            "signatories": None if settings.signatories is None else here / settings.signatories,
            "mappings": None if settings.mappings is None else here / settings.mappings,
            "database_password_file": None
            if settings.database_password_file is None
            else here / settings.database_password_file,
            "calendar": None if settings.calendar is None else here / settings.calendar,
            "registries": None if settings.registries is None else here / settings.registries,
            "documents": settings.documents.model_copy(
                update={"signatures": _anchored_roots(settings.documents.signatures, here)}
            ),
            "keys": keys,
            "trust": settings.trust.model_copy(
                update={"authorities": tuple(here / file for file in settings.trust.authorities)}
            ),
            "evidence": settings.evidence.model_copy(
                update={"certificates": tuple(here / file for file in settings.evidence.certificates)}
            ),
            "timestamps": settings.timestamps.model_copy(
                update={"certificates": tuple(here / file for file in settings.timestamps.certificates)}
            ),
        }
    )


def _anchored_roots(told: PdfSignatures, here: Path) -> PdfSignatures:
    return told.model_copy(update={"anchors": tuple(here / file for file in told.anchors)})


def _anchored_key(key: KeyFile, here: Path) -> KeyFile:
    generations = tuple(one.model_copy(update=_anchored_place(one, here)) for one in key.generations)
    return key.model_copy(update={**_anchored_place(key, here), "generations": generations})


def _anchored_place(key: KeyPlace, here: Path) -> dict[str, Path]:
    told = {
        name: getattr(key, name) for name in ("file", "password_file", "certificate", "module", "pin_file")
    }
    return {name: here / file for name, file in told.items() if file is not None}


def is_loopback(host: str) -> bool:
    """Say whether traffic to ``host`` stays on this machine; names other than ``localhost`` are not resolved."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
