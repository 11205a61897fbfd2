"""Every legal variation of what clients of our desks, the land offices' system and the tax office write means the same (``tests/golden/meanings.py``), and
what the hub writes to them is what their samples say.
"""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from lxml import etree

from connectors.contract import Numbers
from connectors.gip import codec
from connectors.gip.data import wrapped
from connectors.gip.settings import Settings
from connectors.simulators.vbdlis_shapes import SHAPES, faults
from connectors.soap_desk.names import Operation
from schemas.dossier import Dossier, Event, Kind, Message, from_json
from schemas.library import BUILTIN
from schemas.mapping import load
from schemas.table import read_table
from tests.golden.meanings import ANSWERS, CODE, HEARD, LISTENERS, MEANINGS, WIRE, meaning, messages
from tests.golden.variations import backwards, spelled

if TYPE_CHECKING:
    from pathlib import Path

MEANS = "meaning.json"
SENT = WIRE.parent / "sent"
FILES = sorted(file for file in WIRE.glob("*/*/*") if file.name != MEANS)


@pytest.mark.parametrize("file", FILES, ids=lambda file: "/".join(file.parts[-3:]))
def test_an_example_means_what_its_case_says(file: Path) -> None:
    expected = json.loads((file.parent / MEANS).read_bytes())
    assert meaning(file.parts[-3], file.parts[-2], file.read_bytes()) == expected


DECLARED = tomllib.loads((WIRE.parent / "variations.toml").read_text("utf-8"))
FAMILIES = {family for each in DECLARED["desks"].values() for family in each}
HEARD_AT_DESKS = sorted({file.parent for file in FILES if file.parts[-3] in FAMILIES})
READ_WHOLE = [case for case in HEARD_AT_DESKS if "/".join(case.parts[-2:]) not in DECLARED["verbatim"]]


def first(case: Path) -> bytes:
    return next(case.glob("sample.*")).read_bytes()


@pytest.mark.parametrize("case", READ_WHOLE, ids=lambda case: "/".join(case.parts[-2:]))
def test_what_a_desk_hears_means_the_same_in_other_characters_and_another_order(case: Path) -> None:
    raw = first(case)
    media = "json" if raw.lstrip().startswith(b"{") else "xml"
    expected = json.loads((case / MEANS).read_bytes())
    other = dict(spelled(raw, media))
    if media == "json":  # the service's XSD is a sequence
        other["backwards"] = backwards(raw, media)
    for how, written in other.items():
        assert meaning(case.parent.name, case.name, written) == expected, how


def test_every_operation_of_every_desk_has_an_example() -> None:
    heard: dict[str, set[str]] = {}
    for case in HEARD_AT_DESKS:
        family = case.parent.name
        if family in LISTENERS:
            bodies = [json.loads(each.body).keys() for each in messages(family, case.name, first(case))]
            heard.setdefault(LISTENERS[family].ref, set()).update(*bodies)
    for ref, names in heard.items():
        table = read_table(BUILTIN / "mappings" / f"{ref.replace('@', '-')}.toml")
        markers = {each.marker.removeprefix("/") for each in table.operation.values()}
        assert markers - names == set(), ref
    assert {case.name.partition("-")[0] for case in HEARD_AT_DESKS if case.parent.name == "soap.desk"} == set(
        Operation
    )
    assert {*LISTENERS, "soap.desk"} == FAMILIES


def test_every_family_has_its_examples_and_every_case_its_meaning() -> None:
    assert {file.parts[-3] for file in FILES} == set(MEANINGS)
    assert {file.parent for file in FILES} == {file.parent for file in WIRE.glob(f"*/*/{MEANS}")}


LAND = load(BUILTIN / "mappings" / "vbdlis.rest-1.toml")


@pytest.mark.parametrize("operation", SHAPES)
def test_the_most_and_the_least_that_the_hub_says_to_the_land_system_is_what_a_strict_one_takes(
    operation: str,
) -> None:
    said = (SENT / "vbdlis.rest" / f"{operation}.canonical.json").read_bytes()
    written = json.loads(LAND.write(operation, from_json(said), "k"))
    assert written == json.loads((SENT / "vbdlis.rest" / f"{operation}.json").read_bytes())
    most = json.loads((SENT.parent / "full" / f"vbdlis.rest@1.{operation}.json").read_bytes())
    assert [list(faults(SHAPES[operation], each)) for each in (written, most)] == [[], []]
    assert not most.keys() - SHAPES[operation].keys(), "nothing that it does not know"


def test_a_question_to_the_tax_office_says_what_the_published_sample_says() -> None:
    told = Settings.model_validate(
        {"base_url": "http://127.0.0.1:9", "sender": "H47", "sender_name": "LGSP Quảng Nam"}
    )
    event = Event(kind=Kind.TRANSFERRED, at=HEARD)
    message = Message(event=event, key="k", sender="s", agency="a", dossier=Dossier(code=CODE))
    room = codec.build(told, ANSWERS)
    assert isinstance(room, Numbers)
    at = datetime(2019, 4, 12, 9, 10, tzinfo=UTC)
    ours = wrapped(told, room.number(room.encode("TruyVan", message, "k"), 1, at).payload)
    sample = (SENT / "gip.question" / "sample.xml").read_bytes()
    assert asked(ours) == asked(sample)


def asked(raw: bytes) -> list[tuple[str, str]]:
    """Names and texts of the call and of the message inside, in their order."""
    call = etree.fromstring(raw)
    (carried,) = call.iter("in_msg")
    inside = etree.fromstring(carried.text or "")
    names = [str(each.tag) for each in call.iter()]
    return [
        *((name, "") for name in names),
        *((str(each.tag), (each.text or "").strip()) for each in inside.iter()),
    ]
