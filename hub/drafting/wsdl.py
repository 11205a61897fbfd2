"""WSDL 1.1: which operations there are, what each takes and answers, and the files that the library will hold.

Spoken is what the room ``soap`` speaks: document/literal with one part (WS-I BP 1.1 R2706, R2210). Everything is read from the folder in
which the WSDL lies, never from the network.
"""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from lxml import etree

from hub.drafting.outline import Operation, Outline, unusable
from hub.drafting.xsd import XS, Document, Schemas
from schemas.strict_xml import parse_xml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

WSDL = "http://schemas.xmlsoap.org/wsdl/"
SOAP = {"1.1": "http://schemas.xmlsoap.org/wsdl/soap/", "1.2": "http://schemas.xmlsoap.org/wsdl/soap12/"}
_MOST_FILES = 64
_IMPORTS = {f"{{{XS}}}import", f"{{{XS}}}include", f"{{{XS}}}redefine"}


class Port(NamedTuple):
    """One port with a SOAP binding. ``several``: services there are."""

    service: str
    name: str
    version: str
    address: str
    binding: etree._Element
    definitions: etree._Element


class Folder:
    """The documents of one description, each read once. What they refer to must lie in the same folder or below."""

    def __init__(self, first: Path) -> None:
        self._home = first.resolve().parent
        self.found: dict[Path, etree._Element] = {}
        self.first = self._read(first.resolve(), first.name)

    def _read(self, path: Path, told: str) -> etree._Element:
        if path in self.found:
            return self.found[path]
        if len(self.found) >= _MOST_FILES:
            raise unusable(told, "a description of at most 64 files")
        try:
            raw = path.read_bytes()
        except OSError:
            raise unusable(told, "a file that lies beside the description") from None
        root = parse_xml(plain(raw))
        self.found[path] = root
        for node in root.iter(f"{{{WSDL}}}import", *_IMPORTS):
            self._follow(path, node)
        return root

    def _follow(self, path: Path, node: etree._Element) -> None:
        key = "location" if node.tag == f"{{{WSDL}}}import" else "schemaLocation"
        told = node.get(key)
        if not told:
            return
        target = (path.parent / str(told)).resolve()
        if "://" in str(told) or not target.is_relative_to(self._home):
            raise unusable(path.name, "a file that lies beside the description", str(told)[:200])
        self._read(target, str(told)[:200])

    def flat(self, first: str) -> dict[str, bytes]:
        """Return every file under a name without folders, what it refers to named alike. ``first``: the name of the first."""
        names = {path: PurePosixPath(path).name for path in self.found}
        names[next(iter(self.found))] = first
        taken: set[str] = set()
        for path, name in names.items():
            stem, ending = Path(name).stem, Path(name).suffix
            names[path] = next(
                each for each in (name, *(f"{stem}-{n}{ending}" for n in range(2, 99))) if each not in taken
            )
            taken.add(names[path])
        return {names[path]: self._renamed(path, names) for path in self.found}

    def _renamed(self, path: Path, names: Mapping[Path, str]) -> bytes:
        root = self.found[path]
        for node in root.iter(f"{{{WSDL}}}import", *_IMPORTS):
            key = "location" if node.tag == f"{{{WSDL}}}import" else "schemaLocation"
            if node.get(key):
                node.set(key, names[(path.parent / str(node.get(key))).resolve()])
        return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def referring(root: etree._Element) -> list[tuple[etree._Element, str]]:
    """Find what refers to other files: the element and the attribute that names the place."""
    found = [(each, "location") for each in root.iter(f"{{{WSDL}}}import")]
    found += [(each, "schemaLocation") for each in root.iter(*_IMPORTS)]
    return [(each, key) for each, key in found if each.get(key)]


_INSTRUCTION = re.compile(rb"<\?(?!xml[\s?])[^<>]*\?>")


def plain(raw: bytes) -> bytes:
    """Take out what tells browsers how a description looks; messages hold none of it, and it means nothing here."""
    return _INSTRUCTION.sub(b"", raw)


