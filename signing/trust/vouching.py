"""Whether whoever answers may answer (RFC 6960 §4.2.2.2, RFC 5280 §6.3), and what it says: the library's work, loaded when an answer came."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.authority import CertTrustAnchor
from pyhanko_certvalidator.errors import RevokedError
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import (
    FRESHNESS_FALLBACK_VALIDITY_DEFAULT,
    CertRevTrustPolicy,
    RevocationCheckingPolicy,
    RevocationCheckingRule,
)
from pyhanko_certvalidator.revinfo.validate_crl import verify_crl
from pyhanko_certvalidator.revinfo.validate_ocsp import verify_ocsp_response

if TYPE_CHECKING:
    from cryptography import x509

WITHOUT_END = FRESHNESS_FALLBACK_VALIDITY_DEFAULT
"""How long an answer counts that does not say so itself: "newer is always to be had" (RFC 6960 §4.2.2.1)."""
SKEW = timedelta(minutes=5)


_OF_NOBODY_ELSE = RevocationCheckingPolicy(
    ee_certificate_rule=RevocationCheckingRule.NO_CHECK,
    intermediate_ca_cert_rule=RevocationCheckingRule.NO_CHECK,
)
"""Who answers is looked at, and whether it may; whether *its* certificate was revoked is not asked again (RFC 6960 §4.2.2.2.1)."""


async def revoked_at(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    now: datetime,
    **evidence: Any,  # noqa: ANN401 - ``ocsps`` or ``crls`` of the library
) -> datetime | None:
    """Return since when it is revoked; ``None``: it is not. Raises whatever the library finds wrong with foreign bytes."""
    anchor, theirs = CertTrustAnchor(_asn1(issuer)), _asn1(certificate)
    context = ValidationContext(
        trust_roots=[anchor],
        moment=now.astimezone(UTC),
        revinfo_policy=CertRevTrustPolicy(_OF_NOBODY_ELSE),
        time_tolerance=SKEW,
        **evidence,
    )
    verify = verify_ocsp_response if "ocsps" in evidence else verify_crl
    try:
        await verify(theirs, ValidationPath(anchor, interm=[], leaf=theirs), context)
    except RevokedError as error:
        return error.revocation_dt
    return None


def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
