"""What routing answers: who must have a message, in which role, by which rule."""

from __future__ import annotations

from enum import StrEnum

from hub.going_live.stages import Stage  # noqa: TC001 - msgspec reads the annotations at run time
from hub.routing.parties import Value
from schemas.problems import Problem  # noqa: TC001 - msgspec reads the annotations at run time

NOBODY = "unrouted"
"""The partner of a parked transfer for which no single owner is known."""


class Role(StrEnum):
    DECIDER = "decider"
    COUNTER = "counter"
    ADDRESSEE = "addressee"
    RECEPTION = "reception"
    HOLDERS = "holders"
    ORIGIN = "origin"
    SUCCESSOR = "successor"
    INFORMED = "informed"
    SUBSCRIBERS = "subscribers"
    KEEPERS = "keepers"
    SENDER = "sender"
    HUB = "hub"


class Recipient(Value, frozen=True):
    """One partner that must have the message. ``problem`` set: its transfer is born parked. ``stage``: of this transfer.
    ``relays``: it is another hub, which must have the message as it came, whatever is wrong with it here.
    """

    partner: str
    role: Role
    stage: Stage = "live"
    problem: Problem | None = None
    relays: bool = False


class Routed(Value, frozen=True):
    """``rule``: id of the rule that decided. ``decider``: code of the agency that decides the dossier today, if known."""

    recipients: tuple[Recipient, ...]
    rule: str
    decider: str | None = None
