"""Who vouches: bytes in, signed bytes out; signed bytes in, verified bytes out.

Nothing here knows a dossier or a partner. Whoever verifies reads on from ``Verified.payload`` only. Every refusal is a
``schemas.problems.Refusal`` with a HUB-SIG-* or HUB-CRT-* code; no other exception leaves this package.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from typing import Protocol

import msgspec


class Signer(msgspec.Struct, frozen=True, kw_only=True):
    """Who signed: SHA-256 of the certificate (hex), its subject, and the key id the message named."""

    fingerprint: str
    subject: str
    key_id: str = ""


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """``payload``: exactly what was signed, and nothing else of the message. ``digest``: SHA-256 hex of ``payload``."""

    payload: bytes
    signer: Signer
    algorithm: str
    digest: str
    verified_at: datetime


class XmlSigner(Protocol):
    def sign(self, document: bytes, *, canonical: bool = False) -> bytes:
        """Return the document in exclusive C14N with one enveloped XML-DSig signature as the root's last child.

        ``canonical``: it is in exclusive C14N already; then it is not parsed again.
        """
        ...


class XmlVerifier(Protocol):
    def verify(self, raw: bytes, now: datetime) -> Verified:
        """Gate first (size, depth, attributes, DTD, one signature, allow-listed algorithms), then verify against pins."""
        ...


class BodySigner(Protocol):
    def sign(self, body: bytes, now: datetime) -> str:
        """Return a compact JWS with detached payload (RFC 7515 appendix F) over the body's exact bytes."""
        ...


class BodyVerifier(Protocol):
    def verify(self, body: bytes, token: str, now: datetime) -> Verified: ...
