"""A partner's format and the canonical words, both ways: ``load`` compiles a mapping file once.

``read`` takes the sender's exact bytes and returns the canonical message, or refuses them with every problem it found
(at most 50), each with its line, place and rule. ``write`` returns the payload that is sealed: XML already in exclusive
C14N 1.0 form, JSON compact, both validated against the operation's schema before they are returned.

What a format says and the canonical words cannot goes to ``extensions[<mapping id>][<operation>]``, a tree parallel to
the payload, and returns to the same format from there. A mapping holds compiled functions and does not cross process
borders: every process loads its own.
"""

from __future__ import annotations

import hashlib
import unicodedata
from datetime import datetime
from pathlib import Path  # noqa: TC003 - part of the public signatures
from typing import Any, Literal, Protocol

import msgspec
from lxml import etree

from schemas.compile import Complaints, Reader, Tree, compile_reader, compile_writer
from schemas.dossier import Kind, Message, to_json
from schemas.library import BUILTIN, Library
from schemas.problems import Problem, Refusal, refuse
from schemas.table import Operation, Table, check, read_table
from schemas.validation import (
    MAX_PROBLEMS,
    JsonSchema,
    Schema,
    XmlSchema,
    element_path,
    gate_xml,
    hardened_parser,
    json_lines,
    parse_gated,
    parse_json,
    pointer_token,
    tidy_text,
    utf8,
)

_SMALL = 64 * 1024
WITHOUT_DOSSIER = frozenset({Kind.CATALOGUE_PUBLISHED, Kind.REPORT_PUBLISHED, Kind.DELIVERY_FAILED})
_SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"


