"""What an applicant still owes for a dossier, by what was said about it so far. Pure.

A fee is due when somebody said so: its state, or that it was told by ``fee_due``. One whose state nobody told is not known to be
due. A notice is due from when it was announced until a payment names it, with all its lines; a payment that names none pays what there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from schemas.dossier import Duty, Fee, FeeState, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from schemas.dossier import Message

SAYS = {Kind.FEE_DUE: FeeState.DUE, Kind.FEE_PAID: FeeState.PAID, Kind.FEE_REFUNDED: FeeState.REFUNDED}
ANNOUNCE = frozenset({Kind.DUTY_ANNOUNCED, Kind.DUTY_CORRECTED})
KINDS = frozenset(
    {*SAYS, *ANNOUNCE, Kind.DUTY_PAID, Kind.RECEIVED, Kind.CORRECTED, Kind.SUPPLEMENT_REQUESTED}
)
"""Messages that may say something of money."""
SETTLES = frozenset({Kind.FEE_PAID, Kind.FEE_REFUNDED, Kind.DUTY_PAID})
"""Those of them that ask for none."""


def fees(messages: Iterable[Message]) -> tuple[Fee, ...]:
    """Return the fees that are due. ``messages``: in their order."""
    known: dict[str, Fee] = {}
    for message in messages:
        for fee in message.dossier.fees if message.dossier else ():
            name = fee.code or fee.name or ""
            before = known.get(name)
            state = fee.state or SAYS.get(message.event.kind) or (before.state if before else None)
            known[name] = msgspec.structs.replace(fee, state=state)
    return tuple(fee for fee in known.values() if fee.state is FeeState.DUE and fee.amount)


def duties(messages: Iterable[Message]) -> tuple[Duty, ...]:
    """Return the tax notices that are not paid. ``messages``: in their order."""
    open_: dict[str, list[Duty]] = {}
    for message in messages:
        told: Sequence[Duty] = message.dossier.duties if message.dossier else ()
        if message.event.kind in ANNOUNCE:
            open_ |= _announced(told)
        if message.event.kind is Kind.DUTY_PAID:
            for duty in told or (Duty(),):
                _pay(open_, duty)
    return tuple(duty for lines in open_.values() for duty in lines if duty.amount)


def _announced(told: Iterable[Duty]) -> dict[str, list[Duty]]:
    """The lines of each notice: one decision may be about two parcels."""
    lines: dict[str, list[Duty]] = {}
    for duty in told:
        if duty.paid_at is None:
            lines.setdefault(_name(duty), []).append(duty)
    return lines


def _name(duty: Duty) -> str:
    return duty.notice or duty.item_name or ""


def _pay(open_: dict[str, list[Duty]], duty: Duty) -> None:
    if _name(duty):
        open_.pop(_name(duty), None)
    else:
        open_.clear()
