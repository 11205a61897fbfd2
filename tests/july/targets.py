"""What the centre published on 20 July 2017, and what is left of it at a smaller scale.

Counts are divided and rounded to the nearest whole, halves up; money divides without a rest; the four that were late stay four.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

BEGAN, FIRST, LAST = date(2017, 1, 9), date(2017, 7, 14), date(2017, 7, 20)
"""The day on which the centre began; the week, Friday to Thursday."""


@dataclass(frozen=True)
class Targets:
    received: int
    handed_over: int
    collected: int
    week_received: int
    week_handed_over: int
    week_late: int = 4


PUBLISHED = Targets(
    received=24_640,
    handed_over=21_971,
    collected=3_408_000_000,
    week_received=1_020,
    week_handed_over=872,
)


def at_scale(one_in: int) -> Targets:
    """Raises ``ValueError`` for a scale at which the money does not divide."""
    if PUBLISHED.collected % one_in:
        raise ValueError(f"1:{one_in} leaves a rest of the money")

    def rounded(count: int) -> int:
        return (2 * count + one_in) // (2 * one_in)

    return Targets(
        received=rounded(PUBLISHED.received),
        handed_over=rounded(PUBLISHED.handed_over),
        collected=PUBLISHED.collected // one_in,
        week_received=rounded(PUBLISHED.week_received),
        week_handed_over=rounded(PUBLISHED.week_handed_over),
    )
