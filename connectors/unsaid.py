"""What a sender's client has no field for and a portal wants, declared once in the portal's file. Pure.

It stands in a record only where the sender says nothing. Who the applicant is cannot be declared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from schemas.dossier import Actor, Channel

if TYPE_CHECKING:
    from schemas.dossier import Document, Dossier, Event, Message

Word = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DocumentDefaults(_Closed):
    """What is said of a file handed in whose sender does not say it."""

    digitised: Word | None = None
    reused: Word | None = None
    from_national_store: Word | None = None


class Defaults(_Closed):
    """What stands in a record whose sender does not say it, because it is so in this whole province. Who the applicant is has no default.

    ``submitted_at``: ``received_at``: dossiers are received when they are handed in. ``channel``, ``handled_by`` (the unit that does what no officer is
    named for): for one-stops whose client has no field for them.
    """

    submitted_at: Literal["received_at"] | None = None
    channel: Literal["counter", "online", "post"] | None = None
    handled_by: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,50}$")] | None = None
    submitted_where: Word | None = None
    digitised: Word | None = None
    identity_verified: Word | None = None
    paid_online: Word | None = None
    documents: DocumentDefaults = DocumentDefaults()


NONE = Defaults()


def completed(message: Message, defaults: Defaults) -> Message:
    """Say what the partner's file declares to be so wherever a sender does not say it; nothing else is ever filled in."""
    if defaults == NONE:
        return message
    dossier = message.dossier and _dossier(message.dossier, defaults)
    return msgspec.structs.replace(message, event=_event(message.event, defaults), dossier=dossier)


def _event(event: Event, defaults: Defaults) -> Event:
    """Name the unit that the file declares, where nobody is named for what happened."""
    actor = event.actor or Actor()
    if not defaults.handled_by or actor.name:
        return event
    return msgspec.structs.replace(event, actor=msgspec.structs.replace(actor, name=defaults.handled_by))


def _dossier(dossier: Dossier, defaults: Defaults) -> Dossier:
    told = {
        name: value
        for name in ("submitted_where", "digitised", "identity_verified", "paid_online")
        if getattr(dossier, name) is None and (value := getattr(defaults, name)) is not None
    }
    moment = dossier.received_at if defaults.submitted_at and dossier.submitted_at is None else None
    channel = Channel(defaults.channel) if defaults.channel else None
    return msgspec.structs.replace(
        dossier,
        **told,
        channel=dossier.channel or channel,
        submitted_at=moment or dossier.submitted_at,
        documents=tuple(_document(each, defaults.documents) for each in dossier.documents),
    )


def _document(document: Document, defaults: DocumentDefaults) -> Document:
    told = defaults.model_dump(exclude_none=True)
    return msgspec.structs.replace(
        document, **{name: value for name, value in told.items() if getattr(document, name) is None}
    )
