"""A SOAP 1.1 request, read in one pass and within bounds: what is too deep, too many or forbidden ends the pass where it stands.

Sources: SOAP 1.1 §4; WS-I BP 1.1 R1008, R1009 (no DTD, no processing instructions), R1011 (nothing behind the Body), R1012
(UTF-8 or UTF-16), R1025, R1027 (mustUnderstand), R2201 (one child of the Body); XOP 1.0 §3 (``xop:Include``).

Contents in base64 never become text of a tree (libxml2 ends a text at ten million characters): they are taken out as they
pass, and what is validated against the contract is the rest.
"""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Final, NoReturn
from urllib.parse import unquote
from xml.parsers import expat

import msgspec
from lxml import etree

from connectors.soap_desk.names import PLAIN, SOAP, WSSE, XOP, XSI, tag
from schemas.problems import refuse
from schemas.strict_xml import element_path
from schemas.text import LIMITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.problems import Refusal

ENCODINGS: Final = frozenset({"", "utf-8", "utf8", "utf-16"})
LIFTED: Final = frozenset({tag("Payload"), tag("Content")})
TEXT: Final = 1 << 20
"""Characters outside contents."""
ELEMENTS: Final = 2_000
"""Elements of one request: four for each of a hundred files, and a header with signatures."""
NEXT: Final = frozenset({"", "http://schemas.xmlsoap.org/soap/actor/next"})
YES: Final = frozenset({"1", "true"})
_ENVELOPE, _HEADER, _BODY = (f"{SOAP}}}{name}" for name in ("Envelope", "Header", "Body"))
_SECURITY = f"{WSSE}}}Security"
_CHILD = 2
"""How deep a block of the Header or the Body's child stands."""


class Opened(msgspec.Struct, frozen=True):
    """``child``: of the Body, without contents; ``contents``: those, in their order."""

    child: etree._Element
    contents: tuple[bytes, ...]


def read(raw: bytes | memoryview, charset: str, parts: Mapping[str, bytes], *, signed: bool) -> Opened:
    """Read one request. ``charset``: of its media type; ``parts``: attachments by Content-ID; ``signed``: this caller's
    envelopes are signed, so that a Security header is understood. Raises ``Refusal`` HUB-SOP-*, HUB-SCH-*.
    """
    if charset.lower() not in ENCODINGS:
        raise refuse("HUB-SCH-008", "Content-Type", rule="charset=utf-8")
    reader = _Reader(charset, parts, signed=signed)
    return reader.read(raw)


def _wrong(rule: str) -> Refusal:
    return refuse("HUB-SOP-001", rule=rule)