class Mapping(Protocol):
    """One format of one version, ready to use."""

    @property
    def id(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def media(self) -> Literal["json", "xml"]: ...
    @property
    def ref(self) -> str:
        """``<id>@<version>``, as partner files name it."""
        ...

    def natural_key(self, raw: bytes) -> str | None:
        """Return the key that the format itself carries; None when it carries none or cannot be read."""
        ...

    def operations(self, message: Message) -> tuple[str, ...]:
        """Ordered operations for this message; empty: the format has no way to say this kind."""
        ...

    def read(self, raw: bytes, sender: str, key: str, agency: str) -> Message:
        """Read the sender's bytes. Raises ``Refusal`` (HUB-SCH-*, HUB-MAP-001)."""
        ...

    def write(self, operation: str, message: Message, key: str) -> bytes:
        """Write one operation under the transfer's key. Raises ``Refusal`` (HUB-MAP-002, HUB-MAP-004)."""
        ...


def load(path: Path, library: Library | None = None) -> Mapping:
    """Compile a mapping file. Schemas come from ``library``, else from the folder above the file and the built-in one."""
    table = read_table(path)
    if path.name != f"{table.id}-{table.version}.toml":
        raise refuse(
            "HUB-MAP-003", path.name, detail=f"the file of {table.ref} is {table.id}-{table.version}.toml"
        )
    if library is None:
        site = path.resolve().parent.parent
        library = Library((BUILTIN,) if site == BUILTIN else (site, BUILTIN))
    if table.canonical:
        return _Canonical(table, library)
    check(table, path.name)
    return _Tabled(table, library)


def mappings(folder: Path, library: Library | None = None) -> dict[str, Mapping]:
    """Load every mapping of a folder, by its reference."""
    loaded = (load(path, library) for path in sorted(folder.glob("*.toml")))
    return {mapping.ref: mapping for mapping in loaded}


# --- the sides on the wire ------------------------------------------------------------------------------------------


class _Json:
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

    def is_one(self, operation: Operation, tree: Any) -> bool:  # noqa: ANN401 - any JSON value
        return not operation.marker or _point(tree, operation.marker) is not None

    def refusals(self, schema: Schema, tree: Any, raw: bytes) -> tuple[Problem, ...]:  # noqa: ANN401 - any JSON value
        return schema.problems(tree, utf8(raw)) if isinstance(schema, JsonSchema) else ()

    def placed(self, problems: list[Problem], raw: bytes, _tree: object) -> list[Problem]:
        lines = json_lines(utf8(raw))
        return [msgspec.structs.replace(problem, line=_line(lines, problem.place)) for problem in problems]

    def payload(self, record: Tree, _operation: Operation) -> bytes:
        return msgspec.json.encode([record] if self._array else record)

    def wrong(self, schema: Schema, record: Tree, _payload: bytes) -> tuple[Problem, ...]:
        document = [record] if self._array else record
        return schema.problems(document) if isinstance(schema, JsonSchema) else ()


def _line(lines: dict[str, int], place: str) -> int:
    """The line of a value, or of the nearest record around a value that is not there."""
    while place not in lines and place:
        place = place.rpartition("/")[0]
    return lines.get(place, 0)


def _point(tree: Any, pointer: str) -> Any:  # noqa: ANN401 - any JSON value
    for token in pointer.split("/")[1:]:
        if isinstance(tree, list):
            tree = tree[int(token)] if token.isdigit() and int(token) < len(tree) else None
        elif isinstance(tree, dict):
            tree = tree.get(token)
        else:
            return None
    return tree


Plan = dict[str, tuple[str, bool, "Plan | None"]]


class _Xml:
    """XML on the wire: one namespace, elements only, in the table's order. What we write is its own exclusive C14N form."""

    prefix = ""

    def __init__(self, table: Table) -> None:
        self._namespace = table.namespace
        self._parser = hardened_parser()
        self._plans = {
            f"{{{table.namespace}}}{operation.root}": _plan(table, operation.record)
            for operation in table.operation.values()
        }

    def parse(self, raw: bytes) -> etree._Element:
        text = gate_xml(raw, bounded=True)
        root = parse_gated(raw, self._parser)
        if b"&" in raw or not unicodedata.is_normalized("NFC", text):
            _normalise(root)
        return root

    def record(self, root: etree._Element) -> Any:  # noqa: ANN401 - the same tree that JSON gives
        plan = self._plans.get(root.tag)
        return None if plan is None else _tree(root, plan)

    def is_one(self, operation: Operation, root: etree._Element) -> bool:
        return bool(root.tag == f"{{{self._namespace}}}{operation.root}")

    def refusals(self, schema: Schema, root: etree._Element, _raw: bytes) -> tuple[Problem, ...]:
        if not isinstance(schema, XmlSchema) or schema.accepts(root):
            return ()
        return schema.problems(root)

    def placed(self, problems: list[Problem], _raw: bytes, root: etree._Element) -> list[Problem]:
        return [_placed(problem, root, self._namespace) for problem in problems]

    def payload(self, record: Tree, operation: Operation) -> bytes:
        return _document(operation.root, self._namespace, record)

    def wrong(self, schema: Schema, _record: Tree, payload: bytes) -> tuple[Problem, ...]:
        return self.refusals(schema, parse_gated(payload, self._parser), b"")


def _plan(table: Table, record: str) -> Plan:
    """How elements become the tree that readers take: local name, many or one, and what is inside."""
    return {
        f"{{{table.namespace}}}{row.wire}": (
            row.wire,
            row.many,
            _plan(table, row.record) if row.record else None,
        )
        for row in table.records[record]
    }


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


def _placed(problem: Problem, root: etree._Element, namespace: str) -> Problem:
    """From pointer to prefixed element path and line; a missing element is placed at its parent's line."""
    element, tokens = root, problem.place.split("/")[1:]
    for index, token in enumerate(tokens):
        if token.isdigit():
            continue
        number = int(tokens[index + 1]) if index + 1 < len(tokens) and tokens[index + 1].isdigit() else 0
        same = element.findall(f"{{{namespace}}}{token}")
        if number >= len(same):
            place = "/".join((element_path(element), *tokens[index:]))
            return msgspec.structs.replace(problem, place=place, line=_sourceline(element))
        element = same[number]
    return msgspec.structs.replace(problem, place=element_path(element), line=_sourceline(element))


def _document(root: str, namespace: str, record: Tree) -> bytes:
    """Canonical XML (exclusive C14N 1.0 of itself): no prefix, no insignificant space, start and end tags always.

    Written without escapes first. When the whole has exactly the marks of its own tags, no text holds one and there was
    nothing to escape; otherwise it is written again with escapes.
    """
    out = [f'<{root} xmlns="{namespace}"{_attributes(record)}>']
    tags = 2 + _serialise(record, out)
    out.append(f"</{root}>")
    text = "".join(out)
    if text.count("<") == tags and text.count(">") == tags and "&" not in text and "\r" not in text:
        return text.encode()
    out = [out[0]]
    _serialise(_escaped(record), out)
    out.append(f"</{root}>")
    return "".join(out).encode()


def _serialise(record: Tree, out: list[str]) -> int:
    """Append the record's elements; return how many tags they have."""
    tags = 0
    for name, value in record.items():
        kind = type(value)
        if kind is str:
            out.append(f"<{name}>{value}</{name}>")
            tags += 2
        elif kind is dict:
            if name == "@":
                continue
            out.append(f"<{name}{_attributes(value)}>")
            tags += 2 + _serialise(value, out)
            out.append(f"</{name}>")
        elif kind is list:
            for item in value:
                tags += _serialise({name: item}, out)
        else:
            out.append(f"<{name}>{value}</{name}>")
            tags += 2
    return tags


def _escaped(node: Any) -> Any:  # noqa: ANN401 - a tree of texts
    if isinstance(node, dict):
        return {name: node[name] if name == "@" else _escaped(node[name]) for name in node}
    return [_escaped(item) for item in node] if isinstance(node, list) else _text(node)


def _text(value: object) -> str:
    """Escape as canonical XML does (C14N 1.0 section 2.3, text nodes)."""
    text = str(value)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#xD;")


def _attributes(record: Tree) -> str:
    found = record.get("@")
    if not found:
        return ""
    return "".join(f' {name}="{_attribute(found[name])}"' for name in sorted(found))


_IN_ATTRIBUTES = (
    ("&", "&amp;"),
    ("<", "&lt;"),
    ('"', "&quot;"),
    ("\t", "&#x9;"),
    ("\n", "&#xA;"),
    ("\r", "&#xD;"),
)


def _attribute(text: str) -> str:
    """Escape as canonical XML does (C14N 1.0 section 2.3, attribute nodes)."""
    for plain, escaped in _IN_ATTRIBUTES:
        text = text.replace(plain, escaped)
    return text


# --- the two kinds of mapping ---------------------------------------------------------------------------------------


class _Named:
    """What both kinds of mapping are called."""

    def __init__(self, table: Table) -> None:
        self.table = table

    @property
    def id(self) -> str:
        return self.table.id

    @property
    def version(self) -> int:
        return self.table.version

    @property
    def media(self) -> Literal["json", "xml"]:
        return self.table.media

    @property
    def ref(self) -> str:
        return self.table.ref


class _Tabled(_Named):
    """A format that a table describes."""

    def __init__(self, table: Table, library: Library) -> None:
        super().__init__(table)
        self._side: Any = _Json(table) if table.media == "json" else _Xml(table)
        self._schemas = {
            name: library.schema(operation.schema) for name, operation in table.operation.items()
        }
        self._readers = {
            name: compile_reader(table, operation.record) for name, operation in table.operation.items()
        }
        self._writers = {
            name: compile_writer(table, operation.record) for name, operation in table.operation.items()
        }

    def operations(self, message: Message) -> tuple[str, ...]:
        return self.table.operations.get(message.kind, ())

    def natural_key(self, raw: bytes) -> str | None:
        rule = self.table.natural_key
        if rule is None:
            return None
        try:
            parsed = self._side.parse(raw)
            value = _point(self._side.record(parsed) if self.media == "xml" else parsed, rule.path)
        except Refusal:
            return None
        if not isinstance(value, str) or not value:
            return None
        return f"{value}#{hashlib.sha256(raw).hexdigest()[:32]}" if rule.digest else value

    def read(self, raw: bytes, sender: str, key: str, agency: str) -> Message:
        side = self._side
        parsed = side.parse(raw)
        name = self._operation(parsed)
        problems = side.refusals(self._schemas[name], parsed, raw)
        if problems:
            raise Refusal(*problems)
        record = side.record(parsed)
        try:
            return self._translated(
                self._readers[name], name, record, (sender, key, agency), Complaints(self.ref, key)
            )
        except (Refusal, msgspec.ValidationError) as error:
            # Something is wrong somewhere: read again, checking each text, to say where.
            complaints = Complaints(self.ref, key)
            self._checked(name)(record, {"event": {}}, {}, side.prefix, complaints)
            found = complaints.problems or list(
                getattr(error, "problems", ()) or _broken(str(error), self.ref).problems
            )
            raise Refusal(*side.placed(found, raw, parsed)) from None

    def _translated(
        self, reader: Reader, name: str, record: Tree, known: tuple[str, str, str], complaints: Complaints
    ) -> Message:
        sender, key, agency = known
        target: Tree = {"event": {}, "key": key, "sender": sender, "agency": agency}
        kept: Tree = {}
        reader(record, target, kept, self._side.prefix, complaints)
        if complaints.problems:
            raise Refusal(*complaints.problems)
        if kept:
            target["extensions"] = {self.id: {name: kept}}
        return _message(target, self.ref)

    def _checked(self, name: str) -> Reader:
        return compile_reader(self.table, self.table.operation[name].record, checked=True)

    def _operation(self, parsed: object) -> str:
        for name, operation in self.table.operation.items():
            if self._side.is_one(operation, parsed):
                return name
        if self.media == "json":
            return next(iter(self.table.operation))
        raise refuse("HUB-SCH-009", rule=f"{self.ref}: one of {', '.join(self.table.operation)}")

    def write(self, operation: str, message: Message, key: str) -> bytes:
        side = self._side
        complaints = Complaints(self.ref, key)
        tree: Tree = msgspec.to_builtins(message, builtin_types=(datetime,))
        own = message.extensions.get(self.id)
        kept = own.get(operation) if isinstance(own, dict) else None
        record = self._writers[operation](tree, kept, key, side.prefix, complaints)
        if complaints.problems:
            raise Refusal(*complaints.problems)
        payload: bytes = side.payload(record, self.table.operation[operation])
        problems = side.wrong(self._schemas[operation], record, payload)
        if problems:
            raise Refusal(
                *(
                    msgspec.structs.replace(problem, code="HUB-MAP-004", detail=problem.code)
                    for problem in problems
                )
            )
        return payload


class _Canonical(_Named):
    """The canonical message itself as a format: for senders that speak the hub's own words."""

    def __init__(self, table: Table, library: Library) -> None:
        super().__init__(table)
        self._schema = library.schema(f"json:{table.id}@{table.version}")

    def operations(self, message: Message) -> tuple[str, ...]:
        return self.table.operations.get(message.kind, ())

    def natural_key(self, raw: bytes) -> str | None:
        try:
            value = _point(parse_json(raw), "/key")
        except Refusal:
            return None
        return value if isinstance(value, str) and value else None

    def read(self, raw: bytes, sender: str, key: str, agency: str) -> Message:
        """``sender``, ``agency`` and ``key`` are what the hub knows; what the bytes claim instead is not believed."""
        tree = parse_json(raw)
        text = utf8(raw)
        if isinstance(tree, dict):
            tree = {**tree, "sender": sender, "agency": agency, "key": key}
        try:
            return _message(tree, self.ref)
        except msgspec.ValidationError as error:
            found = self._all(_broken(str(error), self.ref).problems, tree, raw)
        except Refusal as refusal:
            found = refusal.problems
        lines = json_lines(text)
        raise Refusal(
            *(msgspec.structs.replace(problem, line=_line(lines, problem.place)) for problem in found)
        )

    def _all(self, first: tuple[Problem, ...], tree: object, raw: bytes) -> tuple[Problem, ...]:
        """The types say where the first mistake is; the schema finds the others, where that is cheap and exact.

        Behind ``anyOf`` the schema only says "none of them", after seconds for a megabyte of mistakes.
        """
        if len(raw) > _SMALL or not isinstance(self._schema, JsonSchema):
            return first
        places = {problem.place for problem in first}
        more = self._schema.problems(tree, utf8(raw))
        return (*first, *(p for p in more if p.code != "HUB-SCH-009" and p.place not in places))

    def write(self, operation: str, message: Message, key: str) -> bytes:  # noqa: ARG002 - the only operation there is
        return to_json(msgspec.structs.replace(message, key=key))


def _message(target: Tree, ref: str) -> Message:
    """The frozen message. Raises ``msgspec.ValidationError`` for a canonical rule that is not kept."""
    message = msgspec.convert(target, Message)
    if message.dossier is None and message.kind not in WITHOUT_DOSSIER:
        raise refuse("HUB-SCH-003", "/dossier", rule=f"{ref}: a dossier")
    return message


def _broken(said: str, ref: str) -> Refusal:
    """``Object missing required field `holder` - at `$.dossier.results[0].custody``` → the canonical place, no value."""
    what, _, where = said.partition(" - at `$")
    place = where.rstrip("`").replace(".", "/").replace("[", "/").replace("]", "")
    if "unknown field" in what:
        return refuse(
            "HUB-SCH-004", f"{place}/{pointer_token(what.split('`')[1])}", rule=f"{ref}: canonical fields"
        )
    if "missing required field" in what:
        field = what.split("`")[1]
        return refuse("HUB-SCH-003", f"{place}/{field}", rule=f"{ref}: canonical {field}")
    code = "HUB-SCH-007" if "datetime" in what else "HUB-SCH-002"
    return refuse(code, place, rule=f"{ref}: canonical rule")


__all__ = ["MAX_PROBLEMS", "Mapping", "load", "mappings"]
