"""Message → an entry: its canonical JSON, with where it stands in its dossier around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from connectors.contract import Draft
from connectors.edge import texts
from connectors.edge.values import ENTRY_BYTES, MAJOR, Entry, Stamp
from schemas.dossier import to_json
from schemas.problems import refuse

if TYPE_CHECKING:
    from connectors.contract import Codec, Relayed, Writer
    from connectors.edge.settings import Settings
    from schemas.dossier import Message

OPERATION = "relay"
MEDIA_TYPE = "application/json"


class _EdgeCodec:
    """``connectors.contract.Codec`` and ``Relays``. Whatever the kind, it is one entry; nothing is left out."""

    def operations(self, _message: Message) -> tuple[str, ...]:
        return (OPERATION,)

    def encode(self, _operation: str, message: Message, _key: str) -> Draft:
        return Draft(payload=to_json(message), media_type=MEDIA_TYPE)

    def relay(self, draft: Draft, told: Relayed) -> Draft:
        entry = Entry(
            v=MAJOR,
            id=told.id,
            stamp=Stamp(hub=told.hub, no=told.no, seen=dict(told.seen)),
            sender=told.sender,
            agency=told.agency,
            key=told.key,
            digest=told.digest,
            accepted_at=told.accepted_at,
            stage=told.stage,
            words=dict(told.words),
            message=msgspec.Raw(draft.payload),
            history=tuple(msgspec.Raw(each) for each in told.history),
        )
        payload = texts.write(entry)
        if len(payload) > ENTRY_BYTES:
            raise refuse("HUB-EDG-010", "/dossier", rule=f"at most {ENTRY_BYTES} bytes with its history")
        return Draft(payload=payload, media_type=MEDIA_TYPE)


def build(_settings: Settings, _mapping: Writer) -> Codec:
    return _EdgeCodec()
