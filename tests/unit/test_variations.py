"""Every operation of every format takes its legal variations as the same message, or ``variations.toml`` says why it has none.

The ways are made of the golden messages (``tests/golden/variations.py``), so that a new format has them by being there.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from connectors.catalogue import DESKS, ROOMS
from schemas.convert import CONVERTERS
from schemas.dossier import Message, to_json
from schemas.mapping import Mapping as Format
from schemas.mapping import mappings
from schemas.problems import Refusal, Wrong
from schemas.table import read_table
from tests.golden.meanings import MEANINGS
from tests.golden.variations import FORMS, WAYS, Form, Pair, lone, numbers, words

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
TABLES = ROOT / "schemas" / "mappings"
LOADED = mappings(TABLES)
TABLED = {table.ref: table for table in map(read_table, sorted(TABLES.glob("*.toml")))}
EVERY = [(ref, name) for ref, table in TABLED.items() for name in table.operation or ("message",)]
HEARD = [
    (ref, name) for ref, name in EVERY if not (TABLED[ref].operation and TABLED[ref].operation[name].only)
]
DECLARED: dict[str, Any] = tomllib.loads((GOLDEN / "variations.toml").read_text("utf-8"))


def keys(ref: str, name: str) -> tuple[str, ...]:
    return (f"{ref}.{name}", ref, TABLED[ref].media)


def declared(what: str, ref: str, name: str) -> str:
    rows: dict[str, str] = DECLARED[what]
    return next((rows[key] for key in keys(ref, name) if key in rows), "")


def form(ref: str, name: str) -> Form:
    table, mapping = TABLED[ref], LOADED[ref]
    raw = (GOLDEN / "full" / f"{ref}.{name}.{table.media}").read_bytes()
    if table.canonical:
        return Form(table, "", raw, json.loads(raw), words)
    side: Any = mapping
    operation = table.operation[name]
    tree = side._side.record(side._side.parse(raw))
    return Form(table, operation.record, raw, tree, lambda said: bytes(side._side.payload(said, operation)))


def meaning(mapping: Format, raw: bytes) -> Message:
    """What a message says, without what its format keeps for itself."""
    return replace(mapping.read(raw, "s", "KEY-1", "000.00.00.H47"), extensions={})


def tree(message: Message) -> Any:
    return json.loads(to_json(message))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("ref", "name"), HEARD)
def test_a_legal_variation_means_the_same_or_is_declared_impossible(ref: str, name: str, way: str) -> None:
    mapping, why = LOADED[ref], declared(way, ref, name)
    found = [differs(mapping, pair) for pair in WAYS[way](form(ref, name))]
    wrong = [each for each in found if each]
    assert [each for each in wrong if not (why and "HUB-SCH-" in each)] == []
    assert bool(why) == (bool(wrong) or not found), why or "no way of it, and not declared"


def differs(mapping: Format, pair: Pair) -> str:
    """Say what is wrong with a pair; nothing: both mean the same."""
    meant = meaning(mapping, pair.one)
    try:
        return "" if meaning(mapping, pair.other) == meant else f"{pair.how}: misread"
    except Refusal as refusal:
        return f"{pair.how}: {refusal.problems}"


@pytest.mark.parametrize("way", ["order", "namespaces", "spelling"])
@pytest.mark.parametrize("path", sorted((GOLDEN / "edxml").glob("*.xml")), ids=lambda path: str(path.stem))
def test_a_document_of_the_axis_means_the_same_in_another_order_under_other_prefixes_and_in_other_characters(
    path: Path, way: str
) -> None:
    ref = "edxml.qcvn102@1"
    raw = path.read_bytes()
    keys = set()
    for pair in WAYS[way](Form(TABLED[ref], "", raw, {}, words)):
        assert differs(LOADED[ref], pair) == ""
        keys |= {LOADED[ref].natural_key(each) for each in (pair.one, pair.other)}
    assert len(keys) == 1, "known by the same key, however it is written"


@pytest.mark.parametrize(("ref", "name"), HEARD)
def test_none_one_and_many_elements_are_as_many_however_a_list_of_one_is_written(ref: str, name: str) -> None:
    asked, mapping = form(ref, name), LOADED[ref]
    whole = tree(meaning(mapping, asked.raw))
    found = 0
    for number, raw in numbers(asked):
        found += 1
        meant = tree(meaning(mapping, raw))
        assert meant == cut(whole, number, meant)
        assert meant != whole
    for pair in lone(asked):
        assert meaning(mapping, pair.one) == meaning(mapping, pair.other)
    assert bool(declared("many", ref, name)) == (not found)


def cut(value: Any, number: int, beside: Any) -> Any:
    """A message with as many elements in its lists. A list that its format must say stays, as it does in ``beside``."""
    if isinstance(value, list):
        return [cut(each, number, other) for each, other in zip(value, beside, strict=False)][
            : number or None
        ]
    if not isinstance(value, dict):
        return value
    return {
        name: cut(each, number, beside.get(name))
        for name, each in value.items()
        if not (number == 0 and isinstance(each, list) and name not in beside)
    }


@pytest.mark.parametrize(("ref", "name"), EVERY)
def test_every_operation_has_its_sample_or_the_reason_why_there_is_none(ref: str, name: str) -> None:
    sample, why = DECLARED["samples"].get(f"{ref}.{name}", ""), declared("unsampled", ref, name)
    assert bool(sample) != bool(why)
    assert not sample or (GOLDEN / sample).is_file()


def test_every_declaration_is_about_something_and_gives_its_reason() -> None:
    assert set(DECLARED) == {"samples", "unsampled", "many", "desks", "verbatim", "answers", "silent", *WAYS}
    known = {key for ref, name in EVERY for key in keys(ref, name)}
    told = {what: rows for what, rows in DECLARED.items() if what not in {"desks", "answers"}}
    of_operations = [key for what, rows in told.items() for key in rows if what not in {"silent", "verbatim"}]
    assert [key for key in of_operations if key not in known] == []
    assert all(why.strip() for rows in told.values() for why in rows.values())


def test_every_desk_has_what_its_clients_send_and_every_room_what_its_partners_answer() -> None:
    desks: Mapping[str, list[str]] = DECLARED["desks"]
    answers: Mapping[str, list[str]] = DECLARED["answers"]
    assert set(desks) == set(DESKS)
    assert answers.keys() | DECLARED["silent"].keys() == set(ROOMS)
    assert {family for families in desks.values() for family in families} <= set(MEANINGS)
    for place in [place for places in answers.values() for place in places]:
        folder = GOLDEN if place.startswith("wire/") else ROOT / "tests"
        assert (folder / place).exists(), place


@pytest.mark.parametrize("zone", ["", "Z", "+07:00", ".000+07:00"])
def test_the_end_of_a_day_is_the_first_moment_of_the_next(zone: str) -> None:
    read, write = CONVERTERS["xs:dateTime"].read, CONVERTERS["xs:dateTime"].write
    assert read(f"2026-12-31T24:00:00{zone}") == read(f"2027-01-01T00:00:00{zone}")
    assert write(read("2026-12-31T24:00:00")) == "2027-01-01T00:00:00+07:00"
    with pytest.raises(Wrong):
        read("9999-12-31T24:00:00Z")


def test_every_converter_of_moments_has_its_forms() -> None:
    assert {name for name, converter in CONVERTERS.items() if converter.gives == "moment"} == set(FORMS)
