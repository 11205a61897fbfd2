"""The words of every finding, from one table."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.doctor.facts import Finding

FILE = Path(__file__).with_name("findings.toml")


class Told(NamedTuple):
    says: str
    do: str


class _Blank(dict[str, str]):
    def __missing__(self, _: str) -> str:
        return ""


def table() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    found: Mapping[str, Mapping[str, Mapping[str, str]]] = tomllib.loads(FILE.read_text("utf-8"))
    return found


def words(finding: Finding, language: str) -> Told:
    entry = table()[finding.id]
    values = _Blank(finding.values)
    says, do = (" ".join(entry[part][language].format_map(values).split()) for part in ("says", "do"))
    return Told(says, do)
