"""Leads what is wrong with a mapping back to the lines of its file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from hub.closed_toml import Source
from schemas import mapping
from schemas.problems import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from hub.closed_toml import Steps
    from schemas.library import Library
    from schemas.problems import Problem

_ROW = re.compile(r"records\.([^\[\s]+)\[(\d+)\]")
_STEPS = re.compile(r"(open|namespaces|prefixes|operations|operation)\.(.+?)(\.lost)?$")
_BY = re.compile(r"declared lost by (\S+)$|^(\S+): declared lost|^(\S+): lost without")


def faults(file: Path, library: Library) -> Sequence[Problem]:
    """Say everything that is wrong with a mapping, or still open in it, with its line."""
    try:
        source = Source(file, "HUB-MAP-003")
        mapping.load(file, library)
    except Refusal as refusal:
        found = refusal.problems
    else:
        return ()
    if any(problem.line for problem in found):
        return found
    return sorted((_placed(each, source) for each in found), key=lambda each: each.line)


def _placed(problem: Problem, source: Source) -> Problem:
    line = next((source.lines[steps] for steps in _steps(problem) if steps in source.lines), 1)
    return msgspec.structs.replace(problem, line=line)


def _steps(problem: Problem) -> Iterator[Steps]:
    """Keys that may be meant, the nearest first."""
    row = _ROW.search(problem.place)
    if row:
        yield ("records", row[1], int(row[2]))
        yield ("records", row[1])
    place = _STEPS.search(problem.place)
    if place:
        by = _BY.search(problem.detail)
        lost = next(filter(None, by.groups()), "") if by else ""
        if place[3] and lost:
            yield ("operation", place[2], "lost", lost)
            yield ("lost", lost)
        elif place[3]:
            yield ("lost",)
        yield (place[1], place[2])
        yield ("operation", place[2])
