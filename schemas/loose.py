"""Numbers and truth values that a client writes as JSON's own where its format has texts, or the other way round: told as the format has them.

For desks whose published protocol has one way and whose clients in the field have both (``Table.loose``); tried on what the schema refuses, so that others pay nothing. Only the kind of a value changes,
never where it stands, so that a place in the sender's bytes is still found; the bytes themselves are kept as they came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from schemas.table import converter_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from schemas.code import Tree
    from schemas.table import Row, Table

_TRUE, _FALSE = frozenset({"true", "1"}), frozenset({"false", "0"})
_DIGITS = 19
"""Of the longest whole number within 63 bits."""


class Plan(NamedTuple):
    """``values``: name → the type that needs nothing, and what is made of another one. ``records``: name → what is inside."""

    values: Mapping[str, tuple[type | None, Callable[[Any], Any]]]
    records: Mapping[str, Plan]


def plan(table: Table, record: str) -> Plan:
    """What to do with each value of a record that may be of another type."""
    rows = [row for row in table.records[record] if not (row.keep or row.fixed or row.constant or row.source)]
    values = {row.wire: _told_as(table, row) for row in rows if row.record is None}
    inside = {row.wire: plan(table, row.record) for row in rows if row.record is not None}
    known = {name: how for name, how in values.items() if how is not None}
    return Plan(known, {name: each for name, each in inside.items() if each.values or each.records})


def told(tree: Tree, how: Plan) -> Tree:
    """The same tree with values of the types that the format has; the tree itself where all are."""
    changed: Tree = {}
    for name, (usual, make) in how.values.items():
        value = tree.get(name)
        if value is not None and type(value) is not usual:
            changed[name] = [make(each) for each in value] if isinstance(value, list) else make(value)
    for name, inside in how.records.items():
        value = tree.get(name)
        if isinstance(value, list):
            changed[name] = [told(each, inside) if isinstance(each, dict) else each for each in value]
        elif isinstance(value, dict):
            changed[name] = told(value, inside)
    return {**tree, **changed} if changed else tree


def _told_as(table: Table, row: Row) -> tuple[type | None, Callable[[Any], Any]] | None:
    wire = converter_of(table, row).wire
    if "True" in wire.get("enum", ()):
        return None, lambda value: {True: "True", False: "False"}.get(_truth(value), value)
    kind = wire.get("type")
    return _KINDS.get(kind) if isinstance(kind, str) else None


def _truth(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        said = value.strip().lower()
        return True if said in _TRUE else False if said in _FALSE else value
    return value


def _text(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    return str(value) if type(value) is int else value


def _whole(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _DIGITS:
        return int(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


_KINDS: Mapping[str, tuple[type | None, Callable[[Any], Any]]] = {
    "string": (str, _text),
    "boolean": (bool, _truth),
    "integer": (int, _whole),
}
