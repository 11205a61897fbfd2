"""May this be accepted? Pure: bytes and a desk in, a judgement or a refusal out.

Who sends it the door has found out. The order is the promise: is it signed, and only what was signed is read on; then what it says, in the hub's
own words, in NFC; then whether this sender may say it. It runs in a pool of processes, because verifying, parsing and
trial encodings hold the interpreter's lock; ``Inbound`` and ``Judged`` cross that border, the desk is built behind it.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import date, datetime  # noqa: TC003
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import msgspec

from connectors.contract import Codec  # noqa: TC001
from hub.documents.contract import New
from hub.places import on_the_wire
from hub.settings import is_loopback
from hub.signatories.acts import Office, act_of, needed
from hub.signatories.authority import Authority
from schemas import codes
from schemas.agencies import Agencies  # noqa: TC001
from schemas.dossier import Document, Dossier, Message, Procedure, Result, to_json
from schemas.mapping import Opened  # noqa: TC001
from schemas.problems import Problem, Refusal, refuse
from schemas.procedures import Procedures  # noqa: TC001
from schemas.text import is_nfc
from signing.contract import Verified, Verifier, Wire

if TYPE_CHECKING:
    from schemas.codes import DossierCode
    from schemas.procedures import Procedure as Entry

KEY_HEADER = "idempotency-key"
NAMES = ("jti", "wsa:MessageID")
"""Claims by which a signature calls its message; the name before the key keeps it apart from one that a sender chose."""
CODE_PLACE = "/dossier/code"
DOCUMENT_PLACES = tuple(
    f"/dossier/{where}/*/{what}" for where in ("documents", "results") for what in ("sha256", "reference")
)

_KEY = re.compile(r"[!#-\[\]-~]{1,200}")
LONGEST_MEDIA = 256
_MEDIA = re.compile(r"\s*([\w.+-]+/[\w.+-]+)\s*((?:;\s*[\w-]+\s*=\s*(?:\"[^\"]*\"|[^;\s\"]+)\s*)*);?\s*")
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([\w-]+)\"?", re.IGNORECASE)


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Common shape: frozen, named fields."""


class Inbound(Value, frozen=True):
    """One message as it came. ``message``: what it is called until it is accepted. ``headers``: lower-case names. ``file``: the spool's, instead of ``body``.

    ``sender``: who sends it, as the door found out (``hub.api.callers``); ``claimed``: it was only said, and the signature must
    prove it. ``authorization``: for signatures that have a part of themselves there.
    """

    message: str
    sender: str
    headers: Mapping[str, str]
    received_at: datetime
    claimed: bool = False
    authorization: str = ""
    body: bytes = b""
    file: str = ""

    def content(self) -> bytes:
        return Path(self.file).read_bytes() if self.file else self.body


class Reader(Protocol):
    """The sender's mapping, as far as intake uses it (``schemas.mapping.Mapping``)."""

    def open(self, raw: bytes) -> Opened: ...


class Sender(Value, frozen=True):
    """One partner that may send. ``procedures``: the only ones it may speak of; empty: all. ``verifier``: ``None`` when its messages need no signature.

    ``places``: canonical place → place in the sender's format (``hub.places``). ``own_key``: its format carries a key.
    ``hosts``: where its documents are fetched from; ``None``: their addresses travel on as they are. ``authority_kinds``: what
    only a signatory with the right to may sign.
    """

    id: str
    agency: str
    kinds: frozenset[str]
    codes: tuple[str, ...]
    authority: str
    format: str
    media: str
    media_types: frozenset[str]
    reader: Reader
    places: Mapping[str, str] = {}
    verifier: Verifier | None = None
    own_key: bool = True
    hosts: frozenset[str] | None = None
    authority_kinds: frozenset[str] = frozenset()
    procedures: frozenset[str] = frozenset()


class Recipient(Value, frozen=True):
    """One partner that may receive: which kinds, and the codec for the trial encoding.

    ``says``: room and mapping. Partners that say the same alike share one trial, so that judging costs by formats and not
    by partners.
    """

    partner: str
    kinds: frozenset[str]
    codec: Codec
    says: str = ""


