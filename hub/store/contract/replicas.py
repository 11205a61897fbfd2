"""Versions that are given to hubs below or came from above, what those below report, and who was taken over by whom."""

from __future__ import annotations

from collections.abc import Collection, Mapping  # noqa: TC003 - part of public signatures
from datetime import date, datetime  # noqa: TC003 - msgspec reads the annotations at run time
from typing import Protocol

from hub.store.contract.value import Value


class Kept(Value, frozen=True):
    """One version, which never changes. ``hub``: whose; ``digest``: SHA-256 (hex) of its manifest. ``stands_at``: since when it is laid out here."""

    hub: str
    number: int
    digest: str
    made_at: datetime
    from_day: date
    signature: str
    came_at: datetime
    by: str = ""
    reason: str = ""
    stands_at: datetime | None = None


class Told(Value, frozen=True):
    """The last report of a hub below, as it came."""

    partner: str
    heard_at: datetime
    body: bytes


class Succession(Value, frozen=True):
    """A hub below whose agency is taken over by ``heir`` from ``begins`` on; what it said before then is taken until the end of ``drains``."""

    partner: str
    agency: str
    heir: str
    begins: date
    drains: date
    at: datetime
    by: str
    reason: str


class Replicas(Protocol):
    async def versions(self, hub: str = "") -> tuple[Kept, ...]:
        """Return every version of a hub or of all, oldest first."""
        ...

    async def newest(self, hub: str) -> Kept | None: ...

    async def manifest(self, hub: str, number: int) -> bytes | None: ...

    async def keep(self, version: Kept, manifest: bytes, files: Mapping[str, bytes]) -> bool:
        """Write a version with those of its files that are not there yet. Journaled. False: this number is known, and nothing was written."""
        ...

    async def stands(self, hub: str, number: int, now: datetime) -> None:
        """It is laid out here. Journaled once."""
        ...

    async def file(self, sha256: str) -> bytes | None: ...

    async def add(self, sha256: str, content: bytes) -> None:
        """Keep a file as soon as it came, so that a line that breaks costs this one at most."""
        ...

    async def missing(self, files: Collection[str]) -> frozenset[str]:
        """Return those of the hashes under which nothing lies."""
        ...

    async def tell(self, told: Told) -> None:
        """The last report counts."""
        ...

    async def reports(self) -> tuple[Told, ...]: ...

    async def succeed(self, what: Succession) -> bool:
        """Journaled. False: this hub is succeeded, and that stays."""
        ...

    async def successions(self) -> tuple[Succession, ...]: ...
