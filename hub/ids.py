"""Ids for messages, transfers, dossiers and leases: 26 characters, sortable by time, unique without asking anyone.

The form is that of ULID (48 bits of milliseconds, 80 bits of randomness, Crockford base 32). Ids made by one factory
strictly ascend: inside one millisecond, and while the clock stands still or goes back, the random part is counted up.
Ids name things; they never order them (the store's own counter does).

What others see, and may be told again after a restore, is not named by chance: ``named`` and ``below`` say the same id for the
same thing, on any hub, at any time. Such an id has the form of the others; its 80 bits are of a SHA-256.
"""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 26
_RANDOM_BITS = 80
_TIME_BITS = 48
_TIME_LENGTH = 10  # characters: 48 bits behind two that are always 0


_PAIRS = tuple(first + second for first in ALPHABET for second in ALPHABET)
_SHIFTS = tuple(range(5 * (LENGTH - 2), -1, -10))


class Ids:
    """Call it for a new id. ``clock``: seconds since 1970; ``randomness``: that many random bytes (``os.urandom``)."""

    def __init__(self, clock: Callable[[], float], randomness: Callable[[int], bytes]) -> None:
        self._clock = clock
        self._randomness = randomness
        self._last = 0
        self._lock = threading.Lock()

    def __call__(self) -> str:
        milliseconds = int(self._clock() * 1000) & ((1 << _TIME_BITS) - 1)
        with self._lock:
            if milliseconds > self._last >> _RANDOM_BITS:
                random = int.from_bytes(self._randomness(_RANDOM_BITS // 8), "big")
                self._last = milliseconds << _RANDOM_BITS | random
            else:
                self._last += 1
            return spell(self._last)


def spell(number: int) -> str:
    """Write 128 bits as 26 characters whose text order is the numbers' order."""
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])


def named(at: datetime, *words: str) -> str:
    """Return the id of what these words name. ``at``: its own time, told by itself, so that ids lie near each other in an index."""
    return spell(_milliseconds(at) << _RANDOM_BITS | _digest(words))


def first_of(at: datetime) -> str:
    """Return how the ids of this time begin: an id that sorts before it names something older."""
    return spell(_milliseconds(at) << _RANDOM_BITS)[:_TIME_LENGTH]


def below(above: str, *words: str) -> str:
    """Return the id of what these words name under another id; it has that one's time."""
    return above[:_TIME_LENGTH] + spell(_digest((above, *words)))[_TIME_LENGTH:]


def _milliseconds(at: datetime) -> int:
    return min(max(int(at.timestamp() * 1000), 0), (1 << _TIME_BITS) - 1)


def _digest(words: tuple[str, ...]) -> int:
    return int.from_bytes(hashlib.sha256(msgspec.json.encode(words)).digest()[: _RANDOM_BITS // 8], "big")
