"""What this side says of a day with a partner: for whoever compares it with what the partner says."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from typing import Protocol

from hub.lifecycle import State  # noqa: TC001 - msgspec reads the annotations at run time
from hub.store.contract.value import Value

MOST = 100_000
"""Things of one way, partner and day that are compared."""


class Sent(Value, frozen=True):
    """A transfer of a message that was accepted then. ``digest``: SHA-256 (hex) of the sealed bytes, empty while there are none;
    ``receipted``: the partner's own receipt is there.
    """

    transfer: str
    key: str
    kind: str
    code: str
    state: State
    digest: str
    receipted: bool


class Came(Value, frozen=True):
    """A message that was accepted from it then. ``digest``: SHA-256 (hex) of the bytes that came."""

    message: str
    key: str
    kind: str
    code: str
    digest: str


class Days(Protocol):
    """``since`` up to before ``until``, by when the hub accepted each message. The cost is that of what was accepted then by anybody.

    Raises ``Refusal`` HUB-LIM-003 for more than ``MOST``.
    """

    async def sent(self, partner: str, since: datetime, until: datetime) -> tuple[Sent, ...]:
        """Without those that were withdrawn, skipped or superseded: nobody claims them any more. One that is being sent is in doubt."""
        ...

    async def came(self, partner: str, since: datetime, until: datetime) -> tuple[Came, ...]: ...
