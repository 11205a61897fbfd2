"""Golden examples: every row of every table says something, and says the same again."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from schemas.convert import spelled
from schemas.dossier import Kind, from_json, to_json
from schemas.mapping import Mapping, load, mappings
from schemas.problems import Refusal
from schemas.table import Row, Table, leaves, read_table, rows, said, totality
from tests.golden import telling

ROOT = Path(__file__).resolve().parents[2]
TABLES = ROOT / "schemas" / "mappings"
GOLDEN = ROOT / "tests" / "golden"
KEY = "MC-000.00.15.H47-261120-0001-0001"

LOADED = mappings(TABLES)
TABLED = {path: read_table(path) for path in sorted(TABLES.glob("*.toml"))}
EVERY = [(table, name) for table in TABLED.values() for name in table.operation]
OPERATIONS = [(table, name) for table, name in EVERY if not table.operation[name].only]
SAID = [(table, name) for table, name in EVERY if table.operation[name].only]


def ids(value: object) -> str:
    return value.ref if isinstance(value, Table) else str(value)


def golden(table: Table, name: str) -> bytes:
    return (GOLDEN / "full" / f"{table.ref}.{name}.{table.media}").read_bytes()


def tree(mapping: Mapping, raw: bytes) -> Any:
    inside: Any = mapping
    return inside._side.record(inside._side.parse(raw))


def same(media: str, one: bytes, other: bytes) -> bool:
    return one == other if media == "xml" else bool(json.loads(one) == json.loads(other))


@pytest.mark.parametrize(("table", "name"), OPERATIONS, ids=ids)
def test_a_golden_message_means_what_its_canonical_file_says(table: Table, name: str) -> None:
    message = LOADED[table.ref].read(golden(table, name), "motcua-tinh", KEY, "000.00.00.H47")
    expected = (GOLDEN / "full" / f"{table.ref}.{name}.canonical.json").read_bytes()
    assert json.loads(to_json(message)) == json.loads(expected)
    assert from_json(to_json(message)) == message


@pytest.mark.parametrize(("table", "name"), OPERATIONS, ids=ids)
def test_a_golden_message_comes_back_whole_in_its_own_format(table: Table, name: str) -> None:
    raw = golden(table, name)
    mapping = LOADED[table.ref]
    message = mapping.read(raw, "motcua-tinh", KEY, "000.00.00.H47")
    assert same(table.media, mapping.write(name, message, KEY), raw)


@pytest.mark.parametrize(("table", "name"), SAID, ids=ids)
def test_what_is_only_said_is_said_as_its_golden_message_has_it(table: Table, name: str) -> None:
    raw = golden(table, name)
    message = from_json((GOLDEN / "full" / f"{table.ref}.{name}.canonical.json").read_bytes())
    mapping = LOADED[table.ref]
    assert same(table.media, mapping.write(name, message, KEY), raw)
    found = tree(mapping, raw)
    places = rows(table, table.operation[name].record)
    kept = tuple(f"{place}/" for place, row in places if row.keep)
    spoken = [place for place, row in places if row.fixed is None and not f"{place}/".startswith(kept)]
    assert len(spoken) > 1
    assert [place for place in spoken if not said_at(found, place.split("/")[1:])] == []
    with pytest.raises(Refusal) as refused:
        mapping.read(raw, "s", KEY, "a")
    assert refused.value.code.startswith("HUB-SCH-")


def said_at(node: Any, steps: list[str]) -> bool:
    """Whether a place of the wire (``/HoSo/TaiLieuNop/*/KichThuoc``) says something in a tree."""
    if not steps:
        return node not in (None, "", [], {})
    if steps[0] == "*":
        return isinstance(node, list) and any(said_at(child, steps[1:]) for child in node)
    return isinstance(node, dict) and steps[0] in node and said_at(node[steps[0]], steps[1:])


@pytest.mark.parametrize(("table", "name"), OPERATIONS, ids=ids)
def test_the_golden_message_exercises_every_row(table: Table, name: str) -> None:
    found = tree(LOADED[table.ref], golden(table, name))
    places = [(place, row) for place, row in rows(table, table.operation[name].record) if row.fixed is None]
    silent = [place for place, _ in places if not said_at(found, place.split("/")[1:])]
    assert len(places) > 1
    assert silent == []


def coded(table: Table, name: str) -> list[tuple[str, Row]]:
    found = rows(table, table.operation[name].record)
    return [(place, row) for place, row in found if row.codes is not None and row.only is None]


@pytest.mark.parametrize(("table", "name"), OPERATIONS, ids=ids)
def test_every_code_of_every_table_is_read_and_written_back(table: Table, name: str) -> None:
    mapping: Any = LOADED[table.ref]
    operation = table.operation[name]
    for place, row in coded(table, name):
        for code in table.codes[row.codes or ""]:
            changed = tree(mapping, golden(table, name))
            put(changed, place.split("/")[1:], spelled(code, number=row.as_ == "number"))
            raw = mapping._side.payload(changed, operation)
            again = mapping.write(name, mapping.read(raw, "s", KEY, "a"), KEY)
            assert same(table.media, again, raw), (place, code)


def put(node: Any, steps: list[str], value: int | str) -> None:
    for child in node if steps[0] == "*" else (node,):
        if steps[0] == "*":
            put(child, steps[1:], value)
        elif len(steps) == 1:
            node[steps[0]] = value
        else:
            put(node[steps[0]], steps[1:], value)


@pytest.mark.parametrize(("table", "name"), OPERATIONS, ids=ids)
def test_a_code_that_no_table_knows_is_refused_at_its_place(table: Table, name: str) -> None:
    mapping: Any = LOADED[table.ref]
    for place, row in coded(table, name):
        changed = tree(mapping, golden(table, name))
        put(changed, place.split("/")[1:], 987 if row.as_ == "number" else "KHONG_CO")
        raw = mapping._side.payload(changed, table.operation[name])
        with pytest.raises(Refusal) as refused:
            mapping.read(raw, "s", KEY, "a")
        assert refused.value.code == "HUB-MAP-001", place
        assert place.rsplit("/", 1)[-1] in refused.value.problems[0].place
        assert refused.value.problems[0].line >= 1


@pytest.mark.parametrize(("table", "name"), EVERY, ids=ids)
def test_every_canonical_leaf_is_said_or_declared_lost(table: Table, name: str) -> None:
    assert totality(table, name) == ()
    lost = {**table.lost, **table.operation[name].lost}
    spoken = said(table, table.operation[name].record)
    untold = [
        leaf
        for leaf in leaves()
        if leaf not in spoken and not any(leaf == p or leaf.startswith((f"{p}.", f"{p}[")) for p in lost)
    ]
    assert len(leaves()) > 150
    assert untold == []


def broken(tmp_path: Path, name: str, old: str, new: str) -> Refusal:
    text = (TABLES / name).read_text("utf-8")
    assert old in text
    path = tmp_path / "mappings" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(Refusal) as refused:
        load(path)
    assert refused.value.code == "HUB-MAP-003"
    return refused.value


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('"dossier.legs" = "the portal knows one state per dossier"\n', "", "dossier.legs"),
        ('"dossier.legs" = "', '"dossier.legz" = "', "dossier.legz"),
        ('subject = "', '"dossier.code" = "said twice"\nsubject = "', "dossier.code"),
        (
            '"dossier.legs" = "the portal knows one state per dossier"',
            '"dossier.legs" = ""',
            "without a reason",
        ),
        ('at = "dossier.receipt_number"', 'at = "dossier.receipt"', "dossier.receipt"),
        ('codes = "channel"', 'codes = "kanal"', "codes.kanal"),
        ('at = "amount", as = "vnd"', 'at = "amount"', "integer"),
        ('as = "vnd"', 'as = "gold"', "gold"),
        ('record = "tai_lieu" }', 'record = "tai_lie" }', "tai_lie"),
        ('2 = "online"', '2 = "counter"', "one meaning"),
        ('2 = "online"', '2 = "telepathy"', "telepathy"),
        ('absent = "empty"', 'absent = "empty"\nsurprise = 1', "surprise"),
        ("version = 1", 'version = "1"', "version"),
        ("[records]", "[records", "MAP-003"),
    ],
)
def test_a_wrong_mapping_file_is_refused_with_its_place(
    tmp_path: Path, old: str, new: str, where: str
) -> None:
    refusal = broken(tmp_path, "dvcqg.g1-1.toml", old, new)
    said_about = " ".join(f"{p.code} {p.place} {p.detail}" for p in refusal.problems)
    assert where in said_about
    assert "dvcqg.g1-1.toml" in said_about


def test_a_mapping_file_under_another_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "dvcqg.g1-2.toml"
    path.write_bytes((TABLES / "dvcqg.g1-1.toml").read_bytes())
    with pytest.raises(Refusal, match="HUB-MAP-003"):
        load(path)


STORY = sorted((ROOT / "examples" / "messages").glob("*.json"))


@pytest.mark.parametrize("path", STORY, ids=lambda path: str(path.stem))
def test_the_story_reads_the_same_in_every_recipients_format(path: Path) -> None:
    sender = LOADED["motcua.rest@1"]
    raw = path.read_bytes()
    key = sender.natural_key(raw)
    assert key
    message = sender.read(raw, "motcua-tinh", key, "000.00.00.H47")
    written = 0
    for ref in ("lienthong.message@1", "land.soap@1", "dvcqg.g1@1"):
        mapping = LOADED[ref]
        for name in mapping.operations(message):
            expected = (GOLDEN / "story" / f"{path.stem}.{ref}.{name}.{mapping.media}").read_bytes()
            assert same(mapping.media, mapping.write(name, message, f"T-{path.stem}"), expected), (ref, name)
            written += 1
    assert written == 4
    assert same("json", sender.write("ThongDiep", message, key), raw)


def test_every_kind_is_told_to_every_format() -> None:
    """What each makes of it stands in ``kinds/``, which ``test_golden_files`` holds to what is made today."""
    assert telling.SAID.keys() | telling.APART.keys() == set(Kind)
    for path in (GOLDEN / "kinds").glob("*.json"):
        made = json.loads(path.read_bytes())
        table = read_table(TABLES / f"{path.stem.replace('@', '-')}.toml")
        assert set(made) == set(Kind), path
        assert {kind for kind, told in made.items() if isinstance(told, dict)} == set(table.operations)
        refused = {kind: told for kind, told in made.items() for one in _each(told) if one.startswith("HUB-")}
        assert refused == {}, path


def _each(told: Any) -> list[str]:
    return [one for one in told.values() if isinstance(one, str)] if isinstance(told, dict) else []


def test_every_format_that_is_sent_has_what_it_makes_of_each_kind() -> None:
    sent = {table.ref for table in map(read_table, TABLES.glob("*.toml")) if table.operations}
    assert sent == {path.stem for path in (GOLDEN / "kinds").glob("*.json")}


def test_the_story_goes_from_reception_to_return() -> None:
    codes = tomllib.loads((TABLES / "motcua.rest-1.toml").read_text("utf-8"))["codes"]["kind"]
    kinds = [codes[json.loads(path.read_bytes())["LoaiSuKien"]] for path in STORY]
    assert kinds == [
        "received",
        "transferred",
        "supplement_requested",
        "supplement_submitted",
        "duty_announced",
        "duty_paid",
        "finished",
        "result_handed_over",
        "returned",
    ]
