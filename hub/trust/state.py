"""What one process knows of certificates now: read from the store every few seconds, asked in memory for each message.

A store that is away leaves what was known; what was known grows old by itself, so that nothing is believed for ever, and
the first reading that comes again puts it right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.trust.contract import Barred, Book, Standing

EVERY = 2.0
"""Seconds between two readings: how long a certificate that was barred may still be used."""


class Known:
    def __init__(self, book: Book) -> None:
        self._book = book
        self._barred: Mapping[str, Barred] = {}
        self._standings: Mapping[str, Standing] = {}

    async def read(self) -> None:
        """Raises whatever the store does; what was known stays."""
        barred, standings = await self._book.barred(), await self._book.standings()
        self._barred = {one.fingerprint: one for one in barred}
        self._standings = {one.fingerprint: one for one in standings}

    def barred(self) -> frozenset[str]:
        return frozenset(self._barred)
