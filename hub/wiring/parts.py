"""Clock, ids and the store: what every process of a hub opens the same way."""

from __future__ import annotations

import contextlib
import hmac
import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hub.ids import Ids
from hub.store.keeper import InUse, Keeper, NotEmpty
from hub.store.keeping.archive import Damaged
from hub.store.keeping.move import Differs
from hub.store.keeping.turns import TurnLost
from hub.store.keeping.verify import NoRoom
from hub.store.sql.engine import Ruined, Unavailable
from hub.store.sql.migrations import SchemaUnknown
from hub.store.sqlite import store as sqlite
from hub.store.sqlite.connection import LARGE
from hub.store.sqlite.keeper import SqliteKeeper
from hub.store.vault import Unreadable, Vault
from hub.wiring.master import MasterKey
from schemas import workdays
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.settings.file import Settings
    from hub.store.contract.store import Store
    from hub.store.sqlite.connection import Keep
    from schemas.workdays import Workdays


def utc_now() -> datetime:
    """Return the wall clock in UTC: the one clock of the hub, handed to everything that needs one."""
    return datetime.now(UTC)


def new_ids() -> Ids:
    return Ids(time.time, os.urandom)


def days_of(settings: Settings) -> Workdays:
    """The working-day calendar with the site's own file. Raises ``Refusal`` HUB-CFG-002 naming what is wrong in it."""
    try:
        return workdays.load(settings.calendar)
    except (ValueError, OSError) as error:
        raise refuse(
            "HUB-CFG-002", "calendar", rule="a calendar file that can be read", detail=str(error)
        ) from None


def link_secret(settings: Settings) -> bytes:
    """Return what download addresses are made with; bound to the database as the master key is."""
    return hmac.digest(MasterKey(settings.data).pair()[0], b"lienthong download links", "sha256")


def store_of(settings: Settings, keep: Keep = LARGE) -> Store:
    """Open the store that the settings name. ``keep``: what an embedded one keeps in memory.

    Raises ``Refusal`` HUB-STO-*, -011 when its server cannot be reached.
    """
    with refusals():
        key = MasterKey(settings.data)
        if not key.there and not made_before(settings):
            key.make(os.urandom)  # with the store; never for one that is there
        vault = vault_of(settings)
        if not settings.migrate:
            _is_migrated(keeper_of(settings))
        return _opened(settings, vault, keep)


def made_before(settings: Settings) -> bool:
    """Whether there is a store already. A file counts whatever is in it."""
    if not settings.database:
        return (settings.data / "hub.db").exists()
    return keeper_of(settings).version() > 0


def _opened(settings: Settings, vault: Vault, keep: Keep) -> Store:
    file = settings.data / "hub.db"
    if not settings.database:
        return sqlite.open_store(file, ids=new_ids(), vault=vault, shared_clock=True, keep=keep)
    from hub.store.postgres.store import open_store  # noqa: PLC0415 - the driver is loaded where it is used only

    return open_store(
        settings.database,
        blobs=sqlite.blobs_beside(file),
        ids=new_ids(),
        vault=vault,
        password=_password(settings),
        shared_clock=True,
    )


def _is_migrated(keeper: Keeper) -> None:
    if keeper.version() < keeper.newest:
        raise refuse("HUB-STO-005", rule=f"schema {keeper.version()}, this version needs {keeper.newest}")


def vault_of(settings: Settings) -> Vault:
    """For a store that is there. Raises ``Refusal`` HUB-STO-007 without its key."""
    master, before = MasterKey(settings.data).pair()
    return Vault(master, os.urandom, before=before)


def keeper_of(settings: Settings) -> Keeper:
    """The store that the settings name, for those who look after it."""
    return keeper_at(settings, settings.database)


def keeper_at(settings: Settings, database: str) -> Keeper:
    """The same data folder with another database; empty: the file in it."""
    file = settings.data / "hub.db"
    if not database:
        return SqliteKeeper(file)
    from hub.store.postgres.keeper import PostgresKeeper  # noqa: PLC0415 - the driver is loaded where it is used only

    return PostgresKeeper(database, sqlite.blobs_beside(file), _password(settings))


_CODES: tuple[tuple[type[Exception], str], ...] = (
    (InUse, "HUB-STO-001"),
    (NotEmpty, "HUB-STO-002"),
    (Damaged, "HUB-STO-003"),
    (SchemaUnknown, "HUB-STO-005"),
    (Unreadable, "HUB-STO-007"),
    (Differs, "HUB-STO-008"),
    (Ruined, "HUB-STO-010"),
    (TurnLost, "HUB-STO-009"),
    (Unavailable, "HUB-STO-011"),
    (NoRoom, "HUB-STO-012"),
)
"""What is wrong with a store, by the code that says it."""


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    try:
        yield
    except tuple(kind for kind, _ in _CODES) as error:
        code = next(code for kind, code in _CODES if isinstance(error, kind))
        raise refuse(code, "database", detail=" ".join(str(error).split())) from error


def _password(settings: Settings) -> str | None:
    """Return the first line of the file; without one libpq looks where it always does (PGPASSFILE, a service file)."""
    path = settings.database_password_file
    if path is None:
        return None
    try:
        return path.read_text("utf-8").partition("\n")[0]
    except OSError as error:
        rule = "a file that can be read"
        raise refuse("HUB-CFG-002", "database_password_file", rule=rule, detail=str(error)) from None
