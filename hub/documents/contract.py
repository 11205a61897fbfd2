"""What the hub asks of a store about documents: large files that messages name by their SHA-256.

A document is *held* by an owner: by the upload that brought it until a message claims it, then by the message's dossier.
What nobody holds is swept. Content is streamed in and out; nothing here ever has a whole document in memory.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import datetime  # noqa: TC003
from enum import StrEnum
from types import TracebackType  # noqa: TC003
from typing import Protocol, Self

import msgspec

from signing.pdf_signatures import Holds  # noqa: TC001 - msgspec reads the annotations at run time

LONGEST_NAME = 4000
"""Characters of a file's name that are kept."""


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Common shape: frozen, named fields."""


class Safety(StrEnum):
    """What the scanner said. Only what is clean leaves or is bound to a dossier."""

    CHECKING = "checking"
    CLEAN = "clean"
    INFECTED = "infected"


class Seal(StrEnum):
    """What was found when somebody looked for signatures. Only PDF files are looked into."""

    NO_PDF = "no_pdf"
    UNSIGNED = "unsigned"
    SIGNED = "signed"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too_large"


class Mark(Value, frozen=True):
    """One signature in a document, without who made it. The fields are those of ``signing.pdf.PdfSignature``."""

    holds: Holds
    whole: bool
    fingerprint: str
    signed_at: datetime | None = None
    stamped_at: datetime | None = None


class Look(Value, frozen=True):
    """What was seen, ``at`` that moment."""

    seal: Seal
    at: datetime
    signatures: tuple[Mark, ...] = ()


class NewUpload(Value, frozen=True):
    """What a sender announces. ``name`` is never stored in clear; ``until``: when it is thrown away unless claimed."""

    id: str
    sender: str
    sha256: str
    size: int
    media_type: str
    name: str
    until: datetime


class Upload(Value, frozen=True):
    """How far an upload is. ``safety`` is ``None`` until all of it is here."""

    id: str
    sender: str
    sha256: str
    size: int
    received: int
    until: datetime
    safety: Safety | None = None


class Held(Value, frozen=True):
    """A document as an operator sees it. ``owners``: who holds it; ``finding``: what the scanner found in it."""

    sha256: str
    size: int
    safety: Safety
    at: datetime
    owners: int
    file: str
    finding: str = ""
    checked_at: datetime | None = None
    next_check: datetime | None = None
    tries: int = 0
    look: Look | None = None


class Holder(Value, frozen=True):
    """Who holds a document: an upload, or a dossier (or the message that has none). ``sender``: the partner that brought it."""

    owner: str
    sender: str
    at: datetime


class Enclosure(Value, frozen=True):
    """A document of an accepted message. ``place``: ``documents/<number>`` or ``results/<number>`` in its dossier.

    ``sha256`` is empty while the hub still fetches it; ``problem``: why it is not there yet, or never will be.
    """

    message: str
    place: str
    sha256: str
    problem: str = ""
    hopeless: bool = False


class Fetch(Value, frozen=True):
    """A document that the hub brings itself. ``safety`` is set once all of it is here; ``url`` is empty when its dossier was forgotten.

    ``until``: nobody else gets it before; what was done with it by then counts, and nothing after.
    """

    upload: str
    message: str
    place: str
    owner: str
    sender: str
    url: str
    tries: int
    sha256: str
    size: int | None
    received: int
    safety: Safety | None
    until: datetime


class Reach(Value, frozen=True):
    """A link that was asked for. ``over``: its transfer is finished for longer than the grace, or its dossier is forgotten."""

    id: str
    partner: str
    transfer: str
    sha256: str
    size: int
    media_type: str
    name: str
    over: bool


class Waits(Value, frozen=True):
    """A transfer that is not to be sealed yet: what it encloses is on its way. ``seconds`` until it is looked at again."""

    code: str
    place: str
    seconds: float


class Swept(Value, frozen=True):
    """What a sweep removed."""

    uploads: int = 0
    documents: int = 0
    links: int = 0
    files: int = 0


class Incoming(Protocol):
    """An open upload; use it as a context. ``received``: bytes that are here, kept or not; ``whole``: all that were announced."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @property
    def received(self) -> int: ...

    @property
    def whole(self) -> bool: ...

    async def write(self, piece: bytes) -> None:
        """Raises ``Refusal`` HUB-DOC-009 for more than was announced; HUB-LIM-003 when the disk cannot take it."""
        ...

    async def keep(self) -> None:
        """Everything written so far survives whatever comes: it is on disk and its offset is."""
        ...

    async def finish(self, safety: Safety, now: datetime) -> Upload:
        """All is here: check the digest and hold the document. Raises ``Refusal`` HUB-DOC-007; then it is gone."""
        ...


