"""The sections of the settings file: each a frozen value whose defaults are what a hub begins with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, IPvAnyNetwork, model_validator

from hub.settings.values import (
    LARGEST_DOCUMENT,
    Closed,
    Octets,
    Seconds,
    listening_or_off,
    seconds,
)


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


TAKEN = frozenset(
    {"token", "v1", "edge", "office", "errors", "livez", "readyz", "metrics", "docs", "openapi"}
)
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

    listen: Annotated[str, BeforeValidator(listening_or_off)] = "127.0.0.1:9464"


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


class Console(Closed):
    """The pages at which people work. ``idle``: after which somebody who does nothing is signed out; ``longest``: whatever
    they do; ``tries``: wrong passwords in a row that lock an account for ``locked``; ``upload``: one form with its files.

    ``pages``: that one login may read in a second, ``burst`` at once after a rest, in each web process.
    """

    idle: Annotated[Seconds, Field(ge=60)] = 1800.0
    longest: Annotated[Seconds, Field(ge=60)] = 10 * 3600.0
    tries: Annotated[int, Field(ge=1, le=100)] = 5
    locked: Annotated[Seconds, Field(ge=1)] = 900.0
    upload: Octets = 32 << 20
    pages: Annotated[float, Field(gt=0)] = 5.0
    burst: Annotated[int, Field(ge=1)] = 100


class Hub(Closed):
    """``code``: what this hub calls itself to other hubs, and in the stamps of what it accepts first; it never changes. ``key``: the name of the key
    that signs what it says to them; without one, the key of ``[evidence]``.
    """

    code: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$")] = "hub"
    key: str = ""


class Backup(Closed):
    """``folder``: where ``db backup`` writes to, better on another disk; ``keep``: how many of them stay, 0 for all."""

    folder: Path = Path("var/backup")
    keep: Annotated[int, Field(ge=0)] = 14