def read(path: Path, name: str) -> Outline:
    """Read a WSDL. ``name``: under which the library will hold it. Raises ``Refusal`` HUB-CFG-003, HUB-SCH-*."""
    folder = Folder(path)
    if folder.first.tag != f"{{{WSDL}}}definitions":
        raise unusable(
            path.name, "a WSDL 1.1: its first element is wsdl:definitions", str(folder.first.tag)[:100]
        )
    definitions = [root for root in folder.found.values() if root.tag == f"{{{WSDL}}}definitions"]
    schemas = Schemas([*_inline(definitions), *_standing(folder)])
    ports = list(_ports(folder.first, definitions))
    if not ports:
        raise unusable(path.name, "a service with a SOAP port, in the file itself")
    chosen = next((port for port in ports if port.version == "1.1"), ports[0])
    operations, left = _operations(chosen, definitions, schemas, path.name)
    if not operations:
        raise unusable(
            path.name,
            "an operation in document/literal with one part",
            "; ".join(f"{one}: {why}" for one, why in list(left.items())[:5]),
        )
    files = {**_validating(definitions, folder, name), **folder.flat(f"{name}.wsdl")}
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
    schemas = Schemas(_standing(folder))
    own = f"{{{folder.first.get('targetNamespace') or ''}}}"
    found = [schemas.element(tag) for tag in schemas.elements() if tag.startswith(own)]
    operations = tuple(Operation(name=each.name, takes=each) for each in found if each.fields)
    if not operations:
        raise unusable(path.name, "an element that holds others")
    return Outline(kind="xsd", media="xml", operations=operations, files=folder.flat(f"{name}.xsd"))


def _inline(definitions: list[etree._Element]) -> list[Document]:
    return [
        Document(f"types[{number}]", schema)
        for number, schema in enumerate(
            schema for root in definitions for schema in root.iterfind(f"{{{WSDL}}}types/{{{XS}}}schema")
        )
    ]


def _standing(folder: Folder) -> list[Document]:
    """Files that are schemas; one without a namespace of its own that was included takes that of who included it."""
    return [Document(path.name, root) for path, root in folder.found.items() if root.tag == f"{{{XS}}}schema"]


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
            left[name] = f"style {told}"
        elif any(body.get("use") not in {None, "literal"} for body in bodies):
            left[name] = "use encoded"
        elif abstract is None or abstract.find(f"{{{WSDL}}}input") is None:
            left[name] = "takes nothing"
        else:
            _spoken(name, abstract, definitions, schemas, found, left)
    return tuple(found), left


def _spoken(
    name: str,
    abstract: etree._Element,
    definitions: list[etree._Element],
    schemas: Schemas,
    found: list[Operation],
    left: dict[str, str],
) -> None:
    tags = {way: _body(abstract, way, definitions) for way in ("input", "output")}
    if not tags["input"]:
        left[name] = "not one part that is an element"
        return
    takes = schemas.element(tags["input"])
    if not takes.fields:
        left[name] = "takes no element that holds others"
        return
    answers = schemas.element(tags["output"]) if tags["output"] else None
    found.append(Operation(name=name, takes=takes, answers=answers))


def _body(abstract: etree._Element, way: str, definitions: list[etree._Element]) -> str:
    """``{namespace}name`` of the Body's child; empty: not one part that is an element."""
    node = abstract.find(f"{{{WSDL}}}{way}")
    message = _by_name(definitions, "message", str(node.get("message"))) if node is not None else None
    parts = message[0].findall(f"{{{WSDL}}}part") if message else []
    elements = [part for part in parts if part.get("element")]
    if len(parts) != 1 or len(elements) != 1:
        return ""
    prefix, _, local = str(elements[0].get("element")).rpartition(":")
    return f"{{{elements[0].nsmap.get(prefix or None) or ''}}}{local}"


# --- what payloads are judged by ------------------------------------------------------------------------------------


def _validating(definitions: list[etree._Element], folder: Folder, name: str) -> dict[str, bytes]:
    """Make ``<name>.xsd``: all namespaces of the description in one schema, the inline ones as files of their own."""
    standing = {document.target: document.name for document in reversed(_standing(folder)) if document.target}
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
