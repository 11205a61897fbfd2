"""Which partners must have a message. Pure and total: for every message there is exactly one rule, and its id is told.

* Rules are data (``routes.toml``): kind × procedure × agency tree × level → roles. Who plays a role is resolved against the
  parties handed in, the registries and the dossier's story.
* No owner, two owners, or an owner in no stage to receive: a parked transfer (HUB-RTE-001, -002, -003), never silence.
* A merged agency's mail goes to its successor's system; until there is one, the old system that is still declared takes it.
* Nothing goes back to its sender, except ``delivery_failed``, which goes to nobody else.
* Trial traffic stays among partners on trial.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import date  # noqa: TC003
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Literal

import msgspec

from hub.story.record import Story  # noqa: TC001
from schemas.agencies import Agencies, Agency, Level
from schemas.dossier import Kind, Message
from schemas.problems import Problem
from schemas.procedures import Procedure, Procedures, decider_unit

FILE = Path(__file__).parent / "routes.toml"
ANY = "*"
NOBODY = "unrouted"
"""The partner of a parked transfer for which no single owner is known."""

Stage = Literal["trial", "parallel", "live", "retired"]
PartyRole = Literal["decides", "informed"]


class Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Common shape: frozen, closed, named fields."""


class Party(Value, frozen=True):
    """One partner as routing sees it.

    ``agency``: its code in either form. ``kinds``: message kinds it takes; empty when it never receives.
    ``sends``: kinds that its own system tells; empty when it never sends. ``stage`` counts where ``stages`` (by national
    or local procedure code) has no entry.
    """

    partner_id: str
    agency: str
    room: str = ""
    role: PartyRole = "decides"
    kinds: tuple[str, ...] = ()
    sends: tuple[str, ...] = ()
    stage: Stage = "live"
    stages: Mapping[str, Stage] = {}


class Roster(Value, frozen=True):
    """The parties, found by id, by role and by the agency they serve."""

    by_id: Mapping[str, Party]
    informed: tuple[Party, ...]
    deciding: Mapping[str, tuple[Party, ...]]
    serving: Mapping[str, tuple[Party, ...]]


def roster(parties: Iterable[Party], agencies: Agencies) -> Roster:
    """Sort the parties once. Raises ``ValueError`` for two with one id. A party of an unknown agency only hears as informed."""
    by_id: dict[str, Party] = {}
    serving: dict[str, tuple[Party, ...]] = {}
    for party in parties:
        if party.partner_id in by_id:
            raise ValueError(f"partner {party.partner_id} stands twice")
        by_id[party.partner_id] = party
        agency = agencies.known(party.agency)
        if agency is not None:
            serving[agency.code] = (*serving.get(agency.code, ()), party)
    decides = {code: tuple(p for p in served if p.role == "decides") for code, served in serving.items()}
    return Roster(
        by_id=by_id,
        informed=tuple(party for party in by_id.values() if party.role == "informed"),
        deciding={code: served for code, served in decides.items() if served},
        serving=serving,
    )


class Role(StrEnum):
    DECIDER = "decider"
    COUNTER = "counter"
    ADDRESSEE = "addressee"
    HOLDERS = "holders"
    ORIGIN = "origin"
    SUCCESSOR = "successor"
    INFORMED = "informed"
    SUBSCRIBERS = "subscribers"
    SENDER = "sender"


class Recipient(Value, frozen=True):
    """One partner that must have the message. ``problem`` set: its transfer is born parked. ``stage``: of this transfer."""

    partner: str
    role: Role
    stage: Stage = "live"
    problem: Problem | None = None


class Routed(Value, frozen=True):
    """``rule``: id of the rule that decided. ``decider``: code of the agency that decides the dossier today, if known."""

    recipients: tuple[Recipient, ...]
    rule: str
    decider: str | None = None


