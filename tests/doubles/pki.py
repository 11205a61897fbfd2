"""A small public-key infrastructure, made anew for every test run: nothing secret is ever committed.

``Pki(folder, now)`` issues by name and on demand, because RSA keys cost time::

    pki = Pki(tmp_path, datetime.now(UTC))
    seal = pki["seal-2048"]          # .key .certificate .key_file .certificate_file
    server = pki["tls-server"]       # for 127.0.0.1 and localhost;  "tls-wrong-name" is for partner.invalid
    context = pki.server_context(); trusting = pki.client_context()

Names: ``PLANS`` below. Certificate files hold the certificate alone, key files PKCS#8 PEM with mode 0600.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from ipaddress import ip_address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID
from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose

if TYPE_CHECKING:
    from pathlib import Path

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

YEAR = timedelta(days=365)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Plan:
    """How a certificate is made. ``kind``: ``rsa-<bits>`` or ``p256``; ``start``/``end`` are relative to now."""

    kind: str = "p256"
    purposes: tuple[x509.ObjectIdentifier, ...] = ()
    usages: frozenset[str] = frozenset({"digital_signature", "content_commitment"})
    hosts: tuple[str, ...] = ()
    start: timedelta = -DAY
    end: timedelta = YEAR
    own_issuer: bool = False
    authority: bool = False
    issuer: str = "root"
    asks: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()


_ONLY_SIGN = frozenset({"digital_signature"})
_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)
_CA = frozenset({"key_cert_sign", "crl_sign"})

PLANS: dict[str, Plan] = {
    "root": Plan(usages=_CA, authority=True, own_issuer=True, start=-5 * YEAR, end=10 * YEAR),
    "issuing": Plan(usages=_CA, authority=True, end=5 * YEAR),
    "authority-that-signs": Plan(usages=_CA | _ONLY_SIGN, authority=True, own_issuer=True),
    "seal-2048": Plan("rsa-2048"),
    "seal-2048-next": Plan("rsa-2048"),
    "seal-3072": Plan("rsa-3072"),
    "seal-p256": Plan(),
    "seal-non-repudiation": Plan(usages=frozenset({"content_commitment"})),
    "seal-that-names": Plan(
        asks=("http://127.0.0.1:22/", "http://ocsp.example.vn/q", "http://ocsp.example.vn:25/", "ldap://x/y"),
        lists=("http://ocsp.example.vn/ca.crl", "http://169.254.169.254/latest", "file:///etc/passwd"),
    ),
    "seal-issued": Plan(issuer="issuing"),
    "issuing-that-signs": Plan(usages=_CA | _ONLY_SIGN, authority=True),
    "issuing-short": Plan(usages=_CA, authority=True, end=30 * DAY),
    "seal-short": Plan(issuer="issuing-short"),
    "seal-before": Plan(start=-6 * YEAR),
    "seal-by-a-seal": Plan(issuer="seal-p256"),
    "seal-self-signed": Plan(own_issuer=True),
    "seal-by-a-self-signed": Plan(issuer="seal-self-signed"),
    "tsa-by-a-self-signed": Plan(
        purposes=(Purpose.TIME_STAMPING,), usages=_ONLY_SIGN, issuer="seal-self-signed"
    ),
    "seal-1024": Plan("rsa-1024"),
    "seal-expired": Plan(start=-2 * YEAR, end=-DAY),
    "seal-2048-expired": Plan("rsa-2048", start=-2 * YEAR, end=-DAY),
    "seal-ended": Plan(end=-DAY / 2),
    "seal-future": Plan(start=DAY),
    "stranger-2048": Plan("rsa-2048", own_issuer=True),
    "stranger-p256": Plan(own_issuer=True),
    "tsa": Plan(purposes=(Purpose.TIME_STAMPING,), usages=_ONLY_SIGN),
    "tsa-issued": Plan(purposes=(Purpose.TIME_STAMPING,), usages=_ONLY_SIGN, issuer="issuing"),
    "tsa-expired": Plan(purposes=(Purpose.TIME_STAMPING,), usages=_ONLY_SIGN, start=-2 * YEAR, end=-DAY),
    "tsa-2048": Plan("rsa-2048", purposes=(Purpose.TIME_STAMPING,), usages=_ONLY_SIGN),
    "ocsp": Plan(purposes=(Purpose.OCSP_SIGNING,), usages=_ONLY_SIGN),
    "tls-client": Plan(purposes=(Purpose.CLIENT_AUTH,), usages=_ONLY_SIGN),
    "tls-server": Plan(purposes=(Purpose.SERVER_AUTH,), usages=_ONLY_SIGN, hosts=("127.0.0.1", "localhost")),
    "tls-wrong-name": Plan(purposes=(Purpose.SERVER_AUTH,), usages=_ONLY_SIGN, hosts=("partner.invalid",)),
    "tls-expired": Plan(
        purposes=(Purpose.SERVER_AUTH,),
        usages=_ONLY_SIGN,
        hosts=("127.0.0.1", "localhost"),
        start=-2 * YEAR,
        end=-DAY,
    ),
    "tls-self-signed": Plan(
        purposes=(Purpose.SERVER_AUTH,), usages=_ONLY_SIGN, hosts=("127.0.0.1", "localhost"), own_issuer=True
    ),
}


@dataclass(frozen=True)
class Issued:
    name: str
    key: Key
    certificate: x509.Certificate
    key_file: Path
    certificate_file: Path

    def pkcs12(self, file: Path, password: str) -> Path:
        """Write key and certificate as PKCS#12."""
        file.write_bytes(
            serialize_key_and_certificates(
                self.name.encode(),
                self.key,
                self.certificate,
                None,
                BestAvailableEncryption(password.encode()),
            )
        )
        file.chmod(0o600)
        return file

    def encrypted_key(self, file: Path, password: str) -> Path:
        """Write the key as encrypted PKCS#8 PEM."""
        encryption = BestAvailableEncryption(password.encode())
        file.write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
        file.chmod(0o600)
        return file


