"""WSDL 1.1: which operations there are, what each takes and answers, and the files that the library will hold.

Spoken is what the room ``soap`` speaks: document/literal with one part (WS-I BP 1.1 R2706, R2210). Everything is read from the folder in
which the WSDL lies, never from the network.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from lxml import etree

from hub.drafting.folder import WSDL, Folder
from hub.drafting.outline import Operation, Outline, unusable
from hub.drafting.xsd import XS, Document, Schemas
from schemas.problems import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SOAP = {"1.1": "http://schemas.xmlsoap.org/wsdl/soap/", "1.2": "http://schemas.xmlsoap.org/wsdl/soap12/"}
_RPC, _ENCODED = "style rpc", "use encoded"
_OLD = frozenset({_RPC, _ENCODED})
RULE = "document/literal with one part (WS-I BP 1.1 R2706, R2210)"


class Port(NamedTuple):
    """One port with a SOAP binding. ``several``: services there are."""

    service: str
    name: str
    version: str
    address: str
    binding: etree._Element
    definitions: etree._Element


def read(path: Path, name: str) -> Outline:
    """Read a WSDL. ``name``: under which the library will hold it. Raises ``Refusal`` HUB-CFG-003, HUB-SCH-*."""
    folder = Folder(path)
    if folder.first.tag != f"{{{WSDL}}}definitions":
        raise unusable(
            path.name, "a WSDL 1.1: its first element is wsdl:definitions", str(folder.first.tag)[:100]
        )
    definitions = [root for root in folder.found.values() if root.tag == f"{{{WSDL}}}definitions"]
    names = folder.flat(f"{name}.wsdl")
    schemas = Schemas([*_inline(definitions), *folder.standing()])
    ports = list(_ports(folder.first, definitions))
    if not ports:
        raise unusable(path.name, "a service with a SOAP port, in the file itself")
    chosen = next((port for port in ports if port.version == "1.1"), ports[0])
    operations, left = _operations(chosen, definitions, schemas, path.name)
    if not operations:
        raise _unspoken(path.name, left)
    files = {**_validating(definitions, folder, name, names), **folder.files(names)}
    return Outline(
        kind="wsdl",
        media="xml",
        operations=operations,
        files=files,
        left=left,
        address=chosen.address,
        service=chosen.service,
        port=chosen.name,
        ports=len([port for port in ports if port.version == chosen.version]),
        version=chosen.version,
    )


def read_schema(path: Path, name: str) -> Outline:
    """Read an XSD: each of its own elements that holds others is something that can be sent."""
    folder = Folder(path)
    if folder.first.tag != f"{{{XS}}}schema":
        raise unusable(
            path.name, "an XML Schema: its first element is xs:schema", str(folder.first.tag)[:100]
        )
    names = folder.flat(f"{name}.xsd")
    schemas = Schemas(list(folder.standing()))
    own = f"{{{folder.first.get('targetNamespace') or ''}}}"
    found = [schemas.element(tag) for tag in schemas.elements() if tag.startswith(own)]
    operations = tuple(Operation(name=each.name, takes=each) for each in found if each.fields)
    if not operations:
        raise unusable(path.name, "an element that holds others")
    return Outline(kind="xsd", media="xml", operations=operations, files=folder.files(names))


def _inline(definitions: list[etree._Element]) -> list[Document]:
    return [
        Document(f"types[{number}]", schema)
        for number, schema in enumerate(
            schema for root in definitions for schema in root.iterfind(f"{{{WSDL}}}types/{{{XS}}}schema")
        )
    ]


def _unspoken(file: str, left: Mapping[str, str]) -> Refusal:
    """Say why no operation can be spoken. HUB-CFG-006: the whole service is rpc or encoded, which only its owner can change."""
    why = "; ".join(f"{one}: {reason}" for one, reason in list(left.items())[:5])
    old = bool(left) and all(reason in _OLD for reason in left.values())
    return refuse("HUB-CFG-006", file, rule=RULE, detail=why) if old else unusable(file, RULE, why)


def _ports(root: etree._Element, definitions: list[etree._Element]) -> Iterator[Port]:
    for service in root.iterfind(f"{{{WSDL}}}service"):
        for port in service.iterfind(f"{{{WSDL}}}port"):
            for version, space in SOAP.items():
                address = port.find(f"{{{space}}}address")
                found = _by_name(definitions, "binding", str(port.get("binding")))
                if address is not None and found is not None:
                    names = (str(service.get("name")), str(port.get("name")))
                    yield Port(*names, version, str(address.get("location") or ""), *found)


def _by_name(
    definitions: list[etree._Element], kind: str, name: str
) -> tuple[etree._Element, etree._Element] | None:
    """Find by local name: two of one name in several namespaces are rarer than imports that mean each other."""
    local = name.rpartition(":")[2]
    for root in definitions:
        for node in root.iterfind(f"{{{WSDL}}}{kind}"):
            if node.get("name") == local:
                return node, root
    return None


def _operations(
    port: Port, definitions: list[etree._Element], schemas: Schemas, file: str
) -> tuple[tuple[Operation, ...], dict[str, str]]:
    space = SOAP[port.version]
    binding = port.binding.find(f"{{{space}}}binding")
    style = (binding.get("style") if binding is not None else None) or "document"
    found: list[Operation] = []
    left: dict[str, str] = {}
    portage = _by_name(definitions, "portType", str(port.binding.get("type")))
    if portage is None:
        raise unusable(file, "a portType for the binding", str(port.binding.get("type")))
    for bound in port.binding.iterfind(f"{{{WSDL}}}operation"):
        name = str(bound.get("name"))
        own = bound.find(f"{{{space}}}operation")
        told = (own.get("style") if own is not None else None) or style
        bodies = bound.findall(f".//{{{space}}}body")
        abstract = next(
            (each for each in portage[0].iterfind(f"{{{WSDL}}}operation") if each.get("name") == name), None
        )
        if told != "document":
            left[name] = _RPC
        elif any(body.get("use") not in {None, "literal"} for body in bodies):
            left[name] = _ENCODED
        elif abstract is None or abstract.find(f"{{{WSDL}}}input") is None:
            left[name] = "takes nothing"
        else:
            _spoken(_Bound(name, bound, abstract, space), definitions, schemas, found, left)
    return tuple(found), left


class _Bound(NamedTuple):
    """An operation of a binding and what it means."""

    name: str
    binding: etree._Element
    abstract: etree._Element
    space: str


def _spoken(
    bound: _Bound,
    definitions: list[etree._Element],
    schemas: Schemas,
    found: list[Operation],
    left: dict[str, str],
) -> None:
    tags = {way: _body(bound, way, definitions) for way in ("input", "output")}
    if not tags["input"]:
        left[bound.name] = "not one part that is an element"
        return
    takes = schemas.element(tags["input"])
    if not takes.fields:
        left[bound.name] = "takes no element that holds others"
        return
    answers = schemas.element(tags["output"]) if tags["output"] else None
    heads = tuple(str(each.get("part")) for each in _headers(bound, "input"))
    found.append(
        Operation(
            name=bound.name,
            takes=takes,
            answers=answers,
            wants=tuple(f"soap:Header {each}" for each in heads),
        )
    )


def _headers(bound: _Bound, way: str) -> list[etree._Element]:
    return bound.binding.findall(f"{{{WSDL}}}{way}/{{{bound.space}}}header")


def _body(bound: _Bound, way: str, definitions: list[etree._Element]) -> str:
    """``{namespace}name`` of the Body's child; empty: not one part that is an element.

    The Body's parts are those that its binding names; without a word, all that no part of the Header is (WSDL 1.1 3.5).
    """
    node = bound.abstract.find(f"{{{WSDL}}}{way}")
    message = _by_name(definitions, "message", str(node.get("message"))) if node is not None else None
    parts = message[0].findall(f"{{{WSDL}}}part") if message else []
    body = bound.binding.find(f"{{{WSDL}}}{way}/{{{bound.space}}}body")
    named = body.get("parts") if body is not None else None
    if named is not None:
        parts = [part for part in parts if part.get("name") in str(named).split()]
    elif message:
        heads = {
            each.get("part")
            for each in _headers(bound, way)
            if _local(each, "message") == message[0].get("name")
        }
        parts = [part for part in parts if part.get("name") not in heads]
    elements = [part for part in parts if part.get("element")]
    if len(parts) != 1 or len(elements) != 1:
        return ""
    prefix, _, local = str(elements[0].get("element")).rpartition(":")
    return f"{{{elements[0].nsmap.get(prefix or None) or ''}}}{local}"


def _local(node: etree._Element, key: str) -> str:
    return str(node.get(key)).rpartition(":")[2]


# --- what payloads are judged by ------------------------------------------------------------------------------------


def _validating(
    definitions: list[etree._Element], folder: Folder, name: str, called: Mapping[Path, str]
) -> dict[str, bytes]:
    """Make ``<name>.xsd``: all namespaces of the description in one schema, the inline ones as files of their own."""
    roots_ = [(called[path], root) for path, root in folder.found.items() if root.tag == f"{{{XS}}}schema"]
    standing = {
        str(root.get("targetNamespace")): file
        for file, root in reversed(roots_)
        if root.get("targetNamespace")
    }
    groups: dict[str, list[etree._Element]] = {}
    for document in _inline(definitions):
        if document.target:
            groups.setdefault(document.target, []).append(document.root)
    numbers = count(1)
    files: dict[str, bytes] = {}
    names: dict[str, list[str]] = {}
    for target, roots in groups.items():
        names[target] = [f"{name}-types-{next(numbers)}.xsd" for _ in roots]
    places = {**standing, **{target: each[0] for target, each in names.items() if each}}
    for target, each in names.items():
        for file, root in zip(each, groups[target], strict=True):
            files[file] = _alone(
                root, places, [other for other in each if other != file] if file == each[0] else []
            )
    wrapper = etree.Element(f"{{{XS}}}schema", nsmap={"xs": XS})
    for target, place in places.items():
        etree.SubElement(wrapper, f"{{{XS}}}import", namespace=target, schemaLocation=place)
    files[f"{name}.xsd"] = etree.tostring(wrapper, encoding="UTF-8", xml_declaration=True)
    return files


def _alone(schema: etree._Element, places: Mapping[str, str], more: list[str]) -> bytes:
    """Write an inline schema as a file: imports that name no place get one, others of its namespace are included."""
    root = etree.fromstring(etree.tostring(schema, with_tail=False))
    for node in root.iterfind(f"{{{XS}}}import"):
        if not node.get("schemaLocation") and node.get("namespace") in places:
            node.set("schemaLocation", places[str(node.get("namespace"))])
    for number, file in enumerate(more):
        root.insert(number, etree.Element(f"{{{XS}}}include", schemaLocation=file))
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)
