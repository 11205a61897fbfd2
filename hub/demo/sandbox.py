"""What the command ``sandbox`` needs of the simulated partners."""

from __future__ import annotations

from typing import NamedTuple

from connectors.simulators.magic import FOREVER, MAGIC
from connectors.simulators.sandbox import EXAMPLES, prepare, running

__all__ = ["EXAMPLES", "Code", "codes", "prepare", "running"]


class Code(NamedTuple):
    """A number that stands at the end of a dossier's code, and what a partner does about it."""

    number: str
    vi: str
    en: str


def codes() -> list[Code]:
    """The table: each number, its like that goes wrong every time, and what happens."""
    return [
        Code(f"99{number:02} · 99{number + FOREVER:02}", magic.vi, magic.en)
        for number, magic in MAGIC.items()
    ]
