"""SOAP 1.1 and 1.2 envelopes: sealed bytes go in untouched, a reply comes out as a Body child or a Fault.

Pure. The rules, with their sources:

* The envelope is a prefix and a suffix around the sealed payload, so that what was signed is on the wire byte for byte.
* SOAP 1.1 §6.1.1 and WS-I BP 1.1 R2744: ``SOAPAction`` is a quoted string. SOAP 1.2 part 2 §6.5: it is the media
  type's ``action`` parameter.
* SOAP 1.1 §3, SOAP 1.2 part 1 §5: no DTD and no processing instructions in a message. Replies are scanned by expat for size, depth,
  elements and attributes *before* any tree is built, and nothing of a reply is ever fetched or expanded.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

import msgspec
from lxml import etree

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Version = Literal["1.1", "1.2"]

NAMESPACES: Mapping[str, str] = {
    "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
    "1.2": "http://www.w3.org/2003/05/soap-envelope",
}
ADDRESSING = "http://www.w3.org/2005/08/addressing"
MAX_DEPTH = 64
MAX_NODES = 100_000
MAX_ATTRIBUTES = 64


class Unreadable(Exception):  # noqa: N818 - says what the reply is
    """Not a SOAP envelope that may be read; the text is a class of defect, never a value from the reply."""


class Fault(msgspec.Struct, frozen=True):
    """``code``: local parts joined by dots (``Client.Duplicate``, ``Sender.NoSuchCase``). ``detail``: the partner's own code."""

    code: str
    text: str
    detail: str = ""


class Frame(msgspec.Struct, frozen=True):
    """What stands around every payload of one operation."""

    prefix: bytes
    suffix: bytes
    content_type: str
    headers: Mapping[str, str]


def frame(version: Version, action: str, *, header: str = "") -> Frame:
    """Build the envelope of an operation once. ``header``: serialised header blocks."""
    ns = NAMESPACES[version]
    blocks = f"<soap:Header>{header}</soap:Header>" if header else ""
    prefix = f'<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="{ns}">{blocks}<soap:Body>'
    quoted = '"' + action.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if version == "1.1":
        content_type, headers = "text/xml; charset=utf-8", {"SOAPAction": quoted}
    else:
        content_type = "application/soap+xml; charset=utf-8" + (f"; action={quoted}" if action else "")
        headers = {}
    return Frame(prefix.encode(), b"</soap:Body></soap:Envelope>", content_type, headers)


def addressing(action: str, to: str, message_id: str) -> str:
    """WS-Addressing 1.0 headers of one message: the transfer's key is the MessageID, the same on every attempt."""
    values = (("Action", action), ("MessageID", message_id), ("To", to))
    return "".join(
        f"<wsa:{name} xmlns:wsa={quoteattr(ADDRESSING)}>{escape(value)}</wsa:{name}>"
        for name, value in values
    )


def wrap(around: Frame, payload: bytes) -> bytes:
    """Put the sealed payload into its envelope, untouched."""
    return around.prefix + payload + around.suffix


_CANONICAL = re.compile(rb"""<([A-Za-z_][\w.-]*) xmlns="([^"&<\x80-\xff]+)"(?: Id="[\w-]*")?>""")
"""How canonical XML with one namespace and no prefix begins."""


def root(payload: bytes) -> str:
    """Name the payload's root element; empty for what cannot stand in a Body (no element, or a document with a declaration)."""
    if not payload.startswith(b"<") or payload.startswith((b"<?", b"<!")):
        return ""
    plain = _CANONICAL.match(payload)
    if plain:
        return f"{{{plain[2].decode()}}}{plain[1].decode()}"
    parser = expat.ParserCreate(namespace_separator="}")
    parser.StartElementHandler = _stop
    try:
        parser.Parse(payload, True)
    except _Found as found:
        return found.name
    except expat.ExpatError:
        return ""
    return ""


class _Found(Exception):  # noqa: N818 - ends a scan that has seen enough
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = "{" + name if "}" in name else name


def _stop(name: str, _attributes: object) -> None:
    raise _Found(name)


