"""No golden file is stale and none lies about: what is made is what ``tests/golden/make.py`` makes, what is written by hand a test reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from schemas.mapping import mappings
from tests.golden.make import HERE, TABLES, every
from tests.golden.meanings import WIRE

MADE = dict(every(mappings(TABLES)))
READERS = [path.read_text("utf-8") for path in Path(__file__).parents[1].glob("*/test_*.py")]
BY_HAND = sorted(
    path
    for path in HERE.rglob("*")
    if path.suffix in {".json", ".xml"} and path not in MADE and WIRE not in path.parents
)
"""Those of ``wire/`` have a test of their own (``test_wire_goldens``)."""
MADE_UP = re.compile(r"""\{\w+[^"']*\.(?:json|xml)["']""")
"""A name that a test makes of an operation's."""


@pytest.mark.parametrize("path", sorted(MADE), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_made_file_is_what_is_made_today(path: Path) -> None:
    assert path.read_bytes() == MADE[path], "python tests/golden/make.py"


@pytest.mark.parametrize("path", BY_HAND, ids=lambda path: "/".join(path.relative_to(HERE).parts))
def test_a_file_that_is_not_made_is_read_by_a_test_that_names_its_folder(path: Path) -> None:
    assert path.parent not in {made.parent for made in MADE}, "nothing makes it any more"
    folder = f'"{path.parent.name}"'
    name = path.name.removesuffix(".json").removesuffix(".canonical")
    told = [text for text in READERS if folder in text]
    assert any(path.name in text or f'"{name}"' in text or MADE_UP.search(text) for text in told)
