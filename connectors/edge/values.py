"""What two hubs say to each other, as frozen values. The rules of the format stand in docs/reference/edge-protocol.md.

Rules of this file:

* A name on the wire never changes within a major version; a minor version may add members that an older peer may pass over.
* Absent and default are the same. Times are aware; ``sha256`` is hex in small letters.
* Bytes that are signed or hashed are never written a second time from a value: they travel and are kept as they were made.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

MAJOR, MINOR = 1, 0
"""The version that is spoken here."""
FIRST = "0" * 64
"""What stands as the hash of the manifest before the first one."""

ENTRIES = 256
"""Entries in one batch."""
ENTRY_BYTES = 8 * 2**20
"""One entry, its history included."""
REFUSALS = 4_096
"""Refused entries that one acknowledgement tells; who has more acknowledges fewer batches."""
LAST = 2**53
"""The highest number: what a JSON number holds exactly (RFC 8259 §6)."""

HubCode = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$")]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Number = Annotated[int, Meta(ge=1, le=LAST)]
Count = Annotated[int, Meta(ge=0, le=LAST)]
Code = Annotated[str, Meta(min_length=1, max_length=200)]
Key = Annotated[str, Meta(min_length=1, max_length=400)]
Moment = Annotated[datetime, Meta(tz=True)]
ErrorCode = Annotated[str, Meta(pattern=r"^HUB-[A-Z]{3}-\d{3}$")]
Rule = Annotated[str, Meta(max_length=500)]
Seconds = Annotated[float, Meta(ge=0, le=86_400)]
Scalar = str | bool | int


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Common shape: frozen, named fields, defaults left out on the wire."""


# --- what is carried --------------------------------------------------------------------------------------------


class Stamp(Value, frozen=True):
    """Where a message stands in its dossier. ``hub``: that first accepted it; ``no``: its running number there *within the dossier*;
    ``seen``: hub → highest number of the dossier that it knew then.
    """

    hub: HubCode
    no: Number
    seen: Annotated[dict[HubCode, Number], Meta(max_length=256)] = {}

    def follows(self, other: Stamp) -> bool:
        """Whether the other was known where this one was accepted."""
        return self.no > other.no if other.hub == self.hub else self.seen.get(other.hub, 0) >= other.no


class Entry(Value, frozen=True, kw_only=True):
    """One message on its way to another hub. ``id``, ``sender``, ``agency``, ``key``, ``digest``, ``accepted_at``, ``stage``: as its first
    hub has them, whoever relays it. ``message``: its canonical JSON, byte for byte. ``history``: entries that the receiver never had, oldest first.
    """

    v: int
    id: Code
    stamp: Stamp
    sender: Code
    agency: Code
    key: Key
    digest: Sha256
    accepted_at: Moment
    stage: Code
    words: Annotated[dict[str, Scalar], Meta(max_length=64)] = {}
    message: msgspec.Raw
    history: tuple[msgspec.Raw, ...] = ()


class Row(Value, frozen=True):
    """One entry of a batch, as its manifest names it. ``key``: of the transfer; ``id``: of the message at its first hub; ``size`` in bytes."""

    key: Key
    id: Code
    sha256: Sha256
    size: Annotated[int, Meta(ge=2, le=ENTRY_BYTES)]


class Manifest(Value, frozen=True, kw_only=True):
    """What a batch is, without personal data. ``prev``: SHA-256 of the manifest before, ``FIRST`` for the first one of an epoch.

    ``m``: the minor version that it was written in.
    """

    v: int
    m: Count = 0
    source: HubCode = msgspec.field(name="from")
    target: HubCode = msgspec.field(name="to")
    epoch: Number
    seq: Number
    prev: Sha256
    made_at: Moment
    entries: Annotated[tuple[Row, ...], Meta(min_length=1, max_length=ENTRIES)]


# --- what is said about it --------------------------------------------------------------------------------------


class Refused(Value, frozen=True):
    """An entry that will never be taken: its transfer's key, the code of the catalogue, and the rule that it breaks."""

    key: Key
    code: ErrorCode
    rule: Rule = ""


