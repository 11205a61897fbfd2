"""A small certificate authority of one hub for the hubs below it: RFC 5280 certificates, RFC 2986 requests, P-256 and SHA-256 only.

It says one thing: this hub has seen that key under that name. What is believed is the certificate itself, pinned; the authority's
own certificate may sign others (``pathlen`` 0) and nothing else.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from schemas.problems import refuse

if TYPE_CHECKING:
    from datetime import datetime

NO_REQUEST = "HUB-EDG-061"
NO_AUTHORITY = "HUB-EDG-064"
OLDER = timedelta(minutes=10)
"""A certificate counts from a little before it was made: the clock below may be behind."""
MOST_REQUEST = 8192


class Asked(NamedTuple):
    """A request that was found good. ``key``: SHA-256 of its public key (SubjectPublicKeyInfo), hex."""

    public: ec.EllipticCurvePublicKey
    key: str


class Issued(NamedTuple):
    """``fingerprint``: SHA-256 of the certificate, hex; ``serial``: hex."""

    pem: bytes
    fingerprint: str
    serial: str
    ends: datetime


def new_key() -> bytes:
    """Return a new P-256 key: PKCS#8 in PEM, not encrypted."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def request(key: bytes, name: str) -> bytes:
    """Ask for a certificate for this key: PEM."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(_named(name))
    return builder.sign(_private(key), hashes.SHA256()).public_bytes(Encoding.PEM)


def read_request(pem: bytes) -> Asked:
    """Whoever asks has the key. Raises ``Refusal`` HUB-EDG-061."""
    try:
        asked = x509.load_pem_x509_csr(pem[:MOST_REQUEST])
        public = asked.public_key()
        good = asked.is_signature_valid
    except (ValueError, UnsupportedAlgorithm, InvalidSignature):
        raise refuse(NO_REQUEST, "csr", rule="a certificate request (PKCS#10) in PEM") from None
    if not good:
        raise refuse(NO_REQUEST, "csr", rule="signed by the key that it is for")
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise refuse(NO_REQUEST, "csr", rule="a P-256 key")
    return Asked(public, _digest(public))


def new_authority(name: str, now: datetime, life: timedelta) -> tuple[bytes, bytes]:
    """Return key and certificate of a new authority: PEM, each."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _named(name)
    made = _certificate(subject, key.public_key(), subject, key, (now, life), ca=True)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), made.public_bytes(
        Encoding.PEM
    )


def issue(asked: Asked, name: str, authority: tuple[bytes, bytes], now: datetime, life: timedelta) -> Issued:
    """Certify a key, for signatures only; never for longer than the authority itself counts. Raises ``Refusal`` HUB-EDG-064."""
    above = _authority(authority[1])
    ends = min(now + life, above.not_valid_after_utc)
    if ends <= now:
        raise refuse(NO_AUTHORITY, "ca", rule="a certificate authority that has not ended")
    key = _private(authority[0])
    made = _certificate(_named(name), asked.public, above.subject, key, (now, ends - now), ca=False)
    return Issued(
        pem=made.public_bytes(Encoding.PEM),
        fingerprint=made.fingerprint(hashes.SHA256()).hex(),
        serial=f"{made.serial_number:x}",
        ends=ends,
    )


def fingerprint(pem: bytes) -> str:
    """SHA-256 of a certificate, hex. Raises ``ValueError`` for something else."""
    return x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()).hex()


def certifies(pem: bytes, key: bytes) -> bool:
    """Whether it is the certificate of this private key."""
    public = x509.load_pem_x509_certificate(pem).public_key()
    return isinstance(public, ec.EllipticCurvePublicKey) and _digest(public) == _digest(
        _private(key).public_key()
    )


def _authority(pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError:
        raise refuse(NO_AUTHORITY, "ca", rule="a certificate in PEM") from None


def _private(pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise refuse(NO_AUTHORITY, "ca", rule="a P-256 key in PEM")
    return key


def _digest(public: ec.EllipticCurvePublicKey) -> str:
    return hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _named(name: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"), x509.NameAttribute(NameOID.COMMON_NAME, name[:64])]
    )


def _certificate(
    subject: x509.Name,
    public: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    by: ec.EllipticCurvePrivateKey,
    counts: tuple[datetime, timedelta],
    *,
    ca: bool,
) -> x509.Certificate:
    usage = x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
    now, life = counts
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - OLDER)
        .not_valid_after(now + life)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )
    return builder.sign(by, hashes.SHA256())
