"""What a signed XML message must look like before a key, a canonicaliser or a verifier sees it.

libxml2 canonicalises in quadratic time over namespaces and attributes, and verifiers canonicalise before they know the
signer. So ``Gate.admit`` bounds size, depth, elements, attributes and namespace declarations first, and forbids what
makes a document mean more than it says: DTDs, entities, processing instructions, other encodings, a second Signature,
an id that stands twice.

Most documents are plain enough that a few counts over their bytes prove the costly limits; all others are read by expat
(``scan``), which is exact and dearer. The counts only ever err towards expat. What libxml2 can tell
in one pass without canonicalising (depth, ids, signatures) is asked of the parsed tree.

``signing.xml.shape`` then reads the one Signature.
"""

from __future__ import annotations

import re
from pyexpat import ExpatError, ParserCreate
from typing import TYPE_CHECKING

from lxml import etree

from schemas.problems import Refusal, refuse
from signing.xml.names import ds

if TYPE_CHECKING:
    from signing.profiles import Limits

_FEW_NAMESPACES = 16
_LONG_TEXT = 10_000_000
_XML_DECLARATION = re.compile(
    rb"""(?:\xef\xbb\xbf)?(?:<\?xml\s+version=["']1\.0["'](?:\s+encoding=["'][Uu][Tt][Ff]-8["'])?"""
    rb"""(?:\s+standalone=["'](?:yes|no)["'])?\s*\?>)?"""
)


class Gate:
    """The gate of one profile. Immutable; shared by threads."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        # None of these walks costs more than one pass: a position in ``//@*`` counts per element.
        self._too_deep = etree.XPath("boolean(" + "/*" * (limits.depth + 1) + ")")
        self._many_attributes = etree.XPath(f"boolean(//@*[{limits.attributes - _FEW_NAMESPACES + 1}])")
        self._ids = etree.XPath("//@*[translate(local-name(), 'ID', 'id') = 'id']", smart_strings=False)

    def admit(self, raw: bytes) -> etree._Element:
        """Return the root of a document that is safe to canonicalise and holds exactly one Signature.

        Raises ``Refusal`` HUB-SIG-005 with the rule that was broken, HUB-SIG-007 for an id that stands twice, HUB-SIG-001
        when there is no Signature.
        """
        if len(raw) > self._limits.bytes:
            raise refuse("HUB-SIG-005", rule=f"at most {self._limits.bytes} bytes")
        plain = _is_plain(raw, self._limits)
        if not plain:
            scan(raw, self._limits)
        root = parse(raw)
        if plain and self._many_attributes(root):
            scan(raw, self._limits)
        self._check_tree(root)
        return root

    def _check_tree(self, root: etree._Element) -> None:
        if self._too_deep(root):
            raise refuse("HUB-SIG-005", rule=f"at most {self._limits.depth} levels")
        signatures = sum(1 for _ in root.iter(ds("Signature")))
        if not signatures:
            raise refuse("HUB-SIG-001", rule="one enveloped signature")
        if signatures > 1:
            raise refuse("HUB-SIG-005", rule="one signature in the document")
        ids = self._ids(root)
        if not isinstance(ids, list) or len(set(ids)) != len(ids):
            raise refuse("HUB-SIG-007", rule="an id stands once, whatever the case of its attribute")


def _is_plain(raw: bytes, limits: Limits) -> bool:
    """Tell whether counting bytes proves that the document has no DTD or instruction and few enough parts.

    Markup can only be spelt in these very bytes, because the parser is told UTF-8. May say no to a harmless document
    (a comment that names a DOCTYPE); never says yes to one that ``scan`` would refuse for these rules.
    """
    start = _XML_DECLARATION.match(raw)
    return (
        start is not None
        and raw.find(b"<?", start.end()) < 0
        and b"<!DOCTYPE" not in raw
        and raw.count(b"<") <= limits.elements
        and raw.count(b"xmlns") <= min(_FEW_NAMESPACES, limits.namespaces)
        and limits.attributes >= _FEW_NAMESPACES
    )


def parse(raw: bytes) -> etree._Element:
    """Parse with nothing fetched and nothing replaced; UTF-8 whatever the document says of itself. HUB-SIG-005.

    libxml2 ends a text at ten million characters, which a file of 7.5 MB in base64 has. Where a document is larger than that, its size is
    what whoever admitted or made it allows, and the limit is lifted; entities stay unread.
    """
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=len(raw) > _LONG_TEXT,
        encoding="utf-8",
    )
    try:
        root = etree.fromstring(raw, parser)
    except (etree.LxmlError, ValueError) as error:
        line = getattr(error, "lineno", None) or 0
        raise refuse("HUB-SIG-005", line=line, rule="well-formed XML in UTF-8") from error
    for entry in parser.error_log:  # lxml lets an undeclared prefix pass when a warning follows it
        if entry.level >= etree.ErrorLevels.ERROR:
            raise refuse("HUB-SIG-005", line=entry.line, rule="well-formed XML in UTF-8")
    if root.getroottree().docinfo.internalDTD is not None:
        raise refuse("HUB-SIG-005", rule="no document type definition")
    return root


def scan(raw: bytes, limits: Limits) -> None:
    """Read the whole document with expat. Raises ``Refusal`` HUB-SIG-005 with the rule that was broken and its line."""
    _Scan(limits).run(raw)


class _Scan:
    """One scan. Expat calls back; what is wrong is raised and ends the parse."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._elements = self._declared = self._in_scope = 0
        self._parser = parser = ParserCreate("utf-8", " ")
        parser.ordered_attributes = True
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        parser.ProcessingInstructionHandler = self._instruction
        parser.StartNamespaceDeclHandler = self._namespace
        parser.EndNamespaceDeclHandler = self._namespace_ends
        parser.StartElementHandler = self._start

    def run(self, raw: bytes) -> None:
        try:
            self._parser.Parse(raw, True)
        except ExpatError as error:
            raise refuse("HUB-SIG-005", line=error.lineno, rule="well-formed XML in UTF-8") from error

    def _wrong(self, rule: str) -> Refusal:
        return refuse("HUB-SIG-005", line=self._parser.CurrentLineNumber, rule=rule)

    def _declaration(self, version: str, encoding: str | None, _: int) -> None:
        if version != "1.0" or (encoding or "utf-8").lower() != "utf-8":
            raise self._wrong("XML 1.0 in UTF-8")

    def _doctype(self, *_: object) -> None:
        raise self._wrong("no document type definition")

    def _instruction(self, *_: object) -> None:
        raise self._wrong("no processing instruction")

    def _namespace(self, *_: object) -> None:
        self._declared += 1
        self._in_scope += 1
        if self._in_scope > self._limits.namespaces:
            raise self._wrong(f"at most {self._limits.namespaces} namespace declarations in scope")

    def _namespace_ends(self, _: object) -> None:
        self._in_scope -= 1

    def _start(self, _: str, attributes: list[str]) -> None:
        self._elements += 1
        if self._elements > self._limits.elements:
            raise self._wrong(f"at most {self._limits.elements} elements")
        if len(attributes) // 2 + self._declared > self._limits.attributes:
            raise self._wrong(f"at most {self._limits.attributes} attributes of one element")
        self._declared = 0


def ids(element: etree._Element) -> list[str]:
    """Return every value by which some verifier might find this element, whatever the attribute's namespace and case."""
    return [str(value) for name, value in element.items() if etree.QName(name).localname.lower() == "id"]
