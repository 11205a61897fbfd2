"""The generated pages say what the code says, and nothing that a person wrote is lost on the way."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel, ConfigDict

from hub import lifecycle
from hub.cli.commands import COMMANDS
from schemas import errors
from tools.reference.files import keys
from tools.reference.meanings import Meanings
from tools.reference.pages import FOLDER, ROOT, pages
from tools.reference.types import kind_of

if TYPE_CHECKING:
    from pathlib import Path

MADE = pages()


@pytest.mark.parametrize("name", sorted(MADE))
def test_a_generated_page_is_what_the_code_says(name: str) -> None:
    written = (FOLDER / name).read_text("utf-8")
    assert written == MADE[name], f"docs/reference/{name} is out of date: run `make reference`"


def test_every_code_command_state_and_move_has_its_place() -> None:
    assert all(f"### {code}\n" in MADE["errors.md"] for code in errors.load().entries)
    assert all(f"## lienthong {name}\n" in MADE["command-line.md"] for name in COMMANDS)
    assert all(f"| `{state}` |" in MADE["lifecycle.md"] for state in lifecycle.State)
    assert all(f"| `{move}` |" in MADE["lifecycle.md"] for move in lifecycle.Move)


def test_every_table_of_a_page_is_even() -> None:
    for name, page in MADE.items():
        for block in re.findall(r"(?:^\|.*\n?)+", page, re.MULTILINE):
            widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
            assert len(widths) == 1, f"{name}: {block[:200]}"


def test_a_key_that_nobody_explained_stops_the_generator() -> None:
    class Settings(BaseModel):
        unheard_of: int = 0

    with pytest.raises(KeyError, match=r"unheard_of has no meaning"):
        list(keys(Settings, Meanings({})))


def test_an_explanation_of_what_is_not_there_is_told() -> None:
    words = Meanings({"hub": {"gone": {"vi": "cũ", "en": "old"}, "kept": {"vi": "còn", "en": "kept"}}})
    words.of("hub.kept")
    assert words.unused() == ["hub.gone"]


def test_types_are_told_in_the_words_of_the_file() -> None:
    from hub.partners.declaration import Receives  # noqa: PLC0415 - beside what it shows
    from hub.settings.sections import Limits  # noqa: PLC0415 - beside what it shows

    told = {
        key: kind_of(field.annotation, tuple(field.metadata)) for key, field in Receives.model_fields.items()
    }
    assert told["schedule"] == 'list: `"30s"`'
    assert told["rate"] == "number (> 0)"
    assert told["role"] == '`"decides"` or `"informed"`'
    body = Limits.model_fields["body"]
    assert kind_of(body.annotation, tuple(body.metadata)) == '`"1MB"` or bytes'


def test_a_type_without_a_word_is_told_and_not_guessed() -> None:
    class Odd(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        when: complex

    with pytest.raises(TypeError, match="no word for"):
        kind_of(Odd.model_fields["when"].annotation)


PLACES = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(#[^)\s]*)?\)")
WRITTEN = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])


def _anchors(page: str) -> set[str]:
    """Headings as GitHub names them."""
    heads = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target, anchor in PLACES.findall(page.read_text("utf-8")):
        if "://" in target:
            continue
        found = (page.parent / target).resolve()
        assert found.exists(), target
        if anchor and found.suffix == ".md":
            assert anchor[1:] in _anchors(found.read_text("utf-8")), f"{target}{anchor}"
