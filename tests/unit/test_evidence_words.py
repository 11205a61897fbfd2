"""The page of an evidence bundle has a word for everything that can stand in one."""

from __future__ import annotations

from itertools import product

import pytest

from hub.evidence import report
from hub.lifecycle import State
from schemas.dossier import Kind

LANGUAGES = ("vi", "en")


@pytest.mark.parametrize(
    ("group", "word", "language"),
    [*product(("kind",), Kind, LANGUAGES), *product(("state",), State, LANGUAGES)],
)
def test_every_kind_and_state_has_a_word(group: str, word: str, language: str) -> None:
    assert report.say(language, f"{group}.{word}")
