"""What a signed XML message must look like before a key, a canonicaliser or a verifier sees it.

libxml2 canonicalises in quadratic time over namespaces and attributes, and verifiers canonicalise before they know the
signer. So ``Gate.admit`` bounds size, depth, elements, attributes and namespace declarations first, and forbids what
makes a document mean more than it says: DTDs, entities, processing instructions, other encodings, a second Signature,
an id that stands twice.

Most documents are plain enough that a few counts over their bytes prove the costly limits; all others are read by expat
(``scan``), which is exact and dearer. The counts only ever err towards expat. What libxml2 can tell
in one pass without canonicalising (depth, ids, signatures) is asked of the parsed tree.

``read_signature`` then reads the one Signature as a closed shape: exactly the elements and algorithms that we allow, one
reference, nothing left over for a verifier to interpret in its own way.
"""

from __future__ import annotations

import base64
import binascii
import re
from pyexpat import ExpatError, ParserCreate
from typing import TYPE_CHECKING

import msgspec
from lxml import etree

from schemas.problems import Refusal, refuse
from signing.profiles import Limits, XmlAlgorithm

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

DSIG = "http://www.w3.org/2000/09/xmldsig#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = DSIG + "enveloped-signature"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
METHODS = {
    XmlAlgorithm.RSA_SHA256: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    XmlAlgorithm.ECDSA_SHA256: "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
}
_ALGORITHMS = {uri: algorithm for algorithm, uri in METHODS.items()}

