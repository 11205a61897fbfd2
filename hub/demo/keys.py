"""Keys for the demonstration: made anew each time, good for nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from pathlib import Path

LIFETIME = timedelta(days=30)
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Authority:
    """A root that issues seals. Its key is never written."""

    def __init__(self, subject: str) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._name = _named(subject)
        self.certificate = _issue(self._name, self._key.public_key(), self._name, self._key, ca=True)

    def issue(self, subject: str, key: Key, *, stamps: bool = False) -> x509.Certificate:
        return _issue(_named(subject), key.public_key(), self._name, self._key, ca=False, stamps=stamps)


def _named(subject: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"), x509.NameAttribute(NameOID.COMMON_NAME, subject)]
    )


def _issue(
    subject: x509.Name,
    public: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    by: rsa.RSAPrivateKey,
    *,
    ca: bool,
    stamps: bool = False,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(_usage(ca=ca), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )
    if stamps:
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(purpose, critical=True)
    return builder.sign(by, hashes.SHA256())


def make_seal(
    folder: Path, name: str, subject: str, authority: Authority, *, small: bool = False, stamps: bool = False
) -> None:
    """Write ``<name>.key`` (PKCS#8, mode 0400), ``<name>.pem`` (certificate for signatures only) and ``root.pem``.

    ``small``: P-256 instead of RSA; ``stamps``: for time-stamps and nothing else.
    """
    key: Key = (
        ec.generate_private_key(ec.SECP256R1())
        if small
        else rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )
    certificate = authority.issue(subject, key, stamps=stamps)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "root.pem").write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))
    secret = folder / f"{name}.key"
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    secret.chmod(0o400)
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=not ca,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
