"""Counts per destination, written in the transaction that changes them, so that reading them never counts rows.

``what`` is a state, or ``accepted`` (every transfer ever made), ``items`` (places taken in lanes), ``lanes`` (lanes with items).
"""

from __future__ import annotations

import apsw  # noqa: TC002 - part of a public signature

_ADD = "INSERT INTO cnt(dest,what,n) VALUES(?,?,?) ON CONFLICT DO UPDATE SET n=n+excluded.n"


def add(db: apsw.Connection, dest: int, what: str, by: int = 1) -> None:
    db.execute(_ADD, (dest, what, by))


def moved(db: apsw.Connection, dest: int, before: str, after: str) -> None:
    if before != after:
        add(db, dest, before, -1)
        add(db, dest, after)
