"""Every word that a person reads on the command line, in both languages, from one file: ``words.toml``.

A word is a table with ``vi`` and ``en``; its name is its path (``state.dead``). Codes and texts of errors stand in the
error catalogue instead.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("words.toml")
LANGUAGES = ("vi", "en")


@cache
def everything() -> dict[str, Any]:
    """Read the file; the same frozen text for everyone, so it is read once."""
    return tomllib.loads(FILE.read_text("utf-8"))


class Speech:
    """Says words in one language."""

    def __init__(self, language: str) -> None:
        """Take ``vi`` or ``en``."""
        self.language = language

    def say(self, name: str, /, **values: object) -> str:
        """Return the word ``name`` with its places filled; ``KeyError`` when nobody wrote it."""
        text: str = self.find(name)[self.language]
        return text.format(**values) if values else text

    def find(self, name: str) -> Any:  # noqa: ANN401 - a TOML node: a word, or a table of words
        node = everything()
        for step in name.split("."):
            node = node[step]
        return node

    def knows(self, name: str) -> bool:
        try:
            self.find(name)
        except KeyError:
            return False
        return True
