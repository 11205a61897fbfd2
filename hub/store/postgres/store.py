"""The store on PostgreSQL 15 or newer, shared by any number of processes on any number of machines."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import psycopg

from hub.store.postgres.bell import Bell, Hints
from hub.store.postgres.connection import connect, enter
from hub.store.postgres.line import Line
from hub.store.postgres.queue import PostgresQueue, servers_time
from hub.store.postgres.readers import Readers
from hub.store.postgres.schema import migrate
from hub.store.sql.admission import admit
from hub.store.sql.bodies import Bodies
from hub.store.sql.clock import Given, Servers, steady
from hub.store.sql.engine import Unavailable
from hub.store.sql.store import SqlStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.store.blobs import Blobs
    from hub.store.postgres.connection import Connection
    from hub.store.vault import Vault


class PostgresStore(SqlStore):
    _reads: Readers
    _writes: Line
    _queue: PostgresQueue

    async def close(self) -> None:
        await self._queue.close()
        await super().close()


def open_store(
    conninfo: str,
    *,
    blobs: Blobs,
    ids: Callable[[], str],
    vault: Vault | None = None,
    password: str | None = None,
    shared_clock: bool = False,
) -> PostgresStore:
    """Connect and bring the schema up to date. Raises ``Unavailable``; ``SchemaUnknown``; ``InUse`` while somebody works
    on it alone; ``Unreadable`` for a wrong master key; ``Refusal`` HUB-STO-004 when it lives elsewhere by now.

    ``blobs``: where large payloads lie, which all processes share. ``ids`` makes lease tokens. ``vault``: payloads
    are encrypted under a key per dossier; ``None`` keeps them plain. ``shared_clock``: leases are timed by the server's clock,
    not by the moments that are handed in. Use the store from one event loop.
    """
    hints = Hints()
    reach = partial(_reach, conninfo, password, hints)
    payloads = Bodies(blobs, vault)
    first = _opened(reach, payloads)
    reads = Readers(reach)
    clock = Servers(partial(reads.look, servers_time), steady) if shared_clock else Given()
    intake, delivery = Line("intake", reach, first), Line("delivery", reach)
    return PostgresStore(
        reads=reads,
        writes=intake,
        queue=PostgresQueue(reads, intake, delivery, hints, Bell(reach, hints), clock),
        payloads=payloads,
        rules=(),
        ids=ids,
        blobs=blobs,
        leave=lambda: None,
    )


def _opened(reach: Callable[[], Connection], payloads: Bodies) -> Connection:
    try:
        db = reach()
    except psycopg.OperationalError as error:
        raise Unavailable(str(error)) from error
    try:
        migrate(db)
        admit(db)
        db.transaction(payloads.prove)
    except BaseException:
        db.close()
        raise
    return db


def _reach(conninfo: str, password: str | None, hints: Hints) -> Connection:
    db = connect(conninfo, password, told=hints.add)
    enter(db)
    return db
