"""Dossiers that were open before the hub knew of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hub.store.contract.intake import Alias  # noqa: TC001 - msgspec reads the annotations at run time
from hub.store.contract.value import Value

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


class Past(Value, frozen=True):
    """One dossier as it stands at the cut-over. ``dossier``: its id, which follows from its code. ``aliases``: its own code first.
    ``line``: where it stands in the file. ``fact``: what figures know of it.
    """

    line: int
    dossier: str
    origin: str
    story: bytes
    aliases: tuple[Alias, ...]
    fact: bytes = b""


class Brought(Value, frozen=True):
    """``known``: lines whose dossier the hub has already; nothing of it is touched."""

    made: int
    known: tuple[int, ...]


class History(Protocol):
    async def compare(self, past: Sequence[Past]) -> Brought:
        """Say what ``bring`` would do now, and write nothing. Raises as ``bring``."""
        ...

    async def bring(
        self, past: Sequence[Past], *, digest: str, reason: str, by: str, now: datetime
    ) -> Brought:
        """Make all that are not known, in one transaction, with a journal entry each and one for the file (``digest``: SHA-256).

        No message, no transfer: nothing is sent to anybody. Raises ``Refusal`` HUB-IMP-002 with every row one of whose codes is
        another dossier's; then nothing is written.
        """
        ...
