"""Both languages say everything, from one file; nothing visible stands in the code."""

from __future__ import annotations

import ast
import re
import shlex
import string
from typing import TYPE_CHECKING, Any

import pytest

from hub.cli import (
    access,
    acting,
    calendars,
    catalogues,
    columns,
    coverage,
    db,
    doctor,
    documents,
    dossiers,
    edge,
    edges,
    enrolling,
    evidence,
    faces,
    figures,
    importing,
    joining,
    keys,
    manual,
    mappings,
    messages,
    officers,
    partners,
    probing,
    queues,
    reconciled,
    reconciling,
    registries,
    running,
    sandbox,
    signatories,
    spoken,
    stages,
    trust,
)
from hub.cli.commands import COMMANDS, GROUPS, build
from hub.cli.options import taken
from hub.cli.words import FILE, LANGUAGES, Speech, everything
from hub.lifecycle import State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hub.cli.show import Column

CLI = FILE.parent
SOURCES = sorted(CLI.glob("*.py"))


def words(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, str]]]:
    """Every table that has a language, by its path."""
    if isinstance(node, list):
        for number, each in enumerate(node):
            yield from words(each, f"{path}[{number}]")
    if isinstance(node, dict):
        if any(language in node for language in LANGUAGES):
            yield path, node
        for key, each in node.items():
            yield from words(each, f"{path}.{key}".lstrip("."))


WORDS = dict(words(everything()))
SAME = re.compile(r"HTTP|SOAP|Python|SHA-256")
"""Names that are the same in both languages."""


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_there_are_words_to_check() -> None:
    assert len(WORDS) > 200


@pytest.mark.parametrize("path", WORDS)
def test_every_word_is_there_in_both_languages_with_the_same_places(path: str) -> None:
    word = WORDS[path]
    for language in LANGUAGES:
        assert word[language].strip()
    assert places(word["vi"]) == places(word["en"])
    assert word["vi"] != word["en"] or SAME.fullmatch(word["vi"])


def strings(path: Path) -> Iterator[tuple[str, int]]:
    """Text constants that are neither docstrings nor the name of a word."""
    tree = ast.parse(path.read_text("utf-8"))
    alone = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node.value, node.lineno


COMMAND_LINE = re.compile(r"lienthong|^\s*--")
PROSE = re.compile(r"[A-Za-zÀ-ỹ]{2,}[,:]? [A-Za-zÀ-ỹ]{2,}|[À-ỹĐđ]")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_visible_text_stands_outside_the_words(path: Path) -> None:
    found = [
        f"{path.name}:{number}: {text}"
        for text, number in strings(path)
        if PROSE.search(text) and not COMMAND_LINE.search(text) and text not in COMMANDS
    ]
    assert not found


