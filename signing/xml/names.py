"""The names that signed XML may use, and no others: namespaces, algorithms, transforms."""

from __future__ import annotations

from typing import Final

from signing.profiles import Digest, XmlAlgorithm

DSIG: Final = "http://www.w3.org/2000/09/xmldsig#"
EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
EXCLUSIVE_COMMENTS: Final = EXCLUSIVE + "WithComments"
INCLUSIVE: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
ENVELOPED: Final = DSIG + "enveloped-signature"
XPATH: Final = "http://www.w3.org/TR/1999/REC-xpath-19991116"

CANONICAL: Final = frozenset({EXCLUSIVE, EXCLUSIVE_COMMENTS, INCLUSIVE})

RSA_SHA1: Final = "RSA_SHA1"
"""Only ever verified, and only until the day that a profile names."""

METHODS: Final[dict[str, str]] = {
    XmlAlgorithm.RSA_SHA256: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    XmlAlgorithm.ECDSA_SHA256: "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
    XmlAlgorithm.RSA_PSS_SHA256: "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1",
    RSA_SHA1: DSIG + "rsa-sha1",
}
DIGESTS: Final = {Digest.SHA256: "http://www.w3.org/2001/04/xmlenc#sha256", Digest.SHA1: DSIG + "sha1"}
SHA256: Final = DIGESTS[Digest.SHA256]

SOAP: Final = ("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope")


def ds(name: str) -> str:
    """The name of an element of XML-DSig, as lxml writes it."""
    return f"{{{DSIG}}}{name}"
