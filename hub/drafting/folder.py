"""The documents of a description, read from the folder in which it lies and from nowhere else, and as files of the library."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from lxml import etree

from hub.drafting.outline import unusable
from hub.drafting.xsd import XS, Document
from schemas.problems import Refusal
from schemas.strict_xml import parse_xml
from schemas.xml_names import KNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

WSDL = "http://schemas.xmlsoap.org/wsdl/"
_ENCODING = "http://schemas.xmlsoap.org/soap/encoding/"
BY_HEART = frozenset({KNOWN["xml"], _ENCODING})
"""Namespaces of which no file is needed: known here, or of no use to anything literal."""
_MOST_FILES = 64
_IMPORTS = {f"{{{XS}}}import", f"{{{XS}}}include", f"{{{XS}}}redefine"}
_INSTRUCTION = re.compile(rb"<\?(?!xml[\s?])[^<>]*\?>")
_XML = f"""<xs:schema xmlns:xs="{XS}" targetNamespace="{KNOWN["xml"]}">
  <xs:attribute name="lang" type="xs:language"/>
  <xs:attribute name="space" type="xs:NCName"/>
  <xs:attribute name="base" type="xs:anyURI"/>
  <xs:attribute name="id" type="xs:ID"/>
  <xs:attributeGroup name="specialAttrs">
    <xs:attribute ref="xml:base"/><xs:attribute ref="xml:lang"/><xs:attribute ref="xml:space"/><xs:attribute ref="xml:id"/>
  </xs:attributeGroup>
</xs:schema>"""
"""The attributes that every document has (XML 1.0 2.10 and 2.12, XML Base, xml:id): descriptions refer to them at w3.org."""


def plain(raw: bytes) -> bytes:
    """Take out what tells browsers how a description looks; messages hold none of it, and it means nothing here."""
    return _INSTRUCTION.sub(b"", raw)


def referring(root: etree._Element) -> list[tuple[etree._Element, str]]:
    """Find what refers to other files: the element and the attribute that names the place."""
    found = [(each, "location") for each in root.iter(f"{{{WSDL}}}import")]
    found += [(each, "schemaLocation") for each in root.iter(*_IMPORTS)]
    return [(each, key) for each, key in found if each.get(key)]


class Folder:
    """The documents of one description, each read once. What they refer to must lie in the same folder or below.

    What they refer to by an address is looked for there, too: under its last name, or as the file that has the namespace.
    """

    def __init__(self, first: Path) -> None:
        self._home = first.resolve().parent
        self.found: dict[Path, etree._Element] = {}
        self._around: dict[Path, str] = {}
        self._meant: dict[tuple[Path, str], Path] = {}
        self.first = self._read(first.resolve(), first.name)

    def _read(self, path: Path, told: str, around: str = "") -> etree._Element:
        if path in self.found:
            return self.found[path]
        if len(self.found) >= _MOST_FILES:
            raise unusable(told, "a description of at most 64 files")
        try:
            raw = path.read_bytes()
        except OSError:
            raise unusable(told, "a file that lies beside the description") from None
        root = parse_xml(plain(raw))
        self.found[path], self._around[path] = root, around
        for node in list(root.iter(f"{{{WSDL}}}import", *_IMPORTS)):
            self._follow(path, node)
        return root

    def _follow(self, path: Path, node: etree._Element) -> None:
        key = "location" if node.tag == f"{{{WSDL}}}import" else "schemaLocation"
        told, space = str(node.get(key) or ""), str(node.get("namespace") or "")
        around = node.getparent()
        if space == _ENCODING and around is not None:
            around.remove(node)  # nothing that is literal needs it; what does is not found, and refused
            return
        if space == KNOWN["xml"] and not (told and _there(path.parent / told)):
            node.set(key, "xml.xsd")
            self.found.setdefault(self._home / "xml.xsd", etree.fromstring(_XML))
            self._meant[path, "xml.xsd"] = self._home / "xml.xsd"
            return
        if not told:
            return
        target = self._beside(told, space) if "://" in told else (path.parent / told).resolve()
        if target is None or not target.is_relative_to(self._home):
            raise unusable(path.name, "a file that lies beside the description", told[:200])
        self._meant[path, told] = target
        including = around if node.tag == f"{{{XS}}}include" else None
        own = "" if including is None else str(including.get("targetNamespace") or self._around[path])
        self._read(target, told[:200], own)

    def _beside(self, told: str, space: str) -> Path | None:
        """Find what an address means: ``…/svc?xsd=xsd0`` is ``xsd0.xsd``, or the file that has the namespace."""
        if not told.startswith(("http://", "https://")):
            return None
        try:
            parts = urlsplit(told)
        except ValueError:
            return None
        names = [value for _, value in parse_qsl(parts.query)] + [PurePosixPath(parts.path).name]
        for name in names:
            for each in (name, f"{name}.xsd"):
                if name and _there(self._home / each):
                    return (self._home / each).resolve()
        files = sorted(self._home.glob("*.xsd"))[:_MOST_FILES]
        return next((each.resolve() for each in files if space and _target(each) == space), None)

    def standing(self) -> Iterator[Document]:
        """Files that are schemas; one without a namespace of its own that was included takes that of who included it."""
        for path, root in self.found.items():
            if root.tag == f"{{{XS}}}schema":
                own = root.get("targetNamespace")
                yield Document(path.name, root, "" if own else self._around.get(path, ""))

    def flat(self, first: str) -> dict[Path, str]:
        """Name every file without folders, so that what refers to it names it alike. ``first``: the name of the first."""
        names = {path: path.name for path in self.found}
        names[next(iter(self.found))] = first
        taken: set[str] = set()
        for path, name in names.items():
            stem, ending = Path(name).stem, Path(name).suffix
            names[path] = next(
                each for each in (name, *(f"{stem}-{n}{ending}" for n in range(2, 99))) if each not in taken
            )
            taken.add(names[path])
        for path, root in self.found.items():
            for node, key in referring(root):
                node.set(key, names[self._meant[path, str(node.get(key))]])
        return names

    def files(self, names: dict[Path, str]) -> dict[str, bytes]:
        """Return every file under its name."""
        return {
            names[path]: etree.tostring(root, encoding="UTF-8", xml_declaration=True)
            for path, root in self.found.items()
        }


def _there(path: Path) -> bool:
    """Whether a file lies there; none has a name that is too long for one."""
    try:
        return path.is_file()
    except OSError:
        return False


def _target(path: Path) -> str:
    """The namespace of a schema file; empty for what is none."""
    try:
        return str(parse_xml(plain(path.read_bytes())).get("targetNamespace") or "")
    except (OSError, Refusal):
        return ""