_FEW_NAMESPACES = 16
_XML_DECLARATION = re.compile(
    rb"""(?:\xef\xbb\xbf)?(?:<\?xml\s+version=["']1\.0["'](?:\s+encoding=["'][Uu][Tt][Ff]-8["'])?"""
    rb"""(?:\s+standalone=["'](?:yes|no)["'])?\s*\?>)?"""
)
_SIGNATURE_VALUE_CHARACTERS = 2_048
_CERTIFICATE_CHARACTERS = 16_384
_CERTIFICATES = 5
_PREFIXES = 16


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """What a signature says of itself; nothing of it is proven.

    ``certificates``: DER of what KeyInfo brings along. ``plain``: KeyInfo holds nothing but X509Data.
    """

    algorithm: XmlAlgorithm
    uri: str
    digest: bytes
    value: bytes
    certificates: tuple[bytes, ...]
    plain: bool
    signed_info: etree._Element


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

        Raises ``Refusal`` HUB-SIG-005 with the rule that was broken, HUB-SIG-001 when there is no Signature.
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
        signatures = sum(1 for _ in root.iter(_ds("Signature")))
        if not signatures:
            raise refuse("HUB-SIG-001", rule="one enveloped signature")
        if signatures > 1:
            raise refuse("HUB-SIG-005", rule="one signature in the document")
        ids = self._ids(root)
        if not isinstance(ids, list) or len(set(ids)) != len(ids):
            raise refuse("HUB-SIG-005", rule="an id stands once, whatever the case of its attribute")


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
    """Parse with nothing fetched and nothing replaced; UTF-8 whatever the document says of itself. HUB-SIG-005."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, encoding="utf-8"
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


def read_signature(signature: etree._Element, algorithms: Container[XmlAlgorithm]) -> Declared:
    """Read a Signature as the closed shape that we allow. Raises HUB-SIG-004 for algorithms, HUB-SIG-005 for shape."""
    parts = _elements(signature)
    signed_info, value = _expect(parts[:2], "SignedInfo", "SignatureValue")
    if len(parts) > 3 or any(part.tag != _ds("KeyInfo") for part in parts[2:]):  # noqa: PLR2004 - SignedInfo, SignatureValue, KeyInfo
        raise _shape("Signature of SignedInfo, SignatureValue and KeyInfo")
    c14n, method, reference = _expect(
        _elements(signed_info), "CanonicalizationMethod", "SignatureMethod", "Reference"
    )
    transforms, digest_method, digest = _expect(
        _elements(reference), "Transforms", "DigestMethod", "DigestValue"
    )
    _check_canonicalisation(c14n)
    _check_transforms(_elements(transforms))
    _check_digest_method(digest_method)
    certificates, plain = _key_info(parts[2:])
    return Declared(
        algorithm=_algorithm(method, algorithms),
        uri=_uri(reference),
        digest=_base64(digest, _SIGNATURE_VALUE_CHARACTERS),
        value=_base64(value, _SIGNATURE_VALUE_CHARACTERS),
        certificates=certificates,
        plain=plain,
        signed_info=signed_info,
    )


def _ds(name: str) -> str:
    return f"{{{DSIG}}}{name}"


def _shape(rule: str) -> Refusal:
    return refuse("HUB-SIG-005", "Signature", rule=rule)


def _not_allowed(place: str) -> Refusal:
    return refuse("HUB-SIG-004", place, rule="an algorithm that this profile allows")


def _elements(parent: etree._Element) -> list[etree._Element]:
    """Return the children, with nothing but white space between them; a comment is a child that no shape expects."""
    children = list(parent)
    if any(text and text.strip() for text in (parent.text, *(child.tail for child in children))):
        raise _shape("no text between the elements of the signature")
    return children


def _expect(elements: Sequence[etree._Element], *names: str) -> Sequence[etree._Element]:
    if [element.tag for element in elements] != [_ds(name) for name in names]:
        raise _shape("exactly " + ", ".join(names))
    return elements


def _empty(element: etree._Element) -> None:
    if len(element) or (element.text and element.text.strip()):
        raise _not_allowed(etree.QName(element).localname)


def _check_canonicalisation(element: etree._Element) -> None:
    if element.get("Algorithm") != EXCLUSIVE:
        raise _not_allowed("CanonicalizationMethod")
    _check_prefixes(element)


def _check_prefixes(element: etree._Element) -> None:
    """Allow the one parameter of exclusive C14N that Java peers write: a short list of prefixes (exc-c14n §4)."""
    for child in _elements(element):
        prefixes = child.get("PrefixList")
        if child.tag != f"{{{EXCLUSIVE}}}InclusiveNamespaces" or len(child) or prefixes is None:
            raise _not_allowed(etree.QName(element).localname)
        if len(element) > 1 or len(prefixes.split()) > _PREFIXES:
            raise _shape(f"one list of at most {_PREFIXES} inclusive prefixes")


def _check_transforms(transforms: Sequence[etree._Element]) -> None:
    if any(transform.tag != _ds("Transform") for transform in transforms):
        raise _shape("Transforms of Transform")
    if [transform.get("Algorithm") for transform in transforms] != [ENVELOPED, EXCLUSIVE]:
        raise _not_allowed("Transforms")
    _empty(transforms[0])
    _check_prefixes(transforms[1])


def _check_digest_method(element: etree._Element) -> None:
    if element.get("Algorithm") != SHA256:
        raise _not_allowed("DigestMethod")
    _empty(element)


def _algorithm(method: etree._Element, allowed: Container[XmlAlgorithm]) -> XmlAlgorithm:
    algorithm = _ALGORITHMS.get(method.get("Algorithm") or "")
    if algorithm is None or algorithm not in allowed:
        raise _not_allowed("SignatureMethod")
    _empty(method)
    return algorithm


def _uri(reference: etree._Element) -> str:
    uri = reference.get("URI")
    if uri is None:
        raise _shape("a Reference with a URI")
    return uri


def _base64(element: etree._Element, most: int) -> bytes:
    """Decode strictly: white space may stand anywhere (xsd:base64Binary), nothing else that is foreign."""
    text = (element.text or "").encode()
    if len(element) or len(text) > most:
        raise _shape(f"{etree.QName(element).localname} of at most {most} characters")
    try:
        decoded = base64.b64decode(text.translate(None, b" \t\r\n"), validate=True)
    except binascii.Error as error:
        raise _shape(f"{etree.QName(element).localname} in base64") from error
    if not decoded:
        raise _shape(f"{etree.QName(element).localname} is not empty")
    return decoded


def _key_info(key_infos: Sequence[etree._Element]) -> tuple[tuple[bytes, ...], bool]:
    certificates: list[bytes] = []
    plain = True
    for part in (part for key_info in key_infos for part in _elements(key_info)):
        if part.tag != _ds("X509Data"):
            plain = False
            continue
        texts = part.findall(_ds("X509Certificate"))
        if len(certificates) + len(texts) > _CERTIFICATES:
            raise _shape(f"at most {_CERTIFICATES} certificates in KeyInfo")
        certificates.extend(_base64(text, _CERTIFICATE_CHARACTERS) for text in texts)
    return tuple(certificates), plain
