"""The one signature of a container: XAdES over every file as it lies, with an authority's time-stamp where there is one.

It is written from a template in canonical form. Who verifies takes out of it what it says, writes it again and compares, so
nothing that the template does not know can stand in it, and nothing has to be canonicalised or resolved.
EN 319 132-1 (XAdES), EN 319 162-1 (ASiC-E); foreign verifiers read it (``tests/unit/test_signing_asic.py``).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from schemas.problems import Refusal, refuse
from signing import algorithms, timestamps
from signing.algorithms import PublicKey
from signing.asic.container import MANIFEST, SIGNATURE, File, manifest, pack, unpack, uri
from signing.contract import Signatory
from signing.profiles import XmlAlgorithm
from signing.trust.pins import fingerprints
from signing.xml.gate import parse
from signing.xml.names import DSIG, EXCLUSIVE, METHODS, SHA256, ds

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from lxml import etree

    from signing.asic.anchors import Anchors
    from signing.contract import Key

ASIC: Final = "http://uri.etsi.org/02918/v1.2.1#"
XADES: Final = "http://uri.etsi.org/01903/v1.3.2#"
_PROPERTIES_TYPE: Final = "http://uri.etsi.org/01903#SignedProperties"
_ID, _VALUE_ID, _PROPERTIES_ID = "S0", "S0-value", "S0-properties"
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
_NAMESPACE: Final = f' xmlns:ds="{DSIG}"'
_REFERENCE: Final = (
    f'<ds:Reference{{more}}>{{steps}}<ds:DigestMethod Algorithm="{SHA256}"></ds:DigestMethod>'
    "<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>"
)
_VALUE: Final = f'<ds:SignatureValue{{namespace}} Id="{_VALUE_ID}">{{value}}</ds:SignatureValue>'
_STAMPED: Final = (
    "<xades:UnsignedProperties><xades:UnsignedSignatureProperties><xades:SignatureTimeStamp>"
    f'<ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}"></ds:CanonicalizationMethod>'
    "<xades:EncapsulatedTimeStamp>%s</xades:EncapsulatedTimeStamp>"
    "</xades:SignatureTimeStamp></xades:UnsignedSignatureProperties></xades:UnsignedProperties>"
)


class Checked(NamedTuple):
    """A container that holds. ``files``: everything that was signed; ``at``: the time for which its signer is believed,
    which is ``stamped_at`` where somebody stamped it.
    """

    files: dict[str, bytes]
    signer: Signatory
    certificate: bytes
    signed_at: datetime
    stamped_at: datetime | None
    at: datetime


class _Said(NamedTuple):
    """What a signature says; nothing of it is proven."""

    digests: dict[str, str]  # by name, in order, base64
    media_types: tuple[str, ...]
    signed_at: str
    certificate: bytes
    method: str
    value: bytes = b""
    token: bytes = b""


# --- making ---------------------------------------------------------------------------------------------------------


async def seal(
    files: Sequence[File],
    key: Key,
    now: datetime,
    stamp: Callable[[bytes], Awaitable[bytes]] | None = None,
) -> bytes:
    """Return the signed container. ``stamp``: asks an authority for a token over a SHA-256 digest. Raises ``Refusal``."""
    said = _Said(
        digests={file.name: _digest(file.content) for file in files},
        media_types=tuple(file.media_type for file in files),
        signed_at=now.astimezone(UTC).strftime(_TIME),
        certificate=key.certificate.public_bytes(Encoding.DER),
        method=METHODS[XmlAlgorithm.RSA_SHA256 if key.is_rsa else XmlAlgorithm.ECDSA_SHA256],
    )
    said = said._replace(value=key.sign(_signed_info(said, alone=True)))
    if stamp is not None:
        said = said._replace(token=await stamp(_imprint(said.value)))
    return pack(files, _written(said))


def _digest(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def _written(said: _Said) -> bytes:
    """Return the whole signature file."""
    stamped = _STAMPED % base64.b64encode(said.token).decode() if said.token else ""
    return b"".join(
        (
            f'<asic:XAdESSignatures xmlns:asic="{ASIC}"><ds:Signature xmlns:ds="{DSIG}" Id="{_ID}">'.encode(),
            _signed_info(said),
            _VALUE.format(namespace="", value=base64.b64encode(said.value).decode()).encode(),
            b"<ds:KeyInfo><ds:X509Data><ds:X509Certificate>",
            base64.b64encode(said.certificate),
            b"</ds:X509Certificate></ds:X509Data></ds:KeyInfo><ds:Object>",
            f'<xades:QualifyingProperties xmlns:xades="{XADES}" Target="#{_ID}">'.encode(),
            _properties(said),
            stamped.encode(),
            b"</xades:QualifyingProperties></ds:Object></ds:Signature></asic:XAdESSignatures>",
        )
    )


def _signed_info(said: _Said, *, alone: bool = False) -> bytes:
    """Return SignedInfo, in canonical form when it stands ``alone``."""
    references = "".join(
        _REFERENCE.format(more=f' Id="r{n}" URI={quoteattr(uri(name))}', steps="", digest=escape(digest))
        for n, (name, digest) in enumerate(said.digests.items())
    )
    properties = _REFERENCE.format(
        more=f' Type="{_PROPERTIES_TYPE}" URI="#{_PROPERTIES_ID}"',
        steps=f'<ds:Transforms><ds:Transform Algorithm="{EXCLUSIVE}"></ds:Transform></ds:Transforms>',
        digest=_digest(_properties(said)),
    )
    return (
        f"<ds:SignedInfo{_NAMESPACE if alone else ''}>"
        f'<ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}"></ds:CanonicalizationMethod>'
        f"<ds:SignatureMethod Algorithm={quoteattr(said.method)}></ds:SignatureMethod>{references}{properties}</ds:SignedInfo>"
    ).encode()


def _properties(said: _Said) -> bytes:
    """Return SignedProperties in exclusive canonical form."""
    formats = "".join(
        f'<xades:DataObjectFormat ObjectReference="#r{n}"><xades:MimeType>{escape(kind)}</xades:MimeType></xades:DataObjectFormat>'
        for n, kind in enumerate(said.media_types)
    )
    return (
        f'<xades:SignedProperties xmlns:xades="{XADES}" Id="{_PROPERTIES_ID}"><xades:SignedSignatureProperties>'
        f"<xades:SigningTime>{escape(said.signed_at)}</xades:SigningTime><xades:SigningCertificateV2><xades:Cert><xades:CertDigest>"
        f'<ds:DigestMethod{_NAMESPACE} Algorithm="{SHA256}"></ds:DigestMethod>'
        f"<ds:DigestValue{_NAMESPACE}>{_digest(said.certificate)}</ds:DigestValue>"
        "</xades:CertDigest></xades:Cert></xades:SigningCertificateV2></xades:SignedSignatureProperties>"
        f"<xades:SignedDataObjectProperties>{formats}</xades:SignedDataObjectProperties></xades:SignedProperties>"
    ).encode()


def _imprint(value: bytes) -> bytes:
    """SHA-256 of the canonical SignatureValue (EN 319 132-1 §5.3)."""
    written = _VALUE.format(namespace=_NAMESPACE, value=base64.b64encode(value).decode())
    return hashlib.sha256(written.encode()).digest()


# --- looking --------------------------------------------------------------------------------------------------------


def verify(raw: bytes, anchors: Anchors, now: datetime) -> Checked:
    """Return what was signed, by whom and when. Raises ``Refusal`` HUB-EVD-001 to -009, HUB-TSP-*.

    Nothing in the container is believed that does not follow from ``anchors``.
    """
    files, told_manifest, told_signature = unpack(raw)
    said = _read(told_signature)
    _compare(files, said.digests)
    certificate = _certificate(said.certificate)
    _verify(said, certificate.public_key())
    if len(said.media_types) != len(files) or _written(said) != told_signature:
        raise _invalid("this signature and nothing beside it")
    listed = [
        File(name, kind, files[name]) for name, kind in zip(said.digests, said.media_types, strict=True)
    ]
    if manifest(listed) != told_manifest or pack(listed, told_signature) != raw:
        raise refuse("HUB-EVD-001", MANIFEST, rule="a container as the hub writes it")
    stamped_at = None
    if said.token:
        stamped_at = timestamps.read(said.token, _imprint(said.value), anchors.stamps)
    at = stamped_at or now
    anchors.believe(certificate, at)
    return Checked(
        files=files,
        signer=Signatory(
            fingerprint=fingerprints(said.certificate)[0], subject=certificate.subject.rfc4514_string()
        ),
        certificate=said.certificate,
        signed_at=_moment(said.signed_at),
        stamped_at=stamped_at,
        at=at,
    )


def _verify(said: _Said, key: object) -> None:
    signs = isinstance(key, PublicKey) and said.method == METHODS[_algorithm(key)]
    if not signs or not algorithms.verifies(key, _signed_info(said, alone=True), said.value):  # type: ignore[arg-type]
        raise _invalid("a signature by the certificate in it")


def _algorithm(key: PublicKey) -> XmlAlgorithm:
    rsa_key = isinstance(key, rsa.RSAPublicKey)
    return XmlAlgorithm.RSA_SHA256 if rsa_key else XmlAlgorithm.ECDSA_SHA256


def _compare(files: dict[str, bytes], digests: dict[str, str]) -> None:
    for name in files:
        if name not in digests:
            raise refuse("HUB-EVD-003", name, rule="only what was signed")
    for name in digests:
        if name not in files:
            raise refuse("HUB-EVD-004", name, rule="the part")
    for name, content in files.items():
        if base64.b64encode(hashlib.sha256(content).digest()).decode() != digests[name]:
            raise refuse("HUB-EVD-005", name, rule="the bytes that were signed")


def _read(signature: bytes) -> _Said:
    try:
        root = parse(signature)
        references = root.findall(f".//{ds('SignedInfo')}/{ds('Reference')}")
        return _Said(
            digests={str(one.get("URI")): _text(one, ds("DigestValue")) for one in references[:-1]},
            media_types=tuple(one.text or "" for one in root.iter(f"{{{XADES}}}MimeType")),
            signed_at=_text(root, f".//{{{XADES}}}SigningTime"),
            certificate=base64.b64decode(_text(root, f".//{ds('X509Certificate')}")),
            method=str(next(root.iter(ds("SignatureMethod"))).get("Algorithm")),
            value=base64.b64decode(_text(root, f".//{ds('SignatureValue')}")),
            token=base64.b64decode(root.findtext(f".//{{{XADES}}}EncapsulatedTimeStamp") or ""),
        )
    except (Refusal, ValueError, binascii.Error, StopIteration) as error:
        raise _invalid("a signature that can be read") from error


def _moment(written: str) -> datetime:
    try:
        return datetime.strptime(written, _TIME).replace(tzinfo=UTC)
    except ValueError as error:
        raise _invalid("the time of signing") from error


def _text(element: etree._Element, path: str) -> str:
    found = element.findtext(path)
    if not found:
        raise ValueError(path)
    return found


def _certificate(der: bytes) -> x509.Certificate:
    """Read all of it that is asked for later: what is odd in a stranger's certificate shows here."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        _ = certificate.public_key(), certificate.subject, certificate.issuer, list(certificate.extensions)
        _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except Exception as error:  # whatever a library makes of foreign bytes
        raise _invalid("the signer's certificate") from error
    return certificate


def _invalid(rule: str) -> Refusal:
    return refuse("HUB-EVD-006", SIGNATURE, rule=rule)
