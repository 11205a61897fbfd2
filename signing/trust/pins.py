"""Whom we believe: certificates pinned by hand, each with its validity.

More than one pin may stand for one partner, so that a key can change without a gap. A certificate that a message
brings along is only ever an index into the pins. What a pin's certificate is for is looked at once, when it is loaded:
a timestamping, OCSP, TLS or CA certificate never stands for a seal.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime, timedelta  # noqa: TC003 - msgspec reads the annotations at run time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from schemas.problems import Refusal, refuse
from signing.algorithms import PublicKey, usable
from signing.contract import Signatory
from signing.trust.path import NO_PATH, NOT_SEALING, validate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

E = TypeVar("E", bound=x509.ExtensionType)


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """One certificate that is believed. ``key_ids``: the names by which a message may mean it; ``not_before``, ``not_after``:
    within its own validity, and no longer than it was agreed to count.
    """

    certificate: x509.Certificate
    key: PublicKey
    fingerprint: str
    thumbprint: str
    subject: str
    key_ids: frozenset[str]
    not_before: datetime
    not_after: datetime

    def is_valid(self, now: datetime, skew: timedelta) -> bool:
        return self.not_before - skew <= now <= self.not_after + skew

    def signer(self, key_id: str = "") -> Signatory:
        return Signatory(fingerprint=self.fingerprint, subject=self.subject, key_id=key_id)


def fingerprints(der: bytes) -> tuple[str, str]:
    """Return SHA-256 of a certificate as hex and as base64url (``x5t#S256``, RFC 7515 §4.1.8)."""
    digest = hashlib.sha256(der)
    return digest.hexdigest(), base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()


def pin(certificate: x509.Certificate, *names: str, minimum_rsa_bits: int = 2048, place: str = "") -> Pin:
    """Pin one certificate. ``names`` are further key ids. Raises ``Refusal`` HUB-CRT-003 when it cannot stand for a seal."""
    key = _key(certificate)
    rule = usable(key, minimum_rsa_bits) or _wrong_purpose(certificate)
    if rule or not isinstance(key, PublicKey):
        raise refuse("HUB-CRT-003", place, rule=rule)
    fingerprint, thumbprint = fingerprints(certificate.public_bytes(Encoding.DER))
    return Pin(
        certificate=certificate,
        key=key,
        fingerprint=fingerprint,
        thumbprint=thumbprint,
        subject=certificate.subject.rfc4514_string(),
        key_ids=frozenset({fingerprint, thumbprint, *names}),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def _key(certificate: x509.Certificate) -> object:
    """Return the key; nothing for a kind that is not even known here."""
    try:
        return certificate.public_key()
    except (UnsupportedAlgorithm, ValueError):
        return None


def _wrong_purpose(certificate: x509.Certificate) -> str:
    """Say what a seal's certificate must be and this one is not (RFC 5280 §4.2.1.3, §4.2.1.9, §4.2.1.12)."""
    try:
        basic = _extension(certificate, x509.BasicConstraints)
        usage = _extension(certificate, x509.KeyUsage)
        purposes = _extension(certificate, x509.ExtendedKeyUsage)
    except ValueError:
        return "readable certificate extensions"
    if basic is not None and basic.ca:
        return "the signer's own certificate, not an authority's"
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        return "key usage digitalSignature or nonRepudiation"
    if purposes is not None and set(purposes) <= NOT_SEALING:
        return "a certificate for signing, not for TLS, timestamps or OCSP alone"
    return ""


def _extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


class Pins:
    """The pins of one signer. Immutable; shared by threads."""

    def __init__(self, pins: Iterable[Pin]) -> None:
        self._by_fingerprint = {pin.fingerprint: pin for pin in pins}

    def __iter__(self) -> Iterator[Pin]:
        return iter(self._by_fingerprint.values())

    def __len__(self) -> int:
        return len(self._by_fingerprint)

    def choose(
        self, named: Iterable[str], now: datetime, skew: timedelta, *, place: str, hinted: bool
    ) -> tuple[Pin, ...]:
        """Return the pins that a message may mean and that are valid now.

        ``named``: fingerprints of the certificates it brought. When it brought none (``hinted`` is false), every pin
        may be meant. Raises HUB-CRT-001 when none is pinned, HUB-CRT-002 when none of those is valid now.
        """
        meant = tuple(p for name in named if (p := self._by_fingerprint.get(name))) if hinted else tuple(self)
        if not meant:
            raise refuse("HUB-CRT-001", place, rule="certificate pinned for this sender")
        valid = tuple(p for p in meant if p.is_valid(now, skew))
        if not valid:
            raise refuse("HUB-CRT-002", place, rule="certificate valid at the time of receipt")
        return valid


class PinFile(msgspec.Struct, frozen=True, kw_only=True):
    """A PEM file of pins. ``begins``, ``ends``: when they count, within their own validity; ``None``: as long as that.

    ``under``: PEM files of authorities; each pin must stand under one, and counts no longer than its whole path.
    """

    file: Path
    begins: datetime | None = None
    ends: datetime | None = None
    under: tuple[Path, ...] = ()


def load_pins(files: Iterable[Path | PinFile], *, minimum_rsa_bits: int = 2048) -> Pins:
    """Pin every certificate of these PEM files; a file's stem is a further key id of what is in it.

    Raises ``Refusal`` HUB-CRT-003 naming the file. Expired certificates load: they may vouch for nothing any more, but a
    hub does not refuse to start because of one.
    """
    return Pins(one for file in files for one in _windowed(file, minimum_rsa_bits))


def _windowed(file: Path | PinFile, minimum_rsa_bits: int) -> list[Pin]:
    told = file if isinstance(file, PinFile) else PinFile(file=Path(file))
    found = _load(told.file, minimum_rsa_bits)
    if told.under:
        authorities = load_certificates(told.under)
        found = [_under(one, authorities, told.file.name) for one in found]
    return [
        msgspec.structs.replace(
            one,
            not_before=max(one.not_before, told.begins or one.not_before),
            not_after=min(one.not_after, told.ends or one.not_after),
        )
        for one in found
    ]


def _under(one: Pin, authorities: Sequence[x509.Certificate], place: str) -> Pin:
    """Narrow a pin to when its whole path is valid. Looked at here, once, so that no message costs it."""
    begins = [each.not_valid_before_utc for each in authorities]
    moments = [one.not_before, *(at for at in begins if one.not_before <= at <= one.not_after)]
    for at in moments:
        try:
            path = validate(one.certificate, authorities, at)
        except Refusal:
            continue
        return msgspec.structs.replace(
            one,
            not_before=max(each.not_valid_before_utc for each in path),
            not_after=min(each.not_valid_after_utc for each in path),
        )
    raise refuse(NO_PATH, place, rule="a path to a declared authority")


def load_certificates(files: Iterable[Path]) -> tuple[x509.Certificate, ...]:
    """Read PEM bundles. Raises ``Refusal`` HUB-CRT-003 naming the file."""
    return tuple(one for file in files for one in _certificates(Path(file)))


def _certificates(file: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(file.read_bytes())
    except OSError as error:
        raise refuse("HUB-CRT-003", file.name, rule="a readable file", detail=type(error).__name__) from error
    except ValueError as error:
        raise refuse("HUB-CRT-003", file.name, rule="PEM certificates") from error


def _load(file: Path, minimum_rsa_bits: int) -> list[Pin]:
    return [
        pin(certificate, file.stem, minimum_rsa_bits=minimum_rsa_bits, place=file.name)
        for certificate in _certificates(file)
    ]
