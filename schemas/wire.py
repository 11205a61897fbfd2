"""The two sides on the wire, JSON and XML: bytes → the tree that readers take, and a writer's tree → bytes.

Each side parses strictly, tells which operation a payload is, has it judged by its schema, and finds the line of a place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from lxml import etree

from schemas.canonical_xml import Spaces, document
from schemas.code import Complaints
from schemas.problems import Problem, refuse
from schemas.strict_json import json_lines, parse_json
from schemas.strict_xml import element_path, gate_xml, hardened_parser, parse_gated
from schemas.text import is_nfc, tidy_text, utf8
from schemas.validation import JsonSchema, Schema, XmlSchema
from schemas.writing_xml import compile_pieces, plain_text, writes_plainly

if TYPE_CHECKING:
    from schemas.code import Tree
    from schemas.table import Operation, Table

_SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"


class JsonSide:
    """JSON on the wire. ``array``: the record travels as the only element of a list."""

    def __init__(self, table: Table) -> None:
        self._array = table.array
        self.prefix = "/0" if table.array else ""

    def parse(self, raw: bytes) -> Any:  # noqa: ANN401 - any JSON value
        return parse_json(raw)

    def record(self, tree: Any) -> Any:  # noqa: ANN401 - what the schema will judge
        if self._array:
            return tree[0] if isinstance(tree, list) and tree else None
        return tree

    def at(self, tree: Any, place: str) -> Any:  # noqa: ANN401 - any JSON value
        """Return the value at a pointer, ``None`` when nothing is there."""
        return point(tree, place)

    def is_one(self, operation: Operation, tree: Any) -> bool:  # noqa: ANN401 - any JSON value
        return not operation.marker or point(tree, operation.marker) is not None

    def refusals(self, schema: Schema, tree: Any, raw: bytes) -> tuple[Problem, ...]:  # noqa: ANN401 - any JSON value
        return schema.problems(tree, utf8(raw)) if isinstance(schema, JsonSchema) else ()

    def placed(self, problems: list[Problem], raw: bytes, _tree: object) -> list[Problem]:
        lines = json_lines(utf8(raw))
        return [msgspec.structs.replace(problem, line=line_of(lines, problem.place)) for problem in problems]

    def payload(self, record: Tree, _operation: Operation) -> bytes:
        return msgspec.json.encode([record] if self._array else record)

    def plainly(self, _name: str, _tree: Tree, _key: str) -> None:
        """JSON has one way only: the record is what its schema judges."""

    def wrong(self, schema: Schema, record: Tree, _payload: bytes) -> tuple[Problem, ...]:
        document = [record] if self._array else record
        return schema.problems(document) if isinstance(schema, JsonSchema) else ()


def line_of(lines: dict[str, int], place: str) -> int:
    """The line of a value, or of the nearest record around a value that is not there."""
    while place not in lines and place:
        place = place.rpartition("/")[0]
    return lines.get(place, 0)


def point(tree: Any, pointer: str) -> Any:  # noqa: ANN401 - any JSON value
    for token in pointer.split("/")[1:]:
        if isinstance(tree, list):
            tree = tree[int(token)] if token.isdigit() and int(token) < len(tree) else None
        elif isinstance(tree, dict):
            tree = tree.get(token)
        else:
            return None
    return tree


Plan = dict[str, "str | tuple[str, bool, Plan | None]"]
"""By tag: the name of a single value, or name, many or one, and what is inside."""


class XmlSide:
    """XML on the wire: each record's elements in its namespace, in the table's order. What we write is its own exclusive C14N form."""

    prefix = ""

    def __init__(self, table: Table) -> None:
        self._namespace = table.namespace
        self._parser = hardened_parser()
        self._plans = {
            f"{{{table.namespace}}}{operation.root}": _plan(table, operation.record)
            for operation in table.operation.values()
        }
        self._roots = {name: operation.root for name, operation in table.operation.items()}
        self._spaces = {each.record: spaces(table, each.record) for each in table.operation.values()}
        self._pieces = {
            name: compile_pieces(table, operation.record)
            if writes_plainly(table, operation.record) and self._spaces[operation.record] is None
            else None
            for name, operation in table.operation.items()
        }

    def parse(self, raw: bytes) -> etree._Element:
        gate_xml(raw, bounded=True)
        root = parse_gated(raw, self._parser)
        if b"&" in raw or not is_nfc(raw):
            _normalise(root)
        return root

    def record(self, root: etree._Element) -> Any:  # noqa: ANN401 - the same tree that JSON gives
        plan = self._plans.get(root.tag)
        return None if plan is None else _tree(root, plan)

    def at(self, root: etree._Element, place: str) -> str | None:
        """Return the text of the first element on this way below the root, ``None`` when there is none."""
        way = "/".join(f"{{*}}{name}" for name in place.split("/")[1:])
        return root.findtext(way) if root.tag in self._plans else None

    def is_one(self, operation: Operation, root: etree._Element) -> bool:
        return bool(root.tag == f"{{{self._namespace}}}{operation.root}")

    def refusals(self, schema: Schema, root: etree._Element, _raw: bytes) -> tuple[Problem, ...]:
        if not isinstance(schema, XmlSchema) or schema.accepts(root):
            return ()
        return schema.problems(root)

    def placed(self, problems: list[Problem], _raw: bytes, root: etree._Element) -> list[Problem]:
        return [_placed(problem, root) for problem in problems]

    def payload(self, record: Tree, operation: Operation) -> bytes:
        return document(operation.root, self._namespace, record, self._spaces[operation.record])

    def plainly(self, name: str, tree: Tree, key: str) -> bytes | None:
        """Write an operation the short way; ``None``: it takes the long one."""
        pieces = self._pieces[name]
        if pieces is None:
            return None
        complaints = Complaints("", key)
        out: list[str] = []
        records = pieces(tree, out.append, out, key, complaints)
        root = self._roots[name]
        return None if complaints.problems else plain_text(root, self._namespace, out, records)

    def wrong(self, schema: Schema, _record: Tree, payload: bytes) -> tuple[Problem, ...]:
        return self.refusals(schema, parse_gated(payload, self._parser), b"")


def spaces(table: Table, record: str) -> Spaces | None:
    """How the writer finds each element's namespace; ``None``: all have the root's."""
    if all(name == table.namespace for name in table.namespaces.values()):
        return None
    inside = {
        row.wire: spaces(table, row.record) or Spaces(table.namespace)
        for row in table.records[record]
        if row.record
    }
    return Spaces(table.namespace_in(record), inside)


def _plan(table: Table, record: str) -> Plan:
    """How elements become the tree that readers take: local name, many or one, and what is inside."""
    return {
        _tag(table.namespace_in(record), row.wire): (
            (row.wire, row.many, _plan(table, row.record) if row.record else None)
            if row.many or row.record
            else row.wire
        )
        for row in table.records[record]
    }


def _tag(namespace: str, name: str) -> str:
    return f"{{{namespace}}}{name}" if namespace else name


def _pairs(element: etree._Element) -> list[tuple[str, str]]:
    """Names and values as text; the stubs allow for bytes that the parser never gives."""
    return [(str(name), str(value)) for name, value in element.attrib.items()]


def _sourceline(element: etree._Element) -> int:
    line: Any = element.sourceline  # the stubs leave its type open
    return line or 0


def _tree(element: etree._Element, plan: Plan) -> Tree:
    tree: Tree = {}
    if element.keys():
        # Qualified attributes are hints to parsers (xsi:schemaLocation), not words.
        own = {name: value for name, value in _pairs(element) if name[0] != "{"}
        if own:
            tree["@"] = own
    for child in element:
        found = plan.get(child.tag)
        if isinstance(found, str):
            tree[found] = child.text or ""
            continue
        if found is None:
            if child.tag == _SIGNATURE and element.getparent() is None:
                continue  # the seal is not part of the words
            raise refuse("HUB-SCH-004", element_path(child), line=_sourceline(child), rule="unknown element")
        wire, many, inside = found
        value: Any = (child.text or "") if inside is None else _tree(child, inside)
        if not many:
            tree[wire] = value
        elif wire in tree:
            tree[wire].append(value)
        else:
            tree[wire] = [value]
    return tree


def _normalise(root: etree._Element) -> None:
    for element in root.iter(etree.Element):
        if element.text:
            element.text = tidy_text(element.text)


def _placed(problem: Problem, root: etree._Element) -> Problem:
    """From pointer to prefixed element path and line; a missing element is placed at its parent's line."""
    element, tokens = root, problem.place.split("/")[1:]
    for index, token in enumerate(tokens):
        if token.isdigit():
            continue
        number = int(tokens[index + 1]) if index + 1 < len(tokens) and tokens[index + 1].isdigit() else 0
        same = element.findall(f"{{*}}{token}")
        if number >= len(same):
            place = "/".join((element_path(element), *tokens[index:]))
            return msgspec.structs.replace(problem, place=place, line=_sourceline(element))
        element = same[number]
    return msgspec.structs.replace(problem, place=element_path(element), line=_sourceline(element))
