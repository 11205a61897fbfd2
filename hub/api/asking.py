"""What a desk's client may hear: of a dossier only who takes part in it, of the hub's registries whoever is known.

What a desk is told to read a call by (``standing``) is more, and leaves the hub by no answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from connectors.desks import Answered, Listed, Listing, Owed, Payee, Standing
from hub.delivery.failure import HUB
from hub.story import owed, record
from schemas.agencies import Agencies
from schemas.dossier import from_json
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from connectors.desks import Ask, Look
    from hub.api.desk import Caller, Registries
    from hub.store.contract.said import SaidMessage
    from hub.store.contract.store import Store
    from hub.story.record import Story


class Found(NamedTuple):
    """A dossier that is asked about. ``said``: every message about it, believed or not."""

    dossier: str
    story: Story
    said: Sequence[SaidMessage]


async def standing(store: Store, caller: Caller, about: str, begins: str = "") -> Standing:
    """What a call is read by. ``begins``: as of ``connectors.desks.Say``, for calls that are about no dossier."""
    if begins:
        return Standing(said=await store.said.under(caller.id, begins))
    found = await _found(store, caller, about)
    if found is None:
        return Standing()
    _, story, said = found
    last = max((place for place, each in enumerate(said) if each.sender == caller.id), default=len(said))
    return Standing(
        state=story.state,
        said=tuple(each.key for each in said if each.sender == caller.id),
        answered=any(each.sender != HUB for each in said[last + 1 :]),
    )


async def answer(store: Store, registries: Registries | None, caller: Caller, ask: Ask) -> Answered:
    found = await _found(store, caller, ask.about)
    if found is None or not _takes_part(caller, found):
        return Answered(about=ask.about, standing=Standing())
    told = await _owed(store, found) if ask.owed else None
    if told is not None:
        told = _addressed(told, found.story.received_by, registries, caller)
    return Answered(about=ask.about, standing=Standing(state=found.story.state), owed=told)


def _takes_part(caller: Caller, found: Found) -> bool:
    return caller.id in {found.story.origin, *found.story.parties, *(each.sender for each in found.said)}


async def _owed(store: Store, found: Found) -> Owed | None:
    """Return what is still to be paid. What waits for a person asks for no money, and a payment that waits counts, lest somebody pays
    twice. ``None``: nobody can say, as where only what waits asks for money.
    """
    past = await store.said.past(found.dossier)
    if past is None:
        return None
    sure = {each.id for each in past.messages} | {
        each.id for each in past.doubted if each.kind in owed.SETTLES
    }
    known = sure | {each.id for each in past.doubted}
    wanted = [each.id for each in found.said if each.id in known and each.kind in owed.KINDS]
    kept = await store.said.canonical(wanted)
    if kept is None:
        return None
    all_ = [from_json(each) for each in kept]
    messages = [message for id_, message in zip(wanted, all_, strict=True) if id_ in sure]
    told = [message.dossier for message in messages if message.dossier]
    named = next((dossier.procedure.name for dossier in reversed(told) if dossier.procedure), None)
    payer = next((dossier.applicant.name for dossier in reversed(told) if dossier.applicant), None)
    due = Owed(
        fees=owed.fees(messages),
        duties=owed.duties(messages),
        procedure=found.story.national or "",
        procedure_name=named or "",
        payer=payer or "",
    )
    perhaps = not (due.fees or due.duties) and (owed.fees(all_) or owed.duties(all_))
    return None if perhaps else due


def _addressed(told: Owed, agency: str, registries: Registries | None, caller: Caller) -> Owed:
    """Say whose dossier it is, and to whom its money goes."""
    agencies = registries.agencies if registries else Agencies(rows={}, forms={})
    known = agencies.known(agency)
    return msgspec.structs.replace(
        told,
        agency=agency,
        agency_name=known.vi if known else "",
        fees_to=_payee(caller, agency, "fees", agencies),
        duties_to=_payee(caller, agency, "duties", agencies),
    )


def _payee(caller: Caller, agency: str, of: str, agencies: Agencies) -> Payee:
    """Return who takes such money of this agency's dossiers: its own line, or the one for all others; nobody said: an empty one."""
    told = [(whose, payee) for whose, what, payee in caller.payees if what == of]
    own = [payee for whose, payee in told if whose and agencies.same(whose, agency)]
    others = [payee for whose, payee in told if whose is None]
    return next(iter((*own, *others)), Payee())


async def _found(store: Store, caller: Caller, about: str) -> Found | None:
    known = await store.known(caller.authority, about) if about else None
    if known is None:
        return None
    return Found(known.dossier, record.from_json(known.story), await store.said.of(known.dossier))


def look(registries: Registries | None, caller: Caller, wanted: Look, on: date) -> Listed:
    """Return the entries that count on that day. Raises ``Refusal`` HUB-INT-005 where there are no registries, or no such list."""
    if wanted.what is Listing.NOTHING:
        return Listed()
    if registries is None:
        raise refuse("HUB-INT-005", wanted.what)
    agencies, procedures = registries.agencies, registries.procedures
    if wanted.what is Listing.AGENCIES:
        root = agencies.successor(caller.authority, on).code
        there = (each for each in agencies.rows.values() if each.stands(on))
        return Listed(agencies=tuple(each for each in there if agencies.is_within(each.code, root)))
    if wanted.what is Listing.CODES:
        known = registries.lists.lists.get(wanted.code)
        if known is None:
            raise refuse("HUB-INT-005", wanted.code)
        return Listed(codes=tuple(entry for entry in known.code if entry.counts(on)))
    if wanted.what is Listing.RECORD:
        return _record(registries, wanted.code, on)
    return Listed(
        procedures=tuple(each for each in procedures.entries.values() if each.national and each.counts(on))
    )


def _record(registries: Registries, code: str, on: date) -> Listed:
    kept, entry = registries.records.find(code), registries.procedures.by_national(code, on)
    return Listed(procedures=(entry,) if entry else (), records=() if kept is None else (kept,))
