"""What lies in an evidence bundle, file by file: names, shapes, nothing else. Who writes one and who reads one go by this page.

evidence.json                       what it is about, which messages and transfers, whose certificates
messages/<id>/message.json          how it came; received.* are its bytes as they came
messages/<id>/receipt.json .jws     what the hub confirmed, and its signature over these bytes (detached JWS)
messages/<id>/journal.json          every journal entry of the message, chained, with its way to a stamped digest
transfers/<id>/transfer.json        how it went; sealed.* are the bytes that every attempt sent
transfers/<id>/statement.json .jws  "this was derived from that by this mapping", signed by the hub
transfers/<id>/calls/<n>.*          every call byte for byte: .json about it, .sent, .received
transfers/<id>/partner-receipt .jws the partner's own receipt as it came, its signature where it signs
transfers/<id>/non-delivery.*       what the hub holds against itself when it could not deliver, signed
stamps/<n>.tst                      an authority's time-stamp over a digest (RFC 3161)
certificates/<fingerprint>.pem      revocation/<fingerprint>.der: what its authority said of it
report.json, report.html            what the hub found when it wrote the bundle
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import datetime  # noqa: TC003
from typing import Any, Final

import msgspec

from schemas.problems import refuse

INDEX: Final = "evidence.json"
REPORT, PAGE = "report.json", "report.html"
FORMAT: Final = 1
CERTIFICATES: Final = "certificates/"
REVOCATION: Final = "revocation/"
_ROOMS: Final = frozenset({"stamps", "certificates", "revocation"})
JSON: Final = "application/json"
JOSE: Final = "application/jose"
BYTES: Final = "application/octet-stream"
STAMP: Final = "application/timestamp-reply"
PEM: Final = "application/x-pem-file"
_ENDINGS: Final = {"json": ".json", "xml": ".xml"}


class Paper(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Common shape: one JSON object, named fields; what is empty is left out."""


class Index(Paper, frozen=True):
    """``about``: ``transfer`` or ``dossier``; ``id``: its id, or its code as it was asked for."""

    format: int
    about: str
    id: str
    made_at: datetime
    version: str
    messages: tuple[str, ...]
    transfers: tuple[str, ...]
    certificates: tuple[str, ...]


class Message(Paper, frozen=True):
    """``content``: the file with its bytes; empty: they are gone, and ``absent`` says why."""

    id: str
    sender: str
    key: str
    kind: str
    sha256: str
    accepted_at: datetime
    media_type: str = ""
    headers: Mapping[str, str] = {}
    content: str = ""
    absent: str = ""


class Transfer(Paper, frozen=True):
    """``sha256``: of the sealed bytes; ``content``: the file with them."""

    id: str
    message: str
    partner: str
    operation: str
    key: str
    state: str
    sha256: str = ""
    media_type: str = ""
    headers: Mapping[str, str] = {}
    content: str = ""
    absent: str = ""
    problem: str = ""
    reference: str = ""
    settled_at: datetime | None = None
    receipt_at: datetime | None = None


class Derivation(Paper, frozen=True):
    """One side of a translation: which bytes, in which format."""

    sha256: str
    media_type: str
    format: str


class Statement(Paper, frozen=True):
    """The hub says: ``result`` was derived from ``origin`` by ``result.format``; translating breaks the origin's signature.

    ``taken``: what the origin left out, place → the message of the same dossier that said it before.
    """

    transfer: str
    message: str
    key: str
    sender: str
    recipient: str
    origin: Derivation
    result: Derivation
    accepted_at: datetime
    sealed_at: datetime
    issued_at: datetime
    taken: Mapping[str, str] = {}


class Call(Paper, frozen=True):
    """One exchange of an attempt. ``status``: 0 when no answer began. ``signer``: SHA-256 (hex) of the certificate by which the
    reply's signature held, ``profile``: as what it was read.
    """

    attempt: int
    verb: str
    outcome: str
    code: str
    url: str
    status: int
    started_at: datetime
    seconds: float
    error: str = ""
    signer: str = ""
    profile: str = ""


class Stamped(Paper, frozen=True):
    """A digest over many entries (RFC 6962), and the file with its stamp; empty: nobody stamped it."""

    first: int
    last: int
    leaves: int
    digest: str
    at: datetime
    token: str = ""


class Entry(Paper, frozen=True):
    """``said``: the entry's canonical JSON, as text; ``hash`` = SHA-256(``before`` || ``said``), all hex.

    ``place``, ``path``: from the hash up to ``root``, where there is one.
    """

    said: str
    before: str
    hash: str
    place: int = 0
    path: tuple[str, ...] = ()
    root: Stamped | None = None


class Said(msgspec.Struct, frozen=True):
    """What stands in an entry."""

    at: int
    facts: Mapping[str, str]
    message: str
    seq: int
    transfer: str
    what: str


def write(paper: Paper | tuple[Entry, ...]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(paper), indent=1)


def facts(stored: str) -> dict[str, str]:
    """Read what an entry of the journal says."""
    return msgspec.json.decode(stored, type=dict[str, str])


def about(receipt: bytes) -> str:
    """Return the transfer that a receipt of non-delivery is about; empty: it says none."""
    found = msgspec.json.decode(receipt, type=dict[str, Any]).get("about", "")
    return found if isinstance(found, str) else ""


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def ending(media_type: str) -> str:
    """Name files so that people can open them."""
    kind = media_type.partition(";")[0].rpartition("/")[2].rpartition("+")[2]
    return _ENDINGS.get(kind, ".bin")


def read_index(files: Mapping[str, bytes]) -> Index:
    """Raises ``Refusal`` HUB-EVD-004, -010."""
    if INDEX not in files:
        raise refuse("HUB-EVD-004", INDEX, rule="the part")
    try:
        return msgspec.json.decode(files[INDEX], type=Index)
    except msgspec.DecodeError as error:
        raise refuse("HUB-EVD-010", INDEX, rule="what this part says") from error


def belongs(name: str, index: Index) -> bool:
    """Tell whether a part of this name has a place in a bundle about these messages and transfers."""
    if name in {INDEX, REPORT, PAGE}:
        return True
    room, _, rest = name.partition("/")
    ids = {"messages": index.messages, "transfers": index.transfers}.get(room)
    return room in _ROOMS if ids is None else rest.partition("/")[0] in ids


def of_message(id_: str, name: str) -> str:
    return f"messages/{id_}/{name}"


def of_transfer(id_: str, name: str) -> str:
    return f"transfers/{id_}/{name}"


def certificate(fingerprint: str) -> str:
    return f"{CERTIFICATES}{fingerprint}.pem"
