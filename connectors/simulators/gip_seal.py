"""The tax gateway's signature, as XML Signature says it: RSA-SHA256 over HEADER and BODY, chosen by an XPath transform.

One Reference, URI ``""``: the document without its comments (XML-Signature §4.4.3.3); the transform keeps every node that ``ancestor-or-self::HEADER or
ancestor-or-self::BODY`` holds for (§6.6.3), wherever in the document it stands; what is left is written as Canonical XML 1.0 (§4.4.3.2) unless one more
transform says how. SignedInfo is written as exclusive C14N with comments. KeyInfo carries the subject's name and the certificate.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from lxml import etree

if TYPE_CHECKING:
    from collections.abc import Iterator

DS = "http://www.w3.org/2000/09/xmldsig#"
EXCLUSIVE, EXCLUSIVE_COMMENTS = (
    "http://www.w3.org/2001/10/xml-exc-c14n#",
    "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
)
INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
CHOSEN = ("HEADER", "BODY")
EXPRESSION = " or ".join(f"ancestor-or-self::{name}" for name in CHOSEN)
_WRITES_AS = {"": False, INCLUSIVE: False, EXCLUSIVE: True, EXCLUSIVE_COMMENTS: True}
"""The transform after the XPath one: whether it writes exclusively. Comments are gone before either."""


class BadSeal(Exception):  # noqa: N818 - becomes an answer
    """The signature does not hold; the text says why."""


class Seal(NamedTuple):
    key: rsa.RSAPrivateKey
    certificate: x509.Certificate


def stamp(document: etree._Element, seal: Seal) -> None:
    """Put the signature into ``SECURITY``. Nothing in HEADER or BODY may change afterwards."""
    security = _one(document, "SECURITY")
    signature = _sub(security, "Signature")
    signed = _sub(signature, "SignedInfo")
    _sub(signed, "CanonicalizationMethod").set("Algorithm", EXCLUSIVE_COMMENTS)
    _sub(signed, "SignatureMethod").set("Algorithm", RSA_SHA256)
    reference = _sub(signed, "Reference")
    reference.set("URI", "")
    transform = _sub(_sub(reference, "Transforms"), "Transform")
    transform.set("Algorithm", XPATH)
    _sub(transform, "XPath").text = EXPRESSION
    _sub(reference, "DigestMethod").set("Algorithm", SHA256)
    _sub(reference, "DigestValue").text = _base64(hashlib.sha256(_chosen(document, exclusive=False)).digest())
    raw = seal.key.sign(_written(signed), padding.PKCS1v15(), hashes.SHA256())
    _sub(signature, "SignatureValue").text = _base64(raw)
    data = _sub(_sub(signature, "KeyInfo"), "X509Data")
    _sub(data, "X509SubjectName").text = seal.certificate.subject.rfc4514_string()
    _sub(data, "X509Certificate").text = _base64(seal.certificate.public_bytes(Encoding.DER))


def signer(document: etree._Element) -> x509.Certificate:
    """Return the certificate that HEADER and BODY are signed with. Raises ``BadSeal``; whom it belongs to is the caller's question."""
    signatures = document.findall(f".//{{{DS}}}Signature")
    if len(signatures) != 1 or signatures[0].getparent() is not _one(document, "SECURITY"):
        raise BadSeal("SECURITY phải có đúng một chữ ký")
    signature = signatures[0]
    signed = _one(signature, "SignedInfo", DS)
    _says(signed, "CanonicalizationMethod", EXCLUSIVE_COMMENTS)
    _says(signed, "SignatureMethod", RSA_SHA256)
    reference = _one(signed, "Reference", DS)
    if reference.get("URI") != "":
        raise BadSeal("URI của Reference phải rỗng")
    _says(reference, "DigestMethod", SHA256)
    octets = _chosen(document, exclusive=_exclusively(_one(reference, "Transforms", DS)))
    if _bytes(_one(reference, "DigestValue", DS)) != hashlib.sha256(octets).digest():
        raise BadSeal("Nội dung đã bị thay đổi sau khi ký")
    certificate = _certificate(_one(_one(signature, "KeyInfo", DS), "X509Data", DS))
    _check(certificate, _bytes(_one(signature, "SignatureValue", DS)), _written(signed))
    return certificate


def _check(certificate: x509.Certificate, value: bytes, signed: bytes) -> None:
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise BadSeal("Chứng thư phải là RSA")
    try:
        key.verify(value, signed, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise BadSeal("Chữ ký không đúng") from None


def _exclusively(transforms: etree._Element) -> bool:
    first, *rest = transforms
    after = [transform.get("Algorithm") for transform in rest]
    wanted = " ".join((first.findtext(f"{{{DS}}}XPath") or "").split())
    known = len(after) <= 1 and (after or [""])[0] in _WRITES_AS
    if (
        first.get("Algorithm") != XPATH
        or not known
        or sorted(wanted.split(" or ")) != sorted(EXPRESSION.split(" or "))
    ):
        raise BadSeal("Chữ ký phải phủ HEADER và BODY bằng XPath")
    return _WRITES_AS[(after or [""])[0] or ""]


def _certificate(data: etree._Element) -> x509.Certificate:
    try:
        certificate = x509.load_der_x509_certificate(_bytes(_one(data, "X509Certificate", DS)))
    except ValueError:
        raise BadSeal("Không đọc được chứng thư") from None
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    named = (_one(data, "X509SubjectName", DS).text or "").replace("\\", "")
    if not all(str(name.value) in named for name in names):
        raise BadSeal("X509SubjectName không phải của chứng thư")
    return certificate


def _chosen(document: etree._Element, *, exclusive: bool) -> bytes:
    return b"".join(
        etree.tostring(element, method="c14n", exclusive=exclusive, with_comments=False, with_tail=False)
        for element in _topmost(document)
    )


def _topmost(element: etree._Element) -> Iterator[etree._Element]:
    if element.tag in CHOSEN:
        yield element
        return
    for child in element.iterchildren(tag=etree.Element):
        yield from _topmost(child)


def _written(signed: etree._Element) -> bytes:
    return etree.tostring(signed, method="c14n", exclusive=True, with_comments=True, with_tail=False)


def _one(parent: etree._Element, name: str, namespace: str = "") -> etree._Element:
    found = parent.findall(f"{{{namespace}}}{name}" if namespace else name)
    if len(found) != 1:
        raise BadSeal(f"Phải có đúng một {name}")
    return found[0]


def _says(parent: etree._Element, name: str, algorithm: str) -> None:
    if _one(parent, name, DS).get("Algorithm") != algorithm:
        raise BadSeal(f"{name} phải là {algorithm}")


def _sub(parent: etree._Element, name: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{DS}}}{name}", nsmap={"ds": DS})


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(element: etree._Element) -> bytes:
    try:
        return base64.b64decode("".join((element.text or "").split()), validate=True)
    except binascii.Error:
        raise BadSeal("Không phải base64") from None
