"""Clock, ids and the store: what every process of a hub opens the same way."""

from __future__ import annotations

import contextlib
import hmac
import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hub.ids import Ids
from hub.store.sqlite.store import open_store
from hub.store.vault import KEY_BYTES, Vault
from schemas import workdays
from schemas.problems import refuse

if TYPE_CHECKING:
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
    if not path.exists() and (settings.data / "hub.db").exists():
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
    vault = Vault(_master_key(settings), os.urandom)
    return open_store(settings.data / "hub.db", ids=new_ids(), vault=vault)
