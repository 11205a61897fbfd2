"""Counts per destination, written in the transaction that changes them, so that reading them never counts rows.

``what`` is a state, or ``accepted`` (every transfer ever made), ``items`` (places taken in lanes), ``lanes`` (lanes with items),
``expired`` (leases that ran out over one of its transfers).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub.store.sql.db import Db


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

    def write(self, db: Db) -> None:
        db.count((dest, what, by) for (dest, what), by in self._changes.items() if by)
