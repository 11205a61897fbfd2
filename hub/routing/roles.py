"""Who plays a role in a case: one function for each role."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.routing.recipients import Recipient, Role
from schemas.dossier import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hub.routing.case import Case
    from hub.routing.parties import Party


def _decider(case: Case) -> tuple[Recipient, ...]:
    if case.named is None and case.roster.parent is not None:
        return ()  # the hub above hears it, and parks what nobody there knows either
    if case.named is None:
        received_by = case.story.received_by if case.story else ""
        told = f"no unit at the level that decides{case.of_what} above {received_by}"
        reason = told if case.procedure else "the procedure is not known"
        return (case.parked(Role.DECIDER, "HUB-RTE-001", reason),)
    return case.owned(case.named, Role.DECIDER)


def _counter(case: Case) -> tuple[Recipient, ...]:
    return _origin(case) if case.at_counter else _decider(case)


def _addressee(case: Case) -> tuple[Recipient, ...]:
    named = case.to
    if named is None:
        return _decider(case)
    if case.router.agencies.known(named) is None:
        return (case.parked(Role.ADDRESSEE, "HUB-RTE-001", "the agency is not known"),)
    return case.owned(named, Role.ADDRESSEE)


def _reception(case: Case) -> tuple[Recipient, ...]:
    """Whoever tells the hub what that unit receives, and must have what was handed in for it elsewhere."""
    if case.story is None:
        return ()
    desks = [party for party in case.roster.by_id.values() if _receives_for(case, party)]
    if (below := case.below(case.story.received_by)) and not any(
        case.router.agencies.is_within(desk.agency, tree)
        for desk in desks
        for hub in below
        for tree in hub.serves
    ):
        desks = list(below)  # the hub that serves the unit is nearer to it than the desk of all units
    desks = desks or list(_above(case))
    if any(party.partner_id == case.sender for party in desks):
        return ()
    flows = [(desk, case.flow(desk)) for desk in desks if case.takes(desk)]
    if any(flow for _, flow in flows):
        return case.single(flows, Role.RECEPTION)
    if case.kind is not Kind.RECEIVED:
        return ()
    return (case.parked(Role.RECEPTION, "HUB-RTE-001", "no partner receives for this unit"),)


def _above(case: Case) -> tuple[Party, ...]:
    """The hub above, unless it says itself that the unit is to be looked for here."""
    parent = case.roster.parent
    return (parent,) if parent is not None and parent.partner_id != case.sender else ()


def _receives_for(case: Case, party: Party) -> bool:
    agencies, unit = case.router.agencies, case.story.received_by if case.story else ""
    known = agencies.known(party.agency) is not None and agencies.known(unit) is not None
    return not party.hub and Kind.RECEIVED in party.sends and known and agencies.is_within(unit, party.agency)


def _holders(case: Case) -> tuple[Recipient, ...]:
    holders = case.story.holders if case.story else ()
    agencies = [agency for agency in holders if case.router.agencies.known(agency)]
    parties = [party for agency in agencies for party in case.serving(agency)]
    return case.optional(parties, Role.HOLDERS)


def _origin(case: Case) -> tuple[Recipient, ...]:
    """The system that opened the dossier; where that was at another hub and its agency was taken over by one that is here, the heir's."""
    if case.story is None:
        return ()
    story = case.story
    itself = case.roster.by_id.get(story.origin)
    stands = itself is not None and case.stage(itself) != "retired" and not case.gone(itself)
    if itself is not None and stands and not (itself.hub and _inherited_here(case, story.origin_agency)):
        return case.optional((itself,), Role.ORIGIN)
    return case.optional(_serving_if_known(case, story.origin_agency), Role.ORIGIN)


def _inherited_here(case: Case, agency: str) -> bool:
    agencies = case.router.agencies
    if agencies.known(agency) is None or agencies.same(agencies.successor(agency, case.on).code, agency):
        return False
    return bool(case.here(agency, any_role=True))


def _successor(case: Case) -> tuple[Recipient, ...]:
    received_by = case.story.received_by if case.story else ""
    agency = case.router.agencies.known(received_by)
    if agency is None or case.router.agencies.successor(received_by, case.on) == agency:
        return ()
    return case.optional(case.serving(received_by), Role.SUCCESSOR)


def _informed(case: Case) -> tuple[Recipient, ...]:
    if not case.confirmed:
        return ()
    return case.optional(case.roster.informed, Role.INFORMED)


def _subscribers(case: Case) -> tuple[Recipient, ...]:
    return case.optional(_systems(case), Role.SUBSCRIBERS)


def _systems(case: Case) -> tuple[Party, ...]:
    """Everybody here; what is published goes up to the hub above by itself, and to hubs below as versions."""
    return tuple(party for party in case.roster.by_id.values() if not party.hub)


def _keepers(case: Case) -> tuple[Recipient, ...]:
    """Whoever hears of it; where nobody does it waits for a person."""
    found = case.optional((*_systems(case), *_above(case)), Role.KEEPERS)
    return found or (case.parked(Role.KEEPERS, "HUB-RTE-001", "no partner hears what is published"),)


def _sender(case: Case) -> tuple[Recipient, ...]:
    party = case.roster.by_id.get(case.sender)
    if party is None or party.hub or not case.takes(party):
        return ()
    return (Recipient(partner=party.partner_id, role=Role.SENDER, stage=case.traffic),)


def _serving_if_known(case: Case, agency: str) -> tuple[Party, ...]:
    return case.serving(agency) if case.router.agencies.known(agency) else ()


RESOLVE: Mapping[Role, Callable[[Case], tuple[Recipient, ...]]] = {
    Role.DECIDER: _decider,
    Role.COUNTER: _counter,
    Role.ADDRESSEE: _addressee,
    Role.RECEPTION: _reception,
    Role.HOLDERS: _holders,
    Role.ORIGIN: _origin,
    Role.SUCCESSOR: _successor,
    Role.INFORMED: _informed,
    Role.SUBSCRIBERS: _subscribers,
    Role.KEEPERS: _keepers,
    Role.SENDER: _sender,
}
