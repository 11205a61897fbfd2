"""Where a canonical field stands in the sender's own format, so that a sender reads its own words in a refusal.

Intake checks the canonical message (an agency that nobody knows, someone else's code); the sender sent a format. The
mapping's rows lead back: ``/dossier/procedure/local`` → ``/data/0/MaTTHC``. A ``*`` stands for the place in a list.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

import msgspec
from lxml import etree

from schemas.problems import MAX_PROBLEMS, Problem, Refusal
from schemas.strict_json import json_lines, pointer_token
from schemas.strict_xml import element_path, parse_xml
from schemas.text import utf8

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from schemas.table import Table

_NUMBER = re.compile(r"(?<=/)\d+(?=/|$)")


def places(table: Table) -> dict[str, str]:
    """Canonical place → place on the wire, for every row of every operation; the first row that says a field wins."""
    found: dict[str, str] = {}
    start = "/0" if table.array else ""
    for operation in table.operation.values():
        for canonical, wire in _rows(table, operation.record, "", start):
            found.setdefault(canonical, wire)
    return found


def _rows(table: Table, record: str, canonical: str, wire: str) -> Iterator[tuple[str, str]]:
    for row in table.records[record]:
        at = canonical + ("" if row.at in {None, "."} else "/" + str(row.at).replace(".", "/"))
        here = f"{wire}/{pointer_token(row.wire)}"
        if row.record is None:
            if row.at is not None and not row.derived:
                yield at, here
            continue
        many = "/*" if row.many else ""
        yield at, here
        yield from _rows(table, row.record, at + many, here + many)


def on_the_wire(refusal: Refusal, table: Mapping[str, str], raw: bytes, media: str) -> Refusal:
    """Return the refusal with places and lines in ``raw``; a place that the format does not have stays canonical.

    At most ``MAX_PROBLEMS`` are placed and kept; ``raw`` is walked once, however many they are.
    """
    kept = refusal.problems[:MAX_PROBLEMS]
    wanted = [_wire(problem.place, table) for problem in kept]
    if not any(wanted):
        return Refusal(*kept)
    finder: Finder = _InJson(raw) if media == "json" else _InXml(raw)
    return Refusal(
        *(
            finder.place(problem, place) if place else problem
            for problem, place in zip(kept, wanted, strict=True)
        )
    )


def _wire(place: str, table: Mapping[str, str]) -> str:
    """Return the place in the sender's format; empty when it has none. Without a table the words are our own."""
    if not place.startswith("/"):
        return ""
    wire = table.get(_NUMBER.sub("*", place), "") if table else place
    for number in _NUMBER.findall(place):
        wire = wire.replace("*", number, 1)
    return wire


class Finder(Protocol):
    def place(self, problem: Problem, wire: str) -> Problem: ...


class _InJson:
    def __init__(self, raw: bytes) -> None:
        self._lines = json_lines(utf8(raw))

    def place(self, problem: Problem, wire: str) -> Problem:
        """The line is that of the value, or of the nearest record around a value that is not there."""
        at = wire
        while at and at not in self._lines:
            at = at.rpartition("/")[0]
        return msgspec.structs.replace(problem, place=wire, line=self._lines.get(at, 0))


class _InXml:
    def __init__(self, raw: bytes) -> None:
        self._root = parse_xml(raw)

    def place(self, problem: Problem, wire: str) -> Problem:
        """Follow local names and numbers from the root; stop at the nearest element that is there."""
        element, steps = self._root, wire.split("/")[1:]
        for step, following in zip(steps, [*steps[1:], ""], strict=True):
            if step.isdigit():
                continue
            local = step.rpartition(":")[2]
            same = [
                child
                for child in element.iterchildren(etree.Element)
                if etree.QName(child).localname == local
            ]
            number = int(following) if following.isdigit() else 0
            if number >= len(same):
                break
            element = same[number]
        return msgspec.structs.replace(problem, place=element_path(element), line=element.sourceline or 0)
