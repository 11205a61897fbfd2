"""Which key a signature says it is by. All of it only chooses among the pins; nothing that is brought along is believed.

Forms: X509Data with certificates, issuer and serial or key identifier (xmldsig-core1 §4.5.4), and WS-Security's token
reference (X.509 token profile 1.1.1 §3.2): a BinarySecurityToken, a key identifier, a SHA-1 thumbprint. A pin found by its
serial number is not asked for its issuer's name, which every library spells its own way: it is the pinned key that decides.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from schemas.problems import Refusal, refuse
from signing.trust.pins import fingerprints
from signing.xml.names import ds
from signing.xml.shape import binary, elements, wrong

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lxml import etree

    from signing.trust.pins import Pins

WSSE: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_PROFILE: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#"
THUMBPRINT: Final = "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1#ThumbprintSHA1"
BASE64: Final = (
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"
)
X509V3: Final = _PROFILE + "X509v3"
SKI: Final = _PROFILE + "X509SubjectKeyIdentifier"

_CERTIFICATE_CHARACTERS: Final = 16_384
_IDENTIFIER_CHARACTERS: Final = 256
_SERIAL_CHARACTERS: Final = 64
_CERTIFICATES: Final = 5


class Hints(msgspec.Struct, frozen=True):
    """What a KeyInfo names, each as (form, value); ``certificates``: DER."""

    certificates: tuple[bytes, ...] = ()
    named: tuple[tuple[str, bytes], ...] = ()


NOTHING: Final = Hints()


def read(key_info: etree._Element | None, tokens: Mapping[str, bytes]) -> Hints:
    """Read a KeyInfo. ``tokens``: DER of the certificates in the message's security header, by their id.

    Raises HUB-SIG-005 for what no form allows, HUB-SIG-010 for a token reference that leads nowhere.
    """
    certificates: list[bytes] = []
    named: list[tuple[str, bytes]] = []
    for part in elements(key_info) if key_info is not None else ():
        if part.tag == ds("X509Data"):
            _x509_data(part, certificates, named)
        elif part.tag == f"{{{WSSE}}}SecurityTokenReference":
            _token_reference(part, tokens, certificates, named)
        elif part.tag not in _IGNORED:
            raise wrong("KeyInfo of X509Data or SecurityTokenReference")
    if len(certificates) > _CERTIFICATES:
        raise wrong(f"at most {_CERTIFICATES} certificates in KeyInfo")
    return Hints(tuple(certificates), tuple(named))


_IGNORED: Final = frozenset({ds("KeyName"), ds("KeyValue")})


def _x509_data(data: etree._Element, certificates: list[bytes], named: list[tuple[str, bytes]]) -> None:
    for part in elements(data):
        if part.tag == ds("X509Certificate"):
            certificates.append(binary(part, _CERTIFICATE_CHARACTERS))
        elif part.tag == ds("X509SKI"):
            named.append(("ski", binary(part, _IDENTIFIER_CHARACTERS)))
        elif part.tag == ds("X509IssuerSerial"):
            _, serial = _two(part, "X509IssuerName", "X509SerialNumber")
            named.append(("serial", _serial(serial)))


def _two(parent: etree._Element, *names: str) -> list[etree._Element]:
    found = elements(parent)
    if [part.tag for part in found] != [ds(name) for name in names]:
        raise wrong("exactly " + ", ".join(names))
    return found


def _serial(element: etree._Element) -> bytes:
    text = (element.text or "").strip()
    if len(element) or len(text) > _SERIAL_CHARACTERS or not (text.isascii() and text.isdigit()):
        raise wrong("X509SerialNumber in decimal digits")
    return text.lstrip("0").encode()


def _token_reference(
    reference: etree._Element,
    tokens: Mapping[str, bytes],
    certificates: list[bytes],
    named: list[tuple[str, bytes]],
) -> None:
    parts = elements(reference)
    if len(parts) != 1:
        raise _no_token()
    (part,) = parts
    if part.tag == ds("X509Data"):
        _x509_data(part, certificates, named)
    elif part.tag == f"{{{WSSE}}}Reference" and part.get("ValueType", X509V3) == X509V3:
        certificates.append(_token(part.get("URI") or "", tokens))
    elif part.tag == f"{{{WSSE}}}KeyIdentifier" and part.get("EncodingType", BASE64) == BASE64:
        _identifier(part, certificates, named)
    else:
        raise _no_token()


def _token(uri: str, tokens: Mapping[str, bytes]) -> bytes:
    token = tokens.get(uri[1:]) if uri[:1] == "#" else None
    if token is None:
        raise _no_token()
    return token


def _identifier(part: etree._Element, certificates: list[bytes], named: list[tuple[str, bytes]]) -> None:
    kind = part.get("ValueType")
    if kind == X509V3:
        certificates.append(binary(part, _CERTIFICATE_CHARACTERS))
    elif kind in _IDENTIFIERS:
        named.append((_IDENTIFIERS[kind], binary(part, _IDENTIFIER_CHARACTERS)))
    else:
        raise _no_token()


_IDENTIFIERS: Final = {SKI: "ski", THUMBPRINT: "sha1"}


def _no_token() -> Refusal:
    return refuse(
        "HUB-SIG-010", "KeyInfo", rule="a reference to one X.509 token of this message, or to a pin"
    )


class Directory:
    """The pins by every name that a KeyInfo may give them. Immutable; shared by threads."""

    def __init__(self, pins: Pins) -> None:
        self._named: dict[tuple[str, bytes], list[str]] = {}
        for pin in pins:
            for form, name in _NAMES.items():
                self._named.setdefault((form, name(pin.certificate)), []).append(pin.fingerprint)

    def fingerprints(self, hints: Hints) -> list[str]:
        """Return the fingerprints that these hints mean; a certificate's is its own, pinned or not."""
        brought = [fingerprints(der)[0] for der in hints.certificates]
        return brought + [found for named in hints.named for found in self._named.get(named, ())]


def key_identifier(certificate: x509.Certificate) -> bytes:
    """The certificate's own identifier, or the one that RFC 5280 §4.2.1.2 (1) makes."""
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest


def thumbprint(certificate: x509.Certificate) -> bytes:
    """A name by which WS-Security means a certificate (X.509 token profile 1.1.1 §3.2.1); it protects nothing."""
    return hashlib.sha1(certificate.public_bytes(Encoding.DER), usedforsecurity=False).digest()


_NAMES: Final[dict[str, Callable[[x509.Certificate], bytes]]] = {
    "ski": key_identifier,
    "serial": lambda certificate: str(certificate.serial_number).encode(),
    "sha1": thumbprint,
}
