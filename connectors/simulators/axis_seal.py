"""The signature of an edXML document as documents of the field have it: enveloped, RSA, one Reference to the whole document, its certificate inside.

What is signed is the document without its ``Signature`` (XML-Signature §6.6.4), files included, in exclusive or inclusive C14N; ``SignedInfo`` likewise.
SHA-1 is of 2018 and 2019, SHA-256 of newer builders. Whose certificate it is and whether anybody trusts it is not looked at. Elements are known by
their local names: in old documents they stand in the regulation's namespace.
"""

from __future__ import annotations

import base64
import binascii
import copy
import hashlib
from typing import TYPE_CHECKING, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from lxml import etree

if TYPE_CHECKING:
    from collections.abc import Mapping

DS = "http://www.w3.org/2000/09/xmldsig#"
ENVELOPED = f"{DS}enveloped-signature"
WRITES: Mapping[str, bool] = {
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315": False,
    "http://www.w3.org/2001/10/xml-exc-c14n#": True,
    "http://www.w3.org/TR/xml-exc-c14n#": True,
}
"""Canonical forms: whether one writes exclusively. The last is how documents of 2019 misspell it."""
SUMS = {f"{DS}sha1": "sha1", "http://www.w3.org/2001/04/xmlenc#sha256": "sha256"}
SIGNS: Mapping[str, hashes.HashAlgorithm] = {
    f"{DS}rsa-sha1": hashes.SHA1(),  # noqa: S303 - documents of 2019
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256": hashes.SHA256(),
}


T = TypeVar("T")


class Broken(Exception):  # noqa: N818 - becomes a complaint
    """The signature does not hold; the text says why."""


def check(root: etree._Element) -> None:
    """Check the document's signature where it has one. Raises ``Broken``."""
    signatures = root.findall("{*}edXMLEnvelope/{*}edXMLHeader/{*}Signature")
    if not signatures:
        return
    if len(signatures) > 1:
        raise Broken("có nhiều chữ ký")
    (signature,) = signatures
    signed = _one(signature, "SignedInfo")
    reference = _one(signed, "Reference")
    if reference.get("URI"):
        raise Broken("URI của Reference phải rỗng")
    name = _chosen(reference, "DigestMethod", SUMS)
    if hashlib.new(name, _whole(root, reference)).digest() != _bytes(_one(reference, "DigestValue")):
        raise Broken("văn bản đã bị thay đổi sau khi ký")
    exclusive = _chosen(signed, "CanonicalizationMethod", WRITES)
    alone = etree.fromstring(etree.tostring(signed, with_tail=False))  # with every namespace around it
    written = etree.tostring(alone, method="c14n", exclusive=exclusive, with_comments=False)
    algorithm = _chosen(signed, "SignatureMethod", SIGNS)
    try:
        _key(signature).verify(
            _bytes(_one(signature, "SignatureValue")), written, padding.PKCS1v15(), algorithm
        )
    except InvalidSignature:
        raise Broken("chữ ký không đúng") from None


def _whole(root: etree._Element, reference: etree._Element) -> bytes:
    """Write the document without its signature, as the transforms say."""
    first, *rest = (one.get("Algorithm") or "" for one in _one(reference, "Transforms"))
    if first != ENVELOPED or len(rest) > 1 or any(one not in WRITES for one in rest):
        raise Broken("các phép biến đổi phải là enveloped-signature rồi một phép chuẩn hóa")
    bare = copy.deepcopy(root)
    header = bare.find("{*}edXMLEnvelope/{*}edXMLHeader")
    if header is not None:
        _cut(header, _one(header, "Signature"))
    return etree.tostring(
        bare, method="c14n", exclusive=bool(rest) and WRITES[rest[0]], with_comments=False, with_tail=False
    )


def _cut(parent: etree._Element, child: etree._Element) -> None:
    """Take a child out and leave the text behind it."""
    before, after = child.getprevious(), child.tail or ""
    if before is None:
        parent.text = (parent.text or "") + after
    else:
        before.tail = (before.tail or "") + after
    child.tail = None
    parent.remove(child)


def _key(signature: etree._Element) -> rsa.RSAPublicKey:
    data = _one(_one(signature, "KeyInfo"), "X509Data")
    try:
        key = x509.load_der_x509_certificate(_bytes(_one(data, "X509Certificate"))).public_key()
    except ValueError:
        raise Broken("không đọc được chứng thư") from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise Broken("chứng thư phải là RSA")
    return key


def _chosen(parent: etree._Element, name: str, known: Mapping[str, T]) -> T:
    algorithm = _one(parent, name).get("Algorithm") or ""
    if algorithm not in known:
        raise Broken(f"{name} lạ: {algorithm}")
    return known[algorithm]


def _one(parent: etree._Element, name: str) -> etree._Element:
    found = parent.findall(f"{{*}}{name}")
    if len(found) != 1:
        raise Broken(f"chữ ký phải có đúng một {name}")
    return found[0]


def _bytes(element: etree._Element) -> bytes:
    try:
        return base64.b64decode("".join((element.text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        raise Broken("không phải base64") from None
