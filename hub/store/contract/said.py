"""What was said so far: for whoever must know it to understand what is said now. As much as there is, and no more of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hub.store.contract.value import Value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hub.story.filling import Past


class SaidMessage(Value, frozen=True):
    """One accepted message about a dossier, without what it says."""

    id: str
    sender: str
    key: str
    kind: str


class KeptTelling(Value, frozen=True):
    """What one numbered message means. ``message``: its id here; ``telling``: ``hub.story.tellings``' own JSON; ``aside``: why it does not count,
    ``hub.story.merging``'s JSON, empty where it does.
    """

    message: str
    telling: bytes
    aside: bytes = b""


class Tellings(Value, frozen=True):
    """``prefix``: the story before anything was numbered; empty: there was none."""

    prefix: bytes = b""
    said: tuple[KeptTelling, ...] = ()


class Truth(Value, frozen=True):
    """What is known of one dossier, as all hubs with the same messages know it. ``code``: its first one here; ``digest``: ``hub.story.truth.digest``."""

    dossier: str
    code: str
    digest: str


class Sayings(Protocol):
    async def truths(self, partner: str, *, after: str = "", limit: int = 1000) -> tuple[Truth, ...]:
        """Return the dossiers of which something went to a partner or came from it, by id; ``after``: the last one seen."""
        ...

    async def tellings(self, dossier: str) -> Tellings:
        """Return all that is numbered of a dossier, by hub and number."""
        ...

    async def telling(self, dossier: str, message: str) -> bytes | None:
        """Return what one message means; ``None``: it has no number (the hub's own, or from before there were numbers)."""
        ...

    async def of(self, dossier: str) -> tuple[SaidMessage, ...]:
        """Return every message about a dossier and those merged into it, in the order of acceptance."""
        ...

    async def past(self, dossier: str) -> Past | None:
        """Return what was believed about a dossier and those merged into it, and what was quarantined: nothing that was only recorded,
        and of trials nothing but what is about a trial. ``None``: there is no such dossier.
        """
        ...

    async def under(self, sender: str, prefix: str) -> tuple[str, ...]:
        """Return the sender's keys that begin so, in the order of acceptance; those of forgotten messages first."""
        ...

    async def canonical(self, messages: Sequence[str]) -> tuple[bytes, ...] | None:
        """Return what they say, in their order; ``None`` where not all of it can be read any more."""
        ...

    async def readable(self, messages: Sequence[str]) -> Mapping[str, bytes]:
        """Return what those of them say that can still be read, by id."""
        ...

    async def raw(self, message: str) -> bytes:
        """Return what came, byte for byte; nothing where it cannot be read any more."""
        ...