class _Reader:
    """``_path``: names of the open elements; ``_open``: those of the Body's child, as they are built."""

    def __init__(self, charset: str, parts: Mapping[str, bytes], *, signed: bool) -> None:
        self._parser = expat.ParserCreate(encoding=charset or None, namespace_separator="}")
        self._parser.buffer_text = True
        self._parts, self._signed = dict(parts), signed
        self._path: list[str] = []
        self._open: list[etree._Element] = []
        self._bodies = self._elements = self._characters = 0
        self._child: etree._Element | None = None
        self._pieces: list[str] = []
        self._included: bytes | None = None
        self._contents: list[bytes] = []

    def read(self, raw: bytes | memoryview) -> Opened:
        parser = self._parser
        parser.XmlDeclHandler = self._declared
        parser.StartDoctypeDeclHandler = lambda *_: self._stop("HUB-SCH-006", "no DTD")
        parser.ProcessingInstructionHandler = lambda *_: self._stop(
            "HUB-SCH-006", "no processing instruction"
        )
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        try:
            parser.Parse(raw, True)
        except expat.ExpatError as error:
            rule = f"XML 1.0: {expat.ErrorString(error.code)}"
            raise refuse("HUB-SCH-001", line=error.lineno, rule=rule) from None
        except (LookupError, ValueError):
            self._stop("HUB-SCH-001", "XML 1.0")
        if self._child is None:
            raise _wrong("a Body with one child")
        return Opened(self._child, tuple(self._contents))

    def _stop(self, code: str, rule: str) -> NoReturn:
        raise refuse(code, line=self._parser.CurrentLineNumber, rule=rule)

    def _declared(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if (encoding or "").lower() not in ENCODINGS:
            self._stop("HUB-SCH-008", "UTF-8")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if len(self._path) >= LIMITS.depth:
            self._stop("HUB-SCH-012", f"at most {LIMITS.depth} levels")
        if self._elements > ELEMENTS:
            self._stop("HUB-SCH-012", f"at most {ELEMENTS} elements")
        if len(attributes) > LIMITS.attributes:
            self._stop("HUB-SCH-012", f"at most {LIMITS.attributes} attributes")
        depth = len(self._path)
        if depth < _CHILD:
            self._frame(depth, name)
        elif self._path[1] == _HEADER:
            if depth == _CHILD:
                self._block(name, attributes)
        else:
            self._inside(depth, name, attributes)
        self._path.append(name)

    def _frame(self, depth: int, name: str) -> None:
        """The envelope, and what it is made of."""
        if depth == 0 and name != _ENVELOPE:
            if name.rpartition("}")[2] == "Envelope" and "}" in name:
                raise refuse("HUB-SOP-002", "/Envelope", rule=SOAP)
            raise _wrong("a SOAP 1.1 envelope")
        if depth == 0:
            return
        if name == _BODY and not self._bodies:
            self._bodies = 1
        elif name != _HEADER or self._bodies or self._elements > _CHILD:
            raise _wrong("a Header, if any, then one Body")

    def _block(self, name: str, attributes: dict[str, str]) -> None:
        """One header block; what is not meant for us is passed over."""
        if attributes.get(f"{SOAP}}}actor", "") not in NEXT:
            return
        if name == _SECURITY and self._signed:
            return
        if attributes.get(f"{SOAP}}}mustUnderstand", "").strip() in YES:
            raise refuse("HUB-SOP-003", f"/Envelope/Header/{name.rpartition('}')[2]}", rule=_uri(name))

    def _inside(self, depth: int, name: str, attributes: dict[str, str]) -> None:
        if depth == _CHILD:
            if self._child is not None:
                raise _wrong("a Body with one child")
            node = self._child = etree.Element(_clark(name), nsmap=PLAIN)
        else:
            above = self._open[-1]
            if above.tag in LIFTED and name == f"{XOP}}}Include":
                self._include(above, attributes.get("href", ""))
                self._open.append(above)
                return
            self._flush(above)
            node = etree.SubElement(above, _clark(name))
        for key, value in attributes.items():
            if not key.startswith(f"{XSI}}}") or key.endswith("}nil"):
                node.set(_clark(key), value)
        self._open.append(node)

    def _include(self, above: etree._Element, address: str) -> None:
        found = self._parts.pop(unquote(address.removeprefix("cid:")), None)
        if found is None or self._included is not None:
            raise refuse("HUB-SOP-005", element_path(above), rule="each part included once")
        self._included = found

    def _text(self, text: str) -> None:
        if not self._open:
            if len(self._path) <= _CHILD and text.strip():
                raise _wrong("no text between the elements of an envelope")
            return
        if self._open[-1].tag not in LIFTED:
            self._characters += len(text)
            if self._characters > TEXT:
                self._stop("HUB-SCH-012", f"at most {TEXT} characters outside contents")
        self._pieces.append(text)

    def _end(self, _name: str) -> None:
        self._path.pop()
        if not self._open:
            return
        node = self._open.pop()
        if self._open and self._open[-1] is node:  # an Include, whose element stays open
            return
        if node.tag in LIFTED:
            self._contents.append(self._content(node))
        else:
            self._flush(node)

    def _flush(self, node: etree._Element) -> None:
        """Text before the first child is the element's, further text its last child's tail."""
        said, self._pieces = "".join(self._pieces), []
        if not said:
            return
        if len(node):
            node[-1].tail = (node[-1].tail or "") + said
        else:
            node.text = (node.text or "") + said

    def _content(self, node: etree._Element) -> bytes:
        said, self._pieces = "".join(self._pieces), []
        included, self._included = self._included, None
        if included is not None:
            if said.strip():
                raise refuse("HUB-SOP-005", element_path(node), rule="an Include and nothing else")
            return included
        try:
            return binascii.a2b_base64("".join(said.split()), strict_mode=True)
        except ValueError:
            line = self._parser.CurrentLineNumber
            raise refuse("HUB-SCH-002", element_path(node), line=line, rule="xs:base64Binary") from None


def _clark(name: str) -> str:
    return "{" + name if "}" in name else name


def _uri(name: str) -> str:
    return name.rpartition("}")[0]
