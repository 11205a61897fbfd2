"""Schema validation: what is wrong, on which line, at which path, by which rule.

A problem never repeats a value. Schema messages quote values, so they are not passed on: the rule's name is. Bytes are read
by ``schemas.strict_json`` and ``schemas.strict_xml``.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any, cast

import jsonschema_rs
from lxml import etree

from schemas.problems import MAX_PROBLEMS, Problem, Refusal
from schemas.strict_json import json_lines, parse_json, pointer_token
from schemas.strict_xml import element_path, parse_xml
from schemas.text import utf8

if TYPE_CHECKING:
    from collections.abc import Iterable

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
        nodes = root.getroottree().xpath(entry.path, namespaces=_prefixes(root)) if entry.path else []
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


def _prefixes(root: etree._Element) -> dict[str, str]:
    """Return the prefixes that paths into the document are written with."""
    return {name: uri for element in root.iter() for name, uri in element.nsmap.items() if name}


Schema = JsonSchema | XmlSchema


def validate(document: bytes, schema: Schema) -> tuple[Problem, ...]:
    """Read strictly and validate; every problem has its code, line, path and rule. Never raises for the document."""
    try:
        if isinstance(schema, JsonSchema):
            return schema.problems(parse_json(document), utf8(document))
        return schema.problems(parse_xml(document))
    except Refusal as refusal:
        return refusal.problems
