"""Mappings write exclusive C14N, so that the signer may take the bytes as they are."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from lxml import etree

from schemas.dossier import Message  # noqa: TC001
from schemas.mapping import mappings
from signing.xml.enveloped import with_id

ROOT = Path(__file__).parents[2]
FORMATS = mappings(ROOT / "schemas" / "mappings")
XML = sorted(ref for ref, mapping in FORMATS.items() if mapping.media == "xml")
EXAMPLES = sorted((ROOT / "examples" / "messages").glob("*.json"))


def message(example: Path) -> Message:
    """Return what the one-stop says, with both ends named as a room of the document axis names them."""
    said = FORMATS["motcua.rest@1"].read(example.read_bytes(), "sender", "key", "000.00.00.H47")
    ends = {"from_agency": "000.00.00.H47", "to_agency": "000.00.15.H47"}
    return msgspec.structs.replace(said, event=msgspec.structs.replace(said.event, **ends))


def hostile(said: Message) -> Message:
    event = msgspec.structs.replace(said.event, content='<&> "\'" ]]> \t \u200f\U0001f600 \u00a0 x')
    return msgspec.structs.replace(said, event=event)


@pytest.mark.parametrize("ref", XML)
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_what_a_mapping_writes_is_already_canonical(ref: str, example: Path) -> None:
    for said in (message(example), hostile(message(example))):
        for operation in FORMATS[ref].operations(said):
            payload = with_id(FORMATS[ref].write(operation, said, "01KEY:partner:1"))
            canonical = etree.tostring(etree.fromstring(payload), method="c14n", exclusive=True)
            assert payload == canonical
