"""What the web process takes on at once. Over a bound the answer is quick and cheap, so that the rest goes on.

Bounded here, for all senders together: requests being read or checked, the bytes of their bodies (also while they wait for
the judging pool), and the disk: below its mark intake stops while what was accepted is still delivered and settled.
Bounds of one sender are its quota (``hub.api.quotas``).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hub.api.later import Later

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from hub.api.quotas import Quotas
    from hub.settings.sections import Limits

NO_ROOM = "HUB-LIM-003"
DISK_WAIT = 30
"""Seconds that a sender is asked to wait when the disk is short: somebody has to make room."""
LOOK_EVERY = 0.5
"""Seconds for which a look at the disk counts."""


class Watermark:
    """Room on the disk. ``room``: (free bytes, bytes of the database); asked at most twice a second."""

    def __init__(
        self, room: Callable[[], tuple[int, int]], seconds: Callable[[], float], *, free: int, database: int
    ) -> None:
        """``free``: bytes that must stay free; ``database``: bytes that it may have, 0 for no bound."""
        self._room, self._seconds, self._free, self._database = room, seconds, free, database
        self._looked, self._short = -math.inf, ""

    def check(self) -> None:
        """Raise ``Later`` HUB-LIM-003 when intake must stop."""
        if self._seconds() - self._looked > LOOK_EVERY:
            self._looked, self._short = self._seconds(), self._look()
        if self._short:
            raise Later(NO_ROOM, self._short, DISK_WAIT)

    def _look(self) -> str:
        free, database = self._room()
        if free < self._free:
            return f"disk_free: at least {self._free} bytes free for what was accepted"
        if 0 < self._database < database:
            return f"database: at most {self._database} bytes"
        return ""


class Admission:
    """One per web process; one event loop. ``enter`` before the body is read."""

    def __init__(self, limits: Limits, quotas: Quotas, watermark: Watermark) -> None:
        self._limits, self._quotas, self._watermark = limits, quotas, watermark
        self._places = self._bytes = 0

    @property
    def full(self) -> bool:
        return self._places >= self._limits.in_flight

    @property
    def busy(self) -> tuple[int, int]:
        """Requests and bytes taken on now."""
        return self._places, self._bytes

    def enter(self, sender: str = "") -> Place:
        """Return a place to hold; ``sender``: "" while nobody knows yet who it is (``Place.of``).

        Raises ``Later``: HUB-LIM-003 when the hub is full, HUB-LIM-002 when the sender's quota is.
        """
        if self.full:
            raise Later(NO_ROOM, f"in_flight: at most {self._limits.in_flight} requests at once", self._wait)
        self._watermark.check()
        place = Place(self)
        if sender:
            place.of(sender)
        self._places += 1
        return place

    def charge(self, sender: str) -> None:
        self._quotas.enter(sender)

    def grow(self, size: int) -> None:
        if self._bytes + size > self._limits.bytes_in_flight:
            raise Later(
                NO_ROOM, f"bytes_in_flight: at most {self._limits.bytes_in_flight} bytes at once", self._wait
            )
        self._bytes += size

    def leave(self, sender: str, size: int) -> None:
        self._places -= 1
        self._bytes -= size
        if sender:
            self._quotas.leave(sender)

    def accepted(self, sender: str, size: int, transfers: int) -> None:
        self._quotas.accepted(sender, size, transfers)

    @property
    def _wait(self) -> int:
        return self._limits.retry_after


class Place:
    """One request's share of the bounds, given back at the end of the context."""

    __slots__ = ("_admission", "_sender", "_size")

    def __init__(self, admission: Admission) -> None:
        self._admission, self._sender, self._size = admission, "", 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._admission.leave(self._sender, self._size)

    def of(self, sender: str) -> None:
        """Say whose request it is. Raises ``Later`` HUB-LIM-002."""
        self._admission.charge(sender)
        self._sender = sender

    def grow(self, size: int) -> None:
        """Take ``size`` bytes more. Raises ``Later`` HUB-LIM-003."""
        self._admission.grow(size)
        self._size += size

    def accepted(self, transfers: int) -> None:
        """Book what was taken for good on the sender's quota."""
        self._admission.accepted(self._sender, self._size, transfers)
