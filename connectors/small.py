"""Small calls of a drop-in desk: questions about what the caller sent, and what it does with its mailbox. Part of ``connectors.desks``.

The hub performs them as at its own addresses of the same purpose (``hub.api.small_calls``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import datetime  # noqa: TC003
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from connectors.desks import Reply


class Small(msgspec.Struct, frozen=True, kw_only=True):
    """``write``: how the answer to this call is written."""

    write: Callable[[Found], Reply]


class Look(Small, frozen=True):
    """Where the caller's own message, copy of one, or dossier stands: ``of`` ``message``, ``transfer`` or ``dossier``."""

    of: Literal["message", "transfer", "dossier"]
    id: str


class Letters(Small, frozen=True):
    """What lies in the caller's mailbox. ``after``: ``next`` of the page before."""

    after: str = ""
    limit: int = 50


class Fetch(Small, frozen=True):
    """One letter of the caller's mailbox."""

    transfer: str


class Settle(Small, frozen=True):
    """The letter with this digest is there, ``at`` then, or cannot be processed: ``reason`` in the partner's words, and its ``code``."""

    transfer: str
    digest: str
    at: datetime | None = None
    reason: str = ""
    code: str = ""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """``messages``, ``transfers``: as ``/v1/messages/{id}`` and ``/v1/transfers/{id}`` show them."""

    messages: tuple[Mapping[str, Any], ...]
    transfers: tuple[Mapping[str, Any], ...]


class Lying(msgspec.Struct, frozen=True, kw_only=True):
    """``letters``: as ``/v1/mailbox`` lists them; ``next``: where the list goes on."""

    letters: tuple[Mapping[str, Any], ...]
    next: str | None = None


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """One letter: the sealed bytes, and the headers that they are signed by."""

    transfer: str
    payload: bytes
    media_type: str
    digest: str
    headers: Mapping[str, str] = {}


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What was said of a letter is durable; the same whenever it is said again."""

    transfer: str
    key: str
    state: str
    received_at: datetime
    replayed: bool = False


Found = Seen | Lying | Fetched | Settled
