"""Catalogues that were published, version by version, and what each partner has of them."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - part of a public signature
from datetime import date, datetime  # noqa: TC003 - msgspec reads the annotations at run time
from typing import Protocol

from hub.store.contract.intake import Acceptance  # noqa: TC001
from hub.store.contract.value import Value


class Version(Value, frozen=True):
    """One version; it never changes. ``effective``: the first day on which it counts. ``digest``: SHA-256 of its document, hex.
    ``signature``: the hub's over the document, a detached JWS; empty where the hub has no key for that.
    """

    id: str
    version: int
    effective: date
    at: datetime
    digest: str
    signature: str
    by: str
    reason: str


class Had(Value, frozen=True):
    """A version that a partner fetched first at ``fetched_at``, and said that it uses at ``acknowledged_at``."""

    partner: str
    id: str
    version: int
    fetched_at: datetime
    acknowledged_at: datetime | None = None


class Pushed(Value, frozen=True):
    """A version that was brought to a partner by a transfer; ``delivered_at``: it has it; ``receipt_at``: and its receipt proves that."""

    partner: str
    id: str
    version: int
    transfer: str
    sent_at: datetime
    delivered_at: datetime | None = None
    receipt_at: datetime | None = None


class CatalogueStore(Protocol):
    async def versions(self, id: str = "") -> tuple[Version, ...]:  # noqa: A002 - the field's word
        """Every version of one catalogue or of all, oldest first."""
        ...

    async def document(self, id: str, version: int) -> bytes | None: ...  # noqa: A002 - the field's word

    async def publish(self, version: Version, document: bytes) -> bool:
        """Journaled. False: this number was given meanwhile, and nothing was written."""
        ...

    async def fetched(self, partner: str, id: str, version: int, now: datetime) -> None:  # noqa: A002 - the field's word
        """The first time counts."""
        ...

    async def acknowledged(self, partner: str, id: str, version: int, now: datetime) -> Had:  # noqa: A002 - the field's word
        """The first time counts, and whoever acknowledges has it. Journaled once."""
        ...

    async def had(self, id: str = "") -> tuple[Had, ...]: ...  # noqa: A002 - the field's word

    async def push(self, new: Acceptance, version: Version) -> bool:
        """Take the hub's own message that brings a version to the partners of its transfers. False, and nothing written: one of them was
        brought it before. Raises ``Stale`` when a stage changed since it was decided.
        """
        ...

    async def pushed(self, id: str = "") -> tuple[Pushed, ...]: ...  # noqa: A002 - the field's word

    async def refreshed(self, facts: Mapping[str, str], now: datetime) -> None:
        """Journal that a version of this site's registries was stored from what a partner publishes."""
        ...

    async def keep_pushed(self) -> None:
        """Write down what became of transfers that bring versions, before they are forgotten."""
        ...
