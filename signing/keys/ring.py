"""What we sign with: loaded once, then only ever used as objects.

Loading an RSA key checks its primes and costs 40 to 115 ms; signing costs one. So keys are loaded when a process
starts, never on the way of a message. ``KeySource`` is the description that crosses process borders: a worker of the
sealing pool loads its own ``KeyRing`` from it. Key objects cannot be pickled, and are not meant to be.
"""

from __future__ import annotations

import base64
import threading
from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from pathlib import Path
from stat import S_IMODE
from typing import TYPE_CHECKING

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key, pkcs12

from schemas.problems import Problem, Refusal, refuse
from signing.algorithms import PrivateKey, PublicKey, same_key, sign, usable
from signing.keys import token
from signing.keys.generations import NONE_SIGNS, Bars, Generation, Rolling, signing
from signing.trust.pins import fingerprints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

    from signing.contract import Key, Signer
    from signing.keys.token import TokenKey


class KeySource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a key lies. ``file`` holds PEM, or PKCS#12 with the certificate in it; ``certificate`` is a PEM file.

    ``password_file`` holds the password alone; a line end after it does not count. ``generation``: what people call this one
    of the key's generations; ``begins``, ``ends``: when it signs; ``None``: as its certificate says. A key in a token:
    ``module`` is the PKCS#11 library, ``token`` and ``label`` say which key, ``pin_file`` holds the PIN.
    """

    name: str
    file: str = ""
    generation: str = "1"
    begins: datetime | None = None
    ends: datetime | None = None
    certificate: str = ""
    password_file: str = ""
    module: str = ""
    token: str = ""
    label: str = ""
    pin_file: str = ""
    minimum_rsa_bits: int = 2048
    recommended_rsa_bits: int = 3072

    @property
    def place(self) -> str:
        """As problems name it."""
        return self.name if self.generation == "1" else f"{self.name} {self.generation}"


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that is ready. ``fingerprint``: SHA-256 of its certificate, hex; ``thumbprint``: the same in base64url.

    ``warnings`` name what works but should be mended: a file that others may read, a key below what is recommended.
    """

    name: str
    private: PrivateKey
    certificate: x509.Certificate
    fingerprint: str
    thumbprint: str
    subject: str
    warnings: tuple[Problem, ...] = ()

    @property
    def is_rsa(self) -> bool:
        return isinstance(self.private, rsa.RSAPrivateKey)

    @property
    def certificate_text(self) -> bytes:
        """The certificate as base64 of its DER, in one line."""
        return base64.b64encode(self.certificate.public_bytes(Encoding.DER))

    def sign(self, data: bytes) -> bytes:
        return sign(self.private, data)


class KeyRing:
    """The keys of this process, by name, each with its generations. ``bars``: what it may not sign with."""

    def __init__(self, sources: Iterable[KeySource]) -> None:
        """Load every key. Raises ``Refusal`` HUB-CRT-003 with one problem for each key that cannot be loaded."""
        self.bars, turn = Bars(), threading.Lock()
        self._keys: dict[str, list[Generation]] = {}
        problems: list[Problem] = []
        for source in sources:
            try:
                key = token.load(source, turn) if source.module else load(source)
                self._keys.setdefault(source.name, []).append(_generation(source, key))
            except Refusal as refusal:
                problems.extend(refusal.problems)
        if problems:
            raise Refusal(*problems)

    def generations(self, name: str) -> tuple[Generation, ...]:
        """Raises ``Refusal`` HUB-CRT-003 for a name that the settings do not know."""
        try:
            return tuple(self._keys[name])
        except KeyError:
            raise refuse("HUB-CRT-003", name, rule="a key that the settings name") from None

    def key(self, name: str, at: datetime) -> Key:
        """Return the key that signs at a moment. Raises ``Refusal`` HUB-KEY-001 when none may."""
        one = signing(self.generations(name), at, self.bars)
        if one is None:
            raise refuse(NONE_SIGNS, name, rule="a generation that may sign now")
        key: Key = one.key
        return key

    def signer(self, name: str, make: Callable[[Key], Signer]) -> Signer:
        """Return a signer that changes with the key's generations; ``make`` builds that of one of them, now."""
        return Rolling(name, self.generations(name), make, self.bars)

    def names(self) -> Iterator[str]:
        return iter(self._keys)

    def __iter__(self) -> Iterator[SigningKey | TokenKey]:
        """Every generation's key."""
        return (one.key for generations in self._keys.values() for one in generations)


