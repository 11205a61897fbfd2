"""No golden file is stale and none lies about: what is made is what ``tests/golden/make.py`` makes, what is written by hand a test reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.simulators.vbdlis_shapes import SHAPES
from schemas.mapping import mappings
from tests.golden.make import HERE, TABLES, every
from tests.golden.meanings import WIRE

MADE = dict(every(mappings(TABLES)))
TESTS = {path.name: path for path in Path(__file__).parents[1].glob("*/test_*.py")}
BY_HAND = {
    "catalogue": ("test_pushing.py", {"lienthong.message@1.message.json", "motcua.rest@1.ThongDiep.json"}),
    "edxml": ("test_edxml.py", {"document.xml", "error.xml", "status.xml"}),
    "edxml/": ("test_document_axis.py", {"progress.xml"}),
    "facts": ("test_facts_samples.py", {"CapNhatTienDoHoSoMC.json", "DongBoHoSoMC.json"}),
    "sent/gip.question": ("test_wire_goldens.py", {"sample.xml"}),
    "sent/vbdlis.rest": (
        "test_wire_goldens.py",
        {f"{operation}{end}" for operation in SHAPES for end in (".json", ".canonical.json")},
    ),
}
"""Folder → the test that reads it, and what it reads there. ``wire/`` has a test of its own (``test_wire_goldens``)."""


@pytest.mark.parametrize("path", sorted(MADE), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_made_file_is_what_is_made_today(path: Path) -> None:
    assert path.read_bytes() == MADE[path], "python tests/golden/make.py"


def test_a_file_that_is_not_made_is_read_by_a_test() -> None:
    files = {
        path for path in HERE.rglob("*") if path.suffix in {".json", ".xml"} and WIRE not in path.parents
    }
    read = {HERE / folder / name for folder, (_, names) in BY_HAND.items() for name in names}
    assert files - MADE.keys() == read


@pytest.mark.parametrize("folder", BY_HAND)
def test_whoever_is_said_to_read_a_folder_names_it(folder: str) -> None:
    text = TESTS[BY_HAND[folder][0]].read_text("utf-8")
    assert [
        step for step in folder.rstrip("/").split("/") if f'"{step}"' not in text and step != "sent"
    ] == []
