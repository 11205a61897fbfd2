"""XML Schema: an element → its fields. Reads what describes messages: sequences, choices, groups, extensions, references, simple types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from lxml import etree

from hub.drafting.outline import DEEPEST, MANY, MOST_FIELDS, Field, unusable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

XS = "http://www.w3.org/2001/XMLSchema"
_PARTICLES = {f"{{{XS}}}{name}" for name in ("sequence", "all", "choice")}
_HOLDS = "the element holds a name of this schema"


class Document(NamedTuple):
    """One schema document. ``name``: of the file it came from."""

    name: str
    root: etree._Element

    @property
    def target(self) -> str:
        return str(self.root.get("targetNamespace") or "")


class Occurs(NamedTuple):
    """How often a particle may stand, and whether another may stand instead."""

    least: int = 1
    most: int = 1


class Schemas:
    """All documents of a description, found by qualified name."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._found: dict[tuple[str, str, str], tuple[etree._Element, Document]] = {}
        for document in documents:
            for node in document.root:
                if isinstance(node.tag, str) and node.get("name"):
                    kind = etree.QName(node).localname
                    self._found.setdefault(
                        (_family(kind), document.target, str(node.get("name"))), (node, document)
                    )
        self._documents = documents
        self._made = 0

    def elements(self) -> tuple[str, ...]:
        """Name every global element, ``{namespace}name``, in the order of the documents."""
        return tuple(f"{{{space}}}{name}" for kind, space, name in self._found if kind == "element")

    def element(self, tag: str) -> Field:
        """Return the fields of a global element, ``{namespace}name``. Raises ``Refusal`` HUB-CFG-003."""
        name = etree.QName(tag)
        node, document = self._get("element", name.namespace or "", name.localname, tag)
        return self._element(node, document, Occurs(), ())

    def _get(self, kind: str, space: str, name: str, place: str) -> tuple[etree._Element, Document]:
        found = self._found.get((kind, space, name))
        if found is None:
            raise unusable(place, "a definition in the files that were given", f"{kind} {{{space}}}{name}")
        return found

    def _named(
        self, kind: str, node: etree._Element, document: Document, key: str
    ) -> tuple[etree._Element, Document]:
        space, name = _resolved(node, str(node.get(key)), document)
        return self._get(kind, space, name, document.name)

    def _element(
        self, node: etree._Element, document: Document, occurs: Occurs, above: tuple[str, ...]
    ) -> Field:
        self._made += 1
        if self._made > MOST_FIELDS:
            raise unusable(document.name, f"at most {MOST_FIELDS} elements")
        own, again = _occurs(node, occurs), False
        if node.get("ref"):
            node, document = self._named("element", node, document, "ref")
            tag = f"ref {{{document.target}}}{node.get('name')}"
            again, above = tag in above, (*above, tag)
        name = str(node.get("name") or "")
        bare = Field(
            name=name,
            least=own.least,
            most=own.most,
            namespace=document.target if _qualified(node, document) else "",
            notes=("nillable",) if node.get("nillable") in {"true", "1"} else (),
        )
        if again:
            return _with(bare, notes=(*bare.notes, "holds itself"))
        return self._typed(bare, node, document, above)

    def _typed(self, field: Field, node: etree._Element, document: Document, above: tuple[str, ...]) -> Field:
        told = node.get("type")
        if told:
            space, name = _resolved(node, told, document)
            if space == XS:
                return _with(field, type=f"xs:{name}")
            if sum(not each.startswith("ref ") for each in above) > DEEPEST or f"{{{space}}}{name}" in above:
                return _with(field, type=name, notes=(*field.notes, "holds itself"))
            inside, home = self._get("type", space, name, document.name)
            return self._type(_with(field, type=name), inside, home, (*above, f"{{{space}}}{name}"))
        for child in node.iterchildren(f"{{{XS}}}complexType", f"{{{XS}}}simpleType"):
            return self._type(field, child, document, above)
        return _with(field, type="xs:anyType")

    def _type(self, field: Field, node: etree._Element, document: Document, above: tuple[str, ...]) -> Field:
        if etree.QName(node).localname == "simpleType":
            return self._simple(field, node, document)
        simple = node.find(f"{{{XS}}}simpleContent/*[@base]")
        if simple is not None:
            return _with(self._based(field, simple, document), notes=(*field.notes, *_attributes(node)))
        fields = tuple(self._content(node, document, above))
        return _with(field, type=field.type or "", fields=fields, notes=(*field.notes, *_attributes(node)))

    def _content(self, node: etree._Element, document: Document, above: tuple[str, ...]) -> Iterator[Field]:
        derived = node.find(f"{{{XS}}}complexContent/*[@base]")
        if derived is not None:
            space, name = _resolved(derived, str(derived.get("base")), document)
            if derived.tag == f"{{{XS}}}extension" and space != XS:
                inside, home = self._get("type", space, name, document.name)
                yield from self._content(inside, home, above)
            node = derived
        yield from self._particles(node, document, Occurs(), above)

    def _particles(
        self, node: etree._Element, document: Document, around: Occurs, above: tuple[str, ...]
    ) -> Iterator[Field]:
        for child in node:
            if child.tag == f"{{{XS}}}element":
                yield self._element(child, document, around, above)
            elif child.tag in _PARTICLES:
                inner = _occurs(child, around)
                choice = child.tag == f"{{{XS}}}choice"
                yield from self._particles(child, document, Occurs(0, inner.most) if choice else inner, above)
            elif child.tag == f"{{{XS}}}group" and child.get("ref"):
                inside, home = self._named("group", child, document, "ref")
                yield from self._particles(inside, home, _occurs(child, around), above)

    def _simple(self, field: Field, node: etree._Element, document: Document) -> Field:
        restriction = node.find(f"{{{XS}}}restriction")
        if restriction is None:
            return _with(field, type=field.type or "xs:string")
        values = tuple(str(each.get("value")) for each in restriction.iterfind(f"{{{XS}}}enumeration"))
        longest = restriction.find(f"{{{XS}}}maxLength")
        told = str(longest.get("value")) if longest is not None else ""
        if restriction.get("base"):
            field = self._based(field, restriction, document)
        return _with(
            field, values=values or field.values, longest=int(told) if told.isdigit() else field.longest
        )

    def _based(self, field: Field, node: etree._Element, document: Document) -> Field:
        space, name = _resolved(node, str(node.get("base")), document)
        if space == XS:
            return _with(field, type=f"xs:{name}")
        inside, home = self._get("type", space, name, document.name)
        simple = etree.QName(inside).localname == "simpleType"
        return self._simple(field, inside, home) if simple else _with(field, type=name)


