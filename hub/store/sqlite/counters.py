"""Counts per destination, written in the transaction that changes them, so that reading them never counts rows.

``what`` is a state, or ``accepted`` (every transfer ever made), ``items`` (places taken in lanes), ``lanes`` (lanes with items).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import apsw

_ADD = "INSERT INTO cnt(dest,what,n) VALUES(?,?,?) ON CONFLICT DO UPDATE SET n=n+excluded.n"


class Tally:
    """Changes of one transaction; nothing is counted until ``write``."""

    __slots__ = ("_changes",)

    def __init__(self) -> None:
        self._changes: dict[tuple[int, str], int] = {}

    def add(self, dest: int, what: str, by: int = 1) -> None:
        self._changes[dest, what] = self._changes.get((dest, what), 0) + by

    def moved(self, dest: int, before: str, after: str) -> None:
        self.add(dest, before, -1)
        self.add(dest, after)

    def write(self, db: apsw.Connection) -> None:
        db.executemany(_ADD, [(dest, what, by) for (dest, what), by in self._changes.items() if by])
