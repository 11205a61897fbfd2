"""A site adds a format with a table and a schema, and no Python."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path  # noqa: TC003 - fixtures are annotated
from typing import Any

import msgspec
import pytest

from schemas.dossier import Event, Kind, Message
from schemas.library import BUILTIN
from schemas.mapping import Shelf, load, mappings
from schemas.problems import Refusal
from schemas.table import CANONICAL, leaves

ROWS = """
so = [
  { wire = "loai", constant = "ho-so", required = true },
  { wire = "khoa", source = "transfer.key", required = true },
  { wire = "viec", at = "event.kind", codes = "kind", required = true },
  { wire = "luc", at = "event.at", as = "iso", required = true },
  { wire = "thu_tu", at = "event.sequence", as = "integer" },
  { wire = "dung", at = "event.pauses_clock", as = "boolean" },
  { wire = "xoa", at = "event.reason", max = 5 },
  { wire = "ten", at = "event.content", max = 5, cut = "five letters" },
  { wire = "ho_so", at = "dossier.code", required = true },
  { wire = "con", at = "dossier.children", many = true },
  { wire = "giay", at = "dossier.documents", many = true, record = "giay" },
]
giay = [
  { wire = "ma", at = "id", required = true },
  { wire = "xoa", at = "deleted", as = "true/false", default = "false" },
  { wire = "mau", keep = true, default = "A4" },
]
"""
SAID = {
    "key", "event.kind", "event.at", "event.sequence", "event.pauses_clock", "event.reason", "event.content",
    "dossier.code", "dossier.children[]", "dossier.documents[].id", "dossier.documents[].deleted",
}  # fmt: skip


def site(folder: Path) -> Any:
    body = json.dumps(
        {"type": "object", "required": ["khoa"], "properties": {"xoa": {"type": "string"}}}
    ).encode()
    home = folder / "json" / "xa.so"
    home.mkdir(parents=True)
    (home / "1.json").write_bytes(body)
    digest = hashlib.sha256(body).hexdigest()
    (home / "SOURCE.toml").write_text(
        f'origin = "a ward"\nversion = "1"\ndate = 2026-11-22\n[files]\n"1.json" = "{digest}"\n', "utf-8"
    )
    lost = "\n".join(f'"{leaf}" = "not here"' for leaf in leaves(CANONICAL) if leaf not in SAID)
    text = (
        'id = "xa.so"\nversion = 1\nmedia = "json"\norigin = "a test"\n[natural_key]\npath = "/khoa"\n'
        '[operations]\nstep = ["gui"]\n[operation.gui]\nrecord = "so"\nschema = "json:xa.so@1"\n'
        f'[lost]\n{lost}\n[codes.kind]\nB = "step"\nX = "withdrawn"\n[records]\n{ROWS}'
    )
    path = folder / "mappings" / "xa.so-1.toml"
    path.parent.mkdir()
    path.write_text(text, "utf-8")
    return load(path)


WHOLE: dict[str, Any] = {
    "loai": "ho-so", "khoa": "K1", "viec": "B", "luc": "2026-11-20T08:00:00+07:00", "thu_tu": 3, "dung": False,
    "xoa": "abc", "ten": "đường", "ho_so": "H47.15-261120-0001", "con": ["a", "b"],
    "giay": [{"ma": "1", "xoa": "true", "mau": "A3"}, {"ma": "2", "khac": [1, None]}], "la": {"x": ["y"]},
}  # fmt: skip


def read(mapping: Any, **fields: Any) -> Message:
    tree = {name: value for name, value in {**WHOLE, **fields}.items() if value != "absent"}
    message: Message = mapping.read(json.dumps(tree).encode(), "xa", "K1", "H47.15.03")
    return message


def test_every_kind_of_row_reads_and_writes(tmp_path: Path) -> None:
    mapping = site(tmp_path)
    message = read(mapping)
    assert message.kind is Kind.STEP
    assert message.event.at.isoformat() == "2026-11-20T01:00:00+00:00"
    assert message.event.pauses_clock is False
    assert message.dossier is not None
    assert message.dossier.children == ("a", "b")
    assert [document.deleted for document in message.dossier.documents] == [True, None]
    assert json.loads(mapping.write("gui", message, "K1")) == WHOLE
    assert mapping.operations(message) == ("gui",)
    assert (mapping.id, mapping.version, mapping.media, mapping.ref) == ("xa.so", 1, "json", "xa.so@1")


@pytest.mark.parametrize(
    ("fields", "code", "place"),
    [
        ({"loai": "khac"}, "HUB-SCH-002", "/loai"),
        ({"viec": "absent"}, "HUB-SCH-003", "/viec"),
        ({"viec": ["B"]}, "HUB-MAP-001", "/viec"),
        ({"luc": "2026-11-20T08:00:00"}, "HUB-SCH-002", "/luc"),
        ({"luc": "2026-13-20T08:00:00Z"}, "HUB-SCH-007", "/luc"),
        ({"thu_tu": True}, "HUB-SCH-002", "/thu_tu"),
        ({"dung": "no"}, "HUB-SCH-002", "/dung"),
        ({"ten": "quá dài"}, "HUB-SCH-002", "/ten"),
        ({"ho_so": 7}, "HUB-SCH-002", "/ho_so"),
        ({"ho_so": "x" * 300}, "HUB-SCH-002", "/ho_so"),
        ({"con": "a"}, "HUB-SCH-002", "/con"),
        ({"con": ["a", ""]}, "HUB-SCH-002", "/con/1"),
        ({"giay": [7]}, "HUB-SCH-002", "/giay/0"),
        ({"giay": [{"ma": "1", "xoa": "True"}]}, "HUB-SCH-002", "/giay/0/xoa"),
        ({"giay": [{}]}, "HUB-SCH-003", "/giay/0/ma"),
    ],
)
def test_the_table_holds_even_where_the_schema_says_nothing(
    tmp_path: Path, fields: dict[str, Any], code: str, place: str
) -> None:
    mapping = site(tmp_path)
    with pytest.raises(Refusal) as refused:
        read(mapping, **fields)
    assert (refused.value.code, refused.value.problems[0].place) == (code, place)


def test_a_text_over_its_length_is_cut_only_where_the_table_says_why(tmp_path: Path) -> None:
    mapping = site(tmp_path)
    message = read(mapping)
    long = msgspec.structs.replace(
        message, event=msgspec.structs.replace(message.event, content="một hai ba")
    )
    assert json.loads(mapping.write("gui", long, "K1"))["ten"] == "một h"
    with pytest.raises(Refusal) as refused:
        mapping.write(
            "gui",
            msgspec.structs.replace(message, event=msgspec.structs.replace(message.event, reason="một hai")),
            "K1",
        )
    assert (refused.value.code, refused.value.problems[0].place) == ("HUB-MAP-004", "/xoa")


def test_a_default_is_written_for_another_format_and_never_over_what_was_said(tmp_path: Path) -> None:
    mapping = site(tmp_path)
    message = read(mapping)
    foreign = msgspec.structs.replace(message, extensions={})
    assert json.loads(mapping.write("gui", foreign, "T1"))["giay"][1] == {
        "ma": "2",
        "xoa": "false",
        "mau": "A4",
    }
    assert json.loads(mapping.write("gui", message, "T1"))["giay"][1] == {"ma": "2", "khac": [1, None]}


def test_a_kind_that_the_table_does_not_list_has_no_operation(tmp_path: Path) -> None:
    mapping = site(tmp_path)
    event = Event(kind=Kind.RETURNED, at=read(mapping).event.at)
    assert mapping.operations(msgspec.structs.replace(read(mapping), event=event)) == ()


def test_a_shelf_compiles_only_what_is_asked_for_and_the_sites_own_comes_first(tmp_path: Path) -> None:
    (tmp_path / "land.soap-1.toml").write_text("not a table")
    (tmp_path / "one.more-2.toml").write_text("nor this")
    own = mappings(BUILTIN / "mappings")["land.soap@1"]
    shelf = Shelf(tmp_path, over={own.ref: own})
    assert list(shelf) == ["land.soap@1", "one.more@2"]
    assert "one.more@2" in shelf
    assert len(shelf) == 2
    assert shelf["land.soap@1"] is own
    with pytest.raises(Refusal, match="HUB-MAP-003"):
        shelf["one.more@2"]
    assert "absent@1" not in shelf