@dataclass
class Pki:
    folder: Path
    now: datetime
    issued: dict[str, Issued] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Issued:
        if name not in self.issued:
            self.issued[name] = self._issue(name, PLANS[name])
        return self.issued[name]

    def named(self, name: str) -> Issued:
        """One more seal (P-256), for whoever is called so."""
        if name not in self.issued:
            self.issued[name] = self._issue(name, Plan())
        return self.issued[name]

    def _issue(self, name: str, plan: Plan) -> Issued:
        key = _key(plan.kind, name)
        issuer = None if plan.own_issuer else self[plan.issuer]
        certificate = _certificate(name, plan, key, issuer, self.now)
        key_file, certificate_file = self.folder / f"{name}.key", self.folder / f"{name}.pem"
        key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        key_file.chmod(0o600)
        certificate_file.write_bytes(certificate.public_bytes(Encoding.PEM))
        return Issued(name, key, certificate, key_file, certificate_file)

    def server_context(self, name: str = "tls-server") -> ssl.SSLContext:
        """A TLS server that shows the named certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self[name].certificate_file, self[name].key_file)
        return context

    def client_context(self) -> ssl.SSLContext:
        """A TLS client that trusts this root and nothing else."""
        return ssl.create_default_context(cafile=str(self["root"].certificate_file))


@cache
def _key(kind: str, name: str) -> Key:
    """One key per name and process: the same bytes for every folder, and made only once."""
    del name
    if kind == "p256":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(65537, int(kind.removeprefix("rsa-")))


def _subject(name: str) -> x509.Name:
    attributes = [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Cơ quan thử nghiệm"),
        x509.NameAttribute(NameOID.COMMON_NAME, name),
    ]
    return x509.Name(attributes)


def _usage(usages: frozenset[str]) -> x509.KeyUsage:
    return x509.KeyUsage(**{name: name in usages for name in _USAGES})


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _certificate(name: str, plan: Plan, key: Key, issuer: Issued | None, now: datetime) -> x509.Certificate:
    signing_key = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(_subject(name))
        .issuer_name(issuer.certificate.subject if issuer else _subject(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + plan.start)
        .not_valid_after(now + plan.end)
        .add_extension(x509.BasicConstraints(ca=plan.authority, path_length=None), critical=True)
        .add_extension(_usage(plan.usages), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False
        )
    )
    if plan.asks:
        where = [x509.UniformResourceIdentifier(url) for url in plan.asks]
        told = [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, url) for url in where]
        builder = builder.add_extension(x509.AuthorityInformationAccess(told), critical=False)
    if plan.lists:
        named = [x509.UniformResourceIdentifier(url) for url in plan.lists]
        points = [x509.DistributionPoint([url], None, None, None) for url in named]
        builder = builder.add_extension(x509.CRLDistributionPoints(points), critical=False)
    if Purpose.OCSP_SIGNING in plan.purposes:
        builder = builder.add_extension(x509.OCSPNoCheck(), critical=False)
    if plan.purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(plan.purposes), critical=True)
    if plan.hosts:
        names = x509.SubjectAlternativeName([_host(host) for host in plan.hosts])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(signing_key, hashes.SHA256())
