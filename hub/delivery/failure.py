"""Failure is told: a transfer that was refused, died or misses its deadline becomes a ``delivery_failed`` message to its sender."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from hub.ids import below
from hub.receipts.receipts import Confirm, NonDelivery, non_delivery, unsigned
from hub.store.contract.intake import Acceptance, NewTransfer
from schemas.dossier import Actor, Dossier, Event, Failure, Kind, Message, from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from connectors.contract import Codec
    from hub.store.contract.delivery import Work

HUB = "hub"
"""The sender of the hub's own messages."""
LATE, LATE_CODE = "late", "HUB-LAN-005"


def is_late(deadline: datetime | None, next_try: datetime | None) -> bool:
    """Whether the dossier will be late before this transfer is tried again."""
    return deadline is not None and next_try is not None and deadline <= next_try


def failed(
    work: Work,
    *,
    code: str,
    state: str,
    now: datetime,
    codec_of: Callable[[str], Codec | None],
    word: str = "failed",
    confirm: Confirm = unsigned,
) -> Acceptance | None:
    """Build the message that tells the sender; ``None`` for the hub's own messages, for a sender that receives nothing, and for
    trial and parallel traffic: its failures alter nothing for those who are live.

    ``confirm``: signs what the hub holds against itself.
    The key is ``failed:<transfer>`` (``late:<transfer>`` for a deadline): the same failure told twice is the same message, with the same id.
    """
    about = from_json(work.canonical)
    if about.kind is Kind.DELIVERY_FAILED or about.sender == HUB or work.stage != "live":
        return None
    codec = codec_of(about.sender)
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
            message=work.message, transfer=work.transfer, partner=work.partner, code=code, state=state
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
                id=below(identity, about.sender, str(part)),
                partner=about.sender,
                operation=operation,
                part=part,
                key=f"{identity}:{about.sender}:{part}",
                lane_subject=work.dossier or about.subject or work.message,
            )
            for part, operation in enumerate(codec.operations(message), 1)
        ),
        facts={"about": work.transfer, "code": code, "rule": "delivery_failed tells the sender"},
    )
