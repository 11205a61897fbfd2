"""Which partners must have a message. Pure and total: for every message there is exactly one rule, and its id is told.

* Rules are data (``hub.routing.table``). Who plays a role (``hub.routing.roles``) is resolved against the parties handed in,
  the registries and the dossier's story (``hub.routing.case``).
* No owner, two owners, or an owner in no stage to receive: a parked transfer (HUB-RTE-001, -002, -003), never silence.
* A merged agency's mail goes to its successor's system; until there is one, the old system that is still declared takes it.
* The hub above hears everything, a hub below whatever it has a part in; where nobody here serves an agency, they do.
* Nothing goes back to its sender, except ``delivery_failed``, which goes to nobody else.
* Trial traffic stays among partners on trial.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hub.routing.case import Asked, Case, Seen
from hub.routing.parties import Party, Roster, Value, roster
from hub.routing.recipients import Recipient, Role, Routed
from hub.routing.roles import RESOLVE
from hub.routing.table import ANY, Rule, Table
from schemas.agencies import Agencies  # noqa: TC001 - msgspec reads the annotations at run time
from schemas.procedures import Procedure, Procedures  # noqa: TC001

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from hub.going_live.stages import Stage
    from hub.story.record import Story
    from schemas.dossier import Kind, Message


MOST_KNOWN = 4096
"""Cases that are remembered; then it begins anew."""


class Router(Value, frozen=True):
    """The table with the registries that it is read by; built once by the wiring."""

    table: Table
    agencies: Agencies
    procedures: Procedures
    known: dict[Asked, tuple[Roster, Routed]] = msgspec.field(default_factory=dict)
    """Cases that were decided already, with the roster they were decided for."""

    def route(
        self,
        message: Message,
        story: Story | None,
        parties: Roster | Sequence[Party],
        *,
        on: date,
        sender: str | None = None,
        trial: bool = False,
        agency: str = "",
    ) -> Routed:
        """Decide who must have the message.

        ``parties``: a roster made once, or the parties themselves. ``story``: after this message; ``None`` without a dossier. ``on``: today, for mergers. ``sender``: the partner the
        message came from, or for ``delivery_failed`` the partner whose message failed; by default the message's own.
        ``trial``: its sender marked it so. ``agency``: for which another hub relayed it.
        """
        parties = self._roster(parties)
        asked = self._asked(message, story, parties, on, sender, trial=trial, agency=agency)
        known = self.known.get(asked)
        if known is not None and known[0] is parties:
            return known[1]
        routed = self._decide(asked, message.kind, parties)
        if len(self.known) >= MOST_KNOWN:
            self.known.clear()
        self.known[asked] = parties, routed
        return routed

    def relayed(
        self,
        message: Message,
        story: Story | None,
        parties: Roster | Sequence[Party],
        *,
        on: date,
        rule: str,
        trial: bool = False,
    ) -> Routed:
        """Decide which other hubs must have what goes to no system, by ``rule``."""
        parties = self._roster(parties)
        if not parties.hubs:
            return Routed(recipients=(), rule=rule)
        asked = self._asked(message, story, parties, on, None, trial=trial)
        return Routed(recipients=Case(self, parties, asked).hubs(), rule=rule)

    @staticmethod
    def _asked(
        message: Message,
        story: Story | None,
        parties: Roster,
        on: date,
        sender: str | None,
        *,
        trial: bool,
        agency: str = "",
    ) -> Asked:
        seen = Seen.of(story, parties.hubs) if story is not None else None
        return Asked(sender or message.sender, on, seen, message.kind, message.event.to_agency, trial, agency)

    def _decide(self, asked: Asked, kind: Kind, parties: Roster) -> Routed:
        rule = self.rule(kind, asked.story)
        case = Case(self, parties, asked, rule.to)
        found: dict[str, Recipient] = {}
        for role in rule.to:
            for recipient in RESOLVE[role](case):
                found.setdefault(recipient.partner, recipient)
        if Role.SENDER not in rule.to:
            for recipient in case.hubs() if parties.hubs else ():
                found.setdefault(recipient.partner, recipient)
        return Routed(
            recipients=tuple(found.values()),
            rule=rule.id,
            decider=case.decider.code if case.decider else None,
        )

    def rule(self, kind: Kind, story: Story | Seen | None) -> Rule:
        """Return the first rule that fits. ``load`` has made sure that there is one."""
        return next(rule for rule in self.table.rule if self._fits(rule, kind, story))

    def entitled(self, story: Story, parties: Roster | Sequence[Party], partner: str, *, on: date) -> bool:
        """Whether the routes name this partner for the dossier: it is the system of the agency that decides it.

        The hub above may speak of every dossier: it has judged who speaks. One below may where it serves who opened, received,
        has, had or decides it.
        """
        over = self._roster(parties)
        speaker = over.by_id.get(partner)
        case = Case(self, over, Asked(partner, on, Seen.of(story, over.hubs)))
        if speaker is None or not speaker.hub:
            return case.sender_decides
        return speaker.hub == "parent" or case.concerns(speaker)

    def is_below(self, parties: Roster | Sequence[Party], partner: str) -> bool:
        """Whether the partner is a hub below this one."""
        party = self._roster(parties).by_id.get(partner)
        return party is not None and party.hub == "child"

    def informed(self, parties: Roster | Sequence[Party], partner: str) -> bool:
        """Whether a partner hears of dossiers, and is only told."""
        party = self._roster(parties).by_id.get(partner)
        return party is not None and party.role == "informed" and bool(party.kinds)

    def stage(
        self, story: Story | None, parties: Roster | Sequence[Party], partner: str, *, on: date
    ) -> Stage:
        """How far a partner is with a dossier's procedure; one that is not declared stands for the hub itself."""
        asked = Asked(partner, on, Seen.of(story) if story else None)
        return Case(self, self._roster(parties), asked).speaks

    def procedure(self, story: Story | Seen) -> Procedure | None:
        """Return the registry's entry for the procedure that the dossier began with."""
        return self.procedures.find(
            story.national,
            story.local,
            authority=story.origin_agency,
            on=story.opened_on,
            agencies=self.agencies,
        )

    def _roster(self, parties: Roster | Sequence[Party]) -> Roster:
        return parties if isinstance(parties, Roster) else roster(parties, self.agencies)

    def _fits(self, rule: Rule, kind: Kind, story: Story | Seen | None) -> bool:
        received_by = story.received_by if story else ""
        named = {story.national, story.local} if story else set()
        return (
            (ANY in rule.kinds or kind in rule.kinds)
            and (ANY in rule.procedures or not named.isdisjoint(rule.procedures))
            and (ANY in rule.levels or self.agencies.level(received_by) in rule.levels)
            and (ANY in rule.states or (story is not None and story.state in rule.states))
            and (ANY in rule.trees or any(self.agencies.is_within(received_by, tree) for tree in rule.trees))
        )