class Desk(Value, frozen=True):
    """Everything that judging needs; built once per pool process."""

    senders: Mapping[str, Sender]
    recipients: tuple[Recipient, ...]
    agencies: Agencies
    procedures: Procedures
    limit: int
    authority: Authority = Authority()


class Said(Value, frozen=True):
    """One operation of a recipient's format. ``problem``: why it cannot be said there; then its transfer is born parked."""

    operation: str
    problem: Problem | None = None


class Judged(Value, frozen=True):
    """A message that may be accepted. ``canonical``: ``schemas.dossier.to_json``, without the hub's dossier id yet.

    ``received_by``: the agency part of the dossier's code; ``may_create``: it lies in the sender's trees;
    ``code_place``: where the code stands in the sender's format. ``aliases``: further codes that this sender may give the
    dossier, as (authority, code); a code under another sender's authority is that sender's to give. ``natural_key``: the
    format's own key where the sender gave another one, ``signed_key`` what the signature calls the message, or
    what stands for it; they are bound as well. ``documents``: those that it names by their
    digest alone; ``places``: where such things stand in the sender's format. ``procedures``: the only ones that its
    sender may speak of; empty: all.
    """

    sender: str
    key: str
    digest: str
    size: int
    media_type: str
    format: str
    kind: str
    canonical: bytes
    agency: str
    authority: str
    trials: Mapping[str, tuple[Said, ...]]
    code: str | None = None
    received_by: str | None = None
    may_create: bool = False
    code_place: str = ""
    aliases: tuple[tuple[str, str], ...] = ()
    natural_key: str = ""
    signed_key: str = ""
    media: str = "json"
    procedures: tuple[str, ...] = ()
    signer: str = ""
    algorithm: str = ""
    signatory: str = ""
    stamped_at: datetime | None = None
    documents: tuple[New, ...] = ()
    places: Mapping[str, str] = {}


def judge(request: Inbound, desk: Desk, now: datetime) -> Judged:
    """Judge one message. Raises ``Refusal`` with every problem that could be found at the step that failed."""
    sender = desk.senders[request.sender]
    if request.claimed and sender.verifier is None:
        raise refuse("HUB-AUT-001", "Authorization")
    raw = request.content()
    if len(raw) > desk.limit:
        raise refuse("HUB-LIM-001", rule=f"at most {desk.limit} bytes")
    media_type = check_media_type(request.headers, sender)
    verified = verify(request, raw, sender, now)
    payload = verified.payload if verified else raw
    said = payload if verified and verified.wrapped else raw
    given = key_of(request.headers)
    opened = sender.reader.open(payload)
    natural = opened.natural_key or "" if sender.own_key or not given else ""
    signed = signed_key(verified)
    key = given or natural or signed.partition(" ")[2]
    if not key:
        raise refuse("HUB-IDM-001", "Idempotency-Key")
    heard, written = nfc(opened.message(sender.id, key, sender.agency))
    try:
        message, code = check_said(heard, sender, desk, now.date())
        named = enclosures(message, sender.hosts)
        signatory = signed_by(message, code, verified, sender, desk)
    except Refusal as refusal:
        raise on_the_wire(refusal, sender.places, said, sender.media) from None
    return Judged(
        documents=named,
        places={place: wire for place, wire in sender.places.items() if place in DOCUMENT_PLACES}
        if named
        else {},
        sender=sender.id,
        key=key,
        natural_key=natural if natural != key else "",
        signed_key=signed or ("" if sender.own_key and natural else said_once(verified)),
        digest=hashlib.sha256(said).hexdigest(),
        size=len(raw),
        media_type=media_type,
        format=sender.format,
        kind=message.kind,
        canonical=written if message is heard else to_json(message),
        agency=sender.agency,
        authority=sender.authority,
        code=message.dossier.code if message.dossier else None,
        received_by=code.agency if code else None,
        may_create=_may_create(code, sender, desk),
        code_place=sender.places.get(CODE_PLACE, ""),
        aliases=allowed_aliases(message, sender, desk),
        media=sender.media,
        trials=trials(message, request.message, desk.recipients),
        procedures=tuple(sorted(sender.procedures)),
        signer=verified.signer.fingerprint if verified else "",
        signatory=signatory,
        stamped_at=verified.stamped_at if verified else None,
        algorithm=verified.algorithm if verified else "",
    )


