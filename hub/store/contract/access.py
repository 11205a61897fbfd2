"""What a store remembers of who came in: tokens that were given out, and when each credential was used."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING, Protocol

from hub.store.contract.value import Value

if TYPE_CHECKING:
    from collections.abc import Sequence


class Token(Value, frozen=True):
    """One access token. ``digest``: SHA-256 of it, hex; ``secret``: of the client's secret that it was given for."""

    digest: str
    partner: str
    client: str
    secret: str
    issued_at: datetime
    expires_at: datetime


class CredentialUse(Value, frozen=True):
    """How often a credential was used, and when last. ``way`` and ``label`` as in ``hub.partners.access``."""

    partner: str
    way: str
    label: str
    uses: int
    last_at: datetime


class AccessStore(Protocol):
    async def issue(self, token: Token, most: int) -> None:
        """Remember a token. Of more than ``most`` of one client the oldest go, and those that have ended."""
        ...

    async def token(self, digest: str) -> Token | None: ...

    async def revoke(self, partner: str, *, client: str, reason: str, by: str, now: datetime) -> int:
        """Forget all tokens of a partner (of one ``client``, when named); return how many. Journaled."""
        ...

    async def used(self, uses: Sequence[CredentialUse]) -> None:
        """Add to what was counted before."""
        ...

    async def uses(self, partner: str) -> tuple[CredentialUse, ...]:
        """Newest first."""
        ...
