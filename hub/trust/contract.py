"""What the store remembers about certificates: what authorities said of them, and which ones a person barred."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from hub.store.contract.value import Value

if TYPE_CHECKING:
    from collections.abc import Sequence


class Said(StrEnum):
    """What an authority says of a certificate."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


class Standing(Value, frozen=True):
    """What was last heard of one certificate. ``fingerprint``: SHA-256, hex. ``state`` is the last answer that was believed.

    ``valid_until``: how long its authority lets it count; ``heard_at``: when it came; ``None``: none ever came. ``tried_at``,
    ``problem``: the last try, and why it brought nothing (empty: it did). ``source``: who was asked. ``answer``: the bytes, as
    they came.
    """

    fingerprint: str
    state: Said = Said.UNKNOWN
    revoked_at: datetime | None = None
    heard_at: datetime | None = None
    valid_until: datetime | None = None
    tried_at: datetime | None = None
    problem: str = ""
    source: str = ""
    answer: bytes = b""


class Barred(Value, frozen=True):
    """A certificate that a person took out of use: nothing is signed with it, and nothing it signed since is believed."""

    fingerprint: str
    name: str
    since: datetime
    at: datetime
    by: str
    reason: str


class Book(Protocol):
    async def standings(self) -> tuple[Standing, ...]:
        """All of them, without their answers."""
        ...

    async def standing(self, fingerprint: str) -> Standing | None:
        """With its answer: for evidence."""
        ...

    async def hear(self, heard: Sequence[Standing], now: datetime) -> None:
        """Write down what came of asking. What is said otherwise than before is journaled. An answer that did not come takes
        nothing away from the last one; what was revoked stays so.
        """
        ...

    async def forget(self, keep: Sequence[str]) -> None:
        """Certificates that nobody declares any more need no standing."""
        ...

    async def bar(self, barred: Barred) -> bool:
        """Journaled. False: it was barred before, and that stays."""
        ...

    async def barred(self) -> tuple[Barred, ...]: ...
