"""Carry a stopped hub's store to another engine: the same rows, counted and hashed on both sides before anything stands.

The old store is marked before the new one is committed, with the move's own name, so that at no moment two hubs can
run on the same queue. A move that was killed in between is run again (or taken back): the new store's name says
whether it had arrived.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hub.store.keeper import NotEmpty
from hub.store.keeping.archive import Counted, Digest
from hub.store.keeping.marks import ARRIVED, MOVED, mark, marked
from hub.store.sql import archive as content
from hub.store.sql import journal, notes
from hub.store.sql.times import micros

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from hub.store.keeper import Keeper
    from hub.store.sql.archive import Table
    from hub.store.sql.db import Db


class Differs(Exception):  # noqa: N818 - says what it is
    """What was read back from the new store is not what the old one has; nothing was kept of it."""


class Moved(NamedTuple):
    """``again``: it had arrived already; nothing was done but to say so."""

    tables: Mapping[str, Counted]
    again: bool


_PAGE = content.PAGE


def move(
    old: Keeper, new: Keeper, *, by: str, now: Callable[[], datetime], new_id: Callable[[], str]
) -> Moved:
    """Raises ``InUse``, ``NotEmpty``, ``Differs``; the old store is as it was then."""
    with old.alone(), new.alone():
        with old.writing() as db:
            name = marked(db, MOVED).get("move") or new_id()
        if _arrived(new) == name:
            with new.snapshot() as db:
                return Moved(_counted(new, db), again=True)
        return Moved(_carry(old, new, name, by, now), again=False)


def possible(old: Keeper, new: Keeper) -> None:
    """Raise what shows before anything is copied: ``InUse``, ``NotEmpty``."""
    with old.alone(), new.alone():
        with old.reading() as db:
            name = marked(db, MOVED).get("move")
        if new.occupied() and not (name and _arrived(new) == name):
            raise NotEmpty(new.place)


def take_back(old: Keeper, new: Keeper, *, by: str, now: Callable[[], datetime]) -> bool:
    """Let the old store run again after a move that never arrived; false when none was begun. Raises ``NotEmpty`` when it did arrive."""
    with old.alone(), new.alone():
        with old.writing() as db:
            name = marked(db, MOVED).get("move")
        if not name:
            return False
        if _arrived(new) == name:
            raise NotEmpty(new.place)
        with old.writing() as db:
            notes.forget(db, MOVED)
            journal.write(db, micros(now()), "move_taken_back", facts={"by": by, "move": name})
    return True


def _arrived(new: Keeper) -> str:
    """The name of the move that made this store; empty when there is none."""
    if not new.version():
        return ""
    with new.snapshot() as db:
        return marked(db, ARRIVED).get("move", "")


def _carry(
    old: Keeper, new: Keeper, name: str, by: str, now: Callable[[], datetime]
) -> Mapping[str, Counted]:
    with old.snapshot() as source, new.building(old.version(), replace=False, now=now()) as target:
        sent = _copy(old, source, new, target)
        arrived = _counted(new, target)
        if wrong := sorted(table for table in sent if sent[table] != arrived.get(table)):
            raise Differs(", ".join(wrong))
        new.loaded(target)
        at = micros(now())
        content.interrupted(target, content.leased(source), at)
        content.draw_lanes(target, at)
        facts = {"by": by, "move": name, "from": old.place, "to": new.place}
        journal.write(target, at, "moved", facts=facts)
        mark(target, ARRIVED, facts, now())
        notes.forget(target, MOVED)
        with old.writing() as db:
            mark(db, MOVED, facts, now())
            journal.write(db, at, "moved", facts=facts)
    return sent


def _copy(old: Keeper, source: Db, new: Keeper, target: Db) -> dict[str, Counted]:
    tables = {table.name: table for table in content.archived(new.tables(target))}
    sent = {}
    for table in content.archived(old.tables(source)):
        digest, held = Digest(), []
        for row in content.rows(source, table):
            digest.add(row)
            held.append(row)
            if len(held) >= _PAGE:
                content.put(target, tables[table.name], table.columns, held)
                held = []
        if held:
            content.put(target, tables[table.name], table.columns, held)
        sent[table.name] = digest.counted()
    return sent


def _counted(keeper: Keeper, db: Db) -> dict[str, Counted]:
    return {table.name: _digest(db, table) for table in content.archived(keeper.tables(db))}


def _digest(db: Db, table: Table) -> Counted:
    digest = Digest()
    for row in content.rows(db, table):
        digest.add(row)
    return digest.counted()
