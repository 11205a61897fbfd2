"""What a store does with what is old, as the hub asks for it. The rules are the store's own; the hub says when and how long."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from datetime import datetime

CHORE = "keeping"
"""The turn that pruning and backing up take, so that no file goes which a backup is about to read."""


class Stage(StrEnum):
    """In the order in which a message goes; ``journal`` and ``refusals`` have no message."""

    PAYLOADS = "payloads"  # what was received, and what it says in our words
    EVIDENCE = "evidence"  # what was sent and what came back, byte for byte
    RECORDS = "records"  # that there was such a message, its key, its transfers and attempts
    JOURNAL = "journal"
    REFUSALS = "refusals"


Ages = Mapping[Stage, float]
"""Seconds that each stage's things are kept after everything of them has ended."""


class Chunk(NamedTuple):
    """``kept``: looked at, and to be looked at again. ``more``: there is more to look at at once."""

    removed: int
    kept: int
    bytes: int
    more: bool


class Survey(NamedTuple):
    """What a round would remove, and how much of it is too young or not delivered."""

    stage: Stage
    remove: int
    keep: int


class Upkeep(Protocol):
    async def prune(self, stage: Stage, age: float, now: datetime, most: int) -> Chunk:
        """Remove up to ``most`` in one transaction. Never anything of a dossier that has something to be delivered, acknowledged or fetched."""
        ...

    async def survey(self, ages: Ages, now: datetime) -> tuple[Survey, ...]:
        """Count what ``prune`` would remove, in one snapshot."""
        ...

    async def tidy(self) -> None:
        """Give back or take in what the engine's files can do without, as far as others allow."""
        ...
