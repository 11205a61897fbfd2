"""Failure is told: a transfer that was refused, died, misses its deadline or lacks what its sender can supply becomes a ``delivery_failed`` message."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from hub.delivery import supplying
from hub.delivery.supplying import Supplier
from hub.ids import below
from hub.lifecycle import State
from hub.receipts.receipts import Confirm, NonDelivery, non_delivery, unsigned
from hub.store.contract.intake import Acceptance, NewTransfer
from hub.story import record
from schemas.dossier import Actor, Dossier, Event, Failure, Kind, Message, from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from connectors.contract import Codec
    from hub.going_live.stages import Stage
    from hub.store.contract.delivery import Work

HUB = "hub"
"""The sender of the hub's own messages."""
GAVE_WAY = "gave_way"
LATE, LATE_CODE = "late", "HUB-LAN-005"


class Born(NamedTuple):
    """A transfer that is being accepted, as far as its failure is told; a claimed one (``Work``) says the same of itself."""

    message: str
    transfer: str
    partner: str
    key: str
    dossier: str | None
    canonical: bytes
    accepted_at: datetime
    stage: Stage
    sends: int = 0


def is_late(deadline: datetime | None, next_try: datetime | None) -> bool:
    """Whether the dossier will be late before this transfer is tried again."""
    return deadline is not None and next_try is not None and deadline <= next_try


def parked(
    new: Acceptance,
    now: datetime,
    *,
    codec_of: Callable[[str], Codec | None],
    confirm: Confirm = unsigned,
) -> tuple[Acceptance, ...]:
    """Build what tells of each transfer that is born parked for want of something that its sender, or the dossier's origin, has."""
    found = []
    for each in new.transfers:
        if each.problem is None:
            continue
        code, detail = each.problem.code, supplying.said(each.problem)
        if supplying.hears(code, detail):
            at_origin = supplying.supplier(code, detail) is Supplier.ORIGIN and new.story
            told = failed(
                Born(
                    new.message, each.id, each.partner, each.key, new.dossier, new.canonical, now, each.stage
                ),
                code=code,
                state=State.PARKED,
                now=now,
                codec_of=codec_of,
                confirm=confirm,
                detail=detail,
                to=record.from_json(new.story).origin if at_origin else "",
            )
            found.append(told)
    return tuple(each for each in found if each is not None)


def gave_way(
    about: Born,
    code: str,
    now: datetime,
    *,
    codec_of: Callable[[str], Codec | None],
    confirm: Confirm = unsigned,
) -> Acceptance | None:
    """Build what tells the sender that its message, believed before, does not count beside what another hub had heard; once."""
    return failed(
        about,
        code=code,
        state=State.REFUSED,
        now=now,
        codec_of=codec_of,
        word=GAVE_WAY,
        confirm=confirm,
    )


def failed(  # noqa: PLR0913 - one value for each thing that is told
    work: Work | Born,
    *,
    code: str,
    state: str,
    now: datetime,
    codec_of: Callable[[str], Codec | None],
    word: str = "failed",
    confirm: Confirm = unsigned,
    detail: str = "",
    to: str = "",
) -> Acceptance | None:
    """Build the message that tells the sender; ``None`` for the hub's own messages, for a sender that receives nothing, and for
    trial and parallel traffic: its failures alter nothing for those who are live.

    ``detail``: what is missing, where that is known. ``to``: who is told in place of the sender. ``confirm``: signs what the hub holds against itself.
    The key is ``failed:<transfer>`` (``late:…`` for a deadline, ``gave_way:…`` for a message that gave way to another hub's, ``parked:…`` for what somebody may still mend: how it ends is told anew):
    the same failure told twice is the same message, with the same id.
    """
    word = "parked" if state == State.PARKED else word
    about = from_json(work.canonical)
    if about.kind is Kind.DELIVERY_FAILED or about.sender == HUB or work.stage != "live":
        return None
    to = to or about.sender
    codec = codec_of(to)
    if codec is None:
        return None
    message = Message(
        event=Event(kind=Kind.DELIVERY_FAILED, at=now, actor=Actor(name=HUB), reason=code),
        key=f"{word}:{work.transfer}",
        sender=HUB,
        agency=about.agency,
        dossier=Dossier(code=about.dossier.code, id=work.dossier) if about.dossier else None,
        subject=about.subject,
        failure=Failure(
            message=work.message,
            transfer=work.transfer,
            partner=work.partner,
            code=code,
            state=state,
            detail=detail or None,
            supplier=supplying.supplier(code, detail) if state == State.PARKED else None,
        ),
    )
    canonical = to_json(message)
    identity = below(work.transfer, word)
    receipt = non_delivery(
        NonDelivery(
            message=identity,
            about=work.transfer,
            of=work.message,
            partner=work.partner,
            key=work.key,
            code=code,
            state=state,
            attempts=work.sends,
            accepted_at=work.accepted_at,
            at=now,
        )
    )
    return Acceptance(
        message=identity,
        sender=HUB,
        key=message.key,
        digest=hashlib.sha256(canonical).hexdigest(),
        raw=canonical,
        media_type="application/json",
        headers={},
        canonical=canonical,
        kind=message.kind,
        accepted_at=now,
        receipt=receipt,
        confirmation=confirm(receipt, now),
        dossier=work.dossier,
        transfers=tuple(
            NewTransfer(
                id=below(identity, to, str(part)),
                partner=to,
                operation=operation,
                part=part,
                key=f"{identity}:{to}:{part}",
                lane_subject=work.dossier or about.subject or work.message,
            )
            for part, operation in enumerate(codec.operations(message), 1)
        ),
        facts={"about": work.transfer, "code": code, "rule": "delivery_failed tells the sender"},
    )
