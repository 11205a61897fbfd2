"""One message's case: what the roles are resolved against, each part worked out at most once."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from hub.going_live import stages
from hub.going_live.stages import FLOWS, Stage
from hub.routing.recipients import NOBODY, Recipient, Role
from schemas.problems import Problem
from schemas.procedures import Procedure, decider_unit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from hub.routing.parties import Party, Roster
    from hub.routing.router import Router
    from hub.story.record import Story
    from schemas.agencies import Agency
    from schemas.dossier import Kind, State


class Seen(NamedTuple):
    """What routing looks at in a dossier's story. ``holders``: the agencies of its legs; ``heard``: hubs that are among its parties."""

    national: str | None
    local: str | None
    origin: str
    origin_agency: str
    received_by: str
    opened_on: date
    holders: tuple[str, ...]
    stage: Stage = "live"
    state: State | None = None
    heard: tuple[str, ...] = ()

    @classmethod
    def of(cls, story: Story, hubs: Sequence[Party] = ()) -> Seen:
        """``hubs``: of the roster; those that had a part in the dossier go on hearing of it."""
        return cls(
            story.national,
            story.local,
            story.origin,
            story.origin_agency,
            story.received_by,
            story.opened_on,
            tuple([leg.agency for leg in story.legs]),
            story.stage,
            story.state,
            tuple([each.partner_id for each in hubs if each.partner_id in story.parties]),
        )


class Asked(NamedTuple):
    """All that a case is about; nothing else of message and story decides who gets it. ``to``: the agency that it names.
    ``trial``: the sender marked it so. ``agency``: for which another hub relayed it.
    """

    sender: str
    on: date
    story: Seen | None
    kind: Kind | None = None
    to: str | None = None
    trial: bool = False
    agency: str = ""


