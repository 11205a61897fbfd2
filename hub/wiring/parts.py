"""Clock, ids and the store: what every process of a hub opens the same way."""

from __future__ import annotations

import contextlib
import hmac
import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hub.ids import Ids
from hub.store.sql.engine import Unavailable
from hub.store.sqlite import store as sqlite
from hub.store.vault import KEY_BYTES, Vault
from schemas import workdays
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.settings import Settings
    from hub.store.contract import Store
    from schemas.workdays import Workdays


def utc_now() -> datetime:
    """Return the wall clock in UTC: the one clock of the hub, handed to everything that needs one."""
    return datetime.now(UTC)


def new_ids() -> Ids:
    return Ids(time.time, os.urandom)


def _master_key(settings: Settings) -> bytes:
    """Return the key that wraps the dossiers' keys; made on first use, readable by the hub's own user only."""
    path = settings.data / "master.key"
    if not path.exists() and _made_before(settings):
        raise refuse("HUB-CFG-002", str(path), rule="the master key that this database was made with")
    settings.data.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        fresh = path.with_suffix(f".{os.getpid()}")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        try:
            os.write(handle, os.urandom(KEY_BYTES))
            os.fsync(handle)
            os.link(fresh, path)
        finally:
            os.close(handle)
            fresh.unlink()
    return path.read_bytes()


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
    return hmac.digest(_master_key(settings), b"lienthong download links", "sha256")


def store_of(settings: Settings) -> Store:
    """Open the store that the settings name. Raises ``Refusal`` HUB-LIM-003 when its server cannot be reached."""
    vault = Vault(_master_key(settings), os.urandom)
    file = settings.data / "hub.db"
    if not settings.database:
        return sqlite.open_store(file, ids=new_ids(), vault=vault)
    from hub.store.postgres.store import open_store  # noqa: PLC0415 - the driver is loaded where it is used only

    with _reached():
        return open_store(
            settings.database,
            blobs=sqlite.blobs_beside(file),
            ids=new_ids(),
            vault=vault,
            password=_password(settings),
        )


def _made_before(settings: Settings) -> bool:
    if not settings.database:
        return (settings.data / "hub.db").exists()
    from hub.store.postgres.store import made_before  # noqa: PLC0415 - the driver is loaded where it is used only

    with _reached():
        return made_before(settings.database, _password(settings))


@contextlib.contextmanager
def _reached() -> Iterator[None]:
    """A server that is away is the hub's own unavailability."""
    try:
        yield
    except Unavailable as error:
        raise refuse("HUB-LIM-003", "database", detail=str(error)) from None


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
