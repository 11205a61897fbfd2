"""Strict reading of XML: no DTD, no entity declaration, no processing instruction, no network, caps before any tree.

An expat pre-scan caps size, depth, elements and attributes before libxml2 sees a byte (libxml2's C14N is quadratic in
namespaces). Who validates against a schema that bounds the depth may skip it for bytes in which nothing else can be over
a cap, by counting.
"""

from __future__ import annotations

import re
from typing import NoReturn
from xml.parsers import expat

from lxml import etree

from schemas.problems import refuse
from schemas.text import LIMITS, Limits, utf8

_DECLARATION = re.compile(rb"^(?:\xef\xbb\xbf)?<\?xml\s[^>]*?\?>")
_ENCODING = re.compile(rb"encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")


def gate_xml(raw: bytes, limits: Limits = LIMITS, *, bounded: bool = False) -> str:
    """Refuse what no tree should be built of; return the decoded text. HUB-SCH-001, -006, -008, -012.

    ``bounded``: a schema will bound the depth; then bytes with few marks need no scan (libxml2 itself stops at 256 levels).
    """
    if len(raw) > limits.size:
        raise refuse("HUB-SCH-012", rule=f"at most {limits.size} bytes")
    text = utf8(raw)
    declaration = _DECLARATION.match(raw)
    if declaration:
        encoding = _ENCODING.search(declaration[0])
        if encoding and encoding[1].lower() != b"utf-8":
            raise refuse("HUB-SCH-008", line=1, rule="UTF-8")
    if not (bounded and _nothing_to_count(raw, declaration.end() if declaration else 0, limits)):
        _scan(raw, limits)
    return text


def _nothing_to_count(raw: bytes, start: int, limits: Limits) -> bool:
    """No markup declaration, comment, CDATA or instruction, and too few marks for any cap but the depth."""
    return (
        (b"!" not in raw or b"<!" not in raw)
        and (raw.find(b"?", start) < 0 or raw.find(b"<?", start) < 0)
        and raw.count(b"=") <= limits.attributes
        and raw.count(b"<") <= min(limits.elements, 1_000)
    )


def _scan(raw: bytes, limits: Limits) -> None:
    parser = expat.ParserCreate()
    parser.ordered_attributes = True
    depth = elements = 0

    def stop(code: str, rule: str) -> NoReturn:
        raise refuse(code, line=parser.CurrentLineNumber, rule=rule)

    def start(_: str, attributes: list[str]) -> None:
        nonlocal depth, elements
        depth += 1
        elements += 1
        if depth > limits.depth:
            stop("HUB-SCH-012", f"at most {limits.depth} levels")
        if elements > limits.elements:
            stop("HUB-SCH-012", f"at most {limits.elements} elements")
        if len(attributes) > 2 * limits.attributes:
            stop("HUB-SCH-012", f"at most {limits.attributes} attributes")

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    def doctype(*_: object) -> None:
        stop("HUB-SCH-006", "no DTD")

    def instruction(*_: object) -> None:
        stop("HUB-SCH-006", "no processing instruction")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = doctype
    parser.EntityDeclHandler = doctype
    parser.ProcessingInstructionHandler = instruction
    try:
        parser.Parse(raw, True)
    except expat.ExpatError as error:
        rule = f"XML 1.0: {expat.ErrorString(error.code)}"
        raise refuse("HUB-SCH-001", line=error.lineno, rule=rule) from None


def hardened_parser() -> etree.XMLParser:
    """No entities, no DTD, no network, libxml2's own caps on; comments and CDATA marks carry no words and are dropped."""
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True
    )


def parse_xml(raw: bytes, limits: Limits = LIMITS, parser: etree.XMLParser | None = None) -> etree._Element:
    """Gate, then parse. Raises ``Refusal``."""
    gate_xml(raw, limits)
    return parse_gated(raw, parser)


def parse_gated(raw: bytes, parser: etree.XMLParser | None = None) -> etree._Element:
    """Parse bytes that passed the gate (or that we wrote ourselves)."""
    try:
        return etree.fromstring(raw, parser or hardened_parser())
    except etree.XMLSyntaxError as error:
        if "Excessive depth" in (error.msg or ""):
            raise refuse("HUB-SCH-012", line=error.lineno or 0, rule="at most 256 levels") from None
        last = getattr(error.error_log, "last_error", None)
        name = last.type_name if last is not None else "not well-formed"
        raise refuse("HUB-SCH-001", line=error.lineno or 0, rule=f"XML 1.0: {name}") from None


def element_path(element: etree._Element) -> str:
    """Prefixed path from the root, ``/l:TiepNhanHoSo/l:GiayTo[2]/l:Ten``; lxml's own paths are wildcards."""
    steps: list[str] = []
    node: etree._Element | None = element
    while node is not None:
        parent = node.getparent()
        name = etree.QName(node).localname
        step = f"{node.prefix}:{name}" if node.prefix else name
        if parent is not None:
            same = [child for child in parent if child.tag == node.tag]
            if len(same) > 1:
                step += f"[{same.index(node) + 1}]"
        steps.append(step)
        node = parent
    return "/" + "/".join(reversed(steps))
