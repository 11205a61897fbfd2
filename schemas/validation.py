"""Strict reading and schema validation: what is wrong, on which line, at which path, by which rule.

Rules of this file:

* Bytes are UTF-8 or refused. JSON: no duplicate keys (RFC 8259 leaves them open, we do not), no NaN, no number that a
  double or 63 bits cannot hold. XML: no DTD, no entity declaration, no processing instruction, no network.
* An expat pre-scan caps size, depth, elements and attributes before libxml2 sees a byte (libxml2's C14N is quadratic in
  namespaces). Who validates against a schema that bounds the depth may skip it for bytes in which nothing else can be
  over a cap, by counting.
* Texts leave in NFC; characters that XML 1.0 cannot carry (section 2.2) are refused in JSON too.
* A problem never repeats a value. Schema messages quote values, so they are not passed on: the rule's name is.
"""

from __future__ import annotations

import json
import re
import threading
import unicodedata
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, NoReturn, cast
from xml.parsers import expat

import jsonschema_rs
import msgspec
from lxml import etree

from schemas.problems import Problem, Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_PROBLEMS = 50
_BOM = b"\xef\xbb\xbf"
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_MAX_INTEGER = 2**63


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Caps before any parser that builds a tree. ``attributes`` counts per element, namespace declarations included."""

    size: int = 32 * 1024 * 1024
    depth: int = 64
    elements: int = 100_000
    attributes: int = 32


LIMITS = Limits()


def utf8(raw: bytes) -> str:
    """Decode strictly; HUB-SCH-008 names the line of the first bad byte."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise refuse("HUB-SCH-008", line=line, rule="UTF-8") from None


# --- JSON -----------------------------------------------------------------------------------------------------------


