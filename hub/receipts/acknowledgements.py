"""What partners bring to prove that they have something: read strictly, answered in bytes that never change. Pure.

Not to be confused with ``hub.receipts.receipts``, which makes what the hub hands to *its* senders.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import msgspec

from hub.lifecycle import State  # noqa: TC001 - msgspec reads the annotations at run time
from hub.store.contract.delivery import Acknowledgement
from schemas.problems import refuse

if TYPE_CHECKING:
    from hub.store.contract.delivery import Acknowledged
    from hub.store.contract.mailbox import Rejected

CODE = "HUB-RCP-004"
LONGEST = 16 * 1024
"""Bytes that a receipt may have."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-fA-F]{64}$")]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class PartnerReceipt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``key``: as it came with the delivery; ``reference``: what the partner answered. ``digest``: of the payload, SHA-256."""

    at: Moment
    key: Name | None = None
    reference: Name | None = None
    digest: Digest | None = None


def read(raw: bytes, partner: str, received_at: datetime) -> Acknowledgement:
    """Raises ``Refusal`` HUB-RCP-004 with the place."""
    try:
        said = _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        rule, _, place = str(error).partition(" - at ")
        raise refuse(CODE, place.strip("`").removeprefix("$").replace(".", "/"), rule=rule) from None
    if (said.key is None) == (said.reference is None):
        raise refuse(CODE, rule="one of key and reference")
    return Acknowledgement(
        partner=partner,
        raw=raw,
        received_at=received_at,
        said_at=said.at,
        key=said.key or "",
        reference=said.reference or "",
        digest=(said.digest or "").lower(),
    )


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What a partner is told of a transfer that it spoke about. ``state``: since then."""

    transfer: str
    key: str
    state: State
    received_at: datetime


def answer(taken: Acknowledged | Rejected) -> bytes:
    """Write what the partner is told: the same bytes whenever it asks."""
    return msgspec.json.encode(
        Answered(transfer=taken.transfer, key=taken.key, state=taken.state, received_at=taken.received_at)
    )


_DECODER = msgspec.json.Decoder(PartnerReceipt)
