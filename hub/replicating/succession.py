"""A unit is taken over by another: its dossiers go on at its heir, and what its hub said before that day is still taken for a while. Pure.

* From the first day of the succession the agency's mail goes to its heir (the registry says so, and routing reads the registry).
* What the old hub accepted before that day is taken until the end of the days for draining: it may have had no line. The moment is the one that
  the entry says, and its batch was signed with the old hub's key and follows on the batches before it.
* What it says it accepted on that day or later is refused, and after draining everything is: nobody speaks for it any more.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from hub.deadlines.calendar import VIETNAM
from hub.partners.access import day_begins
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from hub.store.contract.replicas import Succession
    from schemas.agencies import Agencies, Agency

ENDED: Final = "HUB-EDG-044"
CANNOT: Final = "HUB-EDG-045"
DRAINS: Final = 30
"""Days: as long as an edge may work without a line."""
Phase = Literal["stands", "drains", "over"]


def of(successions: Iterable[Succession], partner: str) -> Succession | None:
    return next((each for each in successions if each.partner == partner), None)


def phase(told: Succession | None, now: datetime) -> Phase:
    today = now.astimezone(VIETNAM).date()
    if told is None or today < told.begins:
        return "stands"
    return "drains" if today <= told.drains else "over"


def may_call(told: Succession | None, now: datetime) -> None:
    """Raises ``Refusal`` HUB-EDG-044 when nothing of this hub is taken any more."""
    if told is not None and phase(told, now) == "over":
        raise refuse(ENDED, "hub", rule=f"until the end of {told.drains}")


def may_say(told: Succession | None, said_at: datetime, now: datetime) -> None:
    """May the old hub bring what it accepted at that moment? Raises ``Refusal`` HUB-EDG-044."""
    may_call(told, now)
    if told is not None and said_at.astimezone(VIETNAM).date() >= told.begins:
        raise refuse(ENDED, "accepted_at", rule=f"accepted before {told.begins}")


def counts_until(told: Succession | None, ends: datetime) -> datetime:
    """Return until when the old hub's certificate vouches for what was signed: as long as the agency stood, or less."""
    begins = day_begins(told.begins) if told is not None else None
    return min(ends, begins) if begins is not None else ends


def free(partners: Iterable[str], successions: Iterable[Succession]) -> None:
    """Raises ``Refusal`` HUB-EDG-045 for a hub that was taken over before."""
    gone = {each.partner: each.heir for each in successions}
    twice = next((each for each in partners if each in gone), None)
    if twice is not None:
        raise refuse(CANNOT, twice, rule=f"one that is not taken over by {gone[twice]}")


def heir_of(agencies: Agencies, old: str, new: str, begins: date) -> tuple[Agency, Agency]:
    """Return the registry's new row of the old agency and its heir. Raises ``Refusal`` HUB-EDG-045."""
    ends, heir = agencies.known(old), agencies.known(new)
    if ends is None or heir is None:
        raise refuse(CANNOT, "agency", rule="agencies of the registry", detail=old if ends is None else new)
    if ends.code == heir.code:
        raise refuse(CANNOT, "agency", rule="another agency", detail=new)
    if not heir.stands(begins):
        raise refuse(CANNOT, "heir", rule=f"an agency that stands on {begins}", detail=heir.code)
    if ends.until is not None and (ends.until, ends.successor) != (begins, heir.code):
        raise refuse(
            CANNOT, "agency", rule=f"one that is not taken over by {ends.successor}", detail=ends.code
        )
    if ends.since is not None and ends.since >= begins:
        raise refuse(CANNOT, "from", rule=f"a day after {ends.since}", detail=ends.code)
    return msgspec.structs.replace(ends, until=begins, successor=heir.code), heir


def drained(begins: date, days: int = DRAINS) -> date:
    """Return the last day on which what was said before is taken."""
    return begins + timedelta(days=days)