class Acks(Value, frozen=True, kw_only=True):
    """All batches of ``epoch`` up to ``upto`` were taken in, but for the entries in ``refused``. ``source`` says it of what ``target`` made.

    ``head``: SHA-256 of the manifest of ``upto``. ``after``: ``refused`` tells of batches behind that one only. ``retry_after``: seconds in
    which nothing more should come; ``window``: bytes that one request may bring (0: not said).
    """

    v: int
    m: Count = 0
    source: HubCode = msgspec.field(name="from")
    target: HubCode = msgspec.field(name="to")
    epoch: Number
    upto: Count
    head: Sha256 = FIRST
    after: Count = 0
    refused: Annotated[tuple[Refused, ...], Meta(max_length=REFUSALS)] = ()
    retry_after: Seconds = 0.0
    window: Annotated[int, Meta(ge=0, le=64 * 2**20)] = 0
    made_at: Moment


class Head(Value, frozen=True):
    """The last batch of a stream: its epoch, its number (0: none yet) and the SHA-256 of its manifest."""

    epoch: Number = 1
    seq: Count = 0
    sha256: Sha256 = FIRST


class Speaks(Value, frozen=True):
    """One major version, and the highest minor version of it."""

    major: Number
    minor: Count = 0


class Wanted(Value, frozen=True):
    """A document that somebody there needs and that lies here. ``have``: bytes of it that are there already; ``size``: of the whole, 0: not known."""

    sha256: Sha256
    have: Count = 0
    size: Count = 0


class Wants(Value, frozen=True):
    """Documents that somebody there needs and that lie at the other: what a greeting says of them, between two greetings."""

    v: int
    wanted: Annotated[tuple[Wanted, ...], Meta(max_length=1_000)] = ()


class Hello(Value, frozen=True):
    """Said by both sides at the beginning of a round. ``clock``: now, there; ``made``: the last batch that it made for the other;
    ``acks``: what it has taken in of the other's.

    ``schemas``, ``kinds``: of messages that it understands; nothing else is sent to it. ``codings``: of frames. ``version``: number of
    the replicated data in force there, 0: none. ``software``: the release, for persons.
    """

    v: int
    hub: HubCode
    speaks: Annotated[tuple[Speaks, ...], Meta(min_length=1, max_length=16)]
    clock: Moment
    made: Head
    acks: Acks
    schemas: Annotated[tuple[Code, ...], Meta(max_length=64)] = ()
    kinds: Annotated[tuple[Code, ...], Meta(max_length=256)] = ()
    codings: Annotated[tuple[Code, ...], Meta(max_length=16)] = ()
    wanted: Annotated[tuple[Wanted, ...], Meta(max_length=1_000)] = ()
    version: Count = 0
    software: Annotated[str, Meta(max_length=100)] = ""


class Report(Value, frozen=True):
    """Counters that roll up. ``facts``: a JSON object; what stands in it is no business of the protocol. No personal data."""

    v: int
    hub: HubCode
    at: Moment
    facts: dict[str, Any] = {}


class Returned(Value, frozen=True):
    """A batch that goes back to the hub that made it, which does not know it any more. ``manifest``, ``signature``: as they came; ``entries``: in the
    order of the manifest, ``None`` for one whose bytes are not at hand.
    """

    manifest: bytes
    signature: str
    entries: tuple[bytes | None, ...]


class About(Value, frozen=True, kw_only=True):
    """The beginning of a file that a person carries: whose it is, for whom, and when it was made."""

    v: int
    source: HubCode = msgspec.field(name="from")
    target: HubCode = msgspec.field(name="to")
    made_at: Moment


class End(Value, frozen=True):
    """The end of a stream: how many frames came before it, and whether more was waiting."""

    frames: Count
    more: bool = False


class Lying(Value, frozen=True):
    """How much of a document the other side has. ``size``: of the whole, 0: not known there."""

    sha256: Sha256
    have: Count
    size: Count = 0

    @property
    def whole(self) -> bool:
        return 0 < self.size == self.have


Facts = Mapping[str, Scalar]