class _Duplicate(ValueError):  # noqa: N818 - never leaves this file
    """A key stands twice; where, a second look tells."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Duplicate
    return found


def _integer(text: str) -> int:
    value = int(text) if len(text) <= 20 else _MAX_INTEGER  # noqa: PLR2004 - no 63-bit number is longer
    if not -_MAX_INTEGER <= value < _MAX_INTEGER:
        raise refuse("HUB-SCH-002", rule="a number within 63 bits")
    return value


def _number(text: str) -> float:
    value = float(text)
    try:
        exact = Decimal(text) == Decimal(repr(value))
    except InvalidOperation:  # an exponent beyond what decimals can say
        exact = False
    if not exact:
        raise refuse("HUB-SCH-002", rule="a number that a double holds exactly")
    return value


def _constant(_: str) -> NoReturn:
    raise refuse("HUB-SCH-001", rule="RFC 8259: no NaN, no Infinity")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_constant
)


def parse_json(raw: bytes, limits: Limits = LIMITS) -> Any:  # noqa: ANN401 - any JSON value
    """Read one JSON text strictly. Raises ``Refusal``: HUB-SCH-001, -002, -005, -008, -012."""
    if len(raw) > limits.size:
        raise refuse("HUB-SCH-012", rule=f"at most {limits.size} bytes")
    if raw[:3] == _BOM:
        raise refuse("HUB-SCH-008", line=1, rule="RFC 8259 section 8.1: no byte order mark")
    text = utf8(raw)
    try:
        tree = _DECODER.decode(text)
    except _Duplicate:
        raise _duplicates(text) from None
    except json.JSONDecodeError as error:
        raise refuse("HUB-SCH-001", line=error.lineno, rule="RFC 8259", detail=error.msg) from None
    except RecursionError:
        raise refuse("HUB-SCH-012", rule=f"at most {limits.depth} levels") from None
    if raw.count(b"[") + raw.count(b"{") > limits.depth:
        _check_depth(tree, limits.depth)
    if _plain(raw) and unicodedata.is_normalized("NFC", text):
        return tree
    return _tidy(tree, text)


def _plain(raw: bytes) -> bool:
    """No escape that could hide a character from a look at the bytes, and no U+FFFE or U+FFFF."""
    if b"\\" in raw and (b"\\u" in raw or b"\\b" in raw or b"\\f" in raw):
        return False
    return b"\xef" not in raw or b"\xef\xbf" not in raw


def _check_depth(tree: object, depth: int) -> None:
    level = [tree]
    for _ in range(depth):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise refuse("HUB-SCH-012", rule=f"at most {depth} levels")


_MARKS = "".join(chr(code) for code in range(0x300, 0x1E94B) if unicodedata.combining(chr(code)))
_LONG_RUN = re.compile(f"[{_MARKS}]{{31}}")
_SHORT = 200


def tidy_text(text: str) -> str | None:
    """NFC; ``None`` when the text holds a character that XML 1.0 cannot carry.

    Sorting a run of combining marks costs its length squared (a megabyte of them: minutes), so runs are bounded as in the
    Stream-Safe Text Format, UAX #15 section 13. Raises HUB-SCH-002.
    """
    if len(text) > _SHORT and _LONG_RUN.search(text):
        raise refuse("HUB-SCH-002", rule="UAX #15 section 13: at most 30 combining marks in a row")
    return None if _NOT_XML.search(text) else unicodedata.normalize("NFC", text)


def _tidy(tree: object, text: str) -> object:
    wrong: list[str] = []

    def walk(node: object, place: str) -> object:
        if isinstance(node, str):
            tidied = tidy_text(node)
            if tidied is None:
                wrong.append(place)
            return tidied
        if isinstance(node, list):
            return [walk(child, f"{place}/{index}") for index, child in enumerate(node)]
        if isinstance(node, dict):
            wrong.extend(place for key in node if _NOT_XML.search(key))
            return {key: walk(child, f"{place}/{pointer_token(key)}") for key, child in node.items()}
        return node

    tidied = walk(tree, "")
    if wrong:
        lines = json_lines(text)
        rule = "XML 1.0 section 2.2: no control characters"
        raise Refusal(
            *(
                Problem(code="HUB-SCH-002", place=place, line=lines.get(place, 0), rule=rule)
                for place in wrong[:MAX_PROBLEMS]
            )
        )
    return tidied


def pointer_token(key: str) -> str:
    """Escape one step of a JSON pointer (RFC 6901 section 3)."""
    return key.replace("~", "~0").replace("/", "~1") if "~" in key or "/" in key else key


_TOKEN = re.compile(r'[ \t\r\n]*("(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+)')


def _walk(text: str) -> list[tuple[str, int, bool]]:
    """Pointers of well-formed JSON with their lines, in order; true for a key that repeats one before it."""
    found: list[tuple[str, int, bool]] = []
    stack: list[tuple[str, set[str] | None, int]] = []  # place, keys seen (None: a list), next index
    place, expects_key = "", False
    line, at = 1, 0
    for match in _TOKEN.finditer(text.rstrip(" \t\r\n")):
        mark, start = match[1], match.start(1)
        line += text.count("\n", at, start)
        at = start
        if mark in "{[":
            found.append((place, line, False))
            stack.append((place, set() if mark == "{" else None, 0))
            expects_key = mark == "{"
            place = place if expects_key else f"{place}/0"
        elif mark in "]}":
            stack.pop()
        elif mark == ",":
            base, keys, index = stack[-1]
            expects_key = keys is not None
            if not expects_key:
                stack[-1] = (base, keys, index + 1)
                place = f"{base}/{index + 1}"
        elif expects_key:
            base, keys, _ = stack[-1]
            key = json.loads(mark)
            place = f"{base}/{pointer_token(key)}"
            if keys is not None:
                if key in keys:
                    found.append((place, line, True))
                keys.add(key)
            expects_key = False
        elif mark != ":":
            found.append((place, line, False))
    return found


def json_lines(text: str) -> dict[str, int]:
    """1-based line of every value, by JSON pointer. For what has gone wrong; nothing on the fast path calls it."""
    lines: dict[str, int] = {}
    for place, line, _ in _walk(text):
        lines.setdefault(place, line)
    return lines


def _duplicates(text: str) -> Refusal:
    twice = [(place, line) for place, line, repeats in _walk(text) if repeats][:MAX_PROBLEMS]
    rule = "RFC 8259 section 4: names are unique"
    return Refusal(*(Problem(code="HUB-SCH-005", place=place, line=line, rule=rule) for place, line in twice))


# --- XML ------------------------------------------------------------------------------------------------------------

_DECLARATION = re.compile(rb"^(?:\xef\xbb\xbf)?<\?xml\s[^>]*?\?>")
_ENCODING = re.compile(rb"encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")


def gate_xml(raw: bytes, limits: Limits = LIMITS, *, bounded: bool = False) -> str:
    """Refuse what no tree should be built of; return the decoded text. HUB-SCH-001, -006, -008, -012.

    ``bounded``: a schema will bound the depth; then bytes with few marks need no scan (libxml2 itself stops at 256 levels).
    """
    if len(raw) > limits.size:
        raise refuse("HUB-SCH-012", rule=f"at most {limits.size} bytes")
    text = utf8(raw)
    declaration = _DECLARATION.match(raw)
    if declaration:
        encoding = _ENCODING.search(declaration[0])
        if encoding and encoding[1].lower() != b"utf-8":
            raise refuse("HUB-SCH-008", line=1, rule="UTF-8")
    if not (bounded and _nothing_to_count(raw, declaration.end() if declaration else 0, limits)):
        _scan(raw, limits)
    return text


def _nothing_to_count(raw: bytes, start: int, limits: Limits) -> bool:
    """No markup declaration, comment, CDATA or instruction, and too few marks for any cap but the depth."""
    return (
        (b"!" not in raw or b"<!" not in raw)
        and (raw.find(b"?", start) < 0 or raw.find(b"<?", start) < 0)
        and raw.count(b"=") <= limits.attributes
        and raw.count(b"<") <= min(limits.elements, 1_000)
    )


def _scan(raw: bytes, limits: Limits) -> None:
    parser = expat.ParserCreate()
    parser.ordered_attributes = True
    depth = elements = 0

    def stop(code: str, rule: str) -> NoReturn:
        raise refuse(code, line=parser.CurrentLineNumber, rule=rule)

    def start(_: str, attributes: list[str]) -> None:
        nonlocal depth, elements
        depth += 1
        elements += 1
        if depth > limits.depth:
            stop("HUB-SCH-012", f"at most {limits.depth} levels")
        if elements > limits.elements:
            stop("HUB-SCH-012", f"at most {limits.elements} elements")
        if len(attributes) > 2 * limits.attributes:
            stop("HUB-SCH-012", f"at most {limits.attributes} attributes")

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    def doctype(*_: object) -> None:
        stop("HUB-SCH-006", "no DTD")

    def instruction(*_: object) -> None:
        stop("HUB-SCH-006", "no processing instruction")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = doctype
    parser.EntityDeclHandler = doctype
    parser.ProcessingInstructionHandler = instruction
    try:
        parser.Parse(raw, True)
    except expat.ExpatError as error:
        rule = f"XML 1.0: {expat.ErrorString(error.code)}"
        raise refuse("HUB-SCH-001", line=error.lineno, rule=rule) from None


def hardened_parser() -> etree.XMLParser:
    """No entities, no DTD, no network, libxml2's own caps on; comments and CDATA marks carry no words and are dropped."""
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True
    )


