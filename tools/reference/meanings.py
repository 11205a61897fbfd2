"""What things mean, written by hand in ``meanings.toml``; what is explained must be there, and what is there explained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

WORDS = Path(__file__).with_name("meanings.toml")


Both = Mapping[str, str]
"""One text as ``vi`` and ``en``."""


class Meanings:
    """What things mean, by dotted name; remembers what was asked for."""

    def __init__(self, words: Mapping[str, Any]) -> None:
        self._words = dict(_flat(words))
        self._asked: set[str] = set()

    def of(self, *names: str) -> Both:
        """Return the first that is written; raises ``KeyError`` naming the one that should be."""
        for name in names:
            if name in self._words:
                self._asked.add(name)
                return self._words[name]
        raise KeyError(f"{WORDS.name}: {names[0]} has no meaning")

    def unused(self) -> list[str]:
        return sorted(set(self._words) - self._asked)


def _flat(words: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Both]]:
    for name, inner in words.items():
        path = f"{above}.{name}".lstrip(".")
        if set(inner) == {"vi", "en"} and all(isinstance(text, str) for text in inner.values()):
            yield path, inner
        else:
            yield from _flat(inner, path)


def both(words: Meanings, *names: str) -> tuple[str, str]:
    said = words.of(*names)
    return said["vi"], said["en"]