class Case:
    """What the roles are resolved against, each part worked out at most once."""

    def __init__(self, router: Router, roster: Roster, asked: Asked, roles: tuple[Role, ...] = ()) -> None:
        self.router = router
        self.roster = roster
        self.sender, self.on, self.story, self.kind, self.to, self.trial, self.agency = asked
        self.roles = roles

    @cached_property
    def procedure(self) -> Procedure | None:
        return self.router.procedure(self.story) if self.story else None

    @cached_property
    def named(self) -> str | None:
        """The agency that the procedure gives the decision to, before any merger."""
        if self.story is None or self.procedure is None:
            return None
        return decider_unit(self.procedure, self.story.received_by, self.router.agencies)

    @property
    def of_what(self) -> str:
        """The procedure, by its code, and the level that decides it, for whoever reads why a message waits."""
        entry = self.procedure
        if entry is None:
            return ""
        level = f" ({entry.decider})" if entry.decider != self.named else ""
        return f" {entry.national or entry.id}{level}"

    @cached_property
    def decider(self) -> Agency | None:
        return self.router.agencies.successor(self.named, self.on) if self.named else None

    @cached_property
    def traffic(self) -> Stage:
        """What the message counts as, by its sender's stage for this procedure and the dossier's; the hub's own are live."""
        said: Stage = "trial" if self.trial else self.speaks
        found = stages.HEARD.get((said, self.story.stage if self.story else None))
        return found.traffic if found else said  # not heard at all: acceptance refuses it

    @property
    def parks_as(self) -> Stage:
        """What is parked is what it would be if its sender were still there."""
        return "live" if self.traffic == "retired" else self.traffic

    @cached_property
    def speaks(self) -> Stage:
        party = self.roster.by_id.get(self.sender)
        return self.stage(party) if party is not None else "live"

    @cached_property
    def sender_decides(self) -> bool:
        if self.named is None or not self.agency:
            return self.named is not None and self.serves(self.named)
        agencies = self.router.agencies
        return agencies.same(self.named, self.agency) or (
            agencies.known(self.agency) is not None
            and agencies.successor(self.named, self.on) == agencies.successor(self.agency, self.on)
        )

    @cached_property
    def confirmed(self) -> bool:
        """Whether the informed may hear it: the decider says so, or the origin in its own right or for a silent decider."""
        if self.sender_decides:
            return True
        if self.story is None or self.kind is None or self.sender != self.story.origin:
            return False
        if self.kind in self.router.table.confirmed.origin:
            return True
        if self.at_counter:
            return True
        owners = self.serving(self.named) if self.named else ()
        return bool(owners) and not any(self.kind in owner.sends for owner in owners)

    @cached_property
    def at_counter(self) -> bool:
        """Whether the rule lets a unit without a system of its own decide in the system that opened the dossier."""
        return (
            Role.COUNTER in self.roles
            and self.story is not None
            and self.named is not None
            and self.router.agencies.same(self.named, self.story.received_by)
            and not self.here(self.named, any_role=True)
            and not self.below(self.named)
        )

    def stage(self, party: Party) -> Stage:
        return stages.of(self.codes, party.stage, party.stages)

    @cached_property
    def codes(self) -> tuple[str | None, ...]:
        """The procedure's codes, the registry's first."""
        entry, story = self.procedure, self.story
        told = (story.national, story.local) if story else (None, None)
        return (entry.national if entry else None, *told)

    def serving(self, agency: str, *, any_role: bool = False) -> tuple[Party, ...]:
        """Who takes this agency's mail today: its systems here, else the hub below at which they are, else the hub above."""
        parent = self.roster.parent
        return self.here(agency, any_role=any_role) or self.below(agency) or ((parent,) if parent else ())

    def below(self, agency: str) -> tuple[Party, ...]:
        """The hubs below at which an agency's successor is, else itself."""
        agencies = self.router.agencies
        if not self.roster.children or agencies.known(agency) is None:
            return ()
        successor = agencies.successor(agency, self.on).code
        return self._serve(successor) or self._serve(agency)

    def _serve(self, agency: str) -> tuple[Party, ...]:
        within = self.router.agencies.is_within
        return tuple(
            child for child in self.roster.children if any(within(agency, tree) for tree in child.serves)
        )

    def gone(self, child: Party) -> bool:
        """Whether all that a hub below served was taken over, and is served elsewhere now: it hears of nothing new."""
        agencies = self.router.agencies
        trees = [tree for tree in child.serves if agencies.known(tree)]
        heirs = [agencies.successor(tree, self.on).code for tree in trees]
        return bool(trees) and all(
            not agencies.same(tree, heir)
            and child not in self._serve(heir)
            and bool(self._serve(heir) or self.here(heir, any_role=True))
            for tree, heir in zip(trees, heirs, strict=True)
        )

    def here(self, agency: str, *, any_role: bool = False) -> tuple[Party, ...]:
        """The systems here that take this agency's mail: its successor's own, else its own, else another predecessor's."""
        agencies = self.router.agencies
        served = self.roster.serving if any_role else self.roster.deciding
        itself, successor = agencies.require(agency), agencies.successor(agency, self.on)
        own = served.get(successor.code) or served.get(itself.code)
        if own or itself == successor:
            return own or ()
        merged = [
            parties for code, parties in served.items() if agencies.successor(code, self.on) == successor
        ]
        return tuple(party for parties in merged for party in parties)

    def serves(self, agency: str) -> bool:
        """Whether the sender is a system of that agency, whether or not it takes its mail."""
        parties = (*self.serving(agency), *self.serving(agency, any_role=True))
        return any(party.partner_id == self.sender for party in parties)

    def owned(self, agency: str, role: Role) -> tuple[Recipient, ...]:
        """The one system that must have an agency's mail, and those that run in parallel; parked when it is not one."""
        owners = self.serving(agency)
        if self.serves(agency):
            return ()
        if not owners:
            return (self.parked(role, "HUB-RTE-001", f"no partner decides{self.of_what} for {agency}"),)
        flows = [(owner, self.flow(owner)) for owner in owners]
        if not any(flow for _, flow in flows):
            return tuple(self.stopped(owner, role) for owner in owners[:1] if self.takes(owner))
        return self.single(flows, role)

    def single(self, flows: Sequence[tuple[Party, Stage | None]], role: Role) -> tuple[Recipient, ...]:
        for stage in ("live", "parallel", "trial"):
            owners = [owner for owner, flow in flows if flow == stage]
            if len(owners) > 1:
                detail = ", ".join(owner.partner_id for owner in owners)
                return (self.parked(role, "HUB-RTE-002", f"both decide: {detail}"),)
        return tuple(
            Recipient(partner=owner.partner_id, role=role, stage=flow, relays=bool(owner.hub))
            for owner, flow in flows
            if flow and self.takes(owner)
        )

    def stopped(self, owner: Party, role: Role) -> Recipient:
        problem = Problem(
            code="HUB-RTE-003",
            rule=f"{self.traffic} traffic",
            detail=f"{owner.partner_id} is {self.stage(owner)}",
        )
        return Recipient(partner=owner.partner_id, role=role, stage=self.parks_as, problem=problem)

    def flow(self, party: Party) -> Stage | None:
        """As what it goes there; ``None``: it does not. Another hub decides itself what it lets on."""
        return self.parks_as if party.hub else FLOWS.get((self.traffic, self.stage(party)))

    def takes(self, party: Party) -> bool:
        return self.kind is not None and (bool(party.hub) or self.kind in party.kinds)

    def optional(self, parties: Sequence[Party], role: Role) -> tuple[Recipient, ...]:
        """Those of the parties that take this kind and may; nobody is no problem."""
        return tuple(
            Recipient(partner=party.partner_id, role=role, stage=flow, relays=bool(party.hub))
            for party in parties
            if party.partner_id != self.sender and self.takes(party) and (flow := self.flow(party))
        )

    def hubs(self) -> tuple[Recipient, ...]:
        """The hub above hears everything; one below every message of a dossier in which it has a part. Never whoever it came from."""
        parent = self.roster.parent
        part = [child for child in self.roster.children if self.has_part(child)]
        return self.optional((*part, parent) if parent else part, Role.HUB)

    def has_part(self, child: Party) -> bool:
        """Whether it had the dossier before, or serves who received, opened, has or had it, or is named now."""
        story = self.story
        if story is None or self.gone(child):
            return False
        named = (story.received_by, story.origin_agency, *story.holders, *((self.to,) if self.to else ()))
        return child.partner_id in (story.origin, *story.heard) or any(
            child in self.below(agency) for agency in named
        )

    def concerns(self, child: Party) -> bool:
        """Whether a hub below may speak of the dossier: it had it before, or serves who received, opened, has, had or decides it; also one
        that was taken over, of what it said before.
        """
        if self.story is None:
            return False
        told, known, within = self.story, self.router.agencies.known, self.router.agencies.is_within
        named = [each for each in (told.received_by, told.origin_agency, *told.holders, self.named) if each]
        return child.partner_id in (told.origin, *told.heard) or any(
            each in child.serves
            or child in self.below(each)
            or (known(each) is not None and any(within(each, tree) for tree in child.serves))
            for each in named
        )

    def parked(self, role: Role, code: str, detail: str) -> Recipient:
        problem = Problem(code=code, rule=f"routes: {role}", detail=detail)
        return Recipient(partner=NOBODY, role=role, stage=self.parks_as, problem=problem)
