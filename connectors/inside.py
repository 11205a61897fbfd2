"""Codec of a partner that wants files inside its messages, whatever those are written in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from connectors.contract import Codec, Draft
    from schemas.dossier import Message

LARGEST = 16 * 2**20
"""Bytes of all files inside one message: gateways of the field take few larger requests."""

Put = Callable[[bytes, Iterable[str], Mapping[str, bytes]], bytes]
"""(payload, places, contents by SHA-256) → the payload with the files in it."""


class Inside:
    """Such a partner has no word for a file that was taken back, so that is not told."""

    def __init__(self, inner: Codec, places: tuple[str, ...], put: Put) -> None:
        self._inner, self._places, self._put = inner, places, put

    def operations(self, message: Message) -> tuple[str, ...]:
        return self._inner.operations(message)

    def encode(self, operation: str, message: Message, key: str) -> Draft:
        dossier = message.dossier
        if dossier is not None:
            there = tuple(each for each in dossier.documents if not each.deleted)
            dossier = msgspec.structs.replace(dossier, documents=there)
        return self._inner.encode(operation, msgspec.structs.replace(message, dossier=dossier), key)

    def enclose(self, draft: Draft, contents: Mapping[str, bytes]) -> Draft:
        payload = self._put(draft.payload, self._places, contents)
        return msgspec.structs.replace(draft, payload=payload)