def said_names(path: Path) -> Iterator[str]:
    """Names in ``say``, ``tell``, ``Complaint`` and the sentences for empty lists, where they are plain constants."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in {"say", "tell", "Complaint", "rows", "find"}:
                yield from (
                    arg.value
                    for arg in node.args
                    if isinstance(arg, ast.Constant) and isinstance(arg.value, str) and arg.value
                )


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_every_word_that_is_said_was_written(path: Path) -> None:
    speech = Speech("vi")
    assert [name for name in said_names(path) if not speech.knows(name)] == []


TABLES: dict[str, tuple[Column[Any], ...]] = {
    "transfers": columns.TRANSFERS,
    "transfer": columns.TRANSFER,
    "attempts": columns.ATTEMPTS,
    "journal": columns.JOURNAL,
    "messages": columns.MESSAGES,
    "queue": columns.QUEUE,
    "errors": columns.ERRORS,
    "error": columns.ERROR,
    "done": acting.DONE,
    "lanes": queues.LANES,
    "db status": db.STATUS,
    "db backup": db.WRITTEN,
    "db restore": db.RESTORED,
    "db resume": db.REOPENED,
    "db move": db.TABLES,
    "db prune": db.SURVEY,
    "key": db.ROTATED,
    "keys": keys.KEYS,
    "pins": keys.PINS,
    "trust": trust.FORESEEN,
    "evidence check": evidence.CHECKED,
    "evidence flaws": evidence.FINDINGS,
    "evidence export": evidence.EXPORTED,
    "evidence verify": evidence.PROOF,
    "evidence held": evidence.HELD,
    "dossier": dossiers.DOSSIER,
    "relatives": dossiers.RELATIVES,
    "apologies": dossiers.APOLOGIES,
    "refused": messages.REFUSED,
    "partners": partners.PARTNERS,
    "coverage": coverage.COVERAGE,
    "reconcile": reconciling.DIFFERENCES,
    "reconciled": reconciled.RESULTS,
    "reconcile mended": reconciled.MENDED,
    "figures": figures.TOLD,
    "figures by": figures.GROUPED,
    "figures behind": figures.BEHIND,
    "figures late": figures.LATE,
    "figures reason": figures.ANSWER,
    "figures published": figures.PUBLISHED,
    "figures restated": figures.CHANGES,
    "figures file": figures.FILE,
    "edges": edges.LINES,
    "one edge": edges.LINE,
    "versions of a hub": edges.VERSIONS,
    "edges succeed": edges.TAKEN,
    "stages": stages.STAGES,
    "officers": officers.OFFICERS,
    "import": importing.PLANNED,
    "catalogues": catalogues.LISTED,
    "catalogue diff": catalogues.DIFFERENCES,
    "catalogue who": catalogues.WHO,
    "partner": partners.PARTNER,
    "partner access": access.KEYS,
    "partner new": joining.DRAFTED,
    "partner probe": probing.PROBED,
    "version": running.VERSION,
    "edge": edge.JOINED,
    "edge status": edge.STANDING,
    "edges ca": enrolling.AUTHORITY,
    "edges invited": enrolling.INVITED,
    "sandbox": sandbox.PLACES,
    "sandbox codes": sandbox.CODES,
    "played": sandbox.PLAYED,
    "due": calendars.DUE,
    "days": calendars.DAYS,
    "signatories": signatories.RIGHTS,
    "may sign": signatories.ANSWER,
    "mappings": mappings.KNOWN,
    "mapping states": spoken.SPOKEN,
    "registry": registries.CHANGES,
    "replayed": mappings.REPLAYED,
    "differences": mappings.TOLD,
    "documents": documents.DOCUMENTS,
    "document": documents.DOCUMENT,
    "holders": documents.HOLDERS,
    "signers": documents.SIGNERS,
    "findings": doctor.FINDINGS,
    "processes": doctor.PROCESSES,
}


@pytest.mark.parametrize("table", TABLES)
def test_every_column_has_its_title_and_stands_once(table: str) -> None:
    keys = [column.key for column in TABLES[table]]
    assert len(keys) == len(set(keys))
    assert [key for key in keys if f"column.{key}" not in WORDS] == []


def test_every_face_has_a_word_a_shape_and_a_colour() -> None:
    assert {*faces.FACES, *State} == {path.partition(".")[2] for path in WORDS if path.startswith("state.")}
    assert {state.value for state in State} - {"in_doubt"} <= set(faces.FACES)


def test_every_word_is_used() -> None:
    """A word that nobody says is taken out; names built at run time are those of the tables above."""
    said = {name for path in SOURCES for name in said_names(path)}
    source = "\n".join(path.read_text("utf-8") for path in SOURCES)
    families = set(re.findall(r"f[\"'](\w+)\.\{", source))
    shown = {f"column.{column.key}" for table in TABLES.values() for column in table}
    unused = [
        path
        for path in WORDS
        if path not in said
        and path not in shown
        and path.split(".")[0] not in families - {"column"}
        and "[" not in path
    ]
    assert [path for path in unused if f'"{path}"' not in source] == []


EXAMPLES = [
    (name, example["run"])
    for name in COMMANDS
    for example in Speech("vi").find(f"command.{name.replace(' ', '.')}.examples")
]


def test_every_command_and_group_has_two_examples() -> None:
    speech = Speech("vi")
    tables = [f"command.{name.replace(' ', '.')}" for name in COMMANDS] + [f"group.{name}" for name in GROUPS]
    for table in (*tables, "program"):
        assert len(speech.find(f"{table}.examples")) == 2, table


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[example for _, example in EXAMPLES])
def test_every_example_is_a_command_line_that_parses(name: str, example: str) -> None:
    program, *tokens = shlex.split(example)
    rest = taken(tokens, {}).rest
    build().parse_args(rest, print_error=False, exit_on_error=False)
    assert program == "lienthong"
    assert " ".join(rest).startswith(name)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ["", *GROUPS, *COMMANDS])
def test_every_page_of_help_is_whole_in_both_languages(name: str, language: str) -> None:
    page = manual.page(build(), name, Speech(language))
    assert page.count("\n  # ") == 2
    assert "--settings" in page
    assert Speech(language).say("manual.usage") in page
