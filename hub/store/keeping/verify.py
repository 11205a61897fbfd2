"""Look whether an archive, or the store itself, is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hub.store.keeping import restore
from hub.store.keeping.archive import read
from hub.store.sql import archive as content
from hub.store.sql import check, inspection
from hub.store.sql.db import only

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from hub.store.keeper import Keeper
    from hub.store.keeping.archive import Manifest
    from hub.store.sql.bodies import Bodies
    from hub.store.sql.db import Db

SAMPLE = 1000
"""Payloads of each form that are looked at unless all are asked for."""


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


def archive(
    file: Path, beside: Keeper, bodies: Bodies, *, now: Callable[[], datetime], whole: bool
) -> Verified:
    """Build a store from it, as a restore would, and look at that: ``beside`` is a place that is thrown away. Raises ``Damaged``."""
    parts = read(file)
    about = restore.about(parts, beside.newest)
    with beside.alone(), beside.building(about.schema, replace=False, now=now()) as db:
        manifest, held, _ = restore.load(beside, db, parts)
        content.interrupted(db, held, 0)
        content.draw_lanes(db, 0)
        bodies.prove(db)
        found = _looked(beside, db, bodies, whole=whole)
    return found._replace(manifest=manifest)


def _looked(keeper: Keeper, db: Db, bodies: Bodies, *, whole: bool) -> Verified:
    broken = (*keeper.ill(db), *check.conservation(db, keeper.rules), *inspection.references(db))
    (attempts,) = only(db, "SELECT (SELECT count(*) FROM message) + (SELECT count(*) FROM attempt)")
    every = 1 if whole else max(1, attempts // SAMPLE)
    found = inspection.payloads(db, bodies, every=every)
    return Verified(broken + found.broken, found.read, found.forgotten, found.removed)
