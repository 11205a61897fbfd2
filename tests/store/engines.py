"""Every store that is listed here must pass the whole suite; being listed is being tested."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from hub.store.contract import Store
from hub.store.sqlite.store import open_store
from hub.store.vault import Vault
from tests.store.samples import numbered_ids

if TYPE_CHECKING:
    from pathlib import Path

Open = Callable[[], Store]
"""Opens one more session on the same data, as another process would."""


def plain(folder: Path, session: int) -> Store:
    return open_store(folder / "hub.db", ids=numbered_ids(session))


def encrypted(folder: Path, session: int) -> Store:
    return open_store(folder / "hub.db", ids=numbered_ids(session), vault=Vault(b"m" * 32, os.urandom))


ENGINES: dict[str, Callable[[Path, int], Store]] = {"sqlite": plain, "sqlite-encrypted": encrypted}
