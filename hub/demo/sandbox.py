"""What the command ``sandbox`` needs of the simulated partners."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from connectors.simulators.callers import CALLERS
from connectors.simulators.magic import FOREVER, MAGIC
from connectors.simulators.offices import OFFICES
from connectors.simulators.sandbox import EXAMPLES, prepare, running, seat, secret_file, secret_in
from connectors.simulators.tricks import TRICKS, Played, play
from connectors.simulators.visiting import HABITS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime
    from pathlib import Path

__all__ = [
    "EXAMPLES",
    "PLAYED",
    "Code",
    "Played",
    "call",
    "codes",
    "operations",
    "prepare",
    "running",
    "secret_file",
]

HUB = "http://127.0.0.1:8080"
"""Where the sandbox's manual lets the hub listen."""


PLAYED = (*CALLERS, *OFFICES)
"""Who can be played."""


class Code(NamedTuple):
    """A number that stands at the end of a dossier's code, and what a partner does about it.

    ``who``: ``called`` (by the hub), ``calls`` (it), or ``comes`` (an office).
    """

    number: str
    who: str
    vi: str
    en: str


def codes() -> list[Code]:
    """The table: each number, its like that goes wrong every time, and what happens."""
    said = {number: ("called", row.vi, row.en) for number, row in MAGIC.items()}
    said |= {number: ("calls", row.vi, row.en) for number, row in TRICKS.items()}
    said |= {number: ("comes", row.vi, row.en) for number, row in HABITS.items()}
    return [Code(f"99{number:02} · 99{number + FOREVER:02}", *said[number]) for number in sorted(said)]


def operations(family: str) -> tuple[str, ...]:
    """Return what a partner says about a dossier, in its order; nothing of an office, which comes."""
    return CALLERS[family].make("").operations if family in CALLERS else ()


def call(
    folder: Path, family: str, address: str, dossier: str, now: datetime, *, until: str = ""
) -> AsyncIterator[Played]:
    """Let a partner that calls the hub tell its story about one dossier, or an office come for all that lies there.

    ``address``: empty for the manual's. ``until``: the last of its ``operations`` that it says; empty: all.
    """
    if family in OFFICES:
        return OFFICES[family].make(seat(folder, family, address or HUB, dossier)).round(now)
    calling = CALLERS[family]
    stranger = calling.make("not-the-secret")
    caller = calling.make(secret_in(folder, family))
    return play(caller, stranger, address or f"{HUB}/{calling.desk}", dossier, now, until=until)
