"""Every rule that a person may read is said in Vietnamese, too, or is no language at all."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from hub.lifecycle import State
from hub.rules import FILE, said
from tests.unit.test_cli_double import Shelf, line, view

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
ROOMS = ("hub", "connectors", "signing", "schemas")
PROSE = re.compile(r"[a-z]{2,} [a-z]{2,}")
STANDARDS = re.compile(r"RFC|UAX|XML 1\.0|canonical")
"""Quotes of a standard, and rules of mapping files, which their authors read in the same words."""


OF_MOVES = (
    *(f"hub/cli/{name}.py" for name in ("acting", "mending", "dossiers", "finding")),
    *(f"hub/store/sql/{name}.py" for name in ("actions", "successors", "merging", "acknowledge")),
    *(
        "hub/persons/persons.py",
        "hub/persons/rerouting.py",
        "hub/story/advance.py",
        "hub/receipts/acknowledgements.py",
    ),
)


def rules() -> Iterator[tuple[str, str]]:
    """Every text that is given as a ``rule``, and where; ``{}`` where something is filled in."""
    code = {str(path.relative_to(ROOT)): ast.parse(path.read_text("utf-8")) for path in modules()}
    refusing = {name for tree in code.values() for name in takes_a_rule(tree)}
    for path, tree in code.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == "rule":
                yield from ((path, text) for text in texts(node.value))
            if isinstance(node, ast.Call) and called(node) in refusing and node.args:
                yield from ((path, text) for text in texts(node.args[0]))


def modules() -> list[Path]:
    return sorted(file for room in ROOMS for file in (ROOT / room).rglob("*.py"))


def takes_a_rule(tree: ast.AST) -> Iterator[str]:
    """Names of functions whose first argument is the rule that was broken: ``wrong``, ``malformed``, ..."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and [each.arg for each in node.args.args[:1]] == ["rule"]:
            yield node.name


def called(node: ast.Call) -> str:
    return str(getattr(node.func, "id", getattr(node.func, "attr", "")))


def texts(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=str() as text):
            yield text
        case ast.JoinedStr(values=parts):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts)
        case ast.IfExp(body=one, orelse=other):
            yield from (*texts(one), *texts(other))
        case ast.BoolOp(values=values):
            for each in values:
                yield from texts(each)


def test_rules_are_said_in_vietnamese() -> None:
    """All that a person's own moves break and all of signatures, which senders read; of ten others one may be so new that nobody said it yet."""
    found = {rule: path for path, rule in rules() if PROSE.search(rule) and not STANDARDS.search(rule)}
    assert len(found) > 50
    unsaid = {rule: path for rule, path in found.items() if said(rule, "vi") == rule}
    assert [rule for rule, path in unsaid.items() if path in OF_MOVES or path.startswith("signing/")] == []
    assert len(unsaid) * 10 <= len(found), unsaid


FILES = ("hub/partners", "hub/settings", "hub/signatories", "hub/health", "connectors")


def test_what_is_wrong_with_a_file_that_persons_write_is_said_in_vietnamese() -> None:
    """The models of partner files and of the settings name what is wrong as the text of a ``ValueError``."""
    found = {
        text
        for path in modules()
        if str(path.relative_to(ROOT)).startswith(FILES) and "simulators" not in path.parts
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and called(node) == "ValueError"
        for each in node.args[:1]
        for text in texts(each)
        if PROSE.search(text)
    }
    assert len(found) > 30
    assert [
        text for text in sorted(found) if said(text.replace("{}", "7"), "vi") == text.replace("{}", "7")
    ] == []


@pytest.mark.parametrize(("english", "vietnamese"), tomllib.loads(FILE.read_text("utf-8")).items())
def test_a_rule_has_as_many_places_in_both_languages(english: str, vietnamese: str) -> None:
    assert english.count("{}") == vietnamese.count("{}")
    assert said(english, "en") == english
    assert said(english.replace("{}", "7"), "vi") == vietnamese.replace("{}", "7")


@pytest.mark.parametrize(
    ("detail", "vietnamese"),
    [
        ("live traffic so-nn is trial", "lưu lượng chính thức, còn so-nn đang ở giai đoạn trial"),
        (
            "routes: reception no partner receives for this unit",
            "vai reception: không đối tác nào tiếp nhận cho đơn vị này",
        ),
        (
            "routes: decider no partner decides 1.009994 (province) for H47",
            "vai decider: không đối tác nào giải quyết 1.009994 (province) cho H47",
        ),
    ],
)
def test_why_a_transfer_waits_is_said_in_the_language_that_was_asked_for(
    detail: str, vietnamese: str
) -> None:
    waiting = msgspec.structs.replace(view(1), detail=detail)
    words = ("transfer", "show", "01KB")
    assert vietnamese in line(*words, shelf=Shelf([waiting]), terminal=True).out
    assert detail in line(*words, "--lang", "en", shelf=Shelf([waiting]), terminal=True).out
    assert detail in line(*words, "--json", shelf=Shelf([waiting])).out


def test_a_pattern_or_a_name_is_the_same_in_every_language() -> None:
    assert said("^[0-9]+$", "vi") == "^[0-9]+$"


def test_a_person_reads_the_rule_in_the_language_that_was_asked_for() -> None:
    shelf = Shelf([view(1)])
    shelf.moved_meanwhile[view(1).id] = State.DEAD
    words = ("transfer", "hold", "01KB", "--reason", "x", "--yes")
    assert "hiện là dead" in line(*words, shelf=shelf).err
    assert "now dead" in line(*words, "--lang", "en", shelf=shelf).err
    assert "now dead" in line(*words, "--json", shelf=shelf).err  # a program reads what the code says
