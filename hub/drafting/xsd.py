"""XML Schema: an element → its fields. Reads what describes messages: sequences, choices, groups, extensions, references, simple types, attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from lxml import etree

from hub.drafting.outline import DEEPEST, MANY, MOST_FIELDS, Field, unusable
from schemas.xml_names import KNOWN, TEXT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

XS = "http://www.w3.org/2001/XMLSchema"
_PARTICLES = {f"{{{XS}}}{name}" for name in ("sequence", "all", "choice")}
_HOLDS = "the element holds a name of this schema"


class Document(NamedTuple):
    """One schema document. ``name``: of the file it came from. ``around``: the namespace of who includes it, where it has none of its own
    (XML Schema 1.0 part 1, 4.2.1).
    """

    name: str
    root: etree._Element
    around: str = ""

    @property
    def target(self) -> str:
        return str(self.root.get("targetNamespace") or self.around)


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
        bare = Field(
            name=str(node.get("name") or ""),
            least=own.least,
            most=own.most,
            namespace=document.target if _qualified(node, document) else "",
            nillable=node.get("nillable") in {"true", "1"},
            fixed=_fixed(node),
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
        marks = tuple(_merged(self._attributes(node, document, 0)))
        if node.find(f"{{{XS}}}simpleContent/*[@base]") is None:
            return _with(field, fields=(*marks, *self._content(node, document, above)))
        value = self._worth(field, node, document, 0)
        if not marks:
            return value
        text = _with(value, name=TEXT, namespace="", least=min(field.least, 1), most=1, nillable=False)
        return _with(field, type="", fields=(*marks, text))

    def _content(self, node: etree._Element, document: Document, above: tuple[str, ...]) -> tuple[Field, ...]:
        derived = node.find(f"{{{XS}}}complexContent/*[@base]")
        before: tuple[Field, ...] = ()
        if derived is not None:
            space, name = _resolved(derived, str(derived.get("base")), document)
            if derived.tag == f"{{{XS}}}extension" and space != XS:
                inside, home = self._get("type", space, name, document.name)
                before = self._content(inside, home, above)
            node = derived
        return tuple(_merged((*before, *self._particles(node, document, Occurs(), above))))

    def _particles(
        self, node: etree._Element, document: Document, around: Occurs, above: tuple[str, ...]
    ) -> Iterator[Field]:
        for child in node:
            if child.tag == f"{{{XS}}}element":
                yield self._element(child, document, around, above)
            elif child.tag == f"{{{XS}}}choice":
                inner = Occurs(0, _occurs(child, around).most)
                yield from _alternatives(list(self._particles(child, document, inner, above)))
            elif child.tag in _PARTICLES:
                yield from self._particles(child, document, _occurs(child, around), above)
            elif child.tag == f"{{{XS}}}group" and child.get("ref"):
                inside, home = self._named("group", child, document, "ref")
                yield from self._particles(inside, home, _occurs(child, around), above)

    # --- texts and attributes

    def _worth(self, field: Field, node: etree._Element, document: Document, deep: int) -> Field:
        """What the text of a type with simple content may be; its base may be such a type, too."""
        inside = node.find(f"{{{XS}}}simpleContent/*[@base]")
        if inside is None or deep > DEEPEST:
            return field
        space, name = _resolved(inside, str(inside.get("base")), document)
        if space == XS:
            return _faceted(_with(field, type=f"xs:{name}"), inside)
        based, home = self._get("type", space, name, document.name)
        if etree.QName(based).localname == "simpleType":
            return _faceted(self._simple(_with(field, type=name), based, home), inside)
        return _faceted(self._worth(field, based, home, deep + 1), inside)

    def _attributes(self, node: etree._Element, document: Document, deep: int) -> Iterator[Field]:
        """Attributes of a type or of a group of them, a base's first; ``xs:ID`` is for signatures and none of the words."""
        self._made += 1
        if deep > DEEPEST or self._made > MOST_FIELDS:
            raise unusable(document.name, f"at most {MOST_FIELDS} elements")
        for derived in (
            node.iterfind(f"{{{XS}}}complexContent/*[@base]"),
            node.iterfind(f"{{{XS}}}simpleContent/*[@base]"),
        ):
            for each in derived:
                space, name = _resolved(each, str(each.get("base")), document)
                found = None if space == XS else self._found.get(("type", space, name))
                if found:
                    yield from self._attributes(*found, deep + 1)
                yield from self._attributes(each, document, deep + 1)
        for each in node.iterchildren(f"{{{XS}}}attribute", f"{{{XS}}}attributeGroup"):
            if each.tag == f"{{{XS}}}attribute":
                yield from self._attribute(each, document)
            elif each.get("ref"):
                yield from self._attributes(*self._named("attributeGroup", each, document, "ref"), deep + 1)

    def _attribute(self, node: etree._Element, document: Document) -> Iterator[Field]:
        use, fixed, space = node.get("use"), _fixed(node), ""
        if use == "prohibited":
            return
        if node.get("ref"):
            space, name = _resolved(node, str(node.get("ref")), document)
            if space == KNOWN["xml"] and ("attribute", space, name) not in self._found:
                yield Field(name=f"@{name}", type="xs:string", namespace=space, least=int(use == "required"))
                return
            node, document = self._get("attribute", space, name, document.name)
            fixed = _fixed(node) if fixed is None else fixed
        elif (node.get("form") or document.root.get("attributeFormDefault")) == "qualified":
            space = document.target
        bare = Field(name=f"@{node.get('name')}", namespace=space, least=int(use == "required"), fixed=fixed)
        typed = self._typed(bare, node, document, ())
        if typed.type != "xs:ID":
            yield _with(typed, type="xs:anySimpleType" if typed.type == "xs:anyType" else typed.type)

    def _simple(self, field: Field, node: etree._Element, document: Document) -> Field:
        restriction = node.find(f"{{{XS}}}restriction")
        if restriction is None:
            return _with(field, type=field.type or "xs:string")
        if restriction.get("base"):
            field = self._based(field, restriction, document)
        return _faceted(field, restriction)

    def _based(self, field: Field, node: etree._Element, document: Document) -> Field:
        space, name = _resolved(node, str(node.get("base")), document)
        if space == XS:
            return _with(field, type=f"xs:{name}")
        inside, home = self._get("type", space, name, document.name)
        simple = etree.QName(inside).localname == "simpleType"
        return self._simple(field, inside, home) if simple else _with(field, type=name)


