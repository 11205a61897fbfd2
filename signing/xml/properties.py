"""What a XAdES signature says of itself (ETSI EN 319 132-1): when it was made, by which certificate, and who stamped it.

The properties are written and read here. Those that are signed are read from the very bytes whose digest was signed;
those that are not, from the message: a time-stamp proves itself.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

from schemas.problems import Refusal, refuse
from signing.xml import moments
from signing.xml.canonical import Step, canonical
from signing.xml.gate import ids, parse
from signing.xml.names import CANONICAL, DSIG, EXCLUSIVE, INCLUSIVE, SHA256, ds
from signing.xml.shape import binary, elements

if TYPE_CHECKING:
    from datetime import datetime

    from lxml import etree

    from signing.contract import Key
    from signing.xml.shape import Signed

XADES: Final = "http://uri.etsi.org/01903/v1.3.2#"
SIGNED_PROPERTIES: Final = "http://uri.etsi.org/01903#SignedProperties"
_CERTIFICATES: Final = 5
_DIGEST_CHARACTERS: Final = 128
_TOKEN_CHARACTERS: Final = 96 * 1024
_STAMPS: Final = 3
_HASHES: Final = {
    SHA256: "sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384": "sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
}


def xades(name: str) -> str:
    return f"{{{XADES}}}{name}"


class Qualifying(msgspec.Struct, frozen=True):
    """The Object of a XAdES signature."""

    signed: etree._Element
    unsigned: etree._Element | None


class Stamped(msgspec.Struct, frozen=True):
    """A time-stamp token over ``content``: the signature value's element in canonical form."""

    token: bytes
    content: bytes


def wrong(rule: str) -> Refusal:
    return refuse("HUB-SIG-014", "QualifyingProperties", rule=rule)


def find(signature: Signed) -> Qualifying:
    """Return the properties of this signature. Raises HUB-SIG-014 when there are none, or not its own."""
    inside = [part for one in signature.objects for part in elements(one)]
    if len(inside) != 1 or inside[0].tag != xades("QualifyingProperties"):
        raise wrong("one Object of QualifyingProperties")
    (properties,) = inside
    named = ids(signature.element)
    parts = elements(properties)
    names = [part.tag for part in parts]
    if len(named) != 1 or properties.get("Target") != f"#{named[0]}":
        raise wrong("a Target that means this signature")
    if names not in ([xades("SignedProperties")], [xades("SignedProperties"), xades("UnsignedProperties")]):
        raise wrong("SignedProperties, then UnsignedProperties")
    return Qualifying(parts[0], parts[1] if len(parts) > 1 else None)


def read(content: bytes, certificate: bytes) -> datetime:
    """Return the claimed signing time from signed SignedProperties. Raises HUB-SIG-014 when they are about another certificate."""
    signed = parse(content).find(xades("SignedSignatureProperties"))
    times = [] if signed is None else signed.findall(xades("SigningTime"))
    if signed is None or len(times) != 1:
        raise wrong("one SigningTime")
    named = [
        one for name in ("SigningCertificateV2", "SigningCertificate") for one in signed.findall(xades(name))
    ]
    certificates = [cert for one in named for cert in one.findall(xades("Cert"))]
    if not 1 <= len(certificates) <= _CERTIFICATES or not any(
        _means(one, certificate) for one in certificates
    ):
        raise wrong("SigningCertificate of the certificate that signed")
    return moments.read(times[0].text or "", "SigningTime")


def _means(cert: etree._Element, certificate: bytes) -> bool:
    method = cert.find(f"{xades('CertDigest')}/{ds('DigestMethod')}")
    value = cert.find(f"{xades('CertDigest')}/{ds('DigestValue')}")
    name = _HASHES.get(method.get("Algorithm") or "") if method is not None else None
    if name is None or value is None:
        return False
    return hashlib.new(name, certificate).digest() == binary(value, _DIGEST_CHARACTERS)


