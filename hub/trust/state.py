"""What one process knows of certificates now: read from the store every few seconds, asked in memory for each message.

A store that is away leaves what was known; what was known grows old by itself, so that nothing is believed for ever, and
the first reading that comes again puts it right. So it is with authorities: while one is silent its last answer counts for as
long as was agreed, then nothing does, and with its next answer everything goes on.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hub.settings.sections import Revocation
from hub.trust.contract import Said
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from hub.trust.contract import Barred, Book, Standing

EVERY = 2.0
"""Seconds between two readings: how long a certificate that was barred may still be used."""
REVOKED, UNCERTAIN = "HUB-CRT-004", "HUB-CRT-005"
ASKED_OF_NOBODY = Revocation()


def counts_until(standing: Standing, told: Revocation) -> datetime | None:
    """Until when what was last heard of a certificate counts; ``None``: nothing was ever heard."""
    if standing.heard_at is None or standing.valid_until is None:
        return None
    grace = timedelta(seconds=told.grace)
    if told.mode == "cached":
        return max(standing.valid_until, standing.heard_at + grace)
    return standing.valid_until + grace


class Known:
    """``rules``: how each partner's certificates are asked about."""

    def __init__(self, book: Book, rules: Mapping[str, Revocation] | None = None) -> None:
        self._book = book
        self._rules = rules or {}
        self._barred: Mapping[str, Barred] = {}
        self._standings: Mapping[str, Standing] = {}

    async def read(self) -> None:
        """Raises whatever the store does; what was known stays."""
        barred, standings = await self._book.barred(), await self._book.standings()
        self._barred = {one.fingerprint: one for one in barred}
        self._standings = {one.fingerprint: one for one in standings}

    def barred(self) -> frozenset[str]:
        """What nothing is signed with: taken out of use by a person, or revoked by its authority."""
        revoked = (one.fingerprint for one in self._standings.values() if one.state is Said.REVOKED)
        return frozenset((*self._barred, *revoked))

    @property
    def facts(self) -> tuple[Mapping[str, Standing], Mapping[str, Barred]]:
        """What is known of each certificate, by its fingerprint."""
        return self._standings, self._barred

    def vouch(
        self, partner: str, fingerprint: str, now: datetime, stamped_at: datetime | None = None
    ) -> None:
        """Say nothing when this signer's certificate may be believed. ``stamped_at``: when a time-stamp proves that it signed;
        what ended its trust after that takes nothing from it.

        Raises ``Refusal`` HUB-CRT-004: revoked or barred; HUB-CRT-005: nobody can say now, come again.
        """
        barred = self._barred.get(fingerprint)
        if barred is not None and not _before(stamped_at, barred.since):
            raise refuse(REVOKED, rule="a certificate that was not taken out of use")
        standing = self._standings.get(fingerprint)
        if (
            standing is not None
            and standing.state is Said.REVOKED
            and not _before(stamped_at, standing.revoked_at)
        ):
            raise refuse(REVOKED, rule="a certificate that was not revoked")
        told = self._rules.get(partner, ASKED_OF_NOBODY)
        if told.mode == "off":
            return
        until = counts_until(standing, told) if standing else None
        if until is None or now > until:
            raise refuse(UNCERTAIN, rule="an answer of its authority that counts now")


def _before(stamped_at: datetime | None, ended: datetime | None) -> bool:
    return stamped_at is not None and ended is not None and stamped_at < ended
