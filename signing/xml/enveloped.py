"""Enveloped XML-DSig over exclusive C14N (W3C xmldsig-core1, xml-exc-c14n).

Signing is direct: SignedInfo is *written* in canonical form from one template, so nothing but the payload is ever
canonicalised. Verifying knows that same template and computes it directly; every other allowed form goes to signxml,
with a new ``XMLVerifier`` for each message, because one that is shared by two threads accepts the wrong certificate.
Both ways stand behind the same gate, the same shape and the same pins, and are tested against each other.

What is signed is all that comes out: ``Verified.payload`` holds the canonical bytes, without comments.
Exclusive C14N drops namespace declarations that only *values* use (an ``xsi:type`` with a prefix): formats that we sign
must not need them.
"""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime  # noqa: TC003 - part of the public signatures
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import InvalidCertificate, InvalidDigest
from signxml.verifier import SignatureConfiguration, XMLVerifier

from schemas.problems import Refusal, refuse
from signing import algorithms
from signing.contract import Verified
from signing.profiles import ENVELOPED as ENVELOPED_PROFILE
from signing.profiles import Place, Reference, XmlAlgorithm, XmlProfile
from signing.trust.pins import Pin, Pins, fingerprints
from signing.xml.gate import (
    DSIG,
    ENVELOPED,
    EXCLUSIVE,
    METHODS,
    SHA256,
    Declared,
    Gate,
    ids,
    parse,
    read_signature,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from signing.contract import Key

SOAP = ("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope")

_SIGNED_INFO = (
    f'><ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}"></ds:CanonicalizationMethod>'
    '<ds:SignatureMethod Algorithm="%s"></ds:SignatureMethod>'
    '<ds:Reference URI="%s"><ds:Transforms>'
    f'<ds:Transform Algorithm="{ENVELOPED}"></ds:Transform><ds:Transform Algorithm="{EXCLUSIVE}"></ds:Transform>'
    f'</ds:Transforms><ds:DigestMethod Algorithm="{SHA256}"></ds:DigestMethod>'
    "<ds:DigestValue>%s</ds:DigestValue></ds:Reference></ds:SignedInfo>"
)
_DECLARATION = f' xmlns:ds="{DSIG}"'.encode()
_HEAD = f'<ds:Signature xmlns:ds="{DSIG}">'.encode()
_NAME = r"[A-Za-z_][A-Za-z0-9._-]{0,127}"
_PLAIN_ID = re.compile(_NAME)
_START_TAG = re.compile(rb'<[^\s>]+((?:\s[^\s=]+="[^"]*")*)>')
_ATTRIBUTE = re.compile(rb'\s(?:[^\s=:]+:)?(?:Id|ID|id)="([^"]*)"')

T = TypeVar("T")


def canonicalise(document: bytes) -> bytes:
    """Return the root element in exclusive C14N without comments. Raises HUB-SIG-005 for what is not plain XML."""
    root = parse(document)
    return _foreign(lambda: _exclusive(root))


def _exclusive(element: etree._Element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False, with_tail=False)


def _foreign(call: Callable[[], T]) -> T:
    """Cross into libxml2, cryptography or signxml: whatever breaks there comes out as a refusal, never as a 500."""
    try:
        return call()
    except Refusal:
        raise
    except InvalidDigest as error:
        raise refuse("HUB-SIG-003", "Signature", rule="the digest of what was signed") from error
    except InvalidCertificate as error:
        raise refuse("HUB-CRT-002", "Signature", rule="certificate valid at the time of receipt") from error
    except InvalidSignature as error:
        raise _invalid() from error
    except Exception as error:
        raise refuse(
            "HUB-SIG-005", "Signature", rule="XML that can be verified", detail=type(error).__name__
        ) from error


def _invalid() -> Refusal:
    return refuse("HUB-SIG-002", "Signature", rule="a signature by the pinned certificate")


class EnvelopedSigner:
    """Signs with one key under one profile. Immutable; shared by threads."""

    def __init__(self, key: Key, profile: XmlProfile = ENVELOPED_PROFILE) -> None:
        """Raises ``Refusal`` HUB-SIG-004 when the profile does not allow what the key can do."""
        algorithm = XmlAlgorithm.RSA_SHA256 if key.is_rsa else XmlAlgorithm.ECDSA_SHA256
        if algorithm not in profile.algorithms:
            raise refuse("HUB-SIG-004", key.name, rule="a key for an algorithm that this profile allows")
        self._key = key
        self._by_id = profile.reference is Reference.ID
        self._method = METHODS[algorithm]
        self._tail = (
            b"</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>"
            + key.certificate_text
            + b"</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>"
        )

    def sign(self, document: bytes, *, canonical: bool = False) -> bytes:
        """Return the document in exclusive C14N with the signature as the root's last child.

        ``canonical``: the bytes are in exclusive C14N already (``etree.tostring(…, method="c14n", exclusive=True)``);
        then they are not parsed again. Raises ``Refusal`` HUB-SIG-005 when the document is signed already, is not XML,
        or has no id to be referenced by.
        """
        payload = document if canonical else canonicalise(document)
        if DSIG.encode() in payload and next(parse(payload).iter(f"{{{DSIG}}}Signature"), None) is not None:
            raise refuse("HUB-SIG-005", rule="a document that is not signed yet")
        uri = "#" + _root_id(payload) if self._by_id else ""
        digest = base64.b64encode(hashlib.sha256(payload).digest()).decode()
        signed_info = (_SIGNED_INFO % (self._method, uri, digest)).encode()
        value = self._key.sign(b"<ds:SignedInfo" + _DECLARATION + signed_info)
        end = payload.rindex(b"</")
        return b"".join(
            (
                payload[:end],
                _HEAD,
                b"<ds:SignedInfo",
                signed_info,
                b"<ds:SignatureValue>",
                base64.b64encode(value),
                self._tail,
                payload[end:],
            )
        )


def _root_id(canonical: bytes) -> str:
    start = _START_TAG.match(canonical)
    ids = _ATTRIBUTE.findall(start.group(1)) if start else []
    name = ids[0].decode() if len(ids) == 1 else ""
    if not _PLAIN_ID.fullmatch(name):
        raise refuse("HUB-SIG-005", rule="a root element with one Id of letters, digits, '.', '_' or '-'")
    return name


class Opened(msgspec.Struct, frozen=True):
    """A message past the gate: its parts, and the pins that may have signed it. Nothing is proven yet."""

    payload: etree._Element
    signature: etree._Element
    declared: Declared
    pins: tuple[Pin, ...]


class EnvelopedVerifier:
    """Verifies against the pins of one signer under one profile. Immutable; shared by threads."""

    def __init__(self, pins: Pins, profile: XmlProfile = ENVELOPED_PROFILE) -> None:
        self._pins = pins
        self._profile = profile
        self._gate = Gate(profile.limits)

    def verify(self, raw: bytes, now: datetime) -> Verified:
        """Return what was signed, and nothing else of the message. ``now`` is aware.

        Raises ``Refusal``: HUB-SIG-001 unsigned, -002 signature, -003 digest, -004 algorithms, -005 structure,
        -006 something else is signed; HUB-CRT-001 not pinned, -002 not valid now.
        """
        opened = self._open(raw, now)
        signed_info = _foreign(lambda: _exclusive(opened.declared.signed_info))
        if opened.declared.plain and signed_info == template(opened.declared):
            pin, signed = verify_directly(opened, signed_info)
        else:
            pin, signed = verify_with_signxml(raw, opened, now)
        return Verified(
            payload=signed,
            signer=pin.signer(),
            algorithm=opened.declared.algorithm.value,
            digest=hashlib.sha256(signed).hexdigest(),
            verified_at=now,
        )

    def _open(self, raw: bytes, now: datetime) -> Opened:
        root = self._gate.admit(raw)
        payload, signature = locate(root, self._profile.place)
        declared = read_signature(signature, self._profile.algorithms)
        _check_reference(declared.uri, payload, self._profile)
        return Opened(payload, signature, declared, self._candidates(declared, now))

    def _candidates(self, declared: Declared, now: datetime) -> tuple[Pin, ...]:
        named = [fingerprints(der)[0] for der in declared.certificates]
        chosen = self._pins.choose(
            named, now, self._profile.skew, place="Signature/KeyInfo", hinted=bool(named)
        )
        fitting = tuple(pin for pin in chosen if _fits(pin, declared.algorithm))
        if not fitting:
            raise refuse("HUB-SIG-004", "SignatureMethod", rule="the algorithm of the pinned key")
        return fitting


def _fits(pin: Pin, algorithm: XmlAlgorithm) -> bool:
    return isinstance(pin.key, rsa.RSAPublicKey) == (algorithm is XmlAlgorithm.RSA_SHA256)


def locate(root: etree._Element, place: Place) -> tuple[etree._Element, etree._Element]:
    """Return the payload and its signature, which is its child; the document holds no other (``scan``)."""
    payload = root if place is Place.ROOT else _soap_payload(root)
    signature = payload.find(f"{{{DSIG}}}Signature")
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
    plain = uri[:1] == "#" and _PLAIN_ID.fullmatch(uri[1:]) is not None  # signxml reads "##x" as "#x"
    by_id = plain and uri[1:] in ids(payload)  # the gate has seen that no other element has it
    if not (whole or by_id):
        raise refuse("HUB-SIG-006", "Reference", rule="a reference to the payload")


def template(declared: Declared) -> bytes:
    """Return the canonical SignedInfo that our own signer would have written."""
    digest = base64.b64encode(declared.digest).decode()
    return (
        b"<ds:SignedInfo"
        + _DECLARATION
        + (_SIGNED_INFO % (METHODS[declared.algorithm], declared.uri, digest)).encode()
    )


def verify_directly(opened: Opened, signed_info: bytes) -> tuple[Pin, bytes]:
    """Verify the one form that ``template`` knows. ``opened.payload`` loses its signature by it."""
    for pin in opened.pins:
        if _foreign(partial(algorithms.verifies, pin.key, signed_info, opened.declared.value)):
            break
    else:
        raise _invalid()
    _remove(opened.payload, opened.signature)
    signed = _foreign(lambda: _exclusive(opened.payload))
    if hashlib.sha256(signed).digest() != opened.declared.digest:
        raise refuse("HUB-SIG-003", "Signature", rule="the digest of what was signed")
    return pin, signed


def _remove(payload: etree._Element, signature: etree._Element) -> None:
    """Take the signature out and leave the text after it where it was (xmldsig-core1 §6.6.4)."""
    before, tail = signature.getprevious(), signature.tail or ""
    signature.tail = None
    payload.remove(signature)
    if before is None:
        payload.text = (payload.text or "") + tail
    else:
        before.tail = (before.tail or "") + tail


def verify_with_signxml(raw: bytes, opened: Opened, now: datetime) -> tuple[Pin, bytes]:
    """Let signxml verify any form that passed the gate. More than one pin is tried only when KeyInfo names none."""
    location = _location(opened.payload)
    for pin in opened.pins:
        try:
            return pin, _foreign(partial(_signxml, raw, location, opened.declared, pin, now))
        except Refusal as refusal:
            if refusal.code != "HUB-SIG-002":
                raise
    raise _invalid()


class _Verifier(XMLVerifier):
    """signxml copies trees through ASCII, which breaks element names and prefixes with Vietnamese letters."""

    def _tostring(self, xml_node: etree._Element, **options: Any) -> bytes:  # noqa: ANN401 - lxml's own options
        return bytes(etree.tostring(xml_node, encoding="utf-8", **options))


def _signxml(raw: bytes, location: str, declared: Declared, pin: Pin, now: datetime) -> bytes:
    config = SignatureConfiguration(
        location=location,
        expect_references=1,
        signature_methods=frozenset({SignatureMethod[declared.algorithm.value]}),
        digest_algorithms=frozenset({DigestAlgorithm.SHA256}),
        verification_time=min(max(now, pin.not_before), pin.not_after),  # the skew is decided by the profile
    )
    # The bundled XSD refuses what Java peers write under CanonicalizationMethod; read_signature is stricter than it.
    result = _Verifier().verify(raw, x509_cert=pin.certificate, expect_config=config, validate_schema=False)
    if isinstance(result, list):
        raise _invalid()
    return result.signed_data


def _location(payload: etree._Element) -> str:
    path = [str(step.tag) for step in (payload, *payload.iterancestors())][-2::-1]
    return "./" + "".join(f"{step}/" for step in path)
