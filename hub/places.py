"""Where a canonical field stands in the sender's own format, so that a sender reads its own words in a refusal.

Intake checks the canonical message (an agency that nobody knows, someone else's code); the sender sent a format. The
mapping's rows lead back: ``/dossier/procedure/local`` → ``/data/0/MaTTHC``. A ``*`` stands for the place in a list.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
from lxml import etree

from schemas.problems import Problem, Refusal
from schemas.validation import element_path, json_lines, parse_xml, pointer_token, utf8

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
    """Return the refusal with places and lines in ``raw``; a place that the format does not have stays canonical."""
    return Refusal(*(_placed(problem, table, raw, media) for problem in refusal.problems))


def _placed(problem: Problem, table: Mapping[str, str], raw: bytes, media: str) -> Problem:
    if not problem.place.startswith("/"):
        return problem
    numbers = _NUMBER.findall(problem.place)
    place = table.get(_NUMBER.sub("*", problem.place), "" if table else problem.place)
    if not place:
        return problem
    for number in numbers:
        place = place.replace("*", number, 1)
    if media == "json":
        return msgspec.structs.replace(problem, place=place, line=_line(json_lines(utf8(raw)), place))
    return _in_xml(problem, place, raw)


def _line(lines: Mapping[str, int], place: str) -> int:
    while place and place not in lines:
        place = place.rpartition("/")[0]
    return lines.get(place, 0)


def _in_xml(problem: Problem, place: str, raw: bytes) -> Problem:
    """Follow local names from the root; stop at the nearest element that is there."""
    element = parse_xml(raw)
    for step in place.split("/")[1:]:
        same = [
            child for child in element.iterchildren(etree.Element) if etree.QName(child).localname == step
        ]
        if not same:
            break
        element = same[0]
    return msgspec.structs.replace(problem, place=element_path(element), line=element.sourceline or 0)
