"""Write a store into an archive while the hub runs, from one snapshot; and keep only so many of them."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from hub.store.keeping.archive import FORMAT, SUFFIX, About, Draft, Written
from hub.store.keeping.marks import BACKUP, HUB, mark
from hub.store.keeping.turns import turn
from hub.store.sql import archive as content
from hub.store.sql import journal, notes
from hub.store.sql.times import micros

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from hub.store.keeper import Keeper
    from hub.store.keeping.archive import Writer

_STAMP = "%Y%m%dT%H%M%S%fZ"
LEASED = "leased"
"""A table of the archive that no store has: numbers of the transfers that a worker had in hand."""


class Order(NamedTuple):
    """``to``: a file that is not there yet, or a folder; ``keep``: how many to keep in the folder, 0 for all."""

    to: Path
    keep: int
    by: str


def back_up(
    keeper: Keeper, order: Order, *, now: Callable[[], datetime], new_id: Callable[[], str]
) -> Written:
    """Return what was written, which is on disk then. Pruning stands still meanwhile. Raises ``FileExistsError``."""
    hub = hub_id(keeper, now(), new_id)
    target, folder = _target(order.to, hub, now())
    with turn(keeper, now=now, holder=new_id()) as still_ours:
        if folder is not None:
            _sweep(folder, hub)
        made_at = now()
        with keeper.snapshot() as db:
            about = About(format=FORMAT, schema=keeper.version(), hub=hub, made_at=made_at)
            draft = Draft(target)
            with draft.writing(about) as writer:
                for table in content.archived(keeper.tables(db)):
                    writer.table(table.name, table.columns, _watched(content.rows(db, table), still_ours))
                writer.table(LEASED, ("n",), ((n,) for n in content.leased(db)))
                _files(keeper, writer, still_ours)
    written = draft.written
    _remember(keeper, written, order.by, now())
    if folder is not None and order.keep:
        _keep(folder, hub, order.keep)
    return written


def _files(keeper: Keeper, writer: Writer, still_ours: Callable[[], None]) -> None:
    """One that goes meanwhile was needed by nobody when the snapshot was taken: payloads' files go in the same turn only."""
    for name, size in keeper.blobs.files():
        still_ours()
        try:
            source = keeper.blobs.open(name)
        except FileNotFoundError:
            continue
        with source:
            writer.blob(name, size, source)


def _watched(
    rows: Iterator[tuple[object, ...]], still_ours: Callable[[], None]
) -> Iterator[tuple[object, ...]]:
    for number, row in enumerate(rows):
        if number % content.PAGE == 0:
            still_ours()
        yield row


def hub_id(keeper: Keeper, now: datetime, new_id: Callable[[], str]) -> str:
    """The store's own name, given to it when somebody first asks."""
    with keeper.writing() as db:
        known = notes.read(db, HUB)
        if not known:
            known = new_id()
            notes.write(db, HUB, known, micros(now))
    return known


def _target(to: Path, hub: str, now: datetime) -> tuple[Path, Path | None]:
    """A name by hub and moment in a folder; a file as it was named."""
    if to.suffix == SUFFIX and not to.is_dir():
        to.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return to, None
    to.mkdir(parents=True, exist_ok=True, mode=0o700)
    return to / f"lienthong-{hub}-{now.strftime(_STAMP)}{SUFFIX}", to


def _sweep(folder: Path, hub: str) -> None:
    """Remove what killed backups of this hub left behind; whoever has the turn is alone with them."""
    for left in folder.glob(f".lienthong-{hub}-*{SUFFIX}.part"):
        left.unlink(missing_ok=True)


def _keep(folder: Path, hub: str, most: int) -> None:
    """Remove the oldest of this hub's archives that ``back_up`` itself named."""
    ours = re.compile(rf"lienthong-{re.escape(hub)}-\d{{8}}T\d{{12}}Z{re.escape(SUFFIX)}")
    named = sorted(name for name in os.listdir(folder) if ours.fullmatch(name))  # noqa: PTH208 - names are all that is needed
    for name in named[:-most]:
        (folder / name).unlink(missing_ok=True)


def _remember(keeper: Keeper, written: Written, by: str, now: datetime) -> None:
    facts = {
        "by": by,
        "digest": written.sha256,
        "size": str(written.size),
        "rows": str(sum(table.rows for table in written.manifest.tables.values())),
        "blobs": str(written.manifest.blobs),
    }
    with keeper.writing() as db:
        journal.write(db, micros(now), "backed_up", facts=facts)
        mark(db, BACKUP, {**facts, "file": str(written.path)}, now)
