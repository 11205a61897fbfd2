"""Message → drafts for rooms whose payload is what the mapping writes, and nothing around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.contract import Codec, Draft

if TYPE_CHECKING:
    from connectors.contract import Writer
    from schemas.dossier import Message


class _Written:
    def __init__(self, media_type: str, mapping: Writer) -> None:
        self._media_type = media_type
        self._mapping = mapping

    def operations(self, message: Message) -> tuple[str, ...]:
        return self._mapping.operations(message)

    def encode(self, operation: str, message: Message, key: str) -> Draft:
        payload = self._mapping.write(operation, message, key)
        code = message.dossier.code if message.dossier else ""
        return Draft(payload=payload, media_type=self._media_type, facts={"dossier": code} if code else {})


def build(media_type: str, mapping: Writer) -> Codec:
    return _Written(media_type, mapping)
