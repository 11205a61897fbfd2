"""Rules that the linters cannot say."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from schemas import errors

ROOT = Path(__file__).parents[2]
ROOMS = ("schemas", "connectors", "signing", "hub")
SOURCES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
PARTNER_FILES = sorted((ROOT / "examples" / "partners").glob("*.toml"))


def spelled(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_is_something_to_check() -> None:
    assert len(SOURCES) > 30
    assert len(PARTNER_FILES) >= 3


@pytest.mark.parametrize("partner", PARTNER_FILES, ids=lambda path: path.stem)
def test_no_partners_name_or_agency_stands_in_python(partner: Path) -> None:
    declared = tomllib.loads(partner.read_text("utf-8"))
    names = {declared["id"], declared["name"]["vi"], declared["name"]["en"]}
    found = [
        f"{spelled(path)}: {name}"
        for path in SOURCES
        for name in names
        if re.search(rf"[\"'`]{re.escape(name)}[\"'`]", path.read_text("utf-8"))
    ]
    assert not found


CLOCKS = re.compile(
    r"datetime\.now\(|time\.time\(|utcnow\(|random\.(random|uniform|choice|randint)\(|uuid4\(|token_(hex|bytes)\("
)
WIRED = {"hub/wiring/parts.py", "hub/wiring/worker.py", "hub/cli/times.py"}


@pytest.mark.parametrize("path", SOURCES, ids=spelled)
def test_clock_ids_and_randomness_are_passed_in(path: Path) -> None:
    where = spelled(path)
    if where in WIRED or where.startswith(("hub/demo/", "connectors/simulators/")):
        return
    assert not CLOCKS.findall(path.read_text("utf-8"))


TESTS = sorted((ROOT / "tests").rglob("*.py"))
SKIPPED = re.compile(r"\b(pytest|mark|unittest)\.(skip|skipif|skipTest|importorskip)\b|SkipTest")


def test_no_test_is_skipped_because_something_is_not_there() -> None:
    """A foreign verifier, a server or a sample set that is missing is an error: ``make packages`` brings it."""
    assert len(TESTS) > 100
    others = [path for path in TESTS if path != Path(__file__)]
    assert [spelled(path) for path in others if SKIPPED.search(path.read_text("utf-8"))] == []


CODE = re.compile(r"HUB-[A-Z]{3}-\d{3}")


def test_every_code_in_the_source_is_in_the_catalogue() -> None:
    catalogue = errors.load()
    used = {(code, spelled(path)) for path in SOURCES for code in CODE.findall(path.read_text("utf-8"))}
    assert not {(code, where) for code, where in used if code not in catalogue}


def test_every_entry_of_the_catalogue_says_all_it_must_in_both_languages() -> None:
    for code, entry in errors.load().entries.items():
        for words in (entry.title, entry.cause, entry.you, entry.operator):
            assert words.vi.strip(), code
            assert words.en.strip(), code
            assert words.vi != words.en, code


MUTANTS = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text("utf-8"))["mutant"]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant["id"])
def test_every_known_mistake_can_still_be_planted(mutant: dict[str, Any]) -> None:
    """``make mutants`` plants it and sees the tests fail: its text stands once, and those tests are there."""
    assert (ROOT / mutant["file"]).read_text("utf-8").count(mutant["before"]) == 1
    for test in mutant["tests"]:
        file, _, name = test.partition("::")
        assert (ROOT / file).exists()
        assert not name or name.partition("[")[0] in (ROOT / file).read_text("utf-8")
