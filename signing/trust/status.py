"""What an authority says of a certificate (RFC 6960, RFC 5280 §5): asked for and read here, carried by somebody else.

An answer counts when whoever gave it may give it: the authority itself, or a responder that it named for that; when it is
about this very certificate; and only as long as it says. Everything else is no answer, and takes nothing away.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec
from asn1crypto import crl as asn1_crl
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID as Access

from schemas.problems import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Iterable

NO_ANSWER = "HUB-CRT-007"


class State(StrEnum):
    GOOD = "good"
    REVOKED = "revoked"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """``said_at``: when it was true; ``valid_until``: how long it counts; ``raw``: as it came."""

    state: State
    said_at: datetime
    valid_until: datetime
    raw: bytes
    revoked_at: datetime | None = None


def question(certificate: x509.Certificate, issuer: x509.Certificate, nonce: bytes) -> bytes:
    """Return the OCSP request as DER. SHA-1 only names the certificate here; every responder knows it (RFC 5019 §2.1.1)."""
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, SHA1())  # noqa: S303 - a name, no proof
    return builder.add_extension(x509.OCSPNonce(nonce), critical=False).build().public_bytes(Encoding.DER)


async def from_ocsp(
    raw: bytes, certificate: x509.Certificate, issuer: x509.Certificate, nonce: bytes, now: datetime
) -> Answer:
    """Read an OCSP response. A nonce that it carries must be ours. Raises ``Refusal`` HUB-CRT-007."""
    try:
        told = ocsp.load_der_ocsp_response(raw)
        if told.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise _none(told.response_status.name.lower())
        about = next(one for one in told.responses if one.serial_number == certificate.serial_number)
        said, ends = about.this_update_utc, about.next_update_utc
        theirs = [one.value.nonce for one in told.extensions if isinstance(one.value, x509.OCSPNonce)]
    except (ValueError, StopIteration) as error:
        raise _none("an OCSP response about this certificate") from error
    if theirs not in ([], [nonce]):
        raise _none("the nonce of this question")
    return await _judged(raw, certificate, issuer, now, (said, ends), ocsps=[raw])


async def from_crl(
    raw: bytes, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
) -> Answer:
    """Read a revocation list, DER or PEM. Raises ``Refusal`` HUB-CRT-007."""
    try:
        told = (x509.load_pem_x509_crl if raw.startswith(b"-----") else x509.load_der_x509_crl)(raw)
        said, ends = told.last_update_utc, told.next_update_utc
    except ValueError as error:
        raise _none("a certificate revocation list") from error
    der = told.public_bytes(Encoding.DER)
    listed = asn1_crl.CertificateList.load(der)
    return await _judged(raw, certificate, issuer, now, (said, ends), crls=[listed])


async def _judged(
    raw: bytes,
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    now: datetime,
    times: tuple[datetime, datetime | None],
    **evidence: Any,  # noqa: ANN401 - ``ocsps`` or ``crls`` of the library
) -> Answer:
    from signing.trust import vouching  # noqa: PLC0415 - heavy; only what reads an answer needs it

    said, ends = times
    until = ends or said + vouching.WITHOUT_END
    try:
        since = await vouching.revoked_at(certificate, issuer, now, **evidence)
    except Exception as error:  # whatever the library finds wrong with foreign bytes, it is no answer
        raise _none("an answer by the authority itself or a responder of its own") from error
    state = State.GOOD if since is None else State.REVOKED
    return Answer(state=state, said_at=said, valid_until=until, raw=raw, revoked_at=since)


def _none(rule: str) -> Refusal:
    return refuse(NO_ANSWER, rule=rule)


# --- where to ask -------------------------------------------------------------------------------------------------


def issuer_of(
    certificate: x509.Certificate, authorities: Iterable[x509.Certificate]
) -> x509.Certificate | None:
    """Return the authority that issued it: by name and by signature."""
    for authority in authorities:
        try:
            certificate.verify_directly_issued_by(authority)
        except (ValueError, TypeError):
            continue
        except Exception:  # noqa: BLE001, S112 - a signature that does not verify, whatever the library calls it
            continue
        return authority
    return None


def responders(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the OCSP addresses that the certificate itself names (RFC 5280 §4.2.2.1). Nobody has allowed them yet."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(
        str(one.access_location.value)
        for one in found
        if one.access_method == Access.OCSP
        and isinstance(one.access_location, x509.UniformResourceIdentifier)
    )


def lists(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the addresses of revocation lists that the certificate itself names (RFC 5280 §4.2.1.13)."""
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(
        str(name.value)
        for point in points
        for name in point.full_name or ()
        if isinstance(name, x509.UniformResourceIdentifier)
    )
