"""What a store is made of besides the shared statements: how its engine reads, writes and moves the queue."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping  # noqa: TC003 - part of public signatures
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from hub.store.contract.intake import Accepted
    from hub.store.contract.watching import Figures
    from hub.store.sql.accept import Packed
    from hub.store.sql.db import Db
    from hub.store.sql.leases import Leased
    from hub.store.sql.settle import Outcome, Seal

T = TypeVar("T")


class Closed(RuntimeError):  # noqa: N818 - says what it is
    """The store was closed before this write could be done; nothing of it was written."""


class Unavailable(Exception):  # noqa: N818 - says what it is
    """The database cannot take it: full, broken, away or busy beyond patience. Nothing was written."""


class Ruined(Exception):  # noqa: N818 - says what it is
    """What lies there is no database of ours, or is one no longer."""


class Reads(Protocol):
    async def run(self, read: Callable[[Db], T]) -> T:
        """Return what ``read`` finds in one snapshot."""
        ...

    async def look(self, read: Callable[[Db], T]) -> T:
        """The same for one or two seeks, where the shortest way counts."""
        ...

    async def close(self) -> None: ...


class Writes(Protocol):
    async def run(self, write: Callable[[Db], T]) -> T:
        """Do ``write`` in a transaction and return its result after the commit; its exception, with nothing written.

        Raises ``Unavailable``, ``Closed``.
        """
        ...

    async def close(self) -> None: ...


class Taken(NamedTuple):
    """``pause``: seconds until a rate allows more, if that is what stopped the claim."""

    heads: tuple[Leased, ...]
    pause: float


class Queue(Protocol):
    """The way of a message, in the engine's own words. Times are microseconds, leases seconds. All raise ``Unavailable``."""

    async def accept(self, packed: Packed) -> Accepted: ...
    async def claim(
        self, token: str, worker: str, now: int, limit: int, lease: float, without: Collection[str]
    ) -> Taken: ...
    async def seal(self, token: str, seals: Mapping[str, Seal]) -> bool: ...
    async def settle(self, token: str, outcomes: Mapping[str, Outcome], now: int) -> bool: ...
    async def renew(self, token: str, now: int, lease: float) -> bool: ...
    async def lease_time(self, now: int) -> int:
        """Return the time by the clock of leases."""
        ...

    async def tick(self, now: int) -> int | None:
        """Do what is due. Return when something will be due next, as far as it was seen; ``None``: nothing waits for a time."""
        ...

    async def news(self, seconds: float) -> None:
        """Return when any process committed something since the last claim began, or after ``seconds``."""
        ...

    async def probe(self) -> None:
        """Commit something that changes nothing."""
        ...

    async def figures(self) -> Figures: ...
    async def settings(self) -> tuple[dict[str, str], int | None]:
        """Return the engine's settings that durability depends on, and its server's clock where it is another machine's."""
        ...

    async def tidy(self) -> None:
        """Take the write-ahead log in, where that is the hub's business and readers allow it."""
        ...

    async def purge(self) -> None:
        """Destroyed keys are gone from the engine's files, too, as far as it can do that."""
        ...
