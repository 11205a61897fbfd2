"""Batches to and from other hubs: made once, sent as often as it takes, taken in strictly in their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from typing import Protocol

from hub.store.contract.value import Value

FIRST = "0" * 64
"""Stands for the digest of the batch before the first one of an epoch."""


class Head(Value, frozen=True):
    """Where a way stands: ``seq`` 0 before its first batch. ``digest``: SHA-256 (hex) of that batch's manifest."""

    epoch: int = 1
    seq: int = 0
    digest: str = FIRST


class Link(Value, frozen=True):
    """What is known of the ways to and from one hub. ``acked``: the last batch of ``made.epoch`` that it acknowledged; ``opens``: the epoch
    that it may begin, since a person readmitted it (0: none). ``stands``: the code for which nothing of it is taken any more.

    ``met_at``: when it was last heard; ``tried_at``, ``error``: of the last try that failed. ``ahead``: seconds that its clock is ahead.
    """

    partner: str
    made: Head = Head()
    acked: int = 0
    taken: Head = Head()
    opens: int = 0
    stands: str = ""
    detail: str = ""
    stands_since: datetime | None = None
    met_at: datetime | None = None
    tried_at: datetime | None = None
    error: str = ""
    error_detail: str = ""
    ahead: float = 0.0
    hub: str = ""
    software: str = ""


class Offered(Value, frozen=True):
    """One transfer that waits for its first batch. ``n``: its number, which is the order of acceptance."""

    n: int
    transfer: str
    key: str
    payload: bytes


class Told(Value, frozen=True):
    """An accepted message as another hub is told it. ``raw``: what came, for one that was relayed here; ``stage``: what it counts as."""

    id: str
    sender: str
    key: str
    digest: str
    dossier: str | None
    accepted_at: datetime
    canonical: bytes
    raw: bytes
    stage: str = "live"


class Batch(Value, frozen=True):
    """A batch as it was made or came. ``keys``: of the transfers in it, in their order; only of those that are to be sent."""

    epoch: int
    seq: int
    digest: str
    manifest: bytes
    signature: str
    done_at: datetime | None = None
    refused: bytes = b"[]"


class Waiting(Value, frozen=True):
    """``unsealed``: accepted for it and not laid out yet; ``offered``: laid out and in no batch; ``under_way``: in batches that it has not
    acknowledged. ``oldest``: when the longest waiting of all was accepted.
    """

    unsealed: int
    offered: int
    under_way: int
    oldest: datetime | None = None


class Contact(Value, frozen=True):
    """How the last try went. ``error`` empty: the hubs heard each other."""

    at: datetime
    error: str = ""
    detail: str = ""
    ahead: float = 0.0
    hub: str = ""
    software: str = ""


Make = Callable[[Head], tuple[bytes, str, str]]
"""Writes the batch that follows on ``Head``: manifest, its signature, its SHA-256. Pure; called inside the transaction."""


class Edges(Protocol):
    async def link(self, partner: str) -> Link:
        """Return what is known; what a hub that was never met begins with."""
        ...

    async def links(self) -> tuple[Link, ...]: ...

    async def met(self, partner: str, contact: Contact) -> None:
        """Write down how the last try went."""
        ...

    # what is sealed for it
    async def told(self, messages: Sequence[str]) -> tuple[Told, ...]:
        """Return these messages as far as they can still be read, in their order."""
        ...

    async def unheard(self, partner: str, message: str) -> tuple[str, ...]:
        """Return the messages of the dossier before this one, oldest first, where the partner had nothing of the dossier yet."""
        ...

    async def here(self, sender: str, key: str) -> str | None:
        """Return the message that was accepted under the sender's key."""
        ...

    # what is sent
    async def offered(self, partner: str, limit: int) -> tuple[Offered, ...]:
        """What is laid out and in no batch yet, in the order of acceptance; nothing while the partner is paused."""
        ...

    async def make(
        self, partner: str, after: Head, numbers: Sequence[int], make: Make, now: datetime
    ) -> Batch | None:
        """Put these transfers into the batch that follows on ``after``: in doubt from here on. ``None``: something moved meanwhile."""
        ...

    async def batches(self, partner: str, epoch: int, after: int, limit: int) -> tuple[Batch, ...]:
        """Return batches that were made, from behind ``after`` on."""
        ...

    async def payloads(self, keys: Sequence[str], partner: str) -> tuple[bytes, ...] | None:
        """Return the sealed bytes of transfers to this partner; ``None`` where not all of them can be read any more."""
        ...

    async def transfer(self, partner: str, key: str) -> str | None:
        """Return the id of the transfer to this partner that has this key."""
        ...

    async def acknowledged(self, partner: str, batch: Batch, keys: Sequence[str], now: datetime) -> int:
        """The partner has taken a batch in: these of its transfers are acknowledged, in one transaction. Return how many were not before."""
        ...

    async def fall_back(self, partner: str, acked: int) -> None:
        """The partner lost what it had acknowledged behind ``acked``: it will be sent again."""
        ...

    async def waiting(self, partner: str) -> Waiting: ...

    # what comes
    async def take(self, partner: str, batch: Batch, prev: str, now: datetime) -> bool:
        """Move the way in by one batch, whose entries are durable, and keep its manifest. False: it is not the next one, or it stands."""
        ...

    async def came(self, partner: str, epoch: int, seq: int) -> Batch | None:
        """Return a batch that was taken in."""
        ...

    async def all_that_came(self, partner: str, epoch: int, after: int, limit: int) -> tuple[Batch, ...]:
        """Return batches that were taken in, from behind ``after`` on."""
        ...

    async def came_as(self, partner: str, keys: Sequence[str]) -> Mapping[str, bytes]:
        """Return what came from the partner under these keys, byte for byte, as far as it can still be read."""
        ...

    async def refusals(self, partner: str, epoch: int, after: int, limit: int) -> tuple[Batch, ...]:
        """Return batches behind ``after`` in which something was refused."""
        ...

    async def origin(self, hub: str) -> str:
        """Return the partner through which a hub's messages come; empty where none has come yet."""
        ...

    async def originates(self, hub: str, partner: str, now: datetime) -> None:
        """From here on they come through this partner."""
        ...

    # when the two do not agree any more
    async def stand(self, partner: str, code: str, detail: str, now: datetime) -> None:
        """Take nothing more of it until a person readmits it. What stood first stays."""
        ...

    async def readmit(self, partner: str, *, reason: str, by: str, now: datetime) -> Link:
        """Both ways begin a new epoch, with the next exchange. Raises ``Refusal`` HUB-EDG-021: nothing stands."""
        ...

    async def lift(self, partner: str, now: datetime) -> None:
        """Nothing stands any more, because the other hub has readmitted this one."""
        ...

    async def begin(self, partner: str, *, out: int, taken: int, now: datetime) -> None:
        """Begin these epochs: what was not acknowledged goes into new batches. Those that have begun stay as they are."""
        ...

    async def forget(self, before: datetime, most: int) -> int:
        """Forget batches that were done before then, but for the last one of each way; return how many."""
        ...
