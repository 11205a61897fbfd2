"""What a person's moves need beside the store: today's routing, formats, and a partner's room to ask a question."""

from __future__ import annotations

from copy import copy
from functools import partial
from typing import TYPE_CHECKING

from hub.delivery.tries import parcel_of, tried
from hub.going_live import stages
from hub.going_live.staging import overlaid
from hub.judging.contract import Recipient
from hub.judging.trying import trial
from hub.partners.partner import parties
from hub.processes import pool
from hub.processes.crew import Crew
from hub.routing import table as routes
from hub.routing.parties import roster
from hub.routing.router import Router
from hub.story import record
from hub.trust.state import Known
from hub.wiring.declared import codecs, declared
from hub.wiring.parts import new_ids, utc_now
from hub.wiring.tools import pool_tools
from hub.wiring.worker import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date
    from pathlib import Path

    from connectors.contract import Outcome, Sealed
    from hub.going_live.stages import Stage
    from hub.judging.contract import Said
    from hub.routing.parties import Roster
    from hub.routing.recipients import Routed
    from hub.store.contract.stages import Staged
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

    def over(self, staged: Sequence[Staged]) -> WiredMeans:
        other = copy(self)
        other._parties = self._over(staged)  # noqa: SLF001 - of the same class
        return other

    def _over(self, staged: Sequence[Staged]) -> Roster:
        return roster(overlaid(parties(self._what.partners), staged), self._what.agencies)

    def stage(self, story: Story | None, partner: str, *, on: date) -> Stage:
        return self._router.stage(story, self._parties, partner, on=on)

    def becomes(self, staged: Sequence[Staged], new: Staged) -> Callable[[bytes], tuple[Stage, Stage]]:
        before, after = self._over(staged), self._over([*staged, new])
        on = new.at.date()

        def becomes(raw: bytes) -> tuple[Stage, Stage]:
            story = record.from_json(raw) if raw else None
            was = self._router.stage(story, before, new.partner, on=on)
            return was, self._router.stage(story, after, new.partner, on=on)

        return becomes

    def routed(self, message: Message, story: Story | None, *, on: date, trial: bool = False) -> Routed:
        """Raises ``Refusal`` HUB-STG-001: what was real when it was said, and its sender is on trial now."""
        speaks = self._router.stage(story, self._parties, message.sender, on=on)
        stages.heard(speaks, story.stage if story else None, trial=trial)
        return self._router.route(message, story, self._parties, on=on, trial=trial)

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
