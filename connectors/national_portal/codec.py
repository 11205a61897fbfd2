"""Message → the ``data`` array of one service call. The mapping does it all; this room checks that it is one dossier's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from connectors.contract import Codec, Draft
from connectors.national_portal.settings import Defaults
from connectors.replies import read_json
from schemas.dossier import Actor, Channel
from schemas.problems import refuse

if TYPE_CHECKING:
    from connectors.contract import Writer
    from connectors.national_portal.settings import DocumentDefaults, Settings
    from schemas.dossier import Document, Message

NONE = Defaults()


def build(settings: Settings, mapping: Writer) -> Codec:
    return _PortalCodec(settings.defaults, mapping)


class _PortalCodec:
    def __init__(self, defaults: Defaults, mapping: Writer) -> None:
        self._defaults, self._mapping = defaults, mapping
        self.particulars = defaults.model_dump_json(exclude_defaults=True)

    def operations(self, message: Message) -> tuple[str, ...]:
        return self._mapping.operations(message)

    def encode(self, operation: str, message: Message, key: str) -> Draft:
        """Seal the array alone: session and ``isUpdating`` belong to the envelope and may differ per attempt."""
        payload = self._mapping.write(operation, completed(message, self._defaults), key)
        if payload[:1] == b"{":
            payload = b"[" + payload + b"]"
        return Draft(payload=payload, media_type="application/json", facts=_facts(operation, payload))


def completed(message: Message, defaults: Defaults) -> Message:
    """Say what the partner's file declares to be so wherever a sender does not say it; nothing else is ever filled in."""
    message = _handled(message, defaults)
    dossier = message.dossier
    if dossier is None or defaults == NONE:
        return message
    told = {
        name: value
        for name in ("submitted_where", "digitised", "identity_verified", "paid_online")
        if getattr(dossier, name) is None and (value := getattr(defaults, name)) is not None
    }
    moment = dossier.received_at if defaults.submitted_at and dossier.submitted_at is None else None
    channel = Channel(defaults.channel) if defaults.channel else None
    dossier = msgspec.structs.replace(
        dossier,
        **told,
        channel=dossier.channel or channel,
        submitted_at=moment or dossier.submitted_at,
        documents=tuple(_completed(each, defaults.documents) for each in dossier.documents),
    )
    return msgspec.structs.replace(message, dossier=dossier)


def _handled(message: Message, defaults: Defaults) -> Message:
    """Name the unit that the file declares, where nobody is named for what happened."""
    event, actor = message.event, message.event.actor or Actor()
    if not defaults.handled_by or actor.name:
        return message
    named = msgspec.structs.replace(actor, name=defaults.handled_by)
    return msgspec.structs.replace(message, event=msgspec.structs.replace(event, actor=named))


def _completed(document: Document, defaults: DocumentDefaults) -> Document:
    said = defaults.model_dump(exclude_none=True)
    return msgspec.structs.replace(
        document, **{name: value for name, value in said.items() if getattr(document, name) is None}
    )


def _facts(operation: str, payload: bytes) -> dict[str, str]:
    """One dossier per call: the portal gives one code for the whole array (docs/explanation/national-portal.md §5)."""
    records = read_json(payload)
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        records = []
    codes = [record.get("MaHoSo") for record in records]
    if not codes or not isinstance(codes[0], str) or not codes[0] or codes.count(codes[0]) != len(codes):
        raise refuse("HUB-MAP-003", operation, rule="an array of records with one MaHoSo")
    return {"MaHoSo": codes[0]}
