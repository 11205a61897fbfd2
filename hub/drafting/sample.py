"""One sample message → its fields, and a schema as loose as one sample allows: nothing is required, text may be longer."""

from __future__ import annotations

import json
import re
from typing import Any

from lxml import etree

from hub.drafting.jsons import DIALECT
from hub.drafting.outline import MANY, Field, Operation, Outline, unusable
from hub.drafting.xsd import XS
from schemas.strict_json import parse_json
from schemas.strict_xml import parse_xml

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
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
    spaces: dict[str, list[Field]] = {}
    takes = _element(root)
    for field in (takes, *(each for _, each in takes.paths())):
        spaces.setdefault(field.namespace, [])
    others = [space for space in spaces if space != takes.namespace]
    if others and not (len(others) == 1 and others[0] == ""):
        raise unusable(
            root.tag.partition("}")[2],
            "a sample in one namespace; for several, an XSD",
            ", ".join(others)[:200],
        )
    schema = _schema(takes, qualified=not others)
    operation = Operation(name=takes.name, takes=takes)
    return Outline(kind="sample", media="xml", operations=(operation,), files={f"{name}.xsd": schema})


def _element(node: etree._Element, count: int = 1) -> Field:
    own = etree.QName(node)
    inside: dict[str, list[etree._Element]] = {}
    for child in node.iterchildren(etree.Element):
        inside.setdefault(str(child.tag), []).append(child)
    fields = tuple(_element(each[0], len(each)) for each in inside.values())
    return Field(
        name=own.localname,
        namespace=own.namespace or "",
        type="" if fields else f"xs:{_guessed((node.text or '').strip())}",
        least=0,
        most=MANY if count > 1 else 1,
        fields=fields,
        notes=tuple(f"attribute {name}" for name in map(str, node.keys())),
    )


def _schema(takes: Field, *, qualified: bool) -> bytes:
    root = etree.Element(f"{{{XS}}}schema", nsmap={"xs": XS})
    if takes.namespace:
        root.set("targetNamespace", takes.namespace)
    if qualified:
        root.set("elementFormDefault", "qualified")
    _declared(root, takes, top=True)
    etree.indent(root)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _declared(parent: etree._Element, field: Field, *, top: bool = False) -> None:
    node = etree.SubElement(parent, f"{{{XS}}}element", name=field.name)
    if not top:
        node.set("minOccurs", "0")
        if field.many:
            node.set("maxOccurs", "unbounded")
    if not field.fields:
        node.set("type", "xs:string")
        return
    whole = etree.SubElement(node, f"{{{XS}}}complexType")
    inside = etree.SubElement(whole, f"{{{XS}}}sequence")
    for each in field.fields:
        _declared(inside, each)
    etree.SubElement(whole, f"{{{XS}}}anyAttribute", processContents="skip")
    if top:
        etree.SubElement(inside, f"{{{XS}}}any", namespace="##other", processContents="skip", minOccurs="0")


# --- JSON -----------------------------------------------------------------------------------------------------------


def read_json(raw: bytes, file: str) -> Outline:
    """Draft from one JSON message."""
    tree = parse_json(raw)
    if not isinstance(tree, dict) or not tree:
        raise unusable(file, "a sample that is one object with members")
    takes = _member("message", tree)
    body = {"$schema": DIALECT, **_described(tree)}
    text = json.dumps(body, ensure_ascii=False, indent=2).encode() + b"\n"
    operation = Operation(name="message", takes=takes)
    return Outline(kind="sample", media="json", operations=(operation,), files={"1.json": text})


def _member(name: str, value: Any) -> Field:  # noqa: ANN401 - any JSON value
    many = isinstance(value, list)
    one = (value[0] if value else "") if many else value
    most = MANY if many else 1
    if isinstance(one, dict):
        fields = tuple(_member(str(key), each) for key, each in one.items())
        return Field(name=name, type="object", least=0, most=most, fields=fields)
    return Field(name=name, type=_kind(one), least=0, most=most)


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


def _described(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    match value:
        case dict():
            return {
                "type": "object",
                "properties": {str(key): _described(each) for key, each in value.items()},
            }
        case list():
            return {"type": "array", "items": _described(value[0]) if value else {}}
        case bool():
            return {"type": "boolean"}
        case int() | float():
            return {"type": "number"}
        case str():
            return {"type": "string"}
        case _:
            return {}
