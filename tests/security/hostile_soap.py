"""What attackers make of a signed SOAP message beyond wrapping its Body: time, addressing, tokens and headers of their own.

WS-Attacker's and McIntosh and Austel's lists, on our own message.
"""

from __future__ import annotations

import base64
import copy
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from signing.xml.keyinfo import BASE64, WSSE, X509V3
from signing.xml.wss import WSU
from tests.security.hostile_xml import parsed, written

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.doubles.pki import Issued
    from tests.security.hostile_xml import Element, Hostile

WSA = "http://www.w3.org/2005/08/addressing"


def wsse(name: str) -> str:
    return f"{{{WSSE}}}{name}"


def wsu(name: str) -> str:
    return f"{{{WSU}}}{name}"


class Parts:
    """The parts of one message, made anew for each attack."""

    def __init__(self, raw: bytes) -> None:
        self.root = parsed(raw)
        self.soap = f"{{{etree.QName(self.root).namespace}}}"
        self.header, self.body = self.root
        self.security = self.find(wsse("Security"))
        self.timestamp = self.find(wsu("Timestamp"))
        self.token = self.find(wsse("BinarySecurityToken"))
        self.reference = self.find(wsse("Reference"))

    def find(self, name: str) -> Element:
        return next(self.root.iter(name))

    def header_block(self, name: str, text: str = "x") -> Element:
        block = etree.SubElement(self.header, name)
        block.text = text
        return block

    def bodies(self) -> Element:
        again = copy.deepcopy(self.body)
        for key in list(again.attrib):
            del again.attrib[key]
        return again


def _drop(element: Element) -> None:
    element.getparent().remove(element)  # type: ignore[union-attr]  # none of them is the root


def _fresh_timestamp(parts: Parts) -> None:
    created, expires = parts.timestamp
    created.text, expires.text = "2030-01-01T00:00:00Z", "2030-01-01T00:05:00Z"


def _another_timestamp(parts: Parts) -> None:
    parts.timestamp.addprevious(copy.deepcopy(parts.timestamp))


def _unsigned_timestamp(parts: Parts) -> None:
    again = copy.deepcopy(parts.timestamp)
    again.set(wsu("Id"), "ws-other")
    parts.timestamp.addprevious(again)
    parts.header.append(parts.timestamp)


def _body_in_header(parts: Parts) -> None:
    parts.root.replace(parts.body, parts.bodies())
    parts.header.append(parts.body)


def _second_body(parts: Parts) -> None:
    parts.body.addnext(parts.bodies())


def _first_body(parts: Parts) -> None:
    parts.header.addprevious(parts.bodies())


def _second_child(parts: Parts) -> None:
    parts.body.append(copy.deepcopy(parts.body[0]))


def _envelope_in_envelope(parts: Parts) -> None:
    outer = etree.Element(parts.root.tag)
    etree.SubElement(outer, f"{parts.soap}Header").append(copy.deepcopy(parts.security))
    etree.SubElement(outer, f"{parts.soap}Body").append(parts.root)
    parts.root = outer


def _second_security(parts: Parts) -> None:
    parts.security.addnext(copy.deepcopy(parts.security))


def _empty_security(parts: Parts) -> None:
    parts.security.addprevious(etree.Element(wsse("Security")))


def _security_for_another(parts: Parts) -> None:
    role = "actor" if "schemas.xmlsoap.org" in parts.soap else "role"
    parts.security.set(f"{parts.soap}{role}", "urn:another")


def _security_in_body(parts: Parts) -> None:
    parts.body.append(parts.security)


def _signature_in_header(parts: Parts) -> None:
    parts.header.append(parts.find("{http://www.w3.org/2000/09/xmldsig#}Signature"))


def _must_understand(parts: Parts) -> None:
    parts.header_block("{urn:x}policy").set(f"{parts.soap}mustUnderstand", "1")


def _addressed(name: str) -> Callable[[Parts], None]:
    def add(parts: Parts) -> None:
        parts.header_block(f"{{{WSA}}}{name}", "http://127.0.0.1/")

    return add


def _addressing_doubled(parts: Parts) -> None:
    for block in list(parts.header):
        if block.tag == f"{{{WSA}}}To":
            block.addnext(copy.deepcopy(block))
            return
    _addressed("To")(parts)


def _addressing_dropped(parts: Parts) -> None:
    found = [block for block in parts.header if block.tag == f"{{{WSA}}}MessageID"]
    for block in found or [parts.timestamp]:
        _drop(block)


def _addressing_changed(parts: Parts) -> None:
    found = [block for block in parts.header if block.tag == f"{{{WSA}}}MessageID"]
    for block in found or [parts.timestamp[0]]:
        block.text = "urn:uuid:another"


def _second_token(parts: Parts) -> None:
    again = copy.deepcopy(parts.token)
    again.set(wsu("Id"), "ws-other")
    parts.token.addnext(again)


def _encoded(parts: Parts) -> None:
    parts.token.set("EncodingType", BASE64.replace("Base64", "Hex"))


def _a_password(parts: Parts) -> None:
    name = etree.SubElement(parts.security, wsse("UsernameToken"))
    etree.SubElement(name, wsse("Username")).text = "admin"


ATTACKS: dict[str, Callable[[Parts], None]] = {
    "no time": lambda parts: _drop(parts.timestamp),
    "another time": _fresh_timestamp,
    "two times": _another_timestamp,
    "an unsigned time": _unsigned_timestamp,
    "no Expires": lambda parts: _drop(parts.timestamp[1]),
    "the Body in the Header": _body_in_header,
    "a second Body": _second_body,
    "a first Body": _first_body,
    "two in the Body": _second_child,
    "nothing in the Body": lambda parts: _drop(parts.body[0]),
    "no Body": lambda parts: _drop(parts.body),
    "an envelope in an envelope": _envelope_in_envelope,
    "a second Security": _second_security,
    "an empty Security": _empty_security,
    "a Security for another": _security_for_another,
    "the Security in the Body": _security_in_body,
    "the signature in the Header": _signature_in_header,
    "no Security": lambda parts: _drop(parts.security),
    "no Header": lambda parts: _drop(parts.header),
    "a header that must be understood": _must_understand,
    "ReplyTo": _addressed("ReplyTo"),
    "FaultTo": _addressed("FaultTo"),
    "RelatesTo": _addressed("RelatesTo"),
    "an address twice": _addressing_doubled,
    "no name": _addressing_dropped,
    "another name": _addressing_changed,
    "a second token": _second_token,
    "no token": lambda parts: _drop(parts.token),
    "a token in another encoding": _encoded,
    "a token of another type": lambda parts: parts.token.set("ValueType", X509V3.replace("v3", "PKIPathv1")),
    "a password beside": _a_password,
}


def messages(raw: bytes, stranger: Issued, address: str) -> Hostile:
    for about, change in ATTACKS.items():
        parts = Parts(raw)
        change(parts)
        yield about, written(parts.root)
    for about, uri in {"elsewhere": address, "nowhere": "#none", "at an attachment": "cid:token"}.items():
        parts = Parts(raw)
        parts.reference.set("URI", uri)
        yield f"a token {about}", written(parts.root)
    parts = Parts(raw)
    parts.token.text = base64.b64encode(stranger.certificate.public_bytes(Encoding.DER)).decode()
    yield "a stranger's token", written(parts.root)
    other = raw.replace(b"http://schemas.xmlsoap.org/soap/envelope/", b"urn:not-soap")
    yield "no SOAP", other.replace(b"http://www.w3.org/2003/05/soap-envelope", b"urn:not-soap")
