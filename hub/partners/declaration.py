"""One partner's file as a closed model, without the room's own table: each key, its type and its default."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, IPvAnyNetwork, model_validator

from connectors.reach import Address
from connectors.replies import Row
from hub.going_live.stages import Stage
from hub.health import circuit, hours
from hub.partners.access import Credential, Way, day_begins, day_ends, label_of
from hub.partners.signatures import Proof, Seal
from hub.partners.world import Agency, File, MappingRef, Room
from hub.routing.parties import PartyRole
from hub.settings.sections import TAKEN
from hub.settings.values import Closed, Octets, Seconds
from schemas.dossier import Kind
from schemas.legacy_text import Text


def _hours(lines: tuple[str, ...]) -> tuple[str, ...]:
    hours.read(lines)
    return lines


SCHEDULE = (30.0, 300.0, 1800.0, 7200.0, 21600.0, 43200.0, 86400.0)
"""Seconds before each further try, when the file says nothing else."""


def _own_path(path: str) -> str:
    if path in TAKEN:
        raise ValueError("a path that the hub does not use itself")
    return path


ApiKeyHash = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


HostName = Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,253}(:\d{1,5})?$")]


Label = Annotated[str, Field(min_length=1, max_length=200)]


Wait = Annotated[Seconds, Field(gt=0)]


Kinds = Annotated[tuple[Kind, ...], Field(min_length=1)]


class Named(Closed):
    """One key, secret or certificate by its SHA-256. ``since`` and ``until``: the first and the last day on which it counts, in Vietnam."""

    hash: ApiKeyHash
    name: Annotated[str, Field(pattern=r"^[\w .-]{0,40}$")] = ""
    since: date | None = None
    until: date | None = None

    def credential(self, partner: str, way: Way, **more: Any) -> Credential:  # noqa: ANN401 - further fields of it
        digest = self.hash.removeprefix("sha256:")
        return Credential(
            partner=partner,
            way=way,
            digest=digest,
            label=label_of(self.name, digest),
            starts=day_begins(self.since),
            ends=day_ends(self.until),
            **more,
        )


def _named(value: object) -> object:
    return {"hash": value} if isinstance(value, str) else value


LiveKey = Annotated[Named, BeforeValidator(_named)]


class OAuthClient(Closed):
    """One OAuth2 client (client credentials). ``secrets``: SHA-256 of each; ``lifetime``: of the tokens that it is given."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    secrets: Annotated[tuple[LiveKey, ...], Field(min_length=1)]
    lifetime: Annotated[Seconds, Field(ge=60, le=86_400)] = 3600.0


class Access(Closed):
    """By what this partner may say who it is, wherever it calls. Each is enough.

    ``certificates``: SHA-256 of client certificates that a trusted proxy passes on. ``signature``: what it sends needs nothing
    but its signature; the address then reads ``/v1/messages?sender=<id>``. ``operator``: it sees what concerns the hub as a whole.
    ``form``: its officers work in a browser, at the hub's own pages (ADR 19).
    """

    api_keys: tuple[LiveKey, ...] = ()
    clients: tuple[OAuthClient, ...] = ()
    certificates: tuple[LiveKey, ...] = ()
    signature: bool = False
    operator: bool = False
    form: bool = False


class Name(Closed):
    vi: Label
    en: Label


class Stages(Closed):
    """``procedures``: by national or local procedure code, for those that differ from ``default``."""

    default: Stage = "live"
    procedures: dict[str, Stage] = Field(default_factory=dict)


class OwnQuota(Closed):
    """``hub.settings.sections.Quota`` for one sender; what is not named here is the hub's default."""

    rate: Annotated[float, Field(gt=0)] | None = None
    burst: Annotated[int, Field(ge=1)] | None = None
    in_flight: Annotated[int, Field(ge=1)] | None = None
    backlog: Annotated[int, Field(ge=1)] | None = None
    day_messages: Annotated[int, Field(ge=1)] | None = None
    day_bytes: Octets | None = None


class Sources(Closed):
    """The sender's own document servers. ``hosts``: ``name`` or ``name:port``, asked over https (loopback may do without).

    ``base``: what an address that names no server stands behind. ``ca_file``: only this bundle is trusted; ``schedule``: seconds before each further try; ``time``: for one download.
    """

    hosts: Annotated[tuple[HostName, ...], Field(min_length=1)]
    base: Address | None = None
    ca_file: File | None = None
    schedule: tuple[Seconds, ...] = (10.0, 60.0, 300.0, 1800.0, 7200.0, 21600.0, 43200.0, 86400.0)
    time: Seconds = 3600.0


class Collect(Closed):
    """The hub fetches this partner's messages itself, by its room. ``every``: seconds between two rounds; ``alarm_after``: seconds
    without a good round after which the doctor says so.
    """

    every: Annotated[Seconds, Field(gt=0, le=86_400)] = 60.0
    alarm_after: Annotated[Seconds, Field(gt=0)] = 3600.0


