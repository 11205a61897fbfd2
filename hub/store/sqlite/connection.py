"""Opens the file: the same rules for every connection, and the schema brought up to date under the write lock.

Only apsw opens this file: a second SQLite library in the process would break the first one's locks.
"""

from __future__ import annotations

import time
from importlib import resources
from pathlib import Path  # noqa: TC003 - part of a public signature

import apsw

from hub.store.sqlite.rows import only

APPLICATION = 0x4C546867  # "LThg" in the file's header: a foreign database is not ours to migrate
BUSY_SECONDS = 30.0
_POLL = 0.0005


class SchemaUnknown(Exception):  # noqa: N818 - says what it is
    """The file was written by a newer version or by another program; it is left untouched."""


def open_writer(path: Path) -> apsw.Connection:
    """Durable: WAL with synchronous=FULL, so a commit that returned has been fsynced."""
    fresh = not path.exists()
    db = apsw.Connection(str(path))
    if fresh:
        path.chmod(0o600)
    _be_patient(db)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("PRAGMA wal_autocheckpoint=10000")
    db.execute("PRAGMA cache_size=-65536")
    db.execute("PRAGMA temp_store=MEMORY")
    db.execute(
        "PRAGMA secure_delete=FAST"
    )  # a deleted key is overwritten on its page, which is written anyway
    return db


def empty_wal(path: Path) -> None:
    """Bring everything into the file and cut the WAL, so that what was overwritten is gone from there too."""
    db = open_writer(path)
    try:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        db.close()


def open_reader(path: Path) -> apsw.Connection:
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    _be_patient(db)
    db.execute("PRAGMA cache_size=-8192")
    db.execute("PRAGMA temp_store=MEMORY")
    return db


def _be_patient(db: apsw.Connection) -> None:
    """Wait for another process's commit in short even steps; SQLite's own steps grow to 100 ms and starve the unlucky."""

    def again(tries: int) -> bool:
        time.sleep(_POLL)
        return tries * _POLL < BUSY_SECONDS

    db.set_busy_handler(again)


def migrate(db: apsw.Connection) -> None:
    """Run every numbered file that this database has not seen, each in its own transaction. Raises ``SchemaUnknown``."""
    steps = migrations()
    while True:
        db.execute("BEGIN IMMEDIATE")
        try:
            version = _checked_version(db, newest=max(steps))
            if version == max(steps):
                db.execute("ROLLBACK")
                return
            db.execute(steps[version + 1])
            db.execute(f"PRAGMA user_version={version + 1}")
            db.execute(f"PRAGMA application_id={APPLICATION}")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


def _checked_version(db: apsw.Connection, newest: int) -> int:
    version = int(db.pragma("user_version"))
    application = int(db.pragma("application_id"))
    (tables,) = only(db, "SELECT count(*) FROM sqlite_schema")
    if tables and application != APPLICATION:
        raise SchemaUnknown("this database belongs to another program")
    if version > newest:
        raise SchemaUnknown(
            f"the database has schema {version}, this version knows {newest}: start the newer version"
        )
    return version


def migrations() -> dict[int, str]:
    """Read ``migrations/<number>_<why>.sql``; numbers start at 1 and leave no gap."""
    folder = resources.files("hub.store.sqlite") / "migrations"
    steps = {
        int(file.name.split("_")[0]): file.read_text("utf-8")
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    }
    if sorted(steps) != list(range(1, len(steps) + 1)):
        raise SchemaUnknown(f"migrations are not numbered without a gap: {sorted(steps)}")
    return steps
