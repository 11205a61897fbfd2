"""What a sender may see of its own messages, transfers and dossiers: codes, states and times, never payloads."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import asdict

from hub.delivery import supplying
from hub.lifecycle import State  # noqa: TC001 - msgspec reads the annotations at run time
from hub.store.contract.views import GaveWay  # noqa: TC001 - msgspec reads the annotations at run time
from hub.story import record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.store.contract.views import DossierView, MessageView, TransferView
    from hub.story.apologies import Apology


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Common shape: frozen, named fields."""


class OwnTransfer(Value, frozen=True):
    """One copy on its way. ``code``: the dossier's, as its origin wrote it; ``blocked``: waits for one before it in its dossier.

    ``detail``: what ``problem`` is about, by place and rule. ``supplier``: who can supply what a parked one lacks: sender, origin,
    recipient, registry or operator; null where it is not parked. ``taken``: what its message left out, place → the message of the
    dossier that said it before.
    """

    id: str
    message: str
    partner: str
    operation: str
    part: int
    key: str
    kind: str
    code: str | None
    state: State
    blocked: bool
    problem: str
    attempts: int
    sends: int
    accepted_at: datetime
    wake_at: datetime | None
    settled_at: datetime | None
    deadline: datetime | None
    reference: str
    stage: str
    detail: str
    supplier: str | None
    taken: Mapping[str, str]


class OwnMessage(Value, frozen=True):
    """``digest``: SHA-256 hex of the bytes that came; ``receipt``: as it was given; ``confirmation``: the hub's signature over it. ``gave_way``:
    to which concurrent message of another hub, by which rule.
    """

    id: str
    kind: str
    key: str
    digest: str
    dossier: str | None
    accepted_at: datetime
    transfers: tuple[str, ...]
    receipt: msgspec.Raw
    confirmation: str
    gave_way: GaveWay | None = None


class OwnAlias(Value, frozen=True):
    authority: str
    code: str


class OwnLeg(Value, frozen=True):
    """``passed_to``: agencies that it handed the dossier on to and waits for."""

    agency: str
    state: str
    passed_to: tuple[str, ...]


class OwnApology(Value, frozen=True):
    """What the applicant was told of a dossier that is overdue. ``due_at``: the new date; ``unit``: responsible for the delay."""

    message: str
    agency: str
    at: datetime
    due_at: datetime | None
    reason: str | None
    unit: str | None


class OwnDossier(Value, frozen=True):
    """``state``: where the dossier stands, derived from its ``legs``, one per agency that has or had it in hand. ``parent``,
    ``children``: codes of the dossiers that it belongs to, and that belong to it, as they were told.
    """

    id: str
    state: str
    legs: tuple[OwnLeg, ...]
    deadline: datetime | None
    aliases: tuple[OwnAlias, ...]
    parent: str | None
    children: tuple[str, ...]
    apologies: tuple[OwnApology, ...]
    messages: tuple[OwnMessage, ...]
    transfers: tuple[OwnTransfer, ...]


def transfer(view: TransferView) -> OwnTransfer:
    plain = {name: getattr(view, name) for name in OwnTransfer.__struct_fields__ if name != "supplier"}
    return OwnTransfer(**plain, supplier=supplying.waits_for(view))


def message(view: MessageView) -> OwnMessage:
    return OwnMessage(
        id=view.id,
        kind=view.kind,
        key=view.key,
        digest=view.digest,
        dossier=view.dossier,
        accepted_at=view.accepted_at,
        transfers=view.transfers,
        receipt=msgspec.Raw(view.receipt),
        confirmation=view.confirmation,
        gave_way=view.gave_way,
    )


def dossier(view: DossierView, sender: str, told: Sequence[Apology] = ()) -> OwnDossier:
    """The sender's own part of a dossier: its messages, and the transfers that came of them. ``told``: its apologies, whoever made them."""
    own = [each for each in view.messages if each.sender == sender]
    ids = {each.id for each in own}
    story = record.from_json(view.story)
    return OwnDossier(
        id=view.id,
        state=story.state,
        legs=tuple(OwnLeg(agency=leg.agency, state=leg.state, passed_to=leg.passed_to) for leg in story.legs),
        deadline=story.deadline,
        aliases=tuple(OwnAlias(authority=each.authority, code=each.code) for each in view.aliases),
        parent=story.parent,
        children=story.children,
        apologies=tuple(OwnApology(**asdict(each)) for each in told),
        messages=tuple(map(message, own)),
        transfers=tuple(transfer(each) for each in view.transfers if each.message in ids),
    )


def is_involved(view: DossierView, sender: str) -> bool:
    return view.origin == sender or any(each.sender == sender for each in view.messages)