def _with(field: Field, **changed: Any) -> Field:  # noqa: ANN401 - fields of it
    return msgspec.structs.replace(field, **changed)


def _family(kind: str) -> str:
    return "type" if kind in {"complexType", "simpleType"} else kind


def _resolved(node: etree._Element, name: str, document: Document) -> tuple[str, str]:
    """Return namespace and local name of a QName. Raises ``Refusal`` for a prefix that nobody declared."""
    prefix, _, local = name.strip().rpartition(":")
    space = node.nsmap.get(prefix or None)
    if prefix and space is None:
        raise unusable(document.name, _HOLDS, f"line {node.sourceline}: prefix {prefix}")
    return str(space or ""), local


def _qualified(node: etree._Element, document: Document) -> bool:
    parent = node.getparent()
    if parent is not None and parent.tag == f"{{{XS}}}schema":
        return True
    return (node.get("form") or document.root.get("elementFormDefault") or "") == "qualified"


def _occurs(node: etree._Element, around: Occurs) -> Occurs:
    least, most = str(node.get("minOccurs") or "1"), str(node.get("maxOccurs") or "1")
    high = MANY if most == "unbounded" else int(most) if most.isdigit() else 1
    both = MANY if MANY in (high, around.most) else high * around.most
    return Occurs((int(least) if least.isdigit() else 1) * around.least, both)


def _attributes(node: etree._Element) -> Iterator[str]:
    for each in node.iter(f"{{{XS}}}attribute"):
        if each.get("use") == "required":
            yield f"required attribute {each.get('name') or each.get('ref')}"
