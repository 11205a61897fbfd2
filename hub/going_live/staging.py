"""Partners with the stages that persons gave them, over those of their files; read from the store, exact at acceptance.

A process reads them every few seconds. What it decided on older ones the store does not take (``Stale``): it reads again.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from hub.going_live.stages import EVERY
from hub.routing.parties import Party, Roster, roster
from hub.store.contract.store import Stale
from hub.story import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from hub.going_live.stages import Stage
    from hub.receipts.receipts import Confirm
    from hub.routing.router import Router
    from hub.store.contract.catalogues import CatalogueStore, Version
    from hub.store.contract.stages import Promotion, StageBook, Staged
    from schemas.agencies import Agencies

READ_EVERY = 2.0
SIGNATURE = "signature"
"""Under which name the journal's facts hold the hub's own signature, where it has a key for that."""


def overlaid(parties: Iterable[Party], staged: Iterable[Staged]) -> tuple[Party, ...]:
    """For each key (a procedure, or all others) a person's word goes before the file's."""
    named: dict[str, dict[str, Stage]] = {}
    for each in staged:
        named.setdefault(each.partner, {})[each.procedure] = each.stage
    return tuple(_over(party, named.get(party.partner_id, {})) for party in parties)


def _over(party: Party, named: Mapping[str, Stage]) -> Party:
    if not named:
        return party
    procedures = {code: stage for code, stage in named.items() if code != EVERY}
    return msgspec.structs.replace(
        party, stage=named.get(EVERY, party.stage), stages={**party.stages, **procedures}
    )


class Standing:
    """What one process knows of stages now, and of the catalogues that were published."""

    def __init__(
        self,
        book: StageBook,
        parties: Sequence[Party],
        agencies: Agencies,
        catalogues: CatalogueStore | None = None,
    ) -> None:
        self._book, self._parties, self._agencies = book, parties, agencies
        self._now: tuple[Roster, int] = roster(parties, agencies), 0
        self._catalogues = catalogues
        self.versions: tuple[Version, ...] = ()
        """Of catalogues, as last read."""

    @property
    def now(self) -> tuple[Roster, int]:
        """The parties, and the edition of the stages that they stand in."""
        return self._now

    async def read(self) -> None:
        """Raises whatever the store does; what was known stays."""
        if self._catalogues is not None:
            self.versions = await self._catalogues.versions()
        found = await self._book.stages()
        if found.edition != self._now[1]:
            self._now = roster(overlaid(self._parties, found.staged), self._agencies), found.edition


async def clear(
    book: StageBook, parties: Sequence[Party], agencies: Agencies, router: Router, now: datetime
) -> tuple[str, ...]:
    """Withdraw what was on trial for partners that are not any more because their files changed; a person's change does that itself."""
    declared = {party.partner_id for party in parties}
    while True:
        found = await book.stages()
        over = roster(overlaid(parties, found.staged), agencies)

        def stage(partner: str, raw: bytes, over: Roster = over) -> Stage:
            if partner not in declared:
                return "trial"  # without a file nothing leaves
            return router.stage(record.from_json(raw) if raw else None, over, partner, on=now.date())

        with suppress(Stale):
            return await book.clear(found.edition, stage, now)


def signed(what: Promotion, before: Stage, confirm: Confirm) -> Promotion:
    """Return the change with what the journal says of it, signed by the hub where it has a key for that: a detached JWS over the
    JSON of the other facts, keys in order.
    """
    new = what.staged
    facts = {
        "partner": new.partner,
        "procedure": new.procedure,
        "before": before,
        "stage": new.stage,
        "queued": what.queued,
        "reason": new.reason,
        "by": new.by,
        "at": new.at.isoformat(),
    }
    signature = confirm(msgspec.json.encode(facts, order="deterministic"), new.at)
    return msgspec.structs.replace(what, facts={**facts, SIGNATURE: signature} if signature else facts)