def _with(field: Field, **changed: Any) -> Field:  # noqa: ANN401 - fields of it
    return msgspec.structs.replace(field, **changed)


def _faceted(field: Field, restriction: etree._Element) -> Field:
    values = tuple(str(each.get("value")) for each in restriction.iterfind(f"{{{XS}}}enumeration"))
    longest = restriction.find(f"{{{XS}}}maxLength")
    told = str(longest.get("value")) if longest is not None else ""
    return _with(field, values=values or field.values, longest=int(told) if told.isdigit() else field.longest)


def _fixed(node: etree._Element) -> str | None:
    told = node.get("fixed")
    return None if told is None else str(told)


def _alternatives(fields: list[Field]) -> Iterator[Field]:
    """Those of a choice, each telling of the others. What stands in several of them stands once."""
    names = " | ".join(dict.fromkeys(each.name for each in fields))
    note = (f"a choice: {names}"[:120],) if len(fields) > 1 else ()
    once: dict[tuple[str, str], Field] = {}
    for each in fields:
        known = once.setdefault((each.namespace, each.name), each)
        once[each.namespace, each.name] = each if known.most == 1 else known
    yield from (_with(each, notes=(*each.notes, *note)) for each in once.values())


def _merged(fields: Iterable[Field]) -> Iterator[Field]:
    """What stands at several places of one element comes several times; an attribute is the one that was told last."""
    once: dict[tuple[str, str], Field] = {}
    for each in fields:
        known = once.get((each.namespace, each.name))
        if known is None or each.name.startswith("@"):
            once[each.namespace, each.name] = each
        else:
            once[each.namespace, each.name] = _with(known, most=MANY)
    yield from (each for each in once.values() if each.most)


def _family(kind: str) -> str:
    return "type" if kind in {"complexType", "simpleType"} else kind


def _resolved(node: etree._Element, name: str, document: Document) -> tuple[str, str]:
    """Return namespace and local name of a QName. Raises ``Refusal`` for a prefix that nobody declared."""
    prefix, _, local = name.strip().rpartition(":")
    space = node.nsmap.get(prefix or None)
    if prefix == "xml":
        return KNOWN["xml"], local
    if prefix and space is None:
        raise unusable(document.name, _HOLDS, f"line {node.sourceline}: prefix {prefix}")
    return str(space or document.around), local


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
