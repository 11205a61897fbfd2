"""The words of every finding, from one table."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hub.trust import forecast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.doctor.facts import Finding

FILE = Path(__file__).with_name("findings.toml")
FORESEEN = Path(forecast.__file__).with_name("events.toml")
OF_TRUST = "trust-"
"""Begins the id of a finding that is an event of the forecast."""


class Told(NamedTuple):
    says: str
    do: str


class _Blank(dict[str, str]):
    def __missing__(self, _: str) -> str:
        return ""


def table(file: Path = FILE) -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    found: Mapping[str, Mapping[str, Mapping[str, str]]] = tomllib.loads(file.read_text("utf-8"))
    return found


def words(finding: Finding, language: str) -> Told:
    of_trust = finding.id.startswith(OF_TRUST)
    entry = table(FORESEEN)[finding.id.removeprefix(OF_TRUST)] if of_trust else table()[finding.id]
    values = _Blank(finding.values)
    says, do = (" ".join(entry[part][language].format_map(values).split()) for part in ("says", "do"))
    return Told(says, do)
