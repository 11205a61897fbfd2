"""The partners as routing sees them, found by id, by role and by the agency they serve; and between which stages traffic flows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING, Literal

import msgspec

from hub.going_live.stages import Stage  # noqa: TC001 - msgspec reads the annotations at run time

if TYPE_CHECKING:
    from schemas.agencies import Agencies


PartyRole = Literal["decides", "informed"]
HubKind = Literal["", "child", "parent"]
"""What another hub is to this one; empty: the party is a system."""


class Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Common shape: frozen, closed, named fields."""


class Party(Value, frozen=True):
    """One partner as routing sees it.

    ``agency``: its code in either form. ``kinds``: message kinds it takes; empty when it never receives.
    ``sends``: kinds that its own system tells; empty when it never sends. ``stage`` counts where ``stages`` (by national
    or local procedure code) has no entry. ``hub``: it is another hub, which takes everything whatever its stage; ``serves``: the agencies, or
    trees of them, whose systems are at that hub; a parent serves all that nobody here serves.
    """

    partner_id: str
    agency: str
    room: str = ""
    role: PartyRole = "decides"
    kinds: tuple[str, ...] = ()
    sends: tuple[str, ...] = ()
    stage: Stage = "live"
    stages: Mapping[str, Stage] = {}
    hub: HubKind = ""
    serves: tuple[str, ...] = ()


class Roster(Value, frozen=True):
    """The parties, found by id, by role and by the agency they serve. Other hubs are in ``by_id`` and in ``children`` or ``parent``, nowhere else."""

    by_id: Mapping[str, Party]
    informed: tuple[Party, ...]
    deciding: Mapping[str, tuple[Party, ...]]
    serving: Mapping[str, tuple[Party, ...]]
    children: tuple[Party, ...] = ()
    parent: Party | None = None

    @property
    def hubs(self) -> tuple[Party, ...]:
        return (*self.children, self.parent) if self.parent else self.children


def roster(parties: Iterable[Party], agencies: Agencies) -> Roster:
    """Sort the parties once. Raises ``ValueError`` for two with one id, and for two parents. A party of an unknown agency only hears as informed."""
    by_id: dict[str, Party] = {}
    serving: dict[str, tuple[Party, ...]] = {}
    for party in parties:
        if party.partner_id in by_id:
            raise ValueError(f"partner {party.partner_id} stands twice")
        by_id[party.partner_id] = party
        if party.hub:
            continue
        agency = agencies.known(party.agency)
        if agency is not None:
            serving[agency.code] = (*serving.get(agency.code, ()), party)
    decides = {code: tuple(p for p in served if p.role == "decides") for code, served in serving.items()}
    above = [party for party in by_id.values() if party.hub == "parent"]
    if len(above) > 1:
        raise ValueError(f"two parents: {', '.join(party.partner_id for party in above)}")
    return Roster(
        by_id=by_id,
        informed=tuple(party for party in by_id.values() if party.role == "informed" and not party.hub),
        deciding={code: served for code, served in decides.items() if served},
        serving=serving,
        children=tuple(party for party in by_id.values() if party.hub == "child"),
        parent=above[0] if above else None,
    )
