"""Whether a certificate stands under an authority at a moment, by the rules of RFC 5280, for those that sign.

Seals have no host names, and often only the key usage nonRepudiation; a certificate for TLS, time-stamps or OCSP, or of an
authority, is no seal. What an authority said later (revocation) is another question: ``signing.trust.status``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

DEEPEST = 4
"""Authorities between a seal and its root."""
NO_PATH = "HUB-CRT-008"
NOT_SEALING = frozenset(
    {Purpose.SERVER_AUTH, Purpose.CLIENT_AUTH, Purpose.TIME_STAMPING, Purpose.OCSP_SIGNING}
)


def _signs(_: Policy, __: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        raise ValueError("key usage digitalSignature or nonRepudiation")


def _seals(_: Policy, __: x509.Certificate, purposes: x509.ExtendedKeyUsage | None) -> None:
    if purposes is not None and set(purposes) <= NOT_SEALING:
        raise ValueError("a certificate for signing, not for TLS, time-stamps or OCSP alone")


def _ends_here(_: Policy, __: x509.Certificate, basic: x509.BasicConstraints | None) -> None:
    if basic is not None and basic.ca:
        raise ValueError("the signer's own certificate, not an authority's")


_OF_SEALS = (
    ExtensionPolicy.permit_all()
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs)
    .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _seals)
    .may_be_present(x509.BasicConstraints, Criticality.AGNOSTIC, _ends_here)
)


def validate(
    certificate: x509.Certificate, authorities: Sequence[x509.Certificate], at: datetime
) -> tuple[x509.Certificate, ...]:
    """Return the path, the certificate first. Self-signed authorities are where it ends; the others stand between.

    Raises ``Refusal`` HUB-CRT-008.
    """
    roots = [one for one in authorities if one.subject == one.issuer]
    between = [one for one in authorities if one.subject != one.issuer]
    if not roots:
        raise refuse(NO_PATH, rule="a self-signed authority")
    verifier = (
        PolicyBuilder()
        .store(Store(roots))
        .time(at)
        .max_chain_depth(DEEPEST)
        .extension_policies(ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=_OF_SEALS)
        .build_client_verifier()
    )
    try:
        return tuple(verifier.verify(certificate, between).chain)
    except VerificationError as error:
        raise refuse(NO_PATH, rule="a path to a declared authority") from error
