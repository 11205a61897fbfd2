"""The whole promise between the hub and a room: a parcel goes in, one of four outcomes comes out.

``deliver`` and ``find`` never raise for something that a partner or a network did. ``Deferred`` promises that the
partner does not have the parcel; ``Unsure`` means that it may. Where a partner brings nothing itself, a room picks up what
lies ready there: ``Collector``. Whoever writes a room reads this file and the conformance suite, nothing else.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import datetime  # noqa: TC003
from typing import Protocol, runtime_checkable

import msgspec

from schemas.dossier import Message  # noqa: TC001


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Common shape: frozen, named fields."""


class Draft(Value, frozen=True):
    """What a codec makes of a message for one operation, before it is sealed.

    ``payload``: the bytes that will be signed and never change again. ``facts``: plain values that ``find`` will need
    to ask for it (a dossier code, a status), never personal data. ``canonical``: the payload is in exclusive C14N as it
    stands, so that signing need not parse it again.
    """

    payload: bytes
    media_type: str
    facts: Mapping[str, str] = {}
    canonical: bool = False


class Link(Value, frozen=True):
    """A download address that stands in sealed bytes: who has ``uid`` may fetch that document as long as the transfer lives.

    ``grace``: seconds that it outlives the transfer. ``name``: as it is offered to whoever downloads; personal data.
    """

    uid: str
    sha256: str
    media_type: str
    name: str
    grace: float


class Sealed(Value, frozen=True):
    """A draft after signing: byte for byte the same on every attempt. ``headers`` travel with it (a detached JWS).

    ``links``: the download addresses in ``payload``; they begin to live when it is stored. ``says``: the mapping that it was
    written by, ``<id>@<version>``. ``signer``: SHA-256 (hex) of our certificate that signed it. ``taken``: what its message left out,
    canonical place → id of the message of the dossier that said it before.
    """

    payload: bytes
    media_type: str
    headers: Mapping[str, str] = {}
    facts: Mapping[str, str] = {}
    links: tuple[Link, ...] = ()
    says: str = ""
    signer: str = ""
    taken: Mapping[str, str] = {}


class Parcel(Value, frozen=True):
    """One sealed transfer on its way. ``key`` is the transfer's own and the same on every attempt, restart and resend.

    ``told``: what this partner told of this dossier in earlier deliveries (``Delivered.facts``): numbers of its own, say.
    ``since``: before that moment it cannot have been sent; ``None``: not known.
    """

    key: str
    operation: str
    sealed: Sealed
    dossier: str = ""  # the code under which this partner knows the dossier
    attempt: int = 1
    told: Mapping[str, str] = {}
    since: datetime | None = None


class Envelope(Value, frozen=True):
    """What is signed anew on each attempt around a sealed payload, or what came back. Header names are in small letters when it came.

    ``target``: the whole address; ``id``: what the message is called on every attempt. ``signer``: SHA-256 (hex) of our certificate
    that signed it.
    """

    body: bytes
    headers: Mapping[str, str] = {}
    method: str = ""
    target: str = ""
    id: str = ""
    signer: str = ""


class Opened(Value, frozen=True):
    """A reply whose signature holds. ``payload``: what was signed, and nothing else of it; ``signer``: SHA-256 of the certificate, hex."""

    payload: bytes
    signer: str
    claims: Mapping[str, str] = {}
    profile: str = ""  # binding and version


class Exchange(Value, frozen=True):
    """The exact bytes of one call, secrets cut out of the headers; evidence, and what an operator looks at.

    ``signer``, ``profile``: SHA-256 (hex) of the certificate by which the reply's signature held, and as what it was read; empty
    where none is asked for or none held. ``ours``: the certificate by which what was sent was signed for this call.
    """

    url: str
    sent: bytes
    received: bytes
    status: int  # 0: no status line arrived
    started_at: datetime
    seconds: float
    error: str = ""  # what broke, by class: connect, tls, timeout, reset, too-large, truncated
    signer: str = ""
    profile: str = ""
    ours: str = ""


class Reason(Value, frozen=True):
    """``code`` of the error catalogue; ``detail``: the partner's own code or fault, cut to 500 characters, not its prose."""

    code: str
    detail: str = ""


class Enclosed(Value, frozen=True):
    """A file inside what was picked up or brought. The hub has it before it takes the message that names its ``sha256``.

    ``place``: where it stood, for whoever reads a refusal.
    """

    sha256: str
    content: bytes
    media_type: str = "application/octet-stream"
    name: str = ""
    place: str = "size"


