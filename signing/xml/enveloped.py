"""Enveloped XML-DSig (W3C xmldsig-core1, xml-exc-c14n).

Signing is direct: SignedInfo is *written* in canonical form, so nothing but the payload is ever canonicalised. Verifying
is the same for every form that the gate and the shape let through (``signing.xml.engine``).

What is signed is all that comes out: ``Verified.payload`` holds the canonical bytes, without comments.
Exclusive C14N drops namespace declarations that only *values* use (an ``xsi:type`` with a prefix): formats that we sign
must not need them.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

from schemas.problems import refuse
from signing.profiles import ENVELOPED as ENVELOPED_PROFILE
from signing.profiles import Place, Reference, XmlProfile, XmlRules
from signing.xml.canonical import canonical
from signing.xml.engine import WRITTEN, Engine
from signing.xml.gate import Gate, parse
from signing.xml.names import DSIG, ENVELOPED, INCLUSIVE, SOAP, ds
from signing.xml.references import points_at
from signing.xml.shape import Accepted, Chain
from signing.xml.writing import PLAIN_ID, WITHOUT_THE_SIGNATURE, Part, Writer

if TYPE_CHECKING:
    from datetime import datetime

    from lxml import etree

    from signing.contract import Key, Verified
    from signing.trust.pins import Pins

_FIRST_TAG: Final = re.compile(rb"""<[^\s/>?!][^\s/>]*((?:[^>"']|"[^"]*"|'[^']*')*)>""")
_OWN_ID: Final = re.compile(rb"\sId=")
_START_TAG: Final = re.compile(rb'<[^\s>]+((?:\s[^\s=]+="[^"]*")*)>')
_ATTRIBUTE: Final = re.compile(rb'\s(?:[^\s=:]+:)?(?:Id|ID|id)="([^"]*)"')


def canonicalise(document: bytes) -> bytes:
    """Return the root element in exclusive C14N without comments. Raises HUB-SIG-005 for what is not plain XML."""
    return canonical(parse(document))


class EnvelopedSigner:
    """Signs with one key under one profile. Immutable; shared by threads."""

    def __init__(self, key: Key, profile: XmlProfile = ENVELOPED_PROFILE) -> None:
        """Raises ``Refusal`` HUB-SIG-004 when the profile does not allow what the key can do."""
        self._by_id = profile.reference is Reference.ID
        self._writer = Writer(key, profile.algorithms)

    def sign(self, document: bytes, *, canonical: bool = False) -> bytes:
        """Return the document in exclusive C14N with the signature as the root's last child.

        ``canonical``: the bytes are in exclusive C14N already (``etree.tostring(…, method="c14n", exclusive=True)``);
        then they are not parsed again. Raises ``Refusal`` HUB-SIG-005 when the document is signed already, is not XML,
        or has no id to be referenced by.
        """
        payload = document if canonical else canonicalise(document)
        if DSIG.encode() in payload and next(parse(payload).iter(ds("Signature")), None) is not None:
            raise refuse("HUB-SIG-005", rule="a document that is not signed yet")
        uri = "#" + root_id(payload) if self._by_id else ""
        signature = self._writer.write([Part(uri=uri, content=payload, transforms=WITHOUT_THE_SIGNATURE)])
        end = payload.rindex(b"</")
        return payload[:end] + signature + payload[end:]


def with_id(payload: bytes) -> bytes:
    """Return the document with an ``Id`` on its root, behind its namespace declarations as canonical XML wants it."""
    start = _FIRST_TAG.match(payload)
    if start is None:
        raise refuse("HUB-SIG-005", rule="a document that begins with its root element")
    if _OWN_ID.search(start.group(1)):
        return payload
    name = hashlib.sha256(payload).hexdigest()[:32].encode()
    end = start.end() - (2 if start.group().endswith(b"/>") else 1)
    return payload[:end] + b' Id="_' + name + b'"' + payload[end:]


def root_id(canonical: bytes) -> str:
    start = _START_TAG.match(canonical)
    ids = _ATTRIBUTE.findall(start.group(1)) if start else []
    name = ids[0].decode() if len(ids) == 1 else ""
    if not PLAIN_ID.fullmatch(name):
        raise refuse("HUB-SIG-005", rule="a root element with one Id of letters, digits, '.', '_' or '-'")
    return name


class EnvelopedVerifier:
    """Verifies against the pins of one signer under one profile. Immutable; shared by threads."""

    def __init__(self, pins: Pins, profile: XmlProfile = ENVELOPED_PROFILE) -> None:
        self._profile = profile
        self._gate = Gate(profile.limits)
        self._engine = Engine(pins, profile, accepted(profile))

    def verify(self, raw: bytes, now: datetime) -> Verified:
        """Return what was signed, and nothing else of the message. ``now`` is aware.

        Raises ``Refusal``: HUB-SIG-001 unsigned, -002 signature, -003 digest, -004 algorithms, -005 structure,
        -006 something else is signed, -007 an id stands twice, -013 SHA-1 after its day; HUB-CRT-001 not pinned,
        -002 not valid now.
        """
        root = self._gate.admit(raw)
        payload, signature = locate(root, self._profile.place)
        opened = self._engine.open(signature, now)
        _check_reference(opened.signed.references[0].uri, payload, self._profile)
        proven = self._engine.prove(opened, (payload,))
        return self._engine.verified(opened, proven, proven.contents[0], now)


def accepted(profile: XmlRules) -> Accepted:
    """One reference; the signature itself taken out, then one of the canonicalisations that the profile allows."""
    written = frozenset(WRITTEN[one] for one in profile.canonicalisations)
    chains: set[Chain] = {(ENVELOPED, uri) for uri in written}
    if INCLUSIVE in written:
        chains.add((ENVELOPED,))
    return Accepted(algorithms=profile.algorithms, canonicalisations=written, chains=frozenset(chains))


def locate(root: etree._Element, place: Place) -> tuple[etree._Element, etree._Element]:
    """Return the payload and its signature, which is its child; the document holds no other (``scan``)."""
    payload = root if place is Place.ROOT else _soap_payload(root)
    signature = payload.find(ds("Signature"))
    if signature is None:
        raise refuse("HUB-SIG-005", rule="the signature as a child of the payload")
    return payload, signature


def _soap_payload(envelope: etree._Element) -> etree._Element:
    """Return the only element in the only Body (SOAP 1.1 §4.3, SOAP 1.2 part 1 §5.3)."""
    for namespace in SOAP:
        bodies = envelope.findall(f"{{{namespace}}}Body")
        if envelope.tag == f"{{{namespace}}}Envelope" and len(bodies) == 1:
            payloads = [child for child in bodies[0] if isinstance(child.tag, str)]
            if len(payloads) == 1:
                return payloads[0]
    raise refuse("HUB-SIG-005", rule="a SOAP envelope with one element in its Body")


def _check_reference(uri: str, payload: etree._Element, profile: XmlProfile) -> None:
    """Check that the reference means the very element that will be read on, whatever else has such a name."""
    whole = uri == "" and profile.place is Place.ROOT
    if not (whole or points_at(uri, payload)):
        raise refuse("HUB-SIG-006", "Reference", rule="a reference to the payload")
