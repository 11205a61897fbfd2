"""Message → drafts for a partner spoken to over REST: the mapping does it all, this room adds the media type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from connectors.contract import Codec, Draft

if TYPE_CHECKING:
    from connectors.rest.settings import Settings
    from schemas.dossier import Message


class Writer(Protocol):
    """The part of a compiled mapping that this room uses (``schemas.mapping.Mapping``)."""

    def operations(self, message: Message) -> tuple[str, ...]: ...

    def write(self, operation: str, message: Message, key: str) -> bytes: ...


class _RestCodec:
    def __init__(self, settings: Settings, mapping: Writer) -> None:
        self._media_type = settings.media_type
        self._mapping = mapping

    def operations(self, message: Message) -> tuple[str, ...]:
        return self._mapping.operations(message)

    def encode(self, operation: str, message: Message, key: str) -> Draft:
        return Draft(payload=self._mapping.write(operation, message, key), media_type=self._media_type)


def build(settings: Settings, mapping: Writer) -> Codec:
    return _RestCodec(settings, mapping)
