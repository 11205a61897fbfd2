"""What another hub relays: judged there already, so here it is only read, and asked whether that hub may speak for its agency."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from connectors.contract import Relayed
from connectors.edge import values
from hub.judging.contract import Judged
from hub.judging.enclosing import enclosures
from hub.judging.trying import trials
from hub.judging.wrapping import KEY_HEADER
from schemas import codes
from schemas.dossier import from_json, to_json
from schemas.problems import Refusal, refuse

if TYPE_CHECKING:
    from hub.documents.contract import New
    from hub.judging.contract import Desk, Inbound, Sender
    from schemas.codes import DossierCode
    from schemas.dossier import Message

AUTHORITY = "authority"
"""Among an entry's words: whose alias the dossier's code is at its first hub."""
FORM, NOT_SERVED = "HUB-EDG-002", "HUB-EDG-022"


def judge_entry(request: Inbound, sender: Sender, desk: Desk) -> Judged:
    """Judge one entry. Raises ``Refusal`` HUB-EDG-002 for its form, HUB-EDG-022 for an agency that the hub does not serve."""
    raw = request.content()
    entry, message = opened(raw)
    if request.returned:
        return _as_before(entry, message, sender, desk, raw)
    if request.headers.get(KEY_HEADER) != entry.id:
        raise refuse(FORM, "id", rule="the id that its batch names")
    if not may_speak(entry.agency, sender, desk):
        raise refuse(NOT_SERVED, "agency", rule="receives.edge.serves")
    code = codes.parse(message.dossier.code) if message.dossier else None
    message = _as_said_here(message, sender.id, entry)
    return Judged(
        sender=sender.id,
        key=entry.id,
        digest=hashlib.sha256(raw).hexdigest(),
        size=len(raw),
        media_type="application/json",
        format=sender.format,
        kind=message.kind,
        canonical=to_json(message),
        agency=entry.agency,
        authority=str(entry.words.get(AUTHORITY) or sender.authority),
        code=message.dossier.code if message.dossier else None,
        received_by=code.agency if code else None,
        may_create=_may_create(code, sender, desk),
        aliases=tuple((each.authority, each.code) for each in message.dossier.aliases)
        if message.dossier
        else (),
        trials=trials(message, request.message, desk.recipients, request.earlier),
        settles_duty=bool(entry.words.get("settles_duty")),
        trial=entry.stage == "trial",
        relayed=relayed(entry),
        documents=enclosed(message),
        told=request.told,
    )


def _as_before(entry: values.Entry, message: Message, sender: Sender, desk: Desk, raw: bytes) -> Judged:
    """What this hub had accepted and lost, as its own entry of it says: under its sender's key, with the digest of what its sender sent."""
    code = codes.parse(message.dossier.code) if message.dossier else None
    dossier = message.dossier and msgspec.structs.replace(message.dossier, id=None)
    message = msgspec.structs.replace(message, dossier=dossier)
    return Judged(
        sender=sender.id,
        key=entry.key,
        digest=entry.digest,
        size=len(raw),
        media_type="application/json",
        format=sender.format,
        kind=message.kind,
        canonical=to_json(message),
        agency=entry.agency,
        authority=str(entry.words.get(AUTHORITY) or sender.authority),
        code=message.dossier.code if message.dossier else None,
        received_by=code.agency if code else None,
        may_create=True,
        aliases=tuple((each.authority, each.code) for each in message.dossier.aliases)
        if message.dossier
        else (),
        trials=trials(message, entry.id, desk.recipients),
        settles_duty=bool(entry.words.get("settles_duty")),
        trial=entry.stage == "trial",
        documents=enclosed(message),
    )


def enclosed(message: Message) -> tuple[New, ...]:
    """Return the documents that it names by their digest: here already, or at the hub that relays it until somebody needs them."""
    found = enclosures(message)
    return tuple(msgspec.structs.replace(each, url=f"hub:{each.sha256}") for each in found)


def opened(raw: bytes) -> tuple[values.Entry, Message]:
    """Read an entry. Raises ``Refusal`` HUB-EDG-002."""
    try:
        entry = msgspec.json.decode(raw, type=values.Entry)
        return entry, from_json(bytes(entry.message))
    except (msgspec.MsgspecError, Refusal) as error:
        raise refuse(FORM, "entry", rule=str(error).partition(" - at ")[0][:200]) from None


def relayed(entry: values.Entry) -> Relayed:
    return Relayed(
        id=entry.id,
        hub=entry.stamp.hub,
        no=entry.stamp.no,
        seen=entry.stamp.seen,
        sender=entry.sender,
        agency=entry.agency,
        key=entry.key,
        digest=entry.digest,
        accepted_at=entry.accepted_at,
        stage=entry.stage,
        words=entry.words,
    )


def may_speak(agency: str, sender: Sender, desk: Desk) -> bool:
    """A hub above may relay everybody's words, one below those of the agencies that it serves."""
    if sender.hub == "parent" or agency in sender.serves:
        return True
    known = desk.agencies.known(agency) is not None
    return known and any(desk.agencies.is_within(agency, tree) for tree in sender.serves)


def _may_create(code: DossierCode | None, sender: Sender, desk: Desk) -> bool:
    return code is not None and (sender.hub == "parent" or may_speak(code.agency, sender, desk))


def _as_said_here(message: Message, partner: str, entry: values.Entry) -> Message:
    """The other hub is who says it here, under the id that the message has there; its own id of the dossier is not ours."""
    dossier = message.dossier and msgspec.structs.replace(message.dossier, id=None)
    return msgspec.structs.replace(
        message, sender=partner, key=entry.id, agency=entry.agency, dossier=dossier
    )