def parse_xml(raw: bytes, limits: Limits = LIMITS, parser: etree.XMLParser | None = None) -> etree._Element:
    """Gate, then parse. Raises ``Refusal``."""
    gate_xml(raw, limits)
    return parse_gated(raw, parser)


def parse_gated(raw: bytes, parser: etree.XMLParser | None = None) -> etree._Element:
    """Parse bytes that passed the gate (or that we wrote ourselves)."""
    try:
        return etree.fromstring(raw, parser or hardened_parser())
    except etree.XMLSyntaxError as error:
        if "Excessive depth" in (error.msg or ""):
            raise refuse("HUB-SCH-012", line=error.lineno or 0, rule="at most 256 levels") from None
        last = getattr(error.error_log, "last_error", None)
        name = last.type_name if last is not None else "not well-formed"
        raise refuse("HUB-SCH-001", line=error.lineno or 0, rule=f"XML 1.0: {name}") from None


def element_path(element: etree._Element) -> str:
    """Prefixed path from the root, ``/l:TiepNhanHoSo/l:GiayTo[2]/l:Ten``; lxml's own paths are wildcards."""
    steps: list[str] = []
    node: etree._Element | None = element
    while node is not None:
        parent = node.getparent()
        name = etree.QName(node).localname
        step = f"{node.prefix}:{name}" if node.prefix else name
        if parent is not None:
            same = [child for child in parent if child.tag == node.tag]
            if len(same) > 1:
                step += f"[{same.index(node) + 1}]"
        steps.append(step)
        node = parent
    return "/" + "/".join(reversed(steps))