class Rule(Value, frozen=True):
    id: str
    kinds: tuple[str, ...]
    to: tuple[Role, ...]
    procedures: tuple[str, ...] = (ANY,)
    trees: tuple[str, ...] = (ANY,)
    levels: tuple[str, ...] = (ANY,)

    @property
    def always(self) -> bool:
        """Whether nothing but the kind is asked."""
        return all(ANY in names for names in (self.procedures, self.trees, self.levels))


class Confirmed(Value, frozen=True):
    """Kinds that the origin tells in its own right."""

    origin: tuple[Kind, ...]


class Table(Value, frozen=True):
    confirmed: Confirmed
    rule: tuple[Rule, ...]


FLOWS: dict[tuple[Stage, Stage], Stage] = {
    ("trial", "trial"): "trial",
    ("parallel", "parallel"): "parallel",
    ("parallel", "live"): "parallel",
    ("live", "parallel"): "parallel",
    ("live", "live"): "live",
}
"""(the sender's stage, the recipient's) → the transfer's stage; what is not here does not flow (design decision 15)."""


def load(agencies: Agencies, path: Path = FILE) -> Table:
    """Read the rules. Raises ``ValueError`` naming the file: unknown key, role, kind or agency, double id, a kind without a last rule."""
    try:
        table = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Table)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ValueError(f"{path.name}: {error}") from error
    ids = [rule.id for rule in table.rule]
    if len(set(ids)) != len(ids):
        raise ValueError(f"{path.name}: a rule's id stands twice")
    for rule in table.rule:
        _check_names(f"{path.name}: rule {rule.id}", rule, agencies)
    for kind in Kind:
        if not any(rule.always and (kind in rule.kinds or ANY in rule.kinds) for rule in table.rule):
            raise ValueError(f"{path.name}: {kind} has no rule that always fits")
    return table


def _check_names(place: str, rule: Rule, agencies: Agencies) -> None:
    for kind in rule.kinds:
        if kind not in {*Kind, ANY}:
            raise ValueError(f"{place}: {kind} is no kind of message")
    for level in rule.levels:
        if level not in {*Level, ANY}:
            raise ValueError(f"{place}: {level} is no level")
    for tree in rule.trees:
        if tree != ANY and agencies.known(tree) is None:
            raise ValueError(f"{place}: agency {tree} is missing")


class Router(Value, frozen=True):
    """The table with the registries that it is read by; built once by the wiring."""

    table: Table
    agencies: Agencies
    procedures: Procedures

    def route(
        self,
        message: Message,
        story: Story | None,
        parties: Roster | Sequence[Party],
        *,
        on: date,
        sender: str | None = None,
    ) -> Routed:
        """Decide who must have the message.

        ``parties``: a roster made once, or the parties themselves. ``story``: after this message; ``None`` without a dossier. ``on``: today, for mergers. ``sender``: the partner the
        message came from, or for ``delivery_failed`` the partner whose message failed; by default the message's own.
        """
        rule = self.rule(message.kind, story)
        case = _Case(self, message, story, self._roster(parties), on, sender or message.sender, rule.to)
        found: dict[str, Recipient] = {}
        for role in rule.to:
            for recipient in _RESOLVE[role](case):
                found.setdefault(recipient.partner, recipient)
        return Routed(
            recipients=tuple(found.values()),
            rule=rule.id,
            decider=case.decider.code if case.decider else None,
        )

    def rule(self, kind: Kind, story: Story | None) -> Rule:
        """Return the first rule that fits. ``load`` has made sure that there is one."""
        return next(rule for rule in self.table.rule if self._fits(rule, kind, story))

    def entitled(self, story: Story, parties: Roster | Sequence[Party], partner: str, *, on: date) -> bool:
        """Whether the routes name this partner for the dossier: it is the system of the agency that decides it."""
        case = _Case(self, None, story, self._roster(parties), on, partner)
        return case.sender_decides

    def procedure(self, story: Story) -> Procedure | None:
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

    def _fits(self, rule: Rule, kind: Kind, story: Story | None) -> bool:
        received_by = story.received_by if story else ""
        named = {story.national, story.local} if story else set()
        return (
            (ANY in rule.kinds or kind in rule.kinds)
            and (ANY in rule.procedures or not named.isdisjoint(rule.procedures))
            and (ANY in rule.levels or self.agencies.level(received_by) in rule.levels)
            and (ANY in rule.trees or any(self.agencies.is_within(received_by, tree) for tree in rule.trees))
        )


