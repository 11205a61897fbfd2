"""Message → drafts for a partner spoken to over REST: the mapping does it all, this room adds the media type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.contract import Codec, Draft
from schemas.problems import refuse

if TYPE_CHECKING:
    from connectors.contract import Writer
    from connectors.rest.settings import Settings
    from schemas.dossier import Message


class _RestCodec:
    def __init__(self, settings: Settings, mapping: Writer) -> None:
        self._settings = settings
        self._mapping = mapping

    def operations(self, message: Message) -> tuple[str, ...]:
        return self._mapping.operations(message)

    def encode(self, operation: str, message: Message, key: str) -> Draft:
        payload = self._mapping.write(operation, message, key)
        code = message.dossier.code if message.dossier else ""
        if not code and any("{dossier}" in path for path in self._paths(operation)):
            raise refuse("HUB-MAP-004", "/dossier/code", rule="{dossier} in the partner's path")
        return Draft(
            payload=payload,
            media_type=self._settings.media_type,
            facts={"dossier": code} if code else {},
        )

    def _paths(self, operation: str) -> tuple[str, ...]:
        settings = self._settings
        find = (settings.find.path,) if settings.find else ()
        return (settings.paths.get(operation, settings.path), *find)


def build(settings: Settings, mapping: Writer) -> Codec:
    return _RestCodec(settings, mapping)
