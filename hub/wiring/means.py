"""What a person's moves need beside the store: today's routing, formats, and a partner's room to ask a question."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hub import pool
from hub.crew import Crew
from hub.judging.contract import Recipient
from hub.judging.trying import trial
from hub.partners.partner import parties
from hub.routing import table as routes
from hub.routing.parties import roster
from hub.routing.router import Router
from hub.tries import parcel_of, tried
from hub.trust.state import Known
from hub.wiring.declared import codecs, declared
from hub.wiring.parts import new_ids, utc_now
from hub.wiring.tools import pool_tools
from hub.wiring.worker import connect

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from pathlib import Path

    from connectors.contract import Outcome, Sealed
    from hub.judging.contract import Said
    from hub.routing.recipients import Routed
    from hub.store.contract.views import TransferView
    from hub.story.record import Story
    from hub.trust.contract import Book
    from schemas.dossier import Message

ASK_SECONDS = 60.0


class WiredMeans:
    """Built when a command needs it, from the same files as the hub's own processes."""

    def __init__(self, settings: Path, book: Book) -> None:
        self._what = declared(settings)
        self._book = book
        self._settings = settings
        self._codecs = codecs(self._what)
        self._router = Router(
            table=routes.load(self._what.agencies),
            agencies=self._what.agencies,
            procedures=self._what.procedures,
        )
        self._parties = roster(parties(self._what.partners), self._what.agencies)
        self.new_id = new_ids()

    def routed(self, message: Message, story: Story | None, *, on: date) -> Routed:
        return self._router.route(message, story, self._parties, on=on)

    def said(self, message: Message, identity: str, partner: str) -> Sequence[Said]:
        """Encode for trial; nothing is kept."""
        for each, receives in self._what.receiving:
            if each.id == partner and message.kind in receives.kinds:
                kinds = frozenset(str(kind) for kind in receives.kinds)
                codec = self._codecs[partner]
                return tuple(trial(message, identity, Recipient(partner=partner, kinds=kinds, codec=codec)))
        return ()

    async def find(self, view: TransferView, sealed: Sealed) -> Outcome | None:
        """Ask the partner whether it has a transfer; ``None`` where it cannot be asked."""
        found = next(((each, told) for each, told in self._what.receiving if each.id == view.partner), None)
        if found is None or not found[1].can_be_asked:
            return None
        crew = Crew(
            partial(pool.begin, pool_tools), str(self._settings), 1
        )  # starts when something must be signed
        known = Known(self._book)
        await known.read()
        connector = connect(*found, self._what, crew, known)
        try:
            question = connector.find(parcel_of(view, sealed))
            outcome, _ = await tried("find", question, utc_now, ASK_SECONDS)
        finally:
            await connector.close()
            await crew.close()
        return outcome