def stamps(signature: Signed, qualifying: Qualifying) -> list[Stamped]:
    """Return the signature's time-stamps, before the tree loses its signature. Raises HUB-SIG-005 for an odd one."""
    if qualifying.unsigned is None:
        return []
    found = qualifying.unsigned.findall(
        f"{xades('UnsignedSignatureProperties')}/{xades('SignatureTimeStamp')}"
    )
    if len(found) > _STAMPS:
        raise wrong(f"at most {_STAMPS} SignatureTimeStamp")
    value = signature.element[1]
    return [Stamped(_token(stamp), canonical(value, _canonicalisation(stamp))) for stamp in found]


def _canonicalisation(stamp: etree._Element) -> Step:
    method = stamp.find(ds("CanonicalizationMethod"))
    algorithm = INCLUSIVE if method is None else method.get("Algorithm") or ""
    if algorithm not in CANONICAL:
        raise refuse("HUB-SIG-004", "SignatureTimeStamp", rule="an algorithm that this profile allows")
    return Step(algorithm)


def _token(stamp: etree._Element) -> bytes:
    tokens = stamp.findall(xades("EncapsulatedTimeStamp"))
    if len(tokens) != 1:
        raise wrong("one EncapsulatedTimeStamp")
    return binary(tokens[0], _TOKEN_CHARACTERS)


# --- writing ------------------------------------------------------------------------------------------------------


class Names(msgspec.Struct, frozen=True):
    """The ids of one signature, made from what it signs."""

    signature: str
    value: str
    properties: str
    reference: str

    @classmethod
    def of(cls, content: bytes) -> Names:
        mark = hashlib.sha256(content).hexdigest()[:24]
        return cls(f"xs-{mark}", f"xv-{mark}", f"xp-{mark}", f"xr-{mark}")


def write(key: Key, names: Names, now: datetime) -> tuple[bytes, bytes]:
    """Return the Object as it stands in the signature, and SignedProperties in canonical form."""
    digest = base64.b64encode(bytes.fromhex(key.fingerprint)).decode()
    made = (
        f'<ds:Object><xades:QualifyingProperties xmlns:xades="{XADES}" Target="#{names.signature}">'
        f'<xades:SignedProperties Id="{names.properties}"><xades:SignedSignatureProperties>'
        f"<xades:SigningTime>{moments.write(now)}</xades:SigningTime>"
        f'<xades:SigningCertificateV2><xades:Cert><xades:CertDigest><ds:DigestMethod Algorithm="{SHA256}"></ds:DigestMethod>'
        f"<ds:DigestValue>{digest}</ds:DigestValue></xades:CertDigest></xades:Cert></xades:SigningCertificateV2>"
        "</xades:SignedSignatureProperties><xades:SignedDataObjectProperties>"
        f'<xades:DataObjectFormat ObjectReference="#{names.reference}"><xades:MimeType>text/xml</xades:MimeType>'
        "</xades:DataObjectFormat></xades:SignedDataObjectProperties></xades:SignedProperties>"
        "</xades:QualifyingProperties></ds:Object>"
    )
    tree = parse(f'<ds:Signature xmlns:ds="{DSIG}">{made}</ds:Signature>'.encode())
    return made.encode(), canonical(tree[0][0][0])


def imprint(signed: bytes) -> bytes:
    """Return the SHA-256 that a time-stamp of this signed document is to be over. Raises HUB-SIG-005."""
    return hashlib.sha256(canonical(_value(signed))).digest()


def with_stamp(signed: bytes, token: bytes) -> bytes:
    """Return the document that ``signing.xml.xades`` signed with a time-stamp token in it: XAdES-T."""
    stamp = (
        "<xades:UnsignedProperties><xades:UnsignedSignatureProperties><xades:SignatureTimeStamp>"
        f'<ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}"></ds:CanonicalizationMethod>'
        f"<xades:EncapsulatedTimeStamp>{base64.b64encode(token).decode()}</xades:EncapsulatedTimeStamp>"
        "</xades:SignatureTimeStamp></xades:UnsignedSignatureProperties></xades:UnsignedProperties>"
    ).encode()
    end = signed.rindex(b"</xades:QualifyingProperties>")
    return signed[:end] + stamp + signed[end:]


def _value(signed: bytes) -> etree._Element:
    found = list(parse(signed).iter(ds("SignatureValue")))
    if len(found) != 1:
        raise refuse("HUB-SIG-005", rule="a document with one signature")
    return found[0]
