"""What moves and what is stuck, by partner, unit and procedure: what a board of coverage is made from."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from typing import Literal, Protocol

from hub.store.contract.value import Value


class Moved(Value, frozen=True):
    """Messages from or to a partner about dossiers that ``unit`` received under ``procedure`` (national code, else local);
    empty where a message has no dossier. Trials are not in it.
    """

    partner: str
    unit: str
    procedure: str
    first_at: datetime
    last_at: datetime
    messages: int


class Stuck(Value, frozen=True):
    """``what``: the circuit is open (for everything of the partner), transfers are dead, or parked for configuration. ``count`` is
    bounded: of what is stuck the oldest are looked at.
    """

    partner: str
    what: Literal["circuit", "dead", "parked"]
    since: datetime
    unit: str = ""
    procedure: str = ""
    code: str = ""
    count: int = 1


class Coverage(Protocol):
    async def moved(self, now: datetime) -> tuple[Moved, ...]:
        """Catch up with what was accepted until some seconds ago, and return all of it."""
        ...

    async def stuck(self) -> tuple[Stuck, ...]: ...
