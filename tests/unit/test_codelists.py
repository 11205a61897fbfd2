from __future__ import annotations

import hashlib
import tomllib
from datetime import date
from typing import TYPE_CHECKING

import pytest

from schemas.agencies import FOLDER as REGISTRIES
from schemas.codelists import FOLDER, SOURCE, CodeLists
from schemas.dossier import ApplicantKind, Channel, ReturnMethod, State

if TYPE_CHECKING:
    from enum import StrEnum
    from pathlib import Path

ON = date(2024, 5, 1)

LIST = """
id = "some"
field = "Some"
name = { vi = "Một", en = "One" }
"""


@pytest.fixture(scope="module")
def lists() -> CodeLists:
    return CodeLists.load()


def code(code: str, word: str, more: str = "") -> str:
    return f'[[code]]\ncode = "{code}"\nword = "{word}"\nname = {{ vi = "Một", en = "One" }}\n{more}\n'


def load(tmp_path: Path, *entries: str) -> CodeLists:
    (tmp_path / "some.toml").write_text(LIST + "".join(entries), "utf-8")
    return CodeLists.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("channels", Channel),
        ("applicant-kinds", ApplicantKind),
        ("return-methods", ReturnMethod),
        ("portal-states", State),
    ],
)
def test_the_lists_use_the_canonical_words(lists: CodeLists, name: str, words: type[StrEnum]) -> None:
    assert [entry.word for entry in lists[name].code] == list(words)


def test_portal_states_are_numbered_as_the_portal_numbers_them(lists: CodeLists) -> None:
    assert [entry.code for entry in lists["portal-states"].code] == [str(number) for number in range(1, 11)]


def test_codes_and_words_lead_to_each_other(lists: CodeLists) -> None:
    for found in lists.lists.values():
        for entry in found.code:
            assert found.find(entry.code, ON) == found.say(entry.word, ON) == entry


@pytest.mark.parametrize("folder", [FOLDER, *(REGISTRIES / name for name in (".", "agencies", "procedures"))])
def test_every_file_is_the_one_that_its_source_describes(folder: Path) -> None:
    source = tomllib.loads((folder / SOURCE).read_text("utf-8"))
    held = {path.name: path for path in folder.iterdir() if path.is_file() and path.name != SOURCE}
    assert source["origin"]
    assert source["version"]
    assert source["files"] == {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in held.items()
    }


def test_a_code_counts_between_its_days_and_then_its_successor_does(tmp_path: Path) -> None:
    some = load(
        tmp_path,
        code("1", "old", 'until = 2025-01-01\nsuccessor = "2"'),
        code("2", "new", "since = 2025-01-01"),
    )["some"]
    assert some.find("1", date(2025, 1, 1)) is None
    assert some.find("2", date(2024, 12, 31)) is None
    assert getattr(some.successor("1", date(2025, 1, 1)), "word", None) == "new"
    assert getattr(some.successor("1", date(2024, 1, 1)), "word", None) == "old"
    assert some.successor("3", ON) is None


def test_a_loop_of_successors_ends_in_nothing(tmp_path: Path) -> None:
    some = load(
        tmp_path,
        code("1", "one", 'until = 2020-01-01\nsuccessor = "2"'),
        code("2", "two", 'until = 2020-01-01\nsuccessor = "1"'),
    )["some"]
    assert some.successor("1", ON) is None


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ((code("1", "one"), code("1", "two")), "1 (two) stands twice"),
        ((code("1", "one"), code("2", "one")), "2 (one) stands twice"),
        ((code("1", "one", 'successor = "9"'),), "successor 9 of 1 is missing"),
        ((code("1", "one", "other = 1"),), "unknown field `other`"),
        ((), "code"),
    ],
)
def test_a_wrong_list_is_refused(tmp_path: Path, entries: tuple[str, ...], said: str) -> None:
    with pytest.raises(ValueError, match=r"some\.toml") as error:
        load(tmp_path, *entries)
    assert said in str(error.value)


def test_a_list_is_refused_under_another_name(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text(LIST + code("1", "one"), "utf-8")
    with pytest.raises(ValueError, match=r"other\.toml: holds the list some"):
        CodeLists.load(tmp_path)