# --- schemas --------------------------------------------------------------------------------------------------------

_JSON_CODES = {
    "Required": "HUB-SCH-003",
    "AdditionalProperties": "HUB-SCH-004",
    "UnevaluatedProperties": "HUB-SCH-004",
    "Type": "HUB-SCH-002",
    "MaxLength": "HUB-SCH-002",
    "MinLength": "HUB-SCH-002",
    "Pattern": "HUB-SCH-002",
    "Enum": "HUB-SCH-002",
    "Constant": "HUB-SCH-002",
    "Format": "HUB-SCH-002",
    "Minimum": "HUB-SCH-002",
    "Maximum": "HUB-SCH-002",
}


class JsonSchema:
    """A compiled JSON Schema (2020-12) under its library reference."""

    media = "json"

    def __init__(self, ref: str, document: dict[str, Any]) -> None:
        self.ref = ref
        self._validator = jsonschema_rs.Draft202012Validator(document)

    def accepts(self, tree: object) -> bool:
        """Say whether it is valid, fast."""
        return self._validator.is_valid(tree)

    def problems(self, tree: object, text: str = "") -> tuple[Problem, ...]:
        """List the first problems; ``text`` gives them their lines."""
        if self._validator.is_valid(tree):
            return ()
        lines = json_lines(text) if text else {}
        found: list[Problem] = []
        for error in self._validator.iter_errors(tree):
            found.extend(self._explain(error, lines))
            if len(found) >= MAX_PROBLEMS:
                break
        return tuple(found[:MAX_PROBLEMS])

    def _explain(self, error: jsonschema_rs.ValidationError, lines: dict[str, int]) -> list[Problem]:
        kind = type(error.kind).__name__
        if kind in {"AnyOf", "OneOfNotValid"}:
            meant = _meant(error)
            if meant:
                return [problem for inside in meant for problem in self._explain(inside, lines)]
        base = "".join(f"/{pointer_token(str(step))}" for step in error.instance_path)
        rule = "/".join(str(step) for step in error.schema_path)
        places = [base]
        if kind == "Required":
            places = [f"{base}/{pointer_token(_detail(error, 'property'))}"]
        elif kind in {"AdditionalProperties", "UnevaluatedProperties"}:
            places = [f"{base}/{pointer_token(key)}" for key in _detail(error, "unexpected")]
        return [
            Problem(
                code=_JSON_CODES.get(kind, "HUB-SCH-009"),
                place=place,
                line=lines.get(place) or lines.get(base, 0),
                rule=f"{self.ref} {rule}",
            )
            for place in places
        ]


