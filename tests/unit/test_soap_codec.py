"""The SOAP codec: what a mapping wrote, if it can stand in a Body."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.soap.codec import build
from connectors.soap.settings import Settings
from schemas.dossier import Dossier, Event, Kind, Message
from schemas.problems import Refusal

SETTINGS = Settings.model_validate({"base_url": "https://land.example.vn", "wsdl": "x@1"})
MESSAGE = Message(
    event=Event(kind=Kind.RECEIVED, at=datetime(2026, 4, 1, tzinfo=UTC)),
    key="k-1",
    sender="motcua",
    agency="000.00.00.H47",
    dossier=Dossier(code="HS-1"),
)


class Mapping:
    id = "any"

    def __init__(self, written: bytes) -> None:
        self.written = written

    def operations(self, message: Message) -> tuple[str, ...]:
        return (str(message.kind),)

    def write(self, operation: str, message: Message, key: str) -> bytes:
        assert (operation, message, key) == ("received", MESSAGE, "t-1")
        return self.written


def test_the_mappings_bytes_become_the_payload_untouched() -> None:
    codec = build(SETTINGS, Mapping(b"<a>\n</a>"))
    draft = codec.encode("received", MESSAGE, "t-1")
    assert (draft.payload, draft.media_type) == (b"<a>\n</a>", "text/xml")
    assert draft.facts == {"kind": "received", "message": "k-1", "dossier": "HS-1"}
    assert codec.operations(MESSAGE) == ("received",)


@pytest.mark.parametrize("written", [b"", b'<?xml version="1.0"?><a/>', b"{}", b"<!DOCTYPE a><a/>"])
def test_what_cannot_stand_in_a_body_is_a_mapping_error(written: bytes) -> None:
    with pytest.raises(Refusal) as refusal:
        build(SETTINGS, Mapping(written)).encode("received", MESSAGE, "t-1")
    assert refusal.value.code == "HUB-MAP-003"
