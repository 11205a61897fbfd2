"""Build a store from an archive. What the hub did since then is not known: partners are paused, what is unfinished is in doubt."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, NamedTuple

from hub.store.keeper import NotEmpty
from hub.store.keeping.archive import About, Blob, Columns, Damaged, Manifest, Rows, read
from hub.store.keeping.backup import LEASED
from hub.store.keeping.marks import BACKUP, MOVED, RESTORED, mark
from hub.store.sql import archive as content
from hub.store.sql import destinations, forgotten, journal, notes
from hub.store.sql.db import Db, many, only
from hub.store.sql.times import micros

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from hub.store.keeper import Keeper
    from hub.store.keeping.archive import Part
    from hub.store.sql.archive import Table

REASON = "restored"


class Restored(NamedTuple):
    """``doubt``: transfers nobody knows the fate of; ``behind``: messages that only the store moved aside has, if it could be read."""

    manifest: Manifest
    doubt: int
    partners: tuple[str, ...]
    behind: int | None


class Order(NamedTuple):
    """``partners``: those that are declared now."""

    file: Path
    replace: bool
    by: str
    partners: Sequence[str]


def restore(
    keeper: Keeper, order: Order, *, now: Callable[[], datetime], prove: Callable[[Db], None]
) -> Restored:
    """Old or new at any moment, never half. ``prove`` raises when the master key at hand is not the archive's.

    Raises ``Damaged``, ``NotEmpty``, ``InUse``.
    """
    parts = read(order.file)
    made = about(parts, keeper.newest)
    with keeper.alone():
        newest = _newest_message(keeper) if order.replace else None
        with keeper.building(made.schema, replace=order.replace, now=now()) as db:
            manifest, held, others = load(keeper, db, parts)
            prove(db)
            at = micros(now())
            doubt = content.doubt(db, held, at, forgotten.CODE)
            paused = _pause(db, order.partners, now())
            content.draw_lanes(db, at)
            behind = None if newest is None else _missing(db, newest)
            _tell(db, order, manifest, doubt, now())
            for name in others:
                keeper.blobs.settle(name)
    return Restored(manifest, doubt, paused, behind)


def possible(keeper: Keeper, file: Path, *, replace: bool) -> None:
    """Raise what shows before the archive is read: ``Damaged``, ``NotEmpty``, ``InUse``."""
    with closing(read(file)) as parts:
        about(parts, keeper.newest)
    with keeper.alone():
        if not replace and keeper.occupied():
            raise NotEmpty(keeper.place)


def about(parts: Iterator[Part], newest: int) -> About:
    first = next(parts, None)
    if not isinstance(first, About):
        raise Damaged("it does not say what it is")
    if first.schema > newest:
        raise Damaged(f"it was made by a newer version: schema {first.schema}, this one knows {newest}")
    return first


class Loaded(NamedTuple):
    """``held``: what workers had in hand. ``others``: files that are here with another content, to be settled when all is well."""

    manifest: Manifest
    held: list[int]
    others: list[str]


def load(keeper: Keeper, db: Db, parts: Iterable[Part]) -> Loaded:
    """Put everything in. Of what is there already nothing is changed: the archive may turn out to be damaged at its end."""
    tables = {table.name: table for table in content.archived(keeper.tables(db))}
    held: list[int] = []
    others: list[str] = []
    columns: tuple[str, ...] = ()
    for part in parts:
        match part:
            case Columns(table=name, names=columns):
                if name != LEASED and name not in tables:
                    raise Damaged(f"table {name} is unknown here")
            case Rows(table=name, rows=rows) if name == LEASED:
                held += [number for number, *_ in rows if isinstance(number, int)]
            case Rows(table=name, rows=rows):
                _put(keeper, db, tables[name], columns, rows)
            case Blob(name=name, source=source):
                others += [] if keeper.blobs.take(name, source) else [name]
            case Manifest():
                keeper.loaded(db)
                return Loaded(part, held, others)
    raise Damaged("it ends before its manifest")


def _put(keeper: Keeper, db: Db, table: Table, columns: Sequence[str], rows: list[list[object]]) -> None:
    try:
        content.put(db, table, columns, rows)
    except content.UnknownColumns as unknown:
        raise Damaged(f"columns are unknown here: {unknown}") from None
    except keeper.misfits as error:
        raise Damaged(f"rows of {table.name} cannot stand here: {type(error).__name__}") from None


def _pause(db: Db, declared: Sequence[str], now: datetime) -> tuple[str, ...]:
    """Every partner, those that the archive did not know too: what comes in anew waits as well."""
    for partner in sorted(declared):
        destinations.named(db, partner)
    names = [partner for (partner,) in many(db, "SELECT partner FROM dest ORDER BY partner")]
    db.execute("UPDATE dest SET paused=1")
    for partner in names:
        facts = {"partner": partner, "reason": REASON, "by": "lienthong"}
        journal.write(db, micros(now), "paused", facts=facts)
    return tuple(names)


def _tell(db: Db, order: Order, manifest: Manifest, doubt: int, now: datetime) -> None:
    facts = {
        "by": order.by,
        "made_at": manifest.about.made_at.isoformat(),
        "hub": manifest.about.hub,
        "in_doubt": str(doubt),
        "rows": str(sum(table.rows for table in manifest.tables.values())),
    }
    journal.write(db, micros(now), "restored", facts=facts)
    mark(db, RESTORED, facts, now)
    mark(db, notes.RESTORED_LAST, {}, now)
    for name in (BACKUP, MOVED):
        notes.forget(db, name)


def _newest_message(keeper: Keeper) -> int | None:
    """How far the store that is moved aside had come; it may be broken, which is why it is replaced."""
    with ExitStack() as stack:
        try:
            db = stack.enter_context(keeper.snapshot())
            return int(only(db, "SELECT coalesce(max(n), 0) FROM message")[0])
        except Exception:  # noqa: BLE001 - whatever is wrong with it: then nothing can be said
            return None


def _missing(db: Db, newest: int) -> int:
    return max(0, newest - int(only(db, "SELECT coalesce(max(n), 0) FROM message")[0]))
