"""What a row's ``wire`` names in XML: an element, an attribute of the record's own element (``@donVi``) or its text (``#text``).

``b:Ma`` and ``@b:ma`` stand in the namespace that the table binds to ``b`` under ``[prefixes]``; ``""`` there: in none. The prefix is the
table's own notation: what comes is read whatever prefix it has. Names without one are in the record's namespace, attributes in none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.table import Row, Table

TEXT = "#text"
_MARKS = ("@", "#")
_PREFIX = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
XSI = "http://www.w3.org/2001/XMLSchema-instance"
KNOWN = {"xml": "http://www.w3.org/XML/1998/namespace", "xsi": XSI}
NIL = f"{{{XSI}}}nil"


class Name(NamedTuple):
    """``prefix``: as the table writes it, empty: none."""

    prefix: str
    local: str
    namespace: str
    attribute: bool

    @property
    def tag(self) -> str:
        return f"{{{self.namespace}}}{self.local}" if self.namespace else self.local


def name_of(table: Table, record: str, wire: str) -> Name:
    """Read a row's ``wire``. A prefix that nobody bound stands for no namespace; ``slips`` tells it."""
    attribute = wire.startswith("@")
    prefix, _, local = wire.removeprefix("@").rpartition(":")
    if prefix:
        space = table.prefixes.get(prefix, KNOWN.get(prefix, ""))
    else:
        space = "" if attribute else table.namespace_in(record)
    return Name(prefix, local, space, attribute)


def is_plain(table: Table, record: str) -> bool:
    """Whether a record holds nothing but elements with a text or with elements, all in the root's namespace."""
    rows = table.records[record]
    return (
        all(not row.wire.startswith(_MARKS) and ":" not in row.wire and not row.nillable for row in rows)
        and table.namespace_in(record) == table.namespace
        and all(is_plain(table, row.record) for row in rows if row.record)
    )


def bare(table: Table, record: str) -> frozenset[str] | None:
    """Return the names of a record that say nothing by themselves; ``None`` for one that has neither attributes nor a text.

    An element in which only these would stand is left out.
    """
    rows = table.records[record]
    if table.media != "xml" or not any(row.wire.startswith(_MARKS) for row in rows):
        return None
    return frozenset(row.wire for row in rows if row.constant is not None or row.default is not None)


def slips(table: Table) -> Iterator[tuple[str, str]]:
    """Say what is wrong with the names of an XML table: the place in its file, and what."""
    if table.media != "xml" or table.dialect:
        return
    for prefix in table.prefixes:
        if not _PREFIX.fullmatch(prefix) or prefix in {*KNOWN, "xmlns"}:
            yield f"prefixes.{prefix}", "no name for a prefix"
    for record, rows in table.records.items():
        for index, row in enumerate(rows):
            for wrong in _slips(table, record, row):
                yield f"records.{record}[{index}] {row.wire}", wrong


def _slips(table: Table, record: str, row: Row) -> Iterator[str]:
    name, mark = name_of(table, record, row.wire), row.wire.startswith(_MARKS)
    if name.prefix and name.prefix not in {*table.prefixes, *KNOWN}:
        yield f"prefixes.{name.prefix} is not there"
    elif name.attribute and name.prefix and not name.namespace:
        yield f"prefixes.{name.prefix} is no namespace; an attribute in none has no prefix"
    if mark and (row.record is not None or row.many or row.nillable):
        yield "an attribute or a text is one single value"
    if row.wire == TEXT and any(not each.wire.startswith(_MARKS) for each in table.records[record]):
        yield "a text stands beside attributes only"
    if row.nillable and (row.required or row.many or not _may_be_absent(row)):
        yield "nil stands for what is absent: not for what is required, is always there or is a list"


def _may_be_absent(row: Row) -> bool:
    return row.constant is None and row.default is None and row.source is None and row.fixed is None
