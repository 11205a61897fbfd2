"""Look whether an archive, or the store itself, is whole."""

from __future__ import annotations

from collections.abc import Callable  # noqa: TC003 - part of a public value
from typing import TYPE_CHECKING, NamedTuple

from hub.store.keeping import restore
from hub.store.keeping.archive import Damaged, read
from hub.store.sql import archive as content
from hub.store.sql import check, inspection
from hub.store.sql.db import only

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from hub.store.keeper import Keeper
    from hub.store.keeping.archive import Manifest
    from hub.store.sql.bodies import Bodies
    from hub.store.sql.db import Db

SAMPLE = 1000
"""Payloads of each form that are looked at unless all are asked for."""
UNPACKS_TO, UNPACKED_ANYWAY = 100, 16 << 20
"""What is encrypted does not shrink, rows do by ten or twenty: more than this many times its size is a bomb."""
LOOK_EVERY = 8 << 20
"""Bytes unpacked between two looks at the room that is left."""


class Verified(NamedTuple):
    """``broken``: what is wrong, in words; empty: whole. ``manifest``: of an archive."""

    broken: tuple[str, ...]
    read: int
    forgotten: int
    removed: int
    manifest: Manifest | None = None


def store(keeper: Keeper, bodies: Bodies, *, whole: bool) -> Verified:
    """The engine's own check, conservation, references, payloads; from one snapshot, beside a running hub.

    Raises ``Unreadable`` for a wrong master key.
    """
    with keeper.snapshot() as db:
        bodies.prove(db)
        return _looked(keeper, db, bodies, whole=whole)


class NoRoom(Exception):  # noqa: N818 - says what it is
    """The place where it is built has to keep its reserve."""


class Room(NamedTuple):
    """What looking at an archive may cost the place where it is built. ``free``: bytes there now; ``reserve``: bytes that stay free."""

    free: Callable[[], int]
    reserve: int


def archive(
    file: Path, beside: Keeper, bodies: Bodies, room: Room, *, now: Callable[[], datetime], whole: bool
) -> Verified:
    """Build a store from it, as a restore would, and look at that: ``beside`` is a place that is thrown away.

    Raises ``Damaged``, also for one that unpacks to more than anything of ours does; ``NoRoom``.
    """
    parts = read(file, _bounded(file.stat().st_size, room))
    about = restore.about(parts, beside.newest)
    with beside.alone(), beside.building(about.schema, replace=False, now=now()) as db:
        manifest, held, _ = restore.load(beside, db, parts)
        content.interrupted(db, held, 0)
        content.draw_lanes(db, 0)
        bodies.prove(db)
        found = _looked(beside, db, bodies, whole=whole)
    return found._replace(manifest=manifest)


def _bounded(packed: int, room: Room) -> Callable[[int], None]:
    most, looked = packed * UNPACKS_TO + UNPACKED_ANYWAY, -LOOK_EVERY

    def watch(size: int) -> None:
        nonlocal looked
        if size > most:
            raise Damaged(f"it unpacks to more than {most} bytes, which no archive of ours does")
        if size - looked >= LOOK_EVERY:
            looked = size
            if room.free() < room.reserve + LOOK_EVERY:
                raise NoRoom(f"{size} bytes of it unpacked; {room.reserve} stay free")

    return watch


def _looked(keeper: Keeper, db: Db, bodies: Bodies, *, whole: bool) -> Verified:
    broken = (*keeper.ill(db), *check.conservation(db, keeper.rules), *inspection.references(db))
    (attempts,) = only(db, "SELECT (SELECT count(*) FROM message) + (SELECT count(*) FROM attempt)")
    every = 1 if whole else max(1, attempts // SAMPLE)
    found = inspection.payloads(db, bodies, every=every)
    return Verified(broken + found.broken, found.read, found.forgotten, found.removed)