# --- is it signed -----------------------------------------------------------------------------------------------


def verify(request: Inbound, raw: bytes, sender: Sender, now: datetime) -> Verified | None:
    """Return what was signed; ``None`` when this sender's messages need no signature."""
    if sender.verifier is None:
        return None
    headers = {**request.headers, "authorization": request.authorization}
    return sender.verifier.verify(Wire(body=raw, headers=headers, method="POST"), now)


def signed_key(verified: Verified | None) -> str:
    """Return what the signature calls the message; the replay check is that no other message is accepted under it."""
    claims = verified.claims if verified else {}
    return next((f"{name} {claims[name]}" for name in NAMES if claims.get(name)), "")


def said_once(verified: Verified | None) -> str:
    """Return what stands for a signed message that no name was signed with: what was said, and when.

    Not the signature's value, of which ECDSA allows a second one to anybody who has seen the first.
    """
    if verified is None:
        return ""
    at = verified.signed_at.isoformat() if verified.signed_at else ""
    return f"said {verified.digest} {at}"


# --- how is it wrapped ------------------------------------------------------------------------------------------


def key_of(headers: Mapping[str, str]) -> str:
    """Return the sender's key, bare or out of its quotes; empty when there is none. Raises HUB-IDM-003."""
    said = headers.get(KEY_HEADER)
    if said is None:
        return ""
    bare = said.strip()
    if len(bare) > 1 and bare[0] == bare[-1] == '"':
        bare = bare[1:-1]
    if not _KEY.fullmatch(bare):
        raise refuse("HUB-IDM-003", "Idempotency-Key", rule=_KEY.pattern)
    return bare


def check_media_type(headers: Mapping[str, str], sender: Sender) -> str:
    """Return the bare media type. Raises HUB-SCH-010, and HUB-SCH-008 for a charset that is not UTF-8."""
    if headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise refuse("HUB-SCH-010", "Content-Encoding", rule="identity")
    said = headers.get("content-type", "")
    found = _MEDIA.fullmatch(said) if len(said) <= LONGEST_MEDIA else None
    if found is None or found.group(1).lower() not in sender.media_types:
        raise refuse("HUB-SCH-010", "Content-Type", rule=" | ".join(sorted(sender.media_types)))
    charset = _CHARSET.search(found.group(2))
    if charset and charset.group(1).lower() not in {"utf-8", "utf8"}:
        raise refuse("HUB-SCH-008", "Content-Type", rule="charset=utf-8")
    return found.group(1).lower()


# --- what does it say -------------------------------------------------------------------------------------------


def nfc(message: Message) -> tuple[Message, bytes]:
    """Return the message with every text in NFC, and as JSON. Raises HUB-SCH-008 for half a surrogate pair, which is no text."""
    try:
        written = to_json(message)
    except UnicodeEncodeError:
        raise refuse("HUB-SCH-008", rule="UTF-8") from None
    if is_nfc(written):
        return message, written
    try:
        message = msgspec.convert(_nfc(msgspec.to_builtins(message)), Message)
    except msgspec.ValidationError as error:
        raise refuse("HUB-SCH-002", rule=str(error).partition(" - at ")[0]) from None
    return message, to_json(message)