class Receipted(Value, frozen=True):
    """What was picked up says no more than that the partner has our transfer ``key``, since ``at``."""

    key: str
    at: datetime


class Picked(Value, frozen=True):
    """One thing that lies ready at a partner. ``id``: what the partner calls it, the same each time it is offered, and what ``settle`` goes by.

    ``body``: byte for byte what intake gets. ``key``: the key that it has with the partner, where the format carries none.
    ``fault``: why it cannot be handed in at all (too large, not what the partner says it is); then it is turned away unread.
    ``receipt``: it can count as the receipt for something of ours, where the partner's file says that it acknowledges.
    ``recalls``: the partner wants back what it brought under that key, and ``settle`` says whether it gets it.
    ``answers``: the key of a transfer of ours to the partner that it is a status about.
    """

    id: str
    body: bytes
    media_type: str
    key: str = ""
    enclosed: tuple[Enclosed, ...] = ()
    fault: Reason | None = None
    receipt: Receipted | None = None
    recalls: str = ""
    answers: str = ""


class Delivered(Value, frozen=True, tag=True):
    """The partner has it. ``reference``: the partner's own id for it, if it gives one. ``facts``: what later parcels need.

    ``answer``: what the partner said in the same breath, a message of its own; it is taken in before this counts, so a
    room whose partners answer brings it whenever it says ``Delivered``, in ``find``, too.
    """

    reference: str = ""
    facts: Mapping[str, str] = {}
    answer: Picked | None = None
    exchanges: tuple[Exchange, ...] = ()


class Refused(Value, frozen=True, tag=True):
    """The partner answered for good: this parcel will never be taken as it is. Never retried."""

    reason: Reason
    exchanges: tuple[Exchange, ...] = ()


class Deferred(Value, frozen=True, tag=True):
    """The partner does not have it and may take it later. ``wait``: seconds it asked for. ``counts``: false during announced maintenance."""

    reason: Reason
    wait: float | None = None
    counts: bool = True
    exchanges: tuple[Exchange, ...] = ()


class Unsure(Value, frozen=True, tag=True):
    """It may have arrived. Ask before sending again."""

    reason: Reason
    exchanges: tuple[Exchange, ...] = ()


Outcome = Delivered | Refused | Deferred | Unsure


class Sealer(Protocol):
    """Handed in by the wiring: signs what a draft holds with the agency's key. Pure CPU; runs in the sealing pool."""

    def seal(self, draft: Draft) -> Sealed:
        """Sign once. Raises ``schemas.problems.Refusal`` when key or profile do not allow it."""
        ...


class Envelopes(Protocol):
    """Handed in by the wiring to the room of one partner whose file says how envelopes are signed. CPU work elsewhere."""

    @property
    def signs(self) -> bool:
        """Whether what is sent is to be signed."""
        ...

    @property
    def checks(self) -> bool:
        """Whether replies are to be signed; then one that does not hold says nothing."""
        ...

    async def sign(self, envelope: Envelope) -> Envelope:
        """Raises ``Refusal`` when it cannot be signed now."""
        ...

    async def open(self, envelope: Envelope) -> Opened:
        """Verify a reply. Raises ``Refusal`` HUB-SIG-* or HUB-CRT-* when it is not what was agreed."""
        ...


class Writer(Protocol):
    """The part of a compiled mapping that a codec uses (``schemas.mapping.Mapping``). ``id``: under it a message's extensions keep its words."""

    @property
    def id(self) -> str: ...

    def operations(self, message: Message) -> tuple[str, ...]:
        """Ordered operations that this message takes in this format."""
        ...

    def write(self, operation: str, message: Message, key: str) -> bytes:
        """Say it. Raises ``Refusal`` (HUB-MAP-*, HUB-SCH-*)."""
        ...


class Codec(Protocol):
    """Pure: a message in, drafts out; a sender's bytes in, a message out. No network, no clock, no database."""

    def operations(self, message: Message) -> tuple[str, ...]:
        """Ordered operations that this message takes at this partner; each becomes a transfer of its own."""
        ...

    def encode(self, operation: str, message: Message, key: str) -> Draft:
        """Translate and validate. Raises ``Refusal`` (HUB-MAP-*, HUB-SCH-*) when it cannot be said in this format."""
        ...


