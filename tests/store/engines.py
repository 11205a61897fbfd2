"""Every store that is listed here must pass the whole suite; being listed is being tested."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from hub.store.contract.store import Store
from hub.store.postgres import store as postgres
from hub.store.sqlite import store as sqlite
from hub.store.vault import Vault
from tests.store.samples import numbered_ids

if TYPE_CHECKING:
    from pathlib import Path

Open = Callable[[], Store]
"""Opens one more session on the same data, as another process would."""


class Place(NamedTuple):
    """Where a test's store lies: a folder, and an empty database for those who ask for one."""

    folder: Path
    database: str


def vault() -> Vault:
    return Vault(b"m" * 32, os.urandom)


def on_sqlite(place: Place, session: int, vault: Vault | None = None, *, shared_clock: bool = False) -> Store:
    path = place.folder / "hub.db"
    return sqlite.open_store(path, ids=numbered_ids(session), vault=vault, shared_clock=shared_clock)


def on_postgres(
    place: Place, session: int, vault: Vault | None = None, *, shared_clock: bool = False
) -> Store:
    return postgres.open_store(
        place.database,
        blobs=sqlite.blobs_beside(place.folder / "hub.db"),
        ids=numbered_ids(session),
        vault=vault,
        shared_clock=shared_clock,
    )


ON_POSTGRES: dict[str, Callable[[Place, int], Store]] = {
    "postgres": on_postgres,
    "postgres-encrypted": lambda place, session: on_postgres(place, session, vault()),
}
ENGINES: dict[str, Callable[[Place, int], Store]] = {
    "sqlite": on_sqlite,
    "sqlite-encrypted": lambda place, session: on_sqlite(place, session, vault()),
    **ON_POSTGRES,
}
SHARED_CLOCK: dict[str, Callable[[Place, int], Store]] = {
    "sqlite": lambda place, session: on_sqlite(place, session, shared_clock=True),
    "postgres": lambda place, session: on_postgres(place, session, shared_clock=True),
}
"""As the hub opens them; the others live in the time that a test hands in."""
