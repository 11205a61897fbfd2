"""One sample message → its fields, and a schema as loose as one sample allows: nothing is required, text may be longer."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Literal

from lxml import etree

from hub.drafting.jsons import DIALECT
from hub.drafting.outline import MANY, Field, Operation, Outline, unusable
from hub.drafting.xsd import XS
from schemas.strict_json import parse_json
from schemas.strict_xml import parse_xml
from schemas.xml_names import NIL, TEXT, XSI

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_PROTOCOLS: Mapping[str, Literal["gip", "edxml", "soap"]] = {
    "http://gip.request.com/": "gip",
    "http://www.mic.gov.vn/TBT/QCVN_102_2016": "edxml",
    "http://schemas.xmlsoap.org/soap/envelope/": "soap",
    "http://www.w3.org/2003/05/soap-envelope": "soap",
}
"""By a namespace in a message, whose it is; what travels in an envelope before the envelope. What GIP wraps is in none, and known by its head."""
_WALL = re.compile(r"(19|20)\d{12}")


def _guessed(text: str) -> str:
    if _MOMENT.fullmatch(text):
        return "dateTime"
    if _DAY.fullmatch(text):
        return "date"
    return "yyyyMMddHHmmss" if _WALL.fullmatch(text) else "string"


# --- XML ------------------------------------------------------------------------------------------------------------


def read_xml(raw: bytes, name: str) -> Outline:
    """Draft from one XML message; its schema says which elements there are, not which must be."""
    root = parse_xml(raw)
    takes = _element([root])
    operation = Operation(name=takes.name, takes=takes)
    return Outline(
        kind="sample",
        media="xml",
        operations=(operation,),
        files={f"{name}.xsd": _schema(takes)},
        speaks=_speaks(root),
    )


def _speaks(root: etree._Element) -> Literal["", "gip", "edxml", "soap"]:
    if any(each.find("HEADER/TRAN_CODE") is not None for each in root.iter("DATA")):
        return "gip"
    spaces = {etree.QName(each).namespace for each in root.iter(etree.Element)}
    return next((room for space, room in _PROTOCOLS.items() if space in spaces), "")


def _element(nodes: list[etree._Element], most: int = 1) -> Field:
    """What elements of one name hold, all of them together."""
    own = etree.QName(nodes[0])
    inside: dict[str, list[etree._Element]] = {}
    several: set[str] = set()
    for node in nodes:
        here: set[str] = set()
        for child in node.iterchildren(etree.Element):
            tag = str(child.tag)
            inside.setdefault(tag, []).append(child)
            several |= {tag} & here
            here.add(tag)
    marks = _marks(nodes)
    fields = tuple(_element(each, MANY if tag in several else 1) for tag, each in inside.items())
    type_ = "" if fields else f"xs:{_guessed((nodes[0].text or '').strip())}"
    nil = any(node.get(NIL) in {"true", "1"} for node in nodes)
    if marks and not fields:
        fields, type_ = (Field(name=TEXT, type=type_, least=0),), ""
    return Field(
        name=own.localname,
        namespace=own.namespace or "",
        type=type_,
        least=0,
        most=most,
        fields=(*marks, *fields),
        nillable=nil,
    )


def _marks(nodes: list[etree._Element]) -> tuple[Field, ...]:
    """Attributes that are words: not what tells parsers something, nor what a signature refers to."""
    found: dict[str, Field] = {}
    for node in nodes:
        for key in map(str, node.keys()):
            name = etree.QName(key)
            if name.namespace == XSI or key in {"Id", "ID", "id"}:
                continue
            type_ = f"xs:{_guessed(str(node.get(key)))}"
            found.setdefault(
                key, Field(name=f"@{name.localname}", namespace=name.namespace or "", type=type_, least=0)
            )
    return tuple(found.values())


def _schema(takes: Field) -> bytes:
    root = etree.Element(f"{{{XS}}}schema", nsmap={"xs": XS})
    if takes.namespace:
        root.set("targetNamespace", takes.namespace)
    _declared(root, takes, takes.namespace, top=True)
    etree.indent(root)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _declared(parent: etree._Element, field: Field, target: str, *, top: bool = False) -> None:
    node = etree.SubElement(parent, f"{{{XS}}}element", name=field.name)
    if not top:
        node.set("form", "qualified" if field.namespace and field.namespace == target else "unqualified")
        node.set("minOccurs", "0")
        if field.many:
            node.set("maxOccurs", "unbounded")
    if field.nillable:
        node.set("nillable", "true")
    elements = [each for each in field.fields if each.name[0] not in "@#"]
    if not field.fields:
        node.set("type", "xs:string")
        return
    whole = etree.SubElement(node, f"{{{XS}}}complexType")
    holder = whole
    if any(each.name == TEXT for each in field.fields):
        content = etree.SubElement(whole, f"{{{XS}}}simpleContent")
        holder = etree.SubElement(content, f"{{{XS}}}extension", base="xs:string")
    elif elements or top:
        _held(whole, elements, target, top=top)
    etree.SubElement(holder, f"{{{XS}}}anyAttribute", processContents="skip")


def _held(whole: etree._Element, elements: list[Field], target: str, *, top: bool) -> None:
    """Those of the schema's namespace in their order; where others stand between them, in any, and the others as they come."""
    others = any(each.namespace not in {target, ""} for each in elements)
    inside = etree.SubElement(whole, f"{{{XS}}}{'choice' if others else 'sequence'}")
    if others:
        inside.set("minOccurs", "0")
        inside.set("maxOccurs", "unbounded")
    for each in elements:
        if each.namespace in {target, ""}:
            _declared(inside, each, target)
    if others or top:
        etree.SubElement(inside, f"{{{XS}}}any", namespace="##other", processContents="skip", minOccurs="0")