class Documents(Protocol):
    """The documents' part of a store."""

    async def announce(self, new: NewUpload, *, quota: int, now: datetime) -> Upload:
        """Make an upload. Content that this sender has brought before and that is still held is there at once.

        Raises ``Refusal`` HUB-DOC-010 when this sender's unclaimed bytes would pass ``quota``.
        """
        ...

    async def upload(self, id: str) -> Upload | None: ...  # noqa: A002 - the field's word

    async def receive(self, id: str, offset: int) -> Incoming:  # noqa: A002 - the field's word
        """Open an upload to go on at ``offset``. Raises ``Refusal``: HUB-DOC-005 unknown, HUB-DOC-006 another offset or writer."""
        ...

    async def cancel(self, id: str, now: datetime) -> bool: ...  # noqa: A002 - the field's word

    async def enclosed(self, messages: Sequence[str]) -> Mapping[str, tuple[Enclosure, ...]]:
        """By message id; messages without documents are left out."""
        ...

    async def reach(self, uid: str, now: datetime) -> Reach | None:
        """Look a link up; ``None``: there is and was none such."""
        ...

    def read(self, reach: Reach, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Stream a range of what a link names. Raises ``hub.store.blobs.Damaged`` or ``hub.store.vault.Unreadable``."""
        ...

    async def downloaded(self, reach: Reach, sent: int, *, whole: bool, now: datetime) -> None:
        """Journal and count one download of ``sent`` bytes."""
        ...

    def content(self, sha256: str) -> AsyncGenerator[bytes, None]:
        """Stream a document for the hub's own eyes: the scanner, the check of its digest."""
        ...

    async def to_check(self, now: datetime, *, lease: float) -> Held | None:
        """Take one document whose check is due; nobody else gets it for ``lease`` seconds."""
        ...

    async def checked(
        self, sha256: str, safety: Safety, *, finding: str = "", again: datetime | None = None, now: datetime
    ) -> None:
        """Record what the scanner said; CHECKING with ``again``: it could not say, ask again then."""
        ...

    async def to_look(self, now: datetime, *, lease: float) -> Held | None:
        """Take one clean document that nobody has looked at for signatures; nobody else gets it for ``lease`` seconds."""
        ...

    async def looked(self, sha256: str, look: Look, now: datetime) -> None:
        """Record what was seen; signatures are journaled."""
        ...

    async def look(self, sha256: str) -> Look | None:
        """Return what was seen; ``None``: nobody has looked yet."""
        ...

    async def held(self, *, safety: str = "", after: str = "", limit: int = 50) -> tuple[Held, ...]: ...

    async def to_fetch(self, now: datetime, *, lease: float, without: Collection[str] = ()) -> Fetch | None:
        """Take one document that is to be fetched; nobody else gets it for ``lease`` seconds. ``without``: none of these senders'."""
        ...

    async def want(self, messages: Sequence[str], now: datetime) -> None:
        """Somebody needs what these messages enclose: what lies at another hub is to be fetched from now on."""
        ...

    async def wanted(self, sender: str, now: datetime, limit: int) -> tuple[Fetch, ...]:
        """Return what is to be fetched from another hub, which relayed it; nobody holds a lease on it."""
        ...

    async def shared(self, sha256: str, partner: str) -> int | None:
        """Return its size where it is here and clean, and a message that this partner must have encloses it."""
        ...

    async def elsewhere(self, sha256: str) -> tuple[str, ...]:
        """Return the messages that enclose it while it lies at another hub."""
        ...

    async def fetch_sized(self, fetch: Fetch, size: int) -> None:
        """Its size is known now, and stays."""
        ...

    async def fetch_kept(self, fetch: Fetch, until: datetime) -> Fetch | None:
        """Keep it to oneself for longer; ``None``: somebody else has it by now."""
        ...

    async def fetch_again(self, fetch: Fetch, wake_at: datetime) -> None: ...

    async def fetch_given_up(self, fetch: Fetch, code: str, now: datetime) -> None:
        """Nobody will be sent it; what waits for it is parked with this code."""
        ...

    async def fetched(self, fetch: Fetch, now: datetime) -> None:
        """Give it to its dossier: what waits for it goes on."""
        ...

    async def holders(self, sha256: str) -> tuple[Holder, ...]: ...

    async def sweep(self, now: datetime, *, grace: float, quarantine: float) -> Swept:
        """Remove what nobody needs for longer than ``grace`` seconds: uploads, documents, links, and files that no row names."""
        ...


class New(Value, frozen=True):
    """A document that a message names, for the accepting transaction. ``pointer``: its place in the canonical message."""

    place: str
    pointer: str
    sha256: str
    size: int | None = None
    media_type: str = ""
    url: str = ""
