"""Looking after the file: a private copy to read from, a new file built beside it, its log taken in."""

from __future__ import annotations

import contextlib
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from hub.store.keeper import Figures, NotEmpty
from hub.store.sql.archive import Table
from hub.store.sql.db import many, one, only
from hub.store.sql.migrations import migrations
from hub.store.sqlite import house
from hub.store.sqlite.connection import Connection, migrate, open_writer, steps, take_in
from hub.store.sqlite.store import RULES, blobs_beside

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from hub.store.sql.check import Rules
    from hub.store.sql.db import Db

_BESIDE = ("-wal", "-shm", "-journal")


class SqliteKeeper:
    misfits: tuple[type[Exception], ...] = (
        apsw.ConstraintError,
        apsw.MismatchError,
        apsw.TooBigError,
        OverflowError,
        TypeError,
    )

    def __init__(self, path: Path) -> None:
        self._path = path
        self._alone = False
        self.blobs = blobs_beside(path)
        self.place = str(path)
        self.rules: Rules = RULES

    @property
    def newest(self) -> int:
        return max(migrations())

    def version(self) -> int:
        if not self._path.exists():
            return 0
        with contextlib.closing(open_writer(self._path)) as db:
            return int(db.pragma("user_version"))

    def migrate(self) -> int:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.closing(open_writer(self._path)) as db:
            migrate(db)
            return int(db.pragma("user_version"))

    def tables(self, db: Db) -> Sequence[Table]:
        names = many(
            db, "SELECT name FROM sqlite_schema WHERE type='table' AND name NOT LIKE 'sqlite%' ORDER BY name"
        )
        return [_table(db, name) for (name,) in names]

    @contextmanager
    def reading(self) -> Iterator[Db]:
        with contextlib.closing(open_writer(self._path)) as db:
            db.execute("BEGIN")
            yield db
            db.execute("ROLLBACK")

    @contextmanager
    def snapshot(self) -> Iterator[Db]:
        """A private copy, made in one go: reading from it takes long, and an open snapshot would keep the log from being reset.

        Whoever is alone reads the file itself.
        """
        if self._alone:
            with self.reading() as db:
                yield db
            return
        self._sweep()
        copy = self._path.with_name(f"{self._path.name}.copy-{os.getpid()}")
        try:
            with contextlib.closing(_copied(self._path, copy)) as db:
                yield db
        finally:
            _remove(copy)

    @contextmanager
    def writing(self) -> Iterator[Db]:
        with contextlib.closing(open_writer(self._path)) as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    @contextmanager
    def alone(self) -> Iterator[None]:
        with house.alone(self._path):
            self._alone = True
            try:
                yield
            finally:
                self._alone = False

    @contextmanager
    def building(self, schema: int, *, replace: bool, now: datetime) -> Iterator[Db]:
        if not replace and self.occupied():
            raise NotEmpty(self.place)
        draft = self._path.with_name(f"{self._path.name}.building")
        _remove(draft)  # of a run that was killed
        try:
            with contextlib.closing(_empty(draft, schema)) as db:
                db.execute("BEGIN")
                yield db
                db.execute("COMMIT")
            _fsync(draft)
            if self._path.exists():
                self._move_aside(now)
            draft.replace(self._path)
            _fsync(self._path.parent)
        finally:
            _remove(draft)

    def loaded(self, db: Db) -> None:
        """SQLite's counters follow the rows by themselves."""
        steps(_ours(db))

    def figures(self) -> Figures:
        with contextlib.closing(open_writer(self._path)) as db:
            pages, free, size = (
                int(db.pragma(name)) for name in ("page_count", "freelist_count", "page_size")
            )
            log = _size(self._path.with_name(f"{self._path.name}-wal"))
        return Figures("sqlite", self.place, pages * size, free * size, log)

    def ill(self, db: Db) -> Sequence[str]:
        return [row[0] for row in many(db, "PRAGMA integrity_check(100)") if row[0] != "ok"]

    def tidy(self) -> None:
        take_in(self._path)

    def occupied(self) -> bool:
        """Whether something was ever accepted there; a file that cannot be read counts as full."""
        if not self._path.exists():
            return False
        with contextlib.closing(open_writer(self._path)) as db:
            if not one(db, "SELECT 1 FROM sqlite_schema WHERE name='message'"):
                return False
            return bool(only(db, "SELECT EXISTS(SELECT 1 FROM message) OR EXISTS(SELECT 1 FROM dossier)")[0])

    def _move_aside(self, now: datetime) -> None:
        """Give the old file a second name, with its large content; its first name is free to be taken over in one step."""
        aside = self._path.with_name(f"{self._path.name}.replaced-{now.strftime('%Y%m%dT%H%M%SZ')}")
        try:
            with contextlib.closing(open_writer(self._path)) as db:
                db.execute("PRAGMA journal_mode=DELETE")  # takes the log in: it must not meet the new file
        except apsw.Error:  # it is broken, which is why it is replaced
            for beside in _BESIDE:
                with contextlib.suppress(FileNotFoundError):
                    self._path.with_name(f"{self._path.name}{beside}").replace(
                        aside.with_name(f"{aside.name}{beside}")
                    )
        self.blobs.link_to(blobs_beside(aside))
        aside.unlink(missing_ok=True)
        os.link(self._path, aside)

    def _sweep(self) -> None:
        """Remove copies whose process is gone."""
        for left in self._path.parent.glob(f"{self._path.name}.copy-*"):
            pid = left.name.rpartition("-")[2]
            if pid.isdigit() and not Path(f"/proc/{pid}").exists():
                _remove(left)


def _ours(db: Db) -> Connection:
    if not isinstance(db, Connection):
        raise TypeError(type(db))
    return db


def _table(db: Db, name: str) -> Table:
    rows = many(db, "SELECT name, pk FROM pragma_table_info(?) ORDER BY cid", (name,))
    key = tuple(column for _, column in sorted((pk, column) for column, pk in rows if pk))
    return Table(name, tuple(column for column, _ in rows), key, key)


def _copied(path: Path, copy: Path) -> Connection:
    _remove(copy)
    os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    db = Connection(str(copy))
    try:
        db.execute("PRAGMA journal_mode=OFF")
        db.execute("PRAGMA synchronous=OFF")
        with contextlib.closing(open_writer(path)) as source, db.backup("main", source, "main") as backup:
            backup.step(-1)
    except BaseException:
        db.close()
        raise
    db.execute("PRAGMA locking_mode=EXCLUSIVE")  # so that the copy of a file with a log needs none of its own
    return db


def _empty(draft: Path, schema: int) -> Connection:
    """Nothing of it counts before it is whole and on disk, so it needs neither log nor waiting for the disk."""
    db = open_writer(draft)
    db.execute("PRAGMA journal_mode=MEMORY")
    db.execute("PRAGMA synchronous=OFF")
    migrate(db, upto=schema)
    return db


def _remove(path: Path) -> None:
    for beside in ("", *_BESIDE):
        path.with_name(f"{path.name}{beside}").unlink(missing_ok=True)


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
