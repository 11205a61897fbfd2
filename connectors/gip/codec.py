"""Message → a question in the tax gateway's ``DATA``: the mapping says what is asked, this room writes the header around it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec

from connectors.contract import Codec, Draft
from connectors.gip.data import message_id, numbered, question, spelled

if TYPE_CHECKING:
    from datetime import datetime

    from connectors.contract import Writer
    from connectors.gip.settings import Settings
    from schemas.dossier import Message


class _GipCodec:
    """``connectors.contract.Codec`` and ``Numbers``: ``MSG_ID`` is the transfer's, whatever is tried."""

    def __init__(self, settings: Settings, mapping: Writer) -> None:
        self._settings, self._mapping = settings, mapping

    def operations(self, message: Message) -> tuple[str, ...]:
        return self._mapping.operations(message)

    def encode(self, operation: str, message: Message, key: str) -> Draft:
        row = json.loads(self._mapping.write(operation, message, key))
        code = message.dossier.code if message.dossier else ""
        return Draft(
            payload=question(self._settings, row),
            media_type="text/xml",
            facts={"dossier": code, "asked": spelled(message.event.at)},
            canonical=True,
        )

    def number(self, draft: Draft, number: int, at: datetime) -> Draft:
        name = message_id(self._settings, number, at)
        payload = numbered(draft.payload, name, at)
        return msgspec.structs.replace(draft, payload=payload, facts={**draft.facts, "msg_id": name})


def build(settings: Settings, mapping: Writer) -> Codec:
    return _GipCodec(settings, mapping)
