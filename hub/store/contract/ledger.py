"""What figures are counted from, why dossiers are late, and what was published of both."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING, Literal, Protocol

from hub.store.contract.value import Value

if TYPE_CHECKING:
    from collections.abc import Sequence


class KeptFact(Value, frozen=True):
    """``dossier``: the one of today, where some were merged into one. ``fact``: ``hub.figures.facts``' own JSON."""

    dossier: str
    known_at: datetime
    fact: bytes


class LateReason(Value, frozen=True):
    """``unit``: who is responsible for the delay. ``by``: who proposed or accepted it. No citizen's name belongs in ``reason``."""

    dossier: str
    what: Literal["proposed", "accepted"]
    at: datetime
    by: str
    unit: str
    reason: str


class Publication(Value, frozen=True):
    """One edition; it never changes. 1 is the report, those after it restate it. ``known_at``: by what was known then. ``digest``:
    SHA-256 of the document, hex; ``signature``: the hub's over it, a detached JWS, empty where the hub has no key for that.
    """

    id: str
    edition: int
    at: datetime
    known_at: datetime
    digest: str
    signature: str
    by: str
    reason: str


class Ledger(Protocol):
    async def facts(self) -> Sequence[KeptFact]:
        """Everything that counts, in the order of acceptance: not what is said by messages that are set aside now."""
        ...

    async def dossier(self, code: str) -> str:
        """Return the id of the dossier with this code or id; empty: none."""
        ...

    async def reasons(self) -> Sequence[LateReason]:
        """Everything, oldest first."""
        ...

    async def reason(self, new: LateReason) -> None:
        """Journaled."""
        ...

    async def publications(self, id: str = "") -> Sequence[Publication]:  # noqa: A002 - the field's word
        """Every edition of one report or of all, oldest first."""
        ...

    async def published(self, id: str, edition: int) -> tuple[bytes, bytes] | None:  # noqa: A002 - the field's word
        """Return the document as it was signed, and the dossiers behind it."""
        ...

    async def publish(self, new: Publication, document: bytes, behind: bytes) -> bool:
        """Journaled. False: this edition was published meanwhile, and nothing was written."""
        ...
