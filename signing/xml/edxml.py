"""The signature of an edXML document (QCVN 102:2016): enveloped, over the whole document, in the header of its envelope.

The standard's namespace is written in several ways, so elements are known by their local names; the signature's never is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lxml import etree

from schemas.problems import refuse
from signing.xml.canonical import canonical
from signing.xml.engine import Engine
from signing.xml.enveloped import accepted
from signing.xml.gate import Gate, parse
from signing.xml.names import ds
from signing.xml.references import points_at
from signing.xml.writing import WITHOUT_THE_SIGNATURE, Part, Writer

if TYPE_CHECKING:
    from datetime import datetime

    from signing.contract import Key, Verified
    from signing.profiles import EdxmlProfile
    from signing.trust.pins import Pins

_WAY: Final = ("edXMLEnvelope", "edXMLHeader")


class EdxmlSigner:
    """Signs with one key under one profile. Immutable; shared by threads."""

    def __init__(self, key: Key, profile: EdxmlProfile) -> None:
        """Raises ``Refusal`` HUB-SIG-004 when the profile does not allow what the key can do."""
        self._writer = Writer(key, profile.algorithms)

    def sign(self, document: bytes, now: datetime) -> bytes:  # noqa: ARG002 - says no time
        """Return the document in exclusive C14N with the signature last in its header. Raises HUB-SIG-005, HUB-SIG-009."""
        root = parse(document)
        header = _header(root)
        if next(root.iter(ds("Signature")), None) is not None:
            raise refuse("HUB-SIG-005", rule="a document that is not signed yet")
        part = Part(uri="", content=canonical(root), transforms=WITHOUT_THE_SIGNATURE)
        header.append(parse(self._writer.write([part])))
        return canonical(root)


def _header(root: etree._Element) -> etree._Element:
    element = root
    if etree.QName(root).localname != "edXML":
        raise refuse("HUB-SIG-009", rule="an edXML document")
    for name in _WAY:
        found = [
            child for child in element if isinstance(child.tag, str) and etree.QName(child).localname == name
        ]
        if len(found) != 1:
            raise refuse("HUB-SIG-009", name, rule=f"one {name}")
        (element,) = found
    return element


class EdxmlVerifier:
    """Verifies against the pins of one signer under one profile. Immutable; shared by threads."""

    def __init__(self, pins: Pins, profile: EdxmlProfile) -> None:
        self._gate = Gate(profile.limits)
        self._engine = Engine(pins, profile, accepted(profile))

    def verify(self, raw: bytes, now: datetime) -> Verified:
        """Return the whole document without its signature. Raises as ``signing.contract.Verifier``."""
        root = self._gate.admit(raw)
        signature = _header(root).find(ds("Signature"))
        if signature is None:
            raise refuse("HUB-SIG-009", "edXMLHeader", rule="the signature in edXMLHeader")
        opened = self._engine.open(signature, now)
        uri = opened.signed.references[0].uri
        if uri and not points_at(uri, root):
            raise refuse("HUB-SIG-006", "Reference", rule="a reference to the whole document")
        proven = self._engine.prove(opened, (root,))
        return self._engine.verified(opened, proven, proven.contents[0], now)