class Payee(Closed):
    """Who takes money that dossiers owe, told to a partner that asks what is to be paid. ``agency``: that received the dossier; absent:
    each that has no line of its own. ``of``: fees, or duties to the treasury.
    """

    agency: Agency | None = None
    of: Literal["fees", "duties"] = "fees"
    account: Label
    bank: Label | None = None
    holder: Label | None = None
    treasury: Label | None = None
    treasury_account: Label | None = None


class Sends(Closed):
    """``codes``: agency trees whose dossier codes it may create; ``authority``: whose alias its codes are.

    ``procedures``: the only ones it may speak of, by national or local code; empty: all. Without ``signature`` its messages
    need none. ``api_keys``: SHA-256 of each key, never the key; without them ``[access]`` says how it is known. ``documents``: whether
    an address that a message gives for a document travels on as it is, or the hub fetches it first from ``sources``.
    ``settles_duty``: it tells of no payments; where it says *finished*, duties are settled. ``text``: how its letters are written, where that is not UTF-8. ``collect``: the hub picks its messages up; a partner that only sends names its room's table ``[sends.<room>]`` then.
    ``payees``: told to it where it asks what a dossier owes.
    """

    format: MappingRef
    kinds: Kinds
    codes: tuple[Agency, ...] = ()
    authority: Agency
    procedures: tuple[Label, ...] = ()
    settles_duty: bool = False
    api_keys: tuple[LiveKey, ...] = ()
    signature: Proof | None = None
    quota: OwnQuota = OwnQuota()
    documents: Literal["pass", "fetch"] = "pass"
    sources: Sources | None = None
    collect: Collect | None = None
    text: Text = Text.UTF_8
    payees: tuple[Payee, ...] = ()

    @model_validator(mode="after")
    def _one_payee_each(self) -> Self:
        if len({(payee.agency, payee.of) for payee in self.payees}) < len(self.payees):
            raise ValueError("one payee for each agency and kind of money")
        return self

    @model_validator(mode="after")
    def _signed_xml_is_utf_8(self) -> Self:
        if self.text.in_bytes and self.signature and self.signature.in_xml:
            raise ValueError("XML that is signed is UTF-8; text may be one of …-in-utf-8")
        return self

    @model_validator(mode="after")
    def _fetched_from_somewhere(self) -> Self:
        if (self.documents == "fetch") != (self.sources is not None):
            raise ValueError('documents = "fetch" and [sends.sources] stand together')
        return self


class Receipts(Closed):
    """Who may bring this partner's receipts to ``POST /v1/receipts``. ``api_keys``: SHA-256 of each key, never the key.

    A partner that also sends may use the keys of its ``[sends]`` and needs none here.
    """

    api_keys: Annotated[tuple[LiveKey, ...], Field(min_length=1)]


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


class OwnPace(Closed):
    """``hub.settings.sections.Pace`` for one recipient; what is not named here is the hub's default."""

    rate: Annotated[float, Field(gt=0)] | None = None
    burst: Annotated[int, Field(ge=1)] | None = None


class Receives(Closed):
    """What a partner takes and how it may be treated. ``schedule``: seconds before each further try.

    ``can_be_asked``: the room's question works there. ``keeps_keys``: it drops a second copy under the same key.
    ``order_sensitive``: a stopped transfer holds those behind it. ``acknowledges``: it sends receipts later, each within
    ``receipt_within`` of the delivery; otherwise *delivered* is final. ``ask_after``: wait before the first question about
    a transfer in doubt. ``rate``: transfers per second. ``hours``: when it may be sent to (``hub.health.hours``), in Vietnam time.
    ``reply_signature``: how its replies are signed; one that is not says nothing. ``receipt_signature``: how the receipts that
    it brings are signed; one that is not is refused.
    ``sandbox``: the partner's test system, where ``partner probe`` goes instead of the room's ``base_url``.
    ``calendar``: ``office``: not on public holidays, and without ``hours`` in the office hours of the hub's calendar.
    """

    kinds: Kinds
    role: PartyRole = "decides"
    mapping: MappingRef
    authority: Agency
    schedule: tuple[Seconds, ...] = SCHEDULE
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
    reply_signature: Proof | None = None
    receipt_signature: Proof | None = None
    receipts: Receipts | None = None
    documents: Downloads = Downloads()
    quota: OwnPace = OwnPace()
    sandbox: Address | None = None
    replies: tuple[Row, ...] = ()


class Declaration(Closed):
    """The file itself, without the room's own table. ``draft``: the hub leaves the file out; ``partner validate`` reads it."""

    draft: bool = False
    id: Id
    agency: Agency
    room: Room
    name: Name
    stage: Stages = Stages()
    access: Access = Access()
    sends: Sends | None = None
    receives: Receives | None = None
