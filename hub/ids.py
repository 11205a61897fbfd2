"""Ids for messages, transfers, dossiers and leases: 26 characters, sortable by time, unique without asking anyone.

The form is that of ULID (48 bits of milliseconds, 80 bits of randomness, Crockford base 32). Ids made by one factory
strictly ascend: inside one millisecond, and while the clock stands still or goes back, the random part is counted up.
Ids name things; they never order them (the store's own counter does).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 26
_RANDOM_BITS = 80
_TIME_BITS = 48


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
