"""The partners as routing sees them, found by id, by role and by the agency they serve; and between which stages traffic flows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING, Literal

import msgspec

from hub.going_live.stages import Stage  # noqa: TC001 - msgspec reads the annotations at run time

if TYPE_CHECKING:
    from schemas.agencies import Agencies


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