# --- one message's case -----------------------------------------------------------------------------------------


class _Case:
    """What the roles are resolved against, each part worked out at most once."""

    def __init__(
        self,
        router: Router,
        message: Message | None,
        story: Story | None,
        roster: Roster,
        on: date,
        sender: str,
        roles: tuple[Role, ...] = (),
    ) -> None:
        self.router = router
        self.message = message
        self.story = story
        self.roster = roster
        self.on = on
        self.sender = sender
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

    @cached_property
    def decider(self) -> Agency | None:
        return self.router.agencies.successor(self.named, self.on) if self.named else None

    @cached_property
    def traffic(self) -> Stage:
        """The stage of the sender for this procedure; the hub's own messages are live."""
        party = self.roster.by_id.get(self.sender)
        return self.stage(party) if party is not None else "live"

    @cached_property
    def sender_decides(self) -> bool:
        return self.named is not None and self.serves(self.named)

    @cached_property
    def confirmed(self) -> bool:
        """Whether the informed may hear it: the decider says so, or the origin in its own right or for a silent decider."""
        if self.sender_decides:
            return True
        if self.story is None or self.message is None or self.sender != self.story.origin:
            return False
        if self.message.kind in self.router.table.confirmed.origin:
            return True
        if self.at_counter:
            return True
        owners = self.serving(self.named) if self.named else ()
        return bool(owners) and not any(self.message.kind in owner.sends for owner in owners)

    @cached_property
    def at_counter(self) -> bool:
        """Whether the rule lets a unit without a system of its own decide in the system that opened the dossier."""
        return (
            Role.COUNTER in self.roles
            and self.story is not None
            and self.named is not None
            and self.router.agencies.same(self.named, self.story.received_by)
            and not self.serving(self.named, any_role=True)
        )

    def stage(self, party: Party) -> Stage:
        entry, story = self.procedure, self.story
        codes = (
            entry.national if entry else None,
            story.national if story else None,
            story.local if story else None,
        )
        return next((party.stages[code] for code in codes if code and code in party.stages), party.stage)

    def serving(self, agency: str, *, any_role: bool = False) -> tuple[Party, ...]:
        """The systems that take this agency's mail today: its successor's own, else its own, else another predecessor's."""
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
            return (_parked(role, "HUB-RTE-001", "no partner decides for this agency"),)
        flows = [(owner, FLOWS.get((self.traffic, self.stage(owner)))) for owner in owners]
        if not any(flow for _, flow in flows):
            return tuple(self.stopped(owner, role) for owner in owners[:1] if self.takes(owner))
        return self.single(flows, role)

    def single(self, flows: Sequence[tuple[Party, Stage | None]], role: Role) -> tuple[Recipient, ...]:
        for stage in ("live", "parallel", "trial"):
            owners = [owner for owner, flow in flows if flow == stage]
            if len(owners) > 1:
                detail = ", ".join(owner.partner_id for owner in owners)
                return (_parked(role, "HUB-RTE-002", f"both decide: {detail}"),)
        return tuple(
            Recipient(partner=owner.partner_id, role=role, stage=flow)
            for owner, flow in flows
            if flow and self.takes(owner)
        )

    def stopped(self, owner: Party, role: Role) -> Recipient:
        stage = self.stage(owner)
        problem = Problem(
            code="HUB-RTE-003", rule=f"{self.traffic} traffic", detail=f"{owner.partner_id} is {stage}"
        )
        return Recipient(partner=owner.partner_id, role=role, stage=stage, problem=problem)

    def takes(self, party: Party) -> bool:
        return self.message is not None and self.message.kind in party.kinds

    def optional(self, parties: Sequence[Party], role: Role) -> tuple[Recipient, ...]:
        """Those of the parties that take this kind and may; nobody is no problem."""
        return tuple(
            Recipient(partner=party.partner_id, role=role, stage=flow)
            for party in parties
            if party.partner_id != self.sender
            and self.takes(party)
            and (flow := FLOWS.get((self.traffic, self.stage(party))))
        )


