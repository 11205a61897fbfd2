"""Message → the one element that will stand in a SOAP Body. The mapping does it all; this room checks that it fits there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.contract import Codec, Draft
from connectors.inside import LARGEST, Inside
from connectors.soap.enclosing import enclosed
from connectors.soap.envelope import root
from schemas.problems import refuse

if TYPE_CHECKING:
    from connectors.contract import Writer
    from connectors.soap.settings import Settings
    from schemas.dossier import Message


def encloses(settings: Settings) -> int:
    return LARGEST if settings.files_at else 0


def build(settings: Settings, mapping: Writer) -> Codec:
    codec = _SoapCodec(settings, mapping)
    return Inside(codec, settings.files_at, enclosed) if settings.files_at else codec


class _SoapCodec:
    def __init__(self, settings: Settings, mapping: Writer) -> None:
        self._media_type = "text/xml" if settings.version == "1.1" else "application/soap+xml"
        self._mapping = mapping

    def operations(self, message: Message) -> tuple[str, ...]:
        return self._mapping.operations(message)

    def encode(self, operation: str, message: Message, key: str) -> Draft:
        payload = self._mapping.write(operation, message, key)
        if not root(payload):
            raise refuse("HUB-MAP-003", operation, rule="an element without an XML declaration")
        # mappings write exclusive C14N: the signer need not parse it again
        return Draft(payload=payload, media_type=self._media_type, facts=_facts(message), canonical=True)


def _facts(message: Message) -> dict[str, str]:
    """What a question may need besides the transfer's key; codes only."""
    facts = {"kind": str(message.kind), "message": message.key, "subject": message.subject or ""}
    if message.dossier is not None:
        facts |= {"dossier": message.dossier.code, "receipt": message.dossier.receipt_number or ""}
    return {name: value for name, value in facts.items() if value}
