"""What the sender holds in its hand once a message is accepted: made once, stored with the message, replayed byte for byte."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.store.contract.intake import Accepted, NewTransfer


Confirm = Callable[[bytes, datetime], str]
"""The hub's own signature over a receipt, a detached JWS; empty where it has no key for that. It is made once and stored."""
HEADER = "X-JWS-Signature"
"""Where it stands beside the receipt."""


def unsigned(_receipt: bytes, _now: datetime) -> str:
    return ""


def signer_of(confirmation: str) -> str:
    """Return which certificate of the hub's signed a receipt, SHA-256 in hex: its ``kid``. Empty: nobody's."""
    head = confirmation.partition(".")[0]
    try:
        return _HEAD.decode(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))).kid if head else ""
    except (ValueError, msgspec.MsgspecError):
        return ""


class _Head(msgspec.Struct):
    kid: str = ""


_HEAD = msgspec.json.Decoder(_Head)


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One copy on its way. ``state`` as it was at acceptance; ``problem``: why it was parked at once."""

    id: str
    partner: str
    operation: str
    state: str
    problem: str = ""


class Receipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``digest``: SHA-256 hex of the bytes that were accepted. ``dossier``: the hub's own id of it.
    ``stage``: what it was taken as; without it the message counts.
    """

    message: str
    digest: str
    accepted_at: datetime
    kind: str
    key: str
    transfers: tuple[Line, ...]
    dossier: str | None = None
    code: str | None = None
    stage: str = "live"


def receipt(  # noqa: PLR0913 - one value per line of the receipt
    *,
    message: str,
    digest: str,
    accepted_at: datetime,
    kind: str,
    key: str,
    transfers: Sequence[NewTransfer],
    dossier: str | None = None,
    code: str | None = None,
    stage: str = "live",
) -> bytes:
    """Write the receipt as JSON."""
    return msgspec.json.encode(
        Receipt(
            message=message,
            digest=digest,
            accepted_at=accepted_at,
            kind=kind,
            key=key,
            dossier=dossier,
            code=code,
            stage=stage,
            transfers=tuple(
                Line(
                    id=each.id,
                    partner=each.partner,
                    operation=each.operation,
                    state="parked" if each.problem else "waiting",
                    problem=each.problem.code if each.problem else "",
                )
                for each in transfers
            ),
        )
    )


class NonDelivery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the hub holds against itself when it could not deliver. ``about``: the transfer, ``key`` its key at the partner;
    ``of``: the message that it carried; ``message``: the one that tells its sender.
    """

    message: str
    about: str
    of: str
    partner: str
    key: str
    code: str
    state: str
    attempts: int
    accepted_at: datetime
    at: datetime


def non_delivery(told: NonDelivery) -> bytes:
    return msgspec.json.encode(told)


class _Made(msgspec.Struct):
    transfers: list[msgspec.Raw]
    stage: str = "live"


_MADE = msgspec.json.Decoder(_Made)


def made_of(raw: bytes) -> int:
    """Return how many transfers the message made."""
    return len(_MADE.decode(raw).transfers)


def came_to(accepted: Accepted) -> str:
    """Return the word for the figures; what is only tried is counted apart."""
    if accepted.replayed:
        return "replayed"
    return "trial" if _MADE.decode(accepted.receipt).stage == "trial" else "accepted"


def read(raw: bytes) -> dict[str, Any]:
    """Read a stored receipt back for showing."""
    found: dict[str, Any] = msgspec.json.decode(raw)
    return found