@runtime_checkable
class Encloses(Protocol):
    """A codec whose documents travel inside the payload."""

    def enclose(self, draft: Draft, contents: Mapping[str, bytes]) -> Draft:
        """Put them in, by SHA-256, before the payload is sealed. Raises ``Refusal`` HUB-MAP-004 for one that is not there."""
        ...


@runtime_checkable
class Particular(Protocol):
    """A codec that may say one message differently for two partners of one mapping."""

    @property
    def particulars(self) -> str:
        """What of the partner's file it goes by; equal texts say alike."""
        ...


@runtime_checkable
class Numbers(Protocol):
    """A codec whose payload carries a number: of its own for each transfer, issued once, the same on every attempt."""

    def number(self, draft: Draft, number: int, at: datetime) -> Draft:
        """Put it in before the payload is sealed. ``at``: when the transfer's message was accepted."""
        ...


@runtime_checkable
class Answers(Protocol):
    """A codec that may say what becomes of a dossier as an answer to the message by which the partner itself opened it, and take back
    what it was told by naming that.
    """

    @property
    def answers(self) -> bool:
        """Whether this partner wants that."""
        ...

    @property
    def recalls(self) -> bool:
        """Whether it wants to hear which message is taken back."""
        ...

    def answer(self, message: Message, opened: bytes) -> Draft | None:
        """``opened``: what the partner brought, byte for byte; for a recall what it was sent. ``None``: it is said as to everybody else."""
        ...


class Relayed(Value, frozen=True):
    """What another hub needs to place a message in its dossier. All but ``history`` is as its *first* hub, the one that accepted it, told it.

    ``id``, ``key``, ``digest`` (SHA-256 hex of the received bytes), ``accepted_at``, ``sender``, ``agency``, ``stage``: of the message
    there. ``hub``, ``no``: that hub, and its running number within the dossier; ``seen``: hub → highest number that it knew then.
    ``words``: what the message means in the dossier's story, as it was decided there; absent: not said. ``history``: earlier
    entries of the dossier that the recipient never had, oldest first, each as a codec that relays wrote it, without a history of its own.
    """

    id: str
    hub: str
    no: int
    seen: Mapping[str, int]
    sender: str
    agency: str
    key: str
    digest: str
    accepted_at: datetime
    stage: str
    words: Mapping[str, str | bool | int] = {}
    history: tuple[bytes, ...] = ()


@runtime_checkable
class Relays(Protocol):
    """A codec for another hub: its payload carries a message on, with where it stands in its dossier."""

    def relay(self, draft: Draft, told: Relayed) -> Draft:
        """Put it around the message before the payload is sealed. Raises ``Refusal`` HUB-EDG-010 for what is too large to travel."""
        ...


class Connector(Protocol):
    """One partner, reachable. Built once per process; safe for concurrent calls on one event loop."""

    async def deliver(self, parcel: Parcel) -> Outcome:
        """Send exactly ``parcel.sealed.payload`` in a fresh envelope."""
        ...

    async def find(self, parcel: Parcel) -> Outcome:
        """Ask whether the partner has it: ``Delivered`` it has, ``Deferred`` it has not, ``Refused`` it said no, ``Unsure`` cannot tell."""
        ...

    async def close(self) -> None: ...


class Taken(Value, frozen=True):
    """It is durable, now or since an earlier time. ``message``: what the hub calls it; empty for a receipt."""

    message: str = ""


class TurnedAway(Value, frozen=True):
    """It will never be taken as it is."""

    reason: Reason


class Missed(Value, frozen=True):
    """It could not be fetched, or the partner could not be told; it is tried again in a later round."""

    reason: Reason
    exchanges: tuple[Exchange, ...] = ()


Fate = Taken | TurnedAway


class Collector(Protocol):
    """Picks up at one partner. Built once per process. It never raises for something that a partner or a network did.

    What was not settled is offered again, for ever; a crash at any point leaves it at the partner. Two processes may pick up
    the same thing for a moment (a turn that ran out): intake takes it once, and settling twice must do no harm.
    """

    def collect(self, limit: int) -> AsyncGenerator[Picked | Missed]:
        """Offer what lies ready, oldest first, fetched one by one as it is asked for. ``limit``: bytes that a body may have.

        Nothing is marked or moved where it lies in a way that a crash would lose.
        """
        ...

    async def settle(self, picked: Picked, fate: Fate) -> Missed | None:
        """Tell the partner what became of it, so that it is not offered again. ``None``: the partner knows."""
        ...

    async def close(self) -> None: ...
