"""What the hub asks of a store about proof: the journal's chain, the digests over it, and what stands in them."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from typing import NamedTuple, Protocol

import msgspec

from connectors.contract import Sealed  # noqa: TC001 - msgspec reads the annotations at run time
from hub.evidence.chain import Row  # noqa: TC001 - msgspec reads the annotations at run time


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Common shape: frozen, named fields."""


class Link(NamedTuple):
    """One chained entry: its number in the journal and its hash."""

    seq: int
    hash: bytes


class Segment(Value, frozen=True):
    """A few links, in the order in which they were chained. ``n`` counts from 1 without a gap."""

    n: int
    at: datetime
    head: bytes
    links: tuple[Link, ...]

    @property
    def low(self) -> int:
        return min((link.seq for link in self.links), default=0)

    @property
    def high(self) -> int:
        return max((link.seq for link in self.links), default=0)


class Root(Value, frozen=True):
    """A digest over the segments ``first`` to ``last``; its leaves are the head before them and every link's hash.

    ``token``: what an authority gave for ``digest`` (RFC 3161); empty where nobody stamps.
    """

    first: int
    last: int
    leaves: int
    digest: bytes
    at: datetime
    token: bytes = b""
    stamped_at: datetime | None = None


class Unrooted(Value, frozen=True):
    """What no root covers yet: ``leaves`` of the segments ``first`` to ``last``; ``since``: when the first was chained."""

    first: int
    last: int
    since: datetime
    leaves: tuple[bytes, ...]


class Page(Value, frozen=True):
    """Segments as they are stored, each with the rows of the journal in and beside it that no segment before it reached."""

    segments: tuple[tuple[Segment, tuple[Row, ...]], ...]
    roots: tuple[Root, ...]


class Standing(Value, frozen=True):
    """How far the chain is. ``head``: its last hash, ``entries`` long; ``gaps``: numbers of which rows may still appear.

    ``unchained``: time of the oldest row that is not in it; ``unrooted``: when the oldest was chained that no root covers;
    ``stamped``: time of the newest stamp.
    """

    segments: int
    entries: int
    top: int
    head: bytes
    gaps: tuple[tuple[int, int], ...] = ()
    unchained: datetime | None = None
    unrooted: datetime | None = None
    stamped: datetime | None = None


class Proven(Value, frozen=True):
    """One entry with what proves it: the hash before it, its own, its segment, and the root above, where there is one."""

    row: Row
    before: bytes
    hash: bytes
    segment: int
    place: int = 0  # among the root's leaves
    path: tuple[bytes, ...] = ()
    root: Root | None = None


class Contents(Value, frozen=True):
    """What was received and what was sealed of one transfer. ``no_raw``, ``no_sealed``: why it is not here."""

    media_type: str
    headers: Mapping[str, str]
    raw: bytes = b""
    no_raw: str = ""
    sealed: Sealed | None = None
    no_sealed: str = ""


class TheirReceipt(Value, frozen=True):
    """A partner's receipt as it came, and its signature where it signs. ``raw``: empty when its time was over."""

    raw: bytes
    said_at: datetime
    received_at: datetime
    state: str
    signature: str = ""


class Evidence(Protocol):
    async def chain(self, now: datetime, most: int) -> int:
        """Chain up to ``most`` new rows; return how many, 0 also when another process was quicker."""
        ...

    async def unrooted(self, most: int) -> Unrooted | None:
        """Return what the next root is to cover, ``most`` entries or a little more; ``None``: nothing new."""
        ...

    async def keep_root(self, root: Root) -> bool:
        """False: somebody kept another one meanwhile."""
        ...

    async def page(self, after: int, top: int, most: int) -> Page:
        """Return ``most`` segments after number ``after``. ``top``: the highest row that the pages before reached."""
        ...

    async def standing(self) -> Standing: ...

    async def contents(self, transfer: str) -> Contents:
        """Each form for itself: they are kept for different times."""
        ...

    async def their_receipt(self, transfer: str) -> TheirReceipt | None:
        """Raises ``hub.store.vault.Unreadable`` when the dossier's key was destroyed."""
        ...

    async def prove(self, message: str) -> tuple[Proven, ...]:
        """Return every journal entry of one message that is chained, in their order."""
        ...
