"""How much room there is: on the disk of the data folder, and what the database has of what it may have.

An embedded database's own files are looked at. A server's disk is the server's business, and only it can say how large the
database is: it is asked now and then, where a bound is set. Between two questions the last answer counts.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub.settings.file import Settings
    from hub.store.contract.store import Store

ASK_EVERY = 5.0
"""Seconds; the server looks at every file of the database each time."""


class Room:
    """Call it for (free bytes, bytes of the database)."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._data, self._store = settings.data, store
        self.asks = bool(settings.database) and settings.limits.database is not None
        self._embedded = not settings.database
        self._size = 0

    async def ask(self) -> None:
        """Ask the server, where a bound is set."""
        if self.asks:
            self._size = (await self._store.figures()).size

    def __call__(self) -> tuple[int, int]:
        disk = os.statvfs(self._data)
        return disk.f_bavail * disk.f_frsize, self._files() if self._embedded else self._size

    def _files(self) -> int:
        return sum(path.stat().st_size for path in self._data.glob("hub.db*") if path.is_file())
