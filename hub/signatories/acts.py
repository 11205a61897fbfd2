"""What a message means as an act of signing: which kinds need a signatory, and in whose name one is signed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hub.deadlines.calendar import VIETNAM
from hub.signatories.authority import Act
from schemas.dossier import Kind, Procedure, State
from schemas.procedures import decider_unit

if TYPE_CHECKING:
    from datetime import datetime

    from schemas.agencies import Agencies
    from schemas.codes import DossierCode
    from schemas.dossier import Message
    from schemas.procedures import Procedures

DECISIONS = frozenset({Kind.FINISHED, Kind.CORRECTED})
"""Kinds that say what the deciding agency decided."""
DECIDED = frozenset({State.FINISHED, State.RETURNED})
"""States that a dossier is in when that was decided."""


class Office(NamedTuple):
    """Who brings the message: its agency, and the authority whose words it speaks."""

    agency: str
    authority: str


def needed(kind: str, kinds: frozenset[str]) -> bool:
    """Whether a message of this kind must be signed by a signatory. What not everybody may say, not everybody may correct."""
    return kind in kinds or (bool(kinds) and kind == Kind.CORRECTED)


def tells_result(message: Message) -> bool:
    """Whether a message says that something was decided, whatever it calls itself: recipients may go by any of this."""
    told = message.dossier
    if message.event.state in DECIDED:
        return True
    if told is None:
        return False
    return (
        told.state in DECIDED
        or bool(told.results or told.finished_at or told.returned_at)
        or any(leg.state in DECIDED for leg in told.legs)
        or any(event.kind in DECISIONS or event.state in DECIDED for event in told.events)
    )


def act_of(
    message: Message,
    code: DossierCode | None,
    office: Office,
    procedures: Procedures,
    agencies: Agencies,
    at: datetime,
) -> Act:
    """A decision is signed in the name of whom the procedure gives it to, whoever brings it; all else in the bringer's own.

    Nothing that the message says of its actors counts: only registries and the dossier's code.
    """
    said = (message.dossier and message.dossier.procedure) or Procedure()
    entry = None
    if code is not None:
        entry = procedures.find(
            said.national, said.local, authority=office.authority, on=code.day, agencies=agencies
        )
    unit = None
    if entry is not None and code is not None and message.kind in DECISIONS:
        unit = decider_unit(entry, code.agency, agencies)
    unit = unit or office.agency
    heir = agencies.successor(unit, at.astimezone(VIETNAM).date())
    return Act(
        kind=message.kind,
        agencies=tuple(dict.fromkeys((unit, heir.code if heir else unit))),
        procedures=frozenset(filter(None, (said.local, said.national, entry.national if entry else None))),
        field=entry.field.code if entry else "",
    )