def _nfc(value: Any) -> Any:  # noqa: ANN401 - any part of a message
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, dict):
        return {_nfc(key): _nfc(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_nfc(inner) for inner in value]
    return value


def check_said(
    message: Message, sender: Sender, desk: Desk, today: date
) -> tuple[Message, DossierCode | None]:
    """Whether this sender may say this. Returns the message with the procedure's national words filled in.

    A procedure counts by the day in the dossier's code: an open dossier keeps the procedure that it began with.
    Raises ``Refusal`` with all that is wrong: HUB-AUT-003; HUB-DOS-001, -005, -006.
    """
    if message.kind not in sender.kinds:
        raise refuse("HUB-AUT-003", "/event/kind", rule=" | ".join(sorted(sender.kinds)))
    problems: list[Problem] = []
    for place, agency in agencies_of(message):
        if desk.agencies.known(agency) is None:
            problems.append(Problem(code="HUB-DOS-006", place=place, rule="registries/agencies"))
    if message.dossier is None:
        _raise(problems)
        return message, None
    code = _code(message.dossier, problems)
    procedure = message.dossier.procedure
    if procedure is not None and (procedure.national or procedure.local):
        entry = desk.procedures.find(
            procedure.national,
            procedure.local,
            authority=sender.authority,
            on=code.day if code else today,
            agencies=desk.agencies,
        )
        if entry is None:
            place = _unknown_procedure(procedure, desk, code.day if code else today)
            problems.append(Problem(code="HUB-DOS-005", place=place, rule="registries/procedures"))
        else:
            message = _with_procedure(message, message.dossier, national_words(procedure, entry))
    _raise(problems)
    return message, code


def signed_by(
    message: Message, code: DossierCode | None, verified: Verified | None, sender: Sender, desk: Desk
) -> str:
    """Return the signatory whose right it was to sign this; empty when its kind needs none.

    What counts is the day on which it was proved to be signed: that of its time-stamp, or today. Raises HUB-SGN-001 to -003.
    """
    if verified is None or not needed(message.kind, sender.authority_kinds):
        return ""
    at = verified.stamped_at or verified.verified_at
    act = act_of(message, code, Office(sender.agency, sender.authority), desk.procedures, desk.agencies, at)
    return desk.authority.signs(verified.signer.fingerprint, act, at, desk.agencies).holder


def enclosures(message: Message, hosts: frozenset[str] | None = None) -> tuple[New, ...]:
    """Return the documents that the hub must have: meant by their digest, or by an address that it fetches from.

    Those that are taken back (``deleted``) are nobody's. Raises ``Refusal`` HUB-DOC-015 for an address elsewhere.
    """
    if message.dossier is None:
        return ()
    told = message.dossier
    listed: tuple[tuple[str, Sequence[Document | Result]], ...] = (
        ("documents", told.documents),
        ("results", told.results),
    )
    found: list[New] = []
    problems: list[Problem] = []
    for where, documents in listed:
        for number, each in enumerate(documents):
            fetched = bool(each.reference) and hosts is not None
            if getattr(each, "deleted", False) or not (fetched or (each.sha256 and not each.reference)):
                continue
            at = f"/dossier/{where}/{number}"
            if fetched and not _may_be_fetched(each.reference or "", hosts or frozenset()):
                problems.append(
                    Problem(code="HUB-DOC-015", place=f"{at}/reference", rule="sends.sources.hosts")
                )
            found.append(
                New(
                    place=f"{where}/{number}",
                    pointer=f"{at}/reference" if fetched else f"{at}/sha256",
                    sha256=each.sha256 or "",
                    size=each.size,
                    media_type=each.media_type or "",
                    url=each.reference or "" if fetched else "",
                )
            )
    _raise(problems)
    return tuple(found)


def _may_be_fetched(address: str, hosts: frozenset[str]) -> bool:
    """Only listed hosts; unencrypted from this machine only; no credentials, and nothing that a request line cannot carry."""
    try:
        parts = urlsplit(address)
        local = parts.scheme == "http" and is_loopback(parts.hostname or "")
    except ValueError:
        return False
    plain = address.isascii() and address.isprintable() and " " not in address
    return plain and (parts.scheme == "https" or local) and parts.netloc in hosts and not parts.fragment


def allowed_aliases(message: Message, sender: Sender, desk: Desk) -> tuple[tuple[str, str], ...]:
    """Nobody may take another sender's codes before that sender uses them."""
    if message.dossier is None:
        return ()
    others = {other.authority for other in desk.senders.values()} - {sender.authority, sender.agency}
    return tuple(
        (alias.authority, alias.code)
        for alias in message.dossier.aliases
        if alias.authority not in others
        or any(desk.agencies.is_within(alias.authority, tree) for tree in sender.codes)
    )


def _may_create(code: DossierCode | None, sender: Sender, desk: Desk) -> bool:
    return code is not None and any(desk.agencies.is_within(code.agency, tree) for tree in sender.codes)


def _raise(problems: list[Problem]) -> None:
    if problems:
        raise Refusal(*problems)


def _code(dossier: Dossier, problems: list[Problem]) -> DossierCode | None:
    try:
        return codes.parse(dossier.code, CODE_PLACE)
    except Refusal as refusal:
        problems.extend(refusal.problems)
        return None


def agencies_of(message: Message) -> Sequence[tuple[str, str]]:
    """Every agency code of the message, with its place."""
    event, dossier = message.event, message.dossier
    named = [("/event/from_agency", event.from_agency), ("/event/to_agency", event.to_agency)]
    if event.actor:
        named.append(("/event/actor/agency", event.actor.agency))
    if dossier:
        named.append(("/dossier/processing_agency", dossier.processing_agency))
        named += [(f"/dossier/legs/{number}/agency", leg.agency) for number, leg in enumerate(dossier.legs)]
    return [(place, code) for place, code in named if code]


def national_words(said: Procedure, entry: Entry) -> Procedure:
    """Fill in what the sender left out and the registry knows; what was said stays as it was said."""
    return Procedure(
        local=said.local,
        national=said.national or entry.national,
        name=said.name or entry.name.vi,
        field_code=said.field_code or entry.field.code,
        field_name=said.field_name or entry.field.vi,
    )


def _unknown_procedure(said: Procedure, desk: Desk, on: date) -> str:
    """Return the place of the code that is to blame; of two that name different procedures, the sender's own."""
    known = said.national is not None and desk.procedures.by_national(said.national, on) is not None
    return "/dossier/procedure/local" if known or not said.national else "/dossier/procedure/national"


def _with_procedure(message: Message, dossier: Dossier, procedure: Procedure) -> Message:
    if procedure == dossier.procedure:
        return message
    dossier = msgspec.structs.replace(dossier, procedure=procedure)
    return msgspec.structs.replace(message, dossier=dossier)


# --- can it be said elsewhere -----------------------------------------------------------------------------------


def trials(
    message: Message,
    id: str,  # noqa: A002 - the message's
    recipients: Sequence[Recipient],
) -> dict[str, tuple[Said, ...]]:
    """Encode once per format for everyone who might have to have it, so that what cannot be said is known before it is accepted."""
    made: dict[str, tuple[Said, ...]] = {}
    found: dict[str, tuple[Said, ...]] = {}
    for recipient in recipients:
        if message.kind in recipient.kinds and recipient.partner != message.sender:
            says = recipient.says or f"partner {recipient.partner}"
            if says not in made:
                made[says] = tuple(trial(message, id, recipient))
            found[recipient.partner] = made[says]
    return found


def trial(message: Message, id: str, recipient: Recipient) -> Iterator[Said]:  # noqa: A002 - the message's
    try:
        operations = recipient.codec.operations(message)
    except Refusal as refusal:
        yield Said(operation="none", problem=refusal.problems[0])
        return
    for part, operation in enumerate(operations, 1):
        yield Said(operation=operation, problem=_unsaid(message, id, recipient, operation, part))


def _unsaid(message: Message, id: str, recipient: Recipient, operation: str, part: int) -> Problem | None:  # noqa: A002 - the message's
    try:
        recipient.codec.encode(operation, message, transfer_key(id, recipient.partner, part))
    except Refusal as refusal:
        return refusal.problems[0]
    return None


def transfer_key(message: str, partner: str, part: int) -> str:
    """The partner's idempotency key for one transfer, for ever."""
    return f"{message}:{partner}:{part}"