def _generation(source: KeySource, key: SigningKey | TokenKey) -> Generation:
    return Generation(
        id=source.generation,
        key=key,
        begins=source.begins or key.certificate.not_valid_before_utc,
        ends=min(source.ends or key.certificate.not_valid_after_utc, key.certificate.not_valid_after_utc),
    )


def load(source: KeySource) -> SigningKey:
    """Load one key with its certificate. Raises ``Refusal`` HUB-CRT-003; its place is the key's name."""
    private, certificate = _read(source)
    rule = usable(certificate.public_key(), source.minimum_rsa_bits)
    public = private.public_key()
    if rule or not isinstance(private, PrivateKey) or not isinstance(public, PublicKey):
        raise _wrong(source, rule or "an RSA or P-256 key")
    if not _belongs(certificate, public):
        raise _wrong(source, "the certificate of this key")
    fingerprint, thumbprint = fingerprints(certificate.public_bytes(Encoding.DER))
    return SigningKey(
        name=source.name,
        private=private,
        certificate=certificate,
        fingerprint=fingerprint,
        thumbprint=thumbprint,
        subject=certificate.subject.rfc4514_string(),
        warnings=tuple(_warnings(source, private)),
    )


def _belongs(certificate: x509.Certificate, public: PublicKey) -> bool:
    certified = certificate.public_key()
    return isinstance(certified, PublicKey) and same_key(certified, public)


def _read(source: KeySource) -> tuple[PrivateKeyTypes, x509.Certificate]:
    raw = _bytes(source, source.file)
    password = _bytes(source, source.password_file).rstrip(b"\r\n") if source.password_file else None
    try:
        return (
            _from_pem(source, raw, password) if b"-----BEGIN" in raw else _from_pkcs12(source, raw, password)
        )
    except TypeError as error:  # cryptography: a password is missing, or given for an open key
        raise _wrong(source, "a password exactly when the key is encrypted") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _wrong(source, "a readable key and certificate, and the right password") from error


def _from_pem(
    source: KeySource, raw: bytes, password: bytes | None
) -> tuple[PrivateKeyTypes, x509.Certificate]:
    private = load_pem_private_key(raw, password)
    certificate = x509.load_pem_x509_certificate(
        _bytes(source, source.certificate) if source.certificate else raw
    )
    return private, certificate


def _from_pkcs12(
    source: KeySource, raw: bytes, password: bytes | None
) -> tuple[PrivateKeyTypes, x509.Certificate]:
    private, certificate, _ = pkcs12.load_key_and_certificates(raw, password)
    if private is None or certificate is None:
        raise _wrong(source, "PKCS#12 with one key and its certificate")
    return private, certificate


def _bytes(source: KeySource, file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise refuse(
            "HUB-CRT-003", source.place, rule="a readable file", detail=type(error).__name__
        ) from error


def _wrong(source: KeySource, rule: str) -> Refusal:
    return refuse("HUB-CRT-003", source.place, rule=rule)


def _warnings(source: KeySource, private: PrivateKey) -> Iterator[Problem]:
    for file in filter(None, (source.file, source.password_file)):
        if S_IMODE(Path(file).stat().st_mode) & token.SECRET_BITS:
            yield Problem(
                code="HUB-CRT-003", place=source.place, rule="file mode 0600", detail=Path(file).name
            )
    if isinstance(private, rsa.RSAPrivateKey) and private.key_size < source.recommended_rsa_bits:
        rule = f"RSA of {source.recommended_rsa_bits} bits recommended"
        yield Problem(code="HUB-CRT-003", place=source.place, rule=rule)
