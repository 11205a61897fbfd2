"""The two sides on the wire, JSON and XML: bytes → the tree that readers take, and a writer's tree → bytes.

Each side parses strictly, tells which operation a payload is, has it judged by its schema, and finds the line of a place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from lxml import etree

from schemas import loose
from schemas.canonical_xml import Spaces, document
from schemas.code import Complaints
from schemas.problems import Problem, refuse
from schemas.strict_json import json_lines, parse_json
from schemas.strict_xml import element_path, gate_xml, hardened_parser, parse_gated
from schemas.text import is_nfc, tidy_text, utf8
from schemas.validation import JsonSchema, Schema, XmlSchema
from schemas.writing_xml import compile_pieces, plain_text, writes_plainly
from schemas.xml_names import KNOWN, NIL, TEXT, is_plain, name_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.code import Tree
    from schemas.table import Operation, Table

_SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"


class JsonSide:
    """JSON on the wire. ``array``: the record travels as the only element of a list."""

    def __init__(self, table: Table) -> None:
        self._array = table.array
        self.prefix = "/0" if table.array else ""
        self._loose = [
            (each, loose.plan(table, each.record)) for each in table.operation.values() if table.loose
        ]

    def parse(self, raw: bytes) -> Any:  # noqa: ANN401 - any JSON value
        return parse_json(raw)

    def loosely(self, tree: Any) -> Any:  # noqa: ANN401 - any JSON value
        """Tell a tree that its schema refuses with values of the types that the format has."""
        how = next((how for each, how in self._loose if self.is_one(each, tree)), None)
        return loose.told(tree, how) if how and isinstance(tree, dict) else tree

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


Plan = dict[str, "str | tuple[str, bool, Plan | None, bool]"]
"""By tag (attributes: ``@`` and tag): the name of a single value; or name, many or one, what is inside, whether it may be nil."""


class XmlSide:
    """XML on the wire: each record's elements in its namespace, in the table's order. What we write is its own exclusive C14N form."""

    prefix = ""

    def __init__(self, table: Table) -> None:
        self._namespace = table.namespace
        self._prefixes = {**KNOWN, **table.prefixes}
        self._parser = hardened_parser()
        self._plans = {
            _root(table, operation): _plan(table, operation.record) for operation in table.operation.values()
        }
        self._roots = {name: operation.root for name, operation in table.operation.items()}
        self._tags = {operation.root: _root(table, operation) for operation in table.operation.values()}
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
        """Return the text (or the attribute) of the first element on this way below the root, ``None`` when there is none."""
        if root.tag not in self._plans:
            return None
        *way, last = place.split("/")[1:]
        if not last.startswith(("@", "#")):
            way.append(last)
        path = "/".join(_wanted(step, self._prefixes) for step in way) or "."
        if not last.startswith("@"):
            return root.findtext(path)
        found = root.find(path)
        return None if found is None else found.get(_wanted(last[1:], self._prefixes).removeprefix("{*}"))

    def is_one(self, operation: Operation, root: etree._Element) -> bool:
        return bool(root.tag == self._tags[operation.root])

    def refusals(self, schema: Schema, root: etree._Element, _raw: bytes) -> tuple[Problem, ...]:
        if not isinstance(schema, XmlSchema) or schema.accepts(root):
            return ()
        return schema.problems(root)

    def placed(self, problems: list[Problem], _raw: bytes, root: etree._Element) -> list[Problem]:
        return [_placed(problem, root, self._prefixes) for problem in problems]

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


def _root(table: Table, operation: Operation) -> str:
    return f"{{{table.namespace}}}{operation.root}" if table.namespace else operation.root


def spaces(table: Table, record: str) -> Spaces | None:
    """How the writer finds each element's namespace; ``None``: all is elements in the root's."""
    return None if is_plain(table, record) else _spaces(table, record)


def _spaces(table: Table, record: str) -> Spaces:
    inside = {row.wire: _spaces(table, row.record) for row in table.records[record] if row.record}
    return Spaces(table.namespace_in(record), inside, {**KNOWN, **table.prefixes})


def _plan(table: Table, record: str) -> Plan:
    """How elements become the tree that readers take: local name, many or one, and what is inside."""
    return {
        _tag(table, record, row.wire): (
            (row.wire, row.many, _plan(table, row.record) if row.record else None, row.nillable)
            if row.many or row.record or row.nillable
            else row.wire
        )
        for row in table.records[record]
    }


def _tag(table: Table, record: str, wire: str) -> str:
    if wire == TEXT:
        return TEXT
    name = name_of(table, record, wire)
    return f"@{name.tag}" if name.attribute else name.tag


def _pairs(element: etree._Element) -> list[tuple[str, str]]:
    """Names and values as text; the stubs allow for bytes that the parser never gives."""
    return [(str(name), str(value)) for name, value in element.attrib.items()]


def _sourceline(element: etree._Element) -> int:
    line: Any = element.sourceline  # the stubs leave its type open
    return line or 0


def _tree(element: etree._Element, plan: Plan) -> Tree:
    tree: Tree = {}
    if element.keys():
        _read_attributes(element, plan, tree)
    if TEXT in plan:
        tree[TEXT] = element.text or ""
    for child in element:
        found = plan.get(child.tag)
        if isinstance(found, str):
            tree[found] = child.text or ""
            continue
        if found is None:
            if child.tag == _SIGNATURE and element.getparent() is None:
                continue  # the seal is not part of the words
            raise refuse("HUB-SCH-004", element_path(child), line=_sourceline(child), rule="unknown element")
        wire, many, inside, nillable = found
        value: Any
        if nillable and child.get(NIL) in {"true", "1"}:
            value = None
        else:
            value = (child.text or "") if inside is None else _tree(child, inside)
        if not many:
            tree[wire] = value
        elif wire in tree:
            tree[wire].append(value)
        else:
            tree[wire] = [value]
    return tree


def _read_attributes(element: etree._Element, plan: Plan, tree: Tree) -> None:
    """Those that have rows by their names, the others together; qualified ones are hints to parsers (xsi:schemaLocation), not words."""
    own: Tree = {}
    for name, value in _pairs(element):
        wire = plan.get(f"@{name}")
        if isinstance(wire, str):
            tree[wire] = value
        elif name[0] != "{":
            own[name] = value
    if own:
        tree["@"] = own


def _normalise(root: etree._Element) -> None:
    for element in root.iter(etree.Element):
        if element.text:
            element.text = tidy_text(element.text)
        for name, value in _pairs(element):
            element.set(name, tidy_text(value) or "")


def _wanted(step: str, prefixes: Mapping[str, str]) -> str:
    """One step of a place as lxml finds it: without a prefix in whatever namespace."""
    prefix, _, local = step.rpartition(":")
    space = prefixes.get(prefix, "") if prefix else "*"
    return f"{{{space}}}{local}" if space else local


def _placed(problem: Problem, root: etree._Element, prefixes: Mapping[str, str]) -> Problem:
    """From pointer to prefixed element path and line; a missing element is placed at its parent's line."""
    element, tokens = root, problem.place.split("/")[1:]
    for index, token in enumerate(tokens):
        if token.isdigit() or token == TEXT:
            continue
        number = int(tokens[index + 1]) if index + 1 < len(tokens) and tokens[index + 1].isdigit() else 0
        same = element.findall(_wanted(token, prefixes)) if not token.startswith("@") else []
        if number >= len(same):
            place = "/".join((element_path(element), *tokens[index:]))
            return msgspec.structs.replace(problem, place=place, line=_sourceline(element))
        element = same[number]
    return msgspec.structs.replace(problem, place=element_path(element), line=_sourceline(element))
