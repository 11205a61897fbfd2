"""However a signature names its key, only a pinned one counts."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from schemas.problems import Refusal
from signing.keys.ring import KeySource, load
from signing.trust.pins import load_pins
from signing.xml import keyinfo
from signing.xml.enveloped import EnvelopedSigner, EnvelopedVerifier, canonicalise
from signing.xml.names import DSIG
from tests.doubles.pki import Pki

NOW = datetime.now(UTC)
NOTE = b'<note xmlns="urn:note">A</note>'
WSSE, X509, THUMBPRINT = keyinfo.WSSE, keyinfo.X509V3, keyinfo.THUMBPRINT
NAMES = ("seal-2048", "seal-2048-next", "seal-p256")


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def ski(certificate: x509.Certificate) -> bytes:
    return x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest


def forms(certificate: x509.Certificate) -> dict[str, str]:
    """Every way that we take, as peers write it (WSS4J: BST, SKI, IssuerSerial, thumbprint)."""
    der = b64(certificate.public_bytes(Encoding.DER))
    serial = f"<d:X509Data><d:X509IssuerSerial><d:X509IssuerName>CN=x</d:X509IssuerName><d:X509SerialNumber>{certificate.serial_number}</d:X509SerialNumber></d:X509IssuerSerial></d:X509Data>"
    return {
        "certificate": f"<d:X509Data><d:X509SubjectName>CN=y</d:X509SubjectName><d:X509Certificate>{der}</d:X509Certificate></d:X509Data>",
        "serial": serial,
        "ski": f"<d:X509Data><d:X509SKI>{b64(ski(certificate))}</d:X509SKI></d:X509Data>",
        "token": token(f'<w:Reference URI="#BST" ValueType="{X509}"/>'),
        "token serial": token(serial),
        "token ski": token(identifier(keyinfo.SKI, ski(certificate))),
        "token sha1": token(identifier(THUMBPRINT, certificate.fingerprint(SHA1()))),  # noqa: S303 - a name, no proof
        "token certificate": token(identifier(X509, certificate.public_bytes(Encoding.DER))),
    }


def token(inside: str) -> str:
    return f'<w:SecurityTokenReference xmlns:w="{WSSE}">{inside}</w:SecurityTokenReference>'


def identifier(kind: str, value: bytes) -> str:
    return (
        f'<w:KeyIdentifier EncodingType="{keyinfo.BASE64}" ValueType="{kind}">{b64(value)}</w:KeyIdentifier>'
    )


def key_info(inside: str) -> etree._Element:
    return etree.fromstring(f'<d:KeyInfo xmlns:d="{DSIG}">{inside}</d:KeyInfo>')


def fingerprints(pki: Pki, inside: str, name: str = "seal-2048") -> list[str]:
    pins = load_pins([pki[one].certificate_file for one in NAMES])
    der = pki[name].certificate.public_bytes(Encoding.DER)
    return keyinfo.Directory(pins).fingerprints(keyinfo.read(key_info(inside), {"BST": der}))


@pytest.mark.parametrize("name", NAMES)
def test_every_form_finds_its_pin(pki: Pki, name: str) -> None:
    (pin,) = load_pins([pki[name].certificate_file])
    for inside in forms(pki[name].certificate).values():
        assert fingerprints(pki, inside, name) == [pin.fingerprint]


def test_a_pin_that_is_not_there_is_not_found(pki: Pki) -> None:
    stranger = pki["stranger-2048"].certificate
    for form in ("serial", "ski", "token serial", "token ski", "token sha1"):
        assert fingerprints(pki, forms(stranger)[form]) == []


def test_a_signature_that_names_its_key_by_identifier_verifies_and_a_strangers_does_not(pki: Pki) -> None:
    one = pki["seal-2048"]
    signed = EnvelopedSigner(
        load(KeySource(name="a", file=str(one.key_file), certificate=str(one.certificate_file)))
    ).sign(NOTE)
    start, end = signed.index(b"<ds:KeyInfo>"), signed.index(b"</ds:Signature>")
    verifier = EnvelopedVerifier(load_pins([pki[name].certificate_file for name in NAMES]))

    def named(certificate: x509.Certificate, form: str) -> bytes:
        inside = forms(certificate)[form].replace("d:", "ds:")
        return signed[:start] + f"<ds:KeyInfo>{inside}</ds:KeyInfo>".encode() + signed[end:]

    for form in ("serial", "ski", "token ski", "token sha1"):
        assert verifier.verify(named(one.certificate, form), NOW).payload == canonicalise(NOTE)
        with pytest.raises(Refusal, match="HUB-CRT-001"):
            verifier.verify(named(pki["stranger-2048"].certificate, form), NOW)
        with pytest.raises(Refusal, match="HUB-SIG-002"):
            verifier.verify(named(pki["seal-2048-next"].certificate, form), NOW)


@pytest.mark.parametrize(
    "inside",
    [
        token('<w:Reference URI="#other"/>'),
        token('<w:Reference URI="BST"/>'),
        token('<w:Reference URI="http://127.0.0.1/BST"/>'),
        token("<w:Reference/>"),
        token(f'<w:Reference URI="#BST" ValueType="{X509.replace("v3", "PKIPathv1")}"/>'),
        token(identifier("urn:other", b"x")),
        token(f'<w:KeyIdentifier EncodingType="urn:other" ValueType="{keyinfo.SKI}">AAAA</w:KeyIdentifier>'),
        token(""),
        token('<w:Reference URI="#BST"/><w:Reference URI="#BST"/>'),
        token("<w:Embedded/>"),
    ],
)
def test_a_token_reference_that_leads_nowhere_is_told(pki: Pki, inside: str) -> None:
    with pytest.raises(Refusal, match="HUB-SIG-010"):
        fingerprints(pki, inside)


@pytest.mark.parametrize(
    "inside",
    [
        '<d:RetrievalMethod URI="http://127.0.0.1/"/>',
        "<x/>",
        "text",
        "<!-- x -->",
        "<d:X509Data><d:X509SKI>!</d:X509SKI></d:X509Data>",
        "<d:X509Data><d:X509IssuerSerial><d:X509SerialNumber>1</d:X509SerialNumber></d:X509IssuerSerial></d:X509Data>",
        "<d:X509Data><d:X509IssuerSerial><d:X509IssuerName/><d:X509SerialNumber>x</d:X509SerialNumber></d:X509IssuerSerial></d:X509Data>",
        "<d:X509Data><d:X509Certificate>AAAA</d:X509Certificate></d:X509Data>" * 6,
    ],
)
def test_what_no_form_allows_is_refused(pki: Pki, inside: str) -> None:
    with pytest.raises(Refusal, match="HUB-SIG-005"):
        fingerprints(pki, inside)
