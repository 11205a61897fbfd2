"""Message → the ``data`` array of one service call. The mapping does it all; this room checks that it is one dossier's.

What others publish for the portal beside dossiers has no mapping: it goes on as it came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.contract import Codec, Draft
from connectors.national_portal.envelope import HANDED_ON
from connectors.replies import read_json
from connectors.unsaid import completed
from schemas.problems import refuse

if TYPE_CHECKING:
    from connectors.contract import Writer
    from connectors.national_portal.settings import Settings
    from connectors.unsaid import Defaults
    from schemas.dossier import Message


def build(settings: Settings, mapping: Writer) -> Codec:
    return _PortalCodec(settings.defaults, mapping, hands_on=settings.connector is None)


class _PortalCodec:
    """``hands_on``: questions and answers go to the portal as they came; of a province's connector no method for them is known."""

    def __init__(self, defaults: Defaults, mapping: Writer, *, hands_on: bool) -> None:
        self._defaults, self._mapping, self._hands_on = defaults, mapping, hands_on
        self.particulars = defaults.model_dump_json(exclude_defaults=True)

    def operations(self, message: Message) -> tuple[str, ...]:
        record = message.record
        if record is not None:
            return (record.service,) if self._hands_on and record.service in HANDED_ON else ()
        return self._mapping.operations(message)

    def encode(self, operation: str, message: Message, key: str) -> Draft:
        """Seal the array alone: session and ``isUpdating`` belong to the envelope and may differ per attempt."""
        if message.record is not None:
            return Draft(payload=_handed_on(message.record.content), media_type="application/json")
        payload = self._mapping.write(operation, completed(message, self._defaults), key)
        if payload[:1] == b"{":
            payload = b"[" + payload + b"]"
        return Draft(payload=payload, media_type="application/json", facts=_facts(operation, payload))


def _facts(operation: str, payload: bytes) -> dict[str, str]:
    """One dossier per call: the portal gives one code for the whole array (docs/explanation/national-portal.md §5)."""
    records = read_json(payload)
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        records = []
    codes = [record.get("MaHoSo") for record in records]
    if not codes or not isinstance(codes[0], str) or not codes[0] or codes.count(codes[0]) != len(codes):
        raise refuse("HUB-MAP-003", operation, rule="an array of records with one MaHoSo")
    return {"MaHoSo": codes[0]}


def _handed_on(content: str) -> bytes:
    """The record byte for byte, once it is known to be one and nothing beside it: it is spliced into the call, whose other words are ours.

    Raises ``Refusal`` HUB-MAP-004.
    """
    record = content.encode()
    if not isinstance(read_json(record), dict):
        raise refuse("HUB-MAP-004", "/record/content", rule="one record in JSON")
    return b"[" + record + b"]"
