"""When to try again: a readable list per partner, jittered; minutes to days live here and in the store, seconds in the room."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Uniform = Callable[[float, float], float]

LONGEST_WAIT = 24 * 3600.0
"""A partner's Retry-After is honoured up to here, in seconds."""


def wait_before(attempt: int, schedule: Sequence[float], jitter: float, uniform: Uniform) -> float | None:
    """Return the seconds before try ``attempt`` + 1 (``attempt`` tries are used up), or ``None`` when the schedule has no further entry.

    ``jitter`` 0.2 spreads each entry evenly over ±20 %, so that lanes which failed together do not come back together.
    """
    if attempt > len(schedule):
        return None
    wait = schedule[attempt - 1] if attempt > 0 else 0.0
    return max(0.0, wait * uniform(1 - jitter, 1 + jitter))


def at_least(wait: float, asked: float | None) -> float:
    """Honour what the partner asked for (``Retry-After``), clamped; never come back earlier than our own schedule says."""
    return wait if asked is None else max(wait, min(asked, LONGEST_WAIT))