def read(raw: bytes, version: Version, *, detail: str | None = None) -> etree._Element | Fault | None:
    """Return the Body's child, its Fault, or ``None`` for an empty Body. Raises ``Unreadable``.

    ``detail``: path below a Fault's detail where the partner puts its own code.
    """
    envelope = _tree(raw)
    ns = NAMESPACES[version]
    if envelope.tag != f"{{{ns}}}Envelope":
        raise Unreadable("not an envelope of this SOAP version")
    bodies = envelope.findall(f"{{{ns}}}Body")
    if len(bodies) != 1:
        raise Unreadable("an envelope has one Body")
    children = list(bodies[0])
    if not children:
        return None
    if children[0].tag == f"{{{ns}}}Fault":
        return _fault(children[0], ns, detail)
    if len(children) > 1:
        raise Unreadable("WS-I BP 1.1 R2201: a Body has one child")
    return children[0]


def read_payload(raw: bytes, version: Version, *, detail: str | None = None) -> etree._Element | Fault | None:
    """Return what ``read`` would, out of the Body's child alone: of a signed reply that is all that counts."""
    child = _tree(raw)
    ns = NAMESPACES[version]
    return _fault(child, ns, detail) if child.tag == f"{{{ns}}}Fault" else child


def text_at(element: etree._Element, path: str) -> str | None:
    """Find an element below this one by local names; ``None`` when it is not there or stands more than once."""
    found = [element]
    for name in path.split("."):
        found = [child for node in found for child in node if child.tag.rpartition("}")[2] == name]
    return (found[0].text or "").strip() if len(found) == 1 else None


def _fault(fault: etree._Element, ns: str, path: str | None) -> Fault:
    if ns == NAMESPACES["1.1"]:
        codes = [fault.findtext("faultcode") or ""]
        text, detail = fault.findtext("faultstring"), fault.find("detail")
    else:
        codes = [node.text or "" for node in _codes(fault, ns)]
        text, detail = fault.findtext(f"{{{ns}}}Reason/{{{ns}}}Text"), fault.find(f"{{{ns}}}Detail")
    own = text_at(detail, path) if detail is not None and path else None
    return Fault(".".join(filter(None, map(_local, codes))), (text or "").strip(), own or "")


def _codes(fault: etree._Element, ns: str) -> Iterator[etree._Element]:
    """SOAP 1.2 part 1 §5.4.1: Code/Value, then Code/Subcode/Value and further down."""
    node = fault.find(f"{{{ns}}}Code")
    while node is not None:
        yield from node.findall(f"{{{ns}}}Value")
        node = node.find(f"{{{ns}}}Subcode")


def _local(qname: str) -> str:
    return qname.strip().rpartition(":")[2]


_PARSER = etree.XMLParser(
    resolve_entities=False,
    no_network=True,
    load_dtd=False,
    huge_tree=False,
    remove_comments=True,
    remove_pis=True,
)
_UTF8 = re.compile(
    rb"""<(?![?!])|<\?xml\s+version=["']1\.0["'](?:\s+encoding=["'][Uu][Tt][Ff]-8["'])?(?:\s+standalone=["'](?:yes|no)["'])?\s*\?>"""
)
"""How a document begins whose bytes are UTF-8, so that its marks can be counted as they stand."""


def _tree(raw: bytes) -> etree._Element:
    if not _small(raw):
        _scan(raw)
    try:
        return etree.fromstring(raw, _PARSER)
    except etree.XMLSyntaxError as error:
        raise Unreadable("not well-formed XML") from error


def _small(raw: bytes) -> bool:
    """Whether so few marks stand in it that nothing can be too deep or too many, and no DTD among them: then it needs no scan."""
    return (
        raw.count(b"<") <= MAX_DEPTH
        and raw.count(b"=") <= MAX_ATTRIBUTES
        and b"<!" not in raw
        and b"\0" not in raw
        and _UTF8.match(raw) is not None
    )


def _scan(raw: bytes) -> None:
    """Refuse before a tree exists what a tree would make dear: DTDs, depth, numbers of nodes and attributes."""
    depth = nodes = 0

    def start(_name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, nodes
        depth, nodes = depth + 1, nodes + 1
        if depth > MAX_DEPTH or nodes > MAX_NODES or len(attributes) > MAX_ATTRIBUTES:
            raise Unreadable("too deep, too many elements or too many attributes")

    def end(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def doctype(*_: object) -> None:
        raise Unreadable("a DTD is forbidden in a SOAP message")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(raw, True)
    except expat.ExpatError as error:
        raise Unreadable("not well-formed XML") from error
    except (LookupError, ValueError) as error:
        raise Unreadable("an encoding that is not known") from error