def _parked(role: Role, code: str, detail: str) -> Recipient:
    return Recipient(
        partner=NOBODY, role=role, problem=Problem(code=code, rule=f"routes: {role}", detail=detail)
    )


# --- who plays a role -------------------------------------------------------------------------------------------


def _decider(case: _Case) -> tuple[Recipient, ...]:
    if case.named is None:
        reason = "no unit at the deciding level" if case.procedure else "the procedure is not known"
        return (_parked(Role.DECIDER, "HUB-RTE-001", reason),)
    return case.owned(case.named, Role.DECIDER)


def _counter(case: _Case) -> tuple[Recipient, ...]:
    return _origin(case) if case.at_counter else _decider(case)


def _addressee(case: _Case) -> tuple[Recipient, ...]:
    named = case.message.event.to_agency if case.message else None
    if named is None:
        return _decider(case)
    if case.router.agencies.known(named) is None:
        return (_parked(Role.ADDRESSEE, "HUB-RTE-001", "the agency is not known"),)
    return case.owned(named, Role.ADDRESSEE)


def _holders(case: _Case) -> tuple[Recipient, ...]:
    legs = case.story.legs if case.story else ()
    agencies = [leg.agency for leg in legs if case.router.agencies.known(leg.agency)]
    parties = [party for agency in agencies for party in case.serving(agency)]
    return case.optional(parties, Role.HOLDERS)


def _origin(case: _Case) -> tuple[Recipient, ...]:
    if case.story is None:
        return ()
    story = case.story
    itself = case.roster.by_id.get(story.origin)
    if itself is not None and case.stage(itself) != "retired":
        return case.optional((itself,), Role.ORIGIN)
    return case.optional(_serving_if_known(case, story.origin_agency), Role.ORIGIN)


def _successor(case: _Case) -> tuple[Recipient, ...]:
    received_by = case.story.received_by if case.story else ""
    agency = case.router.agencies.known(received_by)
    if agency is None or case.router.agencies.successor(received_by, case.on) == agency:
        return ()
    return case.optional(case.serving(received_by), Role.SUCCESSOR)


def _informed(case: _Case) -> tuple[Recipient, ...]:
    if not case.confirmed:
        return ()
    return case.optional(case.roster.informed, Role.INFORMED)


def _subscribers(case: _Case) -> tuple[Recipient, ...]:
    return case.optional(tuple(case.roster.by_id.values()), Role.SUBSCRIBERS)


def _sender(case: _Case) -> tuple[Recipient, ...]:
    party = case.roster.by_id.get(case.sender)
    if party is None or not case.takes(party):
        return ()
    return (Recipient(partner=party.partner_id, role=Role.SENDER, stage=case.traffic),)


def _serving_if_known(case: _Case, agency: str) -> tuple[Party, ...]:
    return case.serving(agency) if case.router.agencies.known(agency) else ()


_RESOLVE: Mapping[Role, Callable[[_Case], tuple[Recipient, ...]]] = {
    Role.DECIDER: _decider,
    Role.COUNTER: _counter,
    Role.ADDRESSEE: _addressee,
    Role.HOLDERS: _holders,
    Role.ORIGIN: _origin,
    Role.SUCCESSOR: _successor,
    Role.INFORMED: _informed,
    Role.SUBSCRIBERS: _subscribers,
    Role.SENDER: _sender,
}
