"""Message → one record of one call. The mapping says it; this room leaves out what the portal does not take then, and puts files in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from connectors.contract import Draft
from connectors.national_portal_g2.records import enclosed, shaped
from connectors.unsaid import completed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.contract import Writer
    from connectors.national_portal_g2.settings import Settings
    from schemas.dossier import Message

LARGEST = 16 * 2**20
"""Bytes of all files of one message; they are sealed with it, and uploaded one by one."""


def build(settings: Settings, mapping: Writer) -> RecordCodec:
    return RecordCodec(settings, mapping)


class RecordCodec:
    def __init__(self, settings: Settings, mapping: Writer) -> None:
        self._settings, self._mapping = settings, mapping
        self.particulars = settings.defaults.model_dump_json(exclude_defaults=True)

    def operations(self, message: Message) -> tuple[str, ...]:
        return self._mapping.operations(message)

    def encode(self, operation: str, message: Message, key: str) -> Draft:
        payload = self._mapping.write(
            operation, completed(_without_deleted(message), self._settings.defaults), key
        )
        code = message.dossier.code if message.dossier else ""
        return Draft(
            payload=shaped(operation, payload, self._settings),
            media_type="application/json",
            facts={"dossier": code} if code else {},
        )

    def enclose(self, draft: Draft, contents: Mapping[str, bytes]) -> Draft:
        """Put the files in, by SHA-256. Raises ``Refusal`` HUB-MAP-004 for one that is not there."""
        return msgspec.structs.replace(draft, payload=enclosed(draft.payload, contents, self._settings.names))


def _without_deleted(message: Message) -> Message:
    if message.dossier is None:
        return message
    kept = tuple(each for each in message.dossier.documents if not each.deleted)
    return msgspec.structs.replace(message, dossier=msgspec.structs.replace(message.dossier, documents=kept))
