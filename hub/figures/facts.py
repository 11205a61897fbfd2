"""What figures need to know of one accepted message: codes, states, times, money; never personal data. Pure.

A fact is written in the accepting transaction, so that figures as of any moment can be counted again: ``known_at`` is when the hub
accepted it, ``moment_of`` when it happened. What moves nothing (noted, recorded in parallel) leaves none; what is set aside
leaves one that does not count while it is.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING

import msgspec

from hub.going_live.stages import Stage  # noqa: TC001 - msgspec reads the annotations at run time
from hub.story.record import Story, Value
from schemas.dossier import Channel, Duty, Fee, FeeState, Kind, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from schemas.dossier import Dossier, Message

FEE_STATES = {Kind.FEE_DUE: FeeState.DUE, Kind.FEE_PAID: FeeState.PAID, Kind.FEE_REFUNDED: FeeState.REFUNDED}
"""What a fee's state is where its message alone says it."""
EXPLAINS = frozenset({Kind.APOLOGY, Kind.DUE_DATE_CHANGED})
"""Kinds whose reason is why a dossier is late."""


class Line(Value, frozen=True):
    """One fee, or one line of a tax notice (``duty``), as a message tells it. Đồng. ``at``: when it came to that state; ``paid_at``: of one
    that was refunded, when it had been paid, where that is told.
    """

    name: str
    amount: int
    state: FeeState
    at: datetime
    receipt: str = ""
    account: str = ""
    remitted_at: datetime | None = None
    paid_at: datetime | None = None
    duty: bool = False


class Fact(Value, frozen=True):
    """``state``, ``due_at``, ``stage``: of the dossier as a whole, after the message. ``agency``: whose word it is; ``origin``: it is
    theirs who opened the dossier. ``key``: the sender's, by which a correction may name it. ``explains``: it says why the dossier is late.
    """

    message: str
    key: str
    kind: Kind
    at: datetime
    partner: str
    agency: str
    origin: bool
    code: str
    received_by: str
    state: State
    stage: Stage = "live"
    due_at: datetime | None = None
    national: str = ""
    local: str = ""
    field: str = ""
    channel: Channel | None = None
    parent: str = ""
    children: tuple[str, ...] = ()
    received_at: datetime | None = None
    refused_at: datetime | None = None
    finished_at: datetime | None = None
    returned_at: datetime | None = None
    lines: tuple[Line, ...] = ()
    explains: bool = False
    corrects: str = ""
    told_due_at: datetime | None = None


def fact_of(
    identity: str, message: Message, dossier: Dossier, story: Story, forms: Mapping[str, str]
) -> Fact:
    """``story``: the dossier's after the message. ``identity``: the message's id. ``forms``: as of ``Agencies``.

    Another hub brings what many agencies say: who opened a dossier is its partner *and* its agency.
    """
    event, procedure = message.event, dossier.procedure
    agency = forms.get(message.agency, message.agency)
    return Fact(
        message=identity,
        key=message.key,
        kind=event.kind,
        at=event.at,
        partner=message.sender,
        agency=agency,
        origin=message.sender == story.origin and agency == story.origin_agency,
        code=dossier.code,
        received_by=story.received_by,
        state=story.state,
        stage=story.stage,
        due_at=story.deadline,
        national=story.national or "",
        local=story.local or "",
        field=(procedure.field_code if procedure else None) or "",
        channel=dossier.channel,
        parent=story.parent or "",
        children=story.children,
        received_at=dossier.received_at,
        refused_at=dossier.refused_at,
        finished_at=dossier.finished_at,
        returned_at=dossier.returned_at,
        lines=tuple(_lines(message, dossier)),
        explains=bool(dossier.overdue_reason or (event.reason and event.kind in EXPLAINS)),
        corrects=event.corrects or "",
        told_due_at=event.due_at or dossier.due_at,
    )


def imported(story: Story, code: str, received_at: datetime) -> Fact:
    """What is known of a dossier that was brought in at a cut-over, without a message."""
    return Fact(
        message="",
        key="",
        kind=Kind.RECEIVED,
        at=received_at,
        partner=story.origin,
        agency=story.origin_agency,
        origin=True,
        code=code,
        received_by=story.received_by,
        state=story.state,
        stage=story.stage,
        due_at=story.deadline,
        national=story.national or "",
        local=story.local or "",
        parent=story.parent or "",
    )


def _lines(message: Message, dossier: Dossier) -> Iterator[Line]:
    kind, at = message.event.kind, message.event.at
    for fee in dossier.fees:
        state = fee.state or FEE_STATES.get(kind) or (FeeState.PAID if fee.paid_at else None)
        if state is not None and fee.amount is not None:
            line = _line(fee, fee.code or fee.name or "", state, fee.remitted_at, _since(fee, state, at))
            before = fee.paid_at if state is FeeState.REFUNDED else None
            yield msgspec.structs.replace(line, paid_at=before)
    for duty in dossier.duties:
        paid = duty.paid_at is not None or kind is Kind.DUTY_PAID
        if paid and duty.amount is not None:
            name = duty.notice or duty.item_code or duty.item_name or ""
            line = _line(duty, name, FeeState.PAID, None, duty.paid_at or at)
            yield msgspec.structs.replace(line, duty=True)


def _since(fee: Fee, state: FeeState, at: datetime) -> datetime:
    """When a fee came to its state: what the record says of a payment, otherwise when it was told."""
    return fee.paid_at if state is FeeState.PAID and fee.paid_at else at


def _line(told: Fee | Duty, name: str, state: FeeState, remitted: datetime | None, at: datetime) -> Line:
    return Line(
        name=name,
        amount=told.amount or 0,
        state=state,
        at=at,
        receipt=told.receipt_number or "",
        account=told.account or "",
        remitted_at=remitted,
    )


_OF_KIND = {
    Kind.RECEIVED: "received_at",
    Kind.REFUSED_AT_RECEPTION: "refused_at",
    Kind.FINISHED: "finished_at",
    Kind.RETURNED: "returned_at",
}


def moment_of(fact: Fact) -> datetime:
    """When it happened: by the dossier's record where that has a field for it, otherwise when the sender says that the event was."""
    field = _OF_KIND.get(fact.kind)
    told: datetime | None = getattr(fact, field) if field else None
    return told or fact.at


def to_json(fact: Fact) -> bytes:
    return _ENCODER.encode(fact)


def from_json(raw: bytes) -> Fact:
    """Read what ``to_json`` wrote. Raises ``msgspec.ValidationError``: only the store's own bytes come this way."""
    return _DECODER.decode(raw)


_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODER = msgspec.json.Decoder(Fact)