def _meant(error: jsonschema_rs.ValidationError) -> list[jsonschema_rs.ValidationError]:
    """Of several allowed shapes (``null`` or a record), the errors of the one whose type the value has."""
    shapes: list[list[jsonschema_rs.ValidationError]] = _detail(error, "context")
    here = len(error.instance_path)
    fitting = [
        inside
        for inside in shapes
        if not any(type(one.kind).__name__ == "Type" and len(one.instance_path) == here for one in inside)
    ]
    return fitting[0] if len(fitting) == 1 else []


def _detail(error: jsonschema_rs.ValidationError, name: str) -> Any:  # noqa: ANN401 - each kind of error has its own fields
    """A field of an error's kind; the stubs of jsonschema-rs know only what all kinds share."""
    return getattr(error.kind, name)


_DATE_SHAPES = {
    "xs:dateTime": re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?$"),
    "xs:date": re.compile(r"^\d{4}-\d\d-\d\d(Z|[+-]\d\d:\d\d)?$"),
}
_EXPECTED = re.compile(r"Expected is (?:one of )?\( ([^)]*) \)")
_QUALIFIED = re.compile(r"\{[^}]*\}")


class XmlSchema:
    """A compiled XSD 1.0 under its library reference."""

    media = "xml"

    def __init__(self, ref: str, schema: etree.XMLSchema) -> None:
        self.ref = ref
        self._schema = schema
        self._lock = threading.Lock()  # lxml keeps the error log on the schema object

    def accepts(self, root: etree._Element) -> bool:
        """Say whether it is valid, fast."""
        return self._schema.validate(root)

    def problems(self, root: etree._Element) -> tuple[Problem, ...]:
        """List the first problems, each with our own prefixed path."""
        with self._lock:
            if self._schema.validate(root):
                return ()
            log: list[Any] = [*cast("Iterable[Any]", self._schema.error_log)][:MAX_PROBLEMS]
        found: dict[tuple[str, str], Problem] = {}
        for entry in log:
            problem = self._explain(root, entry)
            found.setdefault((problem.code, problem.place), problem)
        return tuple(found.values())

    def _explain(self, root: etree._Element, entry: Any) -> Problem:  # noqa: ANN401 - lxml-stubs do not type log entries
        nodes = root.getroottree().xpath(entry.path) if entry.path else []
        node = nodes[0] if isinstance(nodes, list) and nodes and etree.iselement(nodes[0]) else root
        kind = entry.type_name.removeprefix("SCHEMAV_")
        code, place, rule = "HUB-SCH-009", element_path(node), kind
        if kind == "ELEMENT_CONTENT" and "Missing child element" in entry.message:
            code = "HUB-SCH-003"
            wanted = _EXPECTED.search(entry.message)
            rule = f"{kind} expects {_QUALIFIED.sub('', wanted[1])}" if wanted else kind
        elif kind == "ELEMENT_CONTENT":
            code = "HUB-SCH-004"
        elif kind.startswith(
            ("CVC_DATATYPE", "CVC_ENUM", "CVC_MAXL", "CVC_MINL", "CVC_PATT", "CVC_TYPE_3_1_3", "CVC_M")
        ):
            code = "HUB-SCH-002"
            for name, shape in _DATE_SHAPES.items():
                if f"'{name}'" in entry.message and shape.match(node.text or ""):
                    code, rule = "HUB-SCH-007", name
        return Problem(code=code, place=place, line=entry.line, rule=f"{self.ref} {rule}")


Schema = JsonSchema | XmlSchema


def validate(document: bytes, schema: Schema) -> tuple[Problem, ...]:
    """Read strictly and validate; every problem has its code, line, path and rule. Never raises for the document."""
    try:
        if isinstance(schema, JsonSchema):
            return schema.problems(parse_json(document), utf8(document))
        return schema.problems(parse_xml(document))
    except Refusal as refusal:
        return refusal.problems
