"""The embedded store: one SQLite file, shared by any number of processes on one machine."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import apsw

from hub.store.blobs import Blobs
from hub.store.sql.admission import admit
from hub.store.sql.bodies import Bodies
from hub.store.sql.clock import Given, SinceBoot, begun, since_boot, this_start
from hub.store.sql.engine import Ruined, Unavailable
from hub.store.sql.store import SqlStore
from hub.store.sqlite import house
from hub.store.sqlite.connection import AWAY, LARGE, migrate, open_writer
from hub.store.sqlite.queue import SqliteQueue
from hub.store.sqlite.readers import Readers
from hub.store.sqlite.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hub.store.sql.clock import LeaseClock
    from hub.store.sqlite.connection import Connection, Keep
    from hub.store.vault import Vault

RULES = (
    (
        "somebody looks where a destination has ready lanes",
        (
            "SELECT d.partner FROM dest d JOIN dest_run r ON r.id=d.id"
            " WHERE d.paused=0 AND d.circuit='closed' AND d.opens IS NULL AND d.closes IS NULL"
            " AND r.in_flight<min(d.concurrency, coalesce(r.places, d.concurrency))"
            " AND d.id NOT IN (SELECT dest FROM due) AND EXISTS(SELECT 1 FROM ready r WHERE r.dest=d.id)"
        ),
    ),
)


class SqliteStore(SqlStore):
    _reads: Readers
    _writes: Writer


def open_store(
    path: Path,
    *,
    ids: Callable[[], str],
    vault: Vault | None = None,
    randomness: Callable[[int], bytes] = os.urandom,
    shared_clock: bool = False,
    keep: Keep = LARGE,
) -> SqliteStore:
    """Open or create the file and bring its schema up to date. Raises ``SchemaUnknown``; ``InUse`` while somebody
    works on it alone; ``Unreadable`` for a wrong master key; ``Refusal`` HUB-STO-004 when it lives elsewhere by now.

    ``ids`` makes lease tokens. ``vault``: payloads are encrypted under a key per dossier; ``None`` keeps them plain.
    ``shared_clock``: leases are timed by the machine's time since it started, not by the moments that are handed in.
    ``keep``: in memory. Use the store from one event loop.
    """
    blobs = blobs_beside(path, randomness)
    payloads = Bodies(blobs, vault)
    lock = house.enter(path)
    try:
        db = _opened(path, payloads, keep)
        clock = _since_boot(db) if shared_clock else Given()
        reads = Readers(path, keep=keep)
    except AWAY as error:
        lock.close()
        raise Unavailable(type(error).__name__) from error
    except BaseException:
        lock.close()
        raise
    writes = Writer(db, path)
    return SqliteStore(
        reads=reads,
        writes=writes,
        queue=SqliteQueue(path, reads, writes, clock),
        payloads=payloads,
        rules=RULES,
        ids=ids,
        blobs=blobs,
        leave=lock.close,
    )


def _since_boot(db: Connection) -> LeaseClock:
    db.execute("BEGIN IMMEDIATE")
    with db:
        base = begun(db, this_start(), time.time_ns() // 1000, since_boot())
    db.execute("COMMIT")
    return SinceBoot(base, since_boot)


def _opened(path: Path, payloads: Bodies, keep: Keep) -> Connection:
    try:
        return _proved(open_writer(path, keep), payloads)
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise Ruined(type(error).__name__) from error


def _proved(db: Connection, payloads: Bodies) -> Connection:
    try:
        migrate(db)
        admit(db)
        payloads.prove(db)
    except BaseException:
        db.close()
        raise
    return db


def blobs_beside(path: Path, randomness: Callable[[int], bytes] = os.urandom) -> Blobs:
    return Blobs(path.with_name(f"{path.name}.blobs"), randomness)
