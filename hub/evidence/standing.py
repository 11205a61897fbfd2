"""What authorities said of the certificates in a bundle, looked at once more: only answers that they could give count."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - part of public signatures
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509 import ocsp

from hub.evidence import papers
from hub.evidence.parts import Holds
from schemas.problems import Refusal, refuse
from signing.trust import status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

REVOKED = "HUB-CRT-004"


async def standings(
    files: Mapping[str, bytes],
    authorities: Sequence[x509.Certificate],
    at: datetime,
    signed: Iterable[tuple[str, datetime]],
) -> list[Holds]:
    """Return what an authority of the reader's says of each certificate. An answer that does not count says nothing.

    ``at``: when the bundle was signed, as far as it is proved; ``signed``: by which certificate the hub signed something in it,
    and when. Raises ``Refusal`` HUB-CRT-004 for one that was revoked by then; what others signed before, or the hub with an
    earlier key, stays good.
    """
    last: dict[str, datetime] = {}
    for fingerprint, when in signed:
        last[fingerprint] = max(when, last.get(fingerprint, when))
    held = []
    for name, raw in files.items():
        if not name.startswith(papers.REVOCATION):
            continue
        fingerprint = name.removeprefix(papers.REVOCATION).removesuffix(".der")
        certificate = _certificate(files, papers.certificate(fingerprint))
        issuer = status.issuer_of(certificate, authorities) if certificate else None
        answer = await _answer(raw, certificate, issuer, at) if certificate and issuer else None
        if answer is None or certificate is None:
            continue
        held.append(_told(name, certificate, answer, last.get(fingerprint)))
    return held


def _told(name: str, certificate: x509.Certificate, answer: status.Answer, last: datetime | None) -> Holds:
    """``last``: when the hub signed with it for the last time here. What ended it later leaves that good."""
    ended = answer.revoked_at if answer.state is status.State.REVOKED else None
    if ended is not None and last is not None and last >= ended:
        raise refuse(REVOKED, name, rule="a certificate that was not revoked")
    about = f"{name}: {certificate.subject.rfc4514_string()}"
    if ended is not None:
        return Holds(check="revoked", about=about, at=ended, proved=True)
    return Holds(check="standing", about=about, at=answer.said_at, proved=True)


def _certificate(files: Mapping[str, bytes], name: str) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(files[name]) if name in files else None
    except ValueError as error:
        raise refuse("HUB-EVD-010", name, rule="a certificate") from error


async def _answer(
    raw: bytes, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime
) -> status.Answer | None:
    try:
        if raw.startswith(b"-----") or not _is_ocsp(raw):
            return await status.from_crl(raw, certificate, issuer, at)
        return await status.from_ocsp(raw, certificate, issuer, _nonce(raw), at)
    except Refusal:
        return None


def _is_ocsp(raw: bytes) -> bool:
    try:
        ocsp.load_der_ocsp_response(raw)
    except ValueError:
        return False
    return True


def _nonce(raw: bytes) -> bytes:
    """It was compared with the question when the answer came; nobody knows the question now."""
    try:
        told = ocsp.load_der_ocsp_response(raw).extensions
        return told.get_extension_for_class(x509.OCSPNonce).value.nonce
    except (ValueError, x509.ExtensionNotFound):
        return b""