# --- JSON -----------------------------------------------------------------------------------------------------------


def read_json(raw: bytes, file: str) -> Outline:
    """Draft from one JSON message: an object, or a list of one or several."""
    tree = parse_json(raw)
    ones = tree if isinstance(tree, list) else [tree]
    if not ones or not all(isinstance(one, dict) and one for one in ones):
        raise unusable(file, "a sample that is one object with members, or a list of them")
    takes = _member("message", tree)
    body = {"$schema": DIALECT, **_described([tree])}
    text = json.dumps(body, ensure_ascii=False, indent=2).encode() + b"\n"
    operation = Operation(name="message", takes=takes)
    return Outline(kind="sample", media="json", operations=(operation,), files={"1.json": text})


def _member(name: str, *values: Any) -> Field:  # noqa: ANN401 - any JSON value
    """What one member holds wherever it stands, all of them together."""
    many = any(isinstance(value, list) for value in values)
    ones = [one for value in values for one in (value if isinstance(value, list) else [value])]
    most = MANY if many else 1
    inside = _members(ones)
    if inside:
        fields = tuple(_member(key, *each) for key, each in inside.items())
        return Field(name=name, type="object", least=0, most=most, fields=fields)
    kinds = {_kind(one) for one in ones if one is not None}
    type_ = kinds.pop() if len(kinds) == 1 else "number" if kinds == {"number", "integer"} else "any"
    return Field(name=name, type=type_, least=0, most=most, nillable=None in ones)


def _members(ones: list[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for one in ones:
        for key, value in one.items() if isinstance(one, dict) else ():
            found.setdefault(str(key), []).append(value)
    return found


def _kind(value: object) -> str:
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            told = _guessed(value)
            return {"dateTime": "string:date-time", "date": "string:date", "yyyyMMddHHmmss": told}.get(
                told, "string"
            )
        case _:
            return "any"


def _described(values: list[Any]) -> dict[str, Any]:
    """Describe what one place holds wherever it stands; where that differs in kind, anything may stand there."""
    kinds = {_plainly(value) for value in values}
    if len(kinds) != 1:
        return {}
    (kind,) = kinds
    if kind == "object":
        inside = _members(values).items()
        return {"type": kind, "properties": {key: _described(each) for key, each in inside}}
    if kind == "array":
        inner = [one for value in values for one in value]
        return {"type": kind, "items": _described(inner) if inner else {}}
    return {"type": kind} if kind else {}


def _plainly(value: object) -> str:
    match value:
        case dict():
            return "object"
        case list():
            return "array"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case _:
            return ""
