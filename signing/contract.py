"""Who vouches: bytes in, signed bytes out; signed bytes in, verified bytes out.

Nothing here knows a dossier or a partner. Whoever verifies reads on from ``Verified.payload`` only. Every refusal is a
``schemas.problems.Refusal`` with a HUB-SIG-* or HUB-CRT-* code; no other exception leaves this package.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import datetime  # noqa: TC003
from typing import Protocol

import msgspec
from cryptography import x509  # noqa: TC002


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Common shape: frozen, named fields."""


class Wire(Value, frozen=True):
    """What is signed or verified, as it travels. ``headers``: lower-case names when it came in, as they are written when it goes out.

    ``method`` and ``target`` for bindings that cover them; ``id``: what the message is called on every attempt, for bindings
    that say it; ``canonical``: the body is in exclusive C14N as it stands, so that signing need not parse it again. ``signer``:
    SHA-256 (hex) of our certificate, where one of several generations signed it.
    """

    body: bytes
    headers: Mapping[str, str] = {}
    method: str = ""
    target: str = ""
    id: str = ""
    canonical: bool = False
    signer: str = ""


class Signatory(Value, frozen=True):
    """Who signed: SHA-256 of the certificate (hex), its subject, and the key id the message named."""

    fingerprint: str
    subject: str
    key_id: str = ""


class Verified(Value, frozen=True):
    """``payload``: exactly what was signed, and nothing else of the message. ``digest``: SHA-256 hex of ``payload``.

    ``signed_at``: when the signer says it signed; ``stamped_at``: when a time-stamping authority proves that it was signed.
    ``claims``: what else was signed beside the payload, by the binding's own names (``jti``, ``aud``, ``wsa:MessageID``).
    ``wrapped``: the payload came inside of something that is made anew on every attempt, so that two messages with one
    payload are one. ``signature``: SHA-256 hex of the signature value. ``certificate``: DER of the signer's. ``profile``: binding and version.
    """

    payload: bytes
    signer: Signatory
    algorithm: str
    digest: str
    verified_at: datetime
    signed_at: datetime | None = None
    stamped_at: datetime | None = None
    claims: Mapping[str, str] = {}
    signature: str = ""
    certificate: bytes = b""
    profile: str = ""
    wrapped: bool = False


class Key(Protocol):
    """A key that is ready, wherever it lies: a file, a token, a service.

    ``name``: as the settings call it. ``fingerprint``: SHA-256 of the certificate in hex; ``thumbprint``: the same in base64url.
    """

    @property
    def name(self) -> str: ...
    @property
    def certificate(self) -> x509.Certificate: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def thumbprint(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def is_rsa(self) -> bool: ...
    @property
    def certificate_text(self) -> bytes:
        """The certificate as base64 of its DER, in one line."""
        ...

    def sign(self, data: bytes) -> bytes:
        """RSA PKCS#1 v1.5 or ECDSA P-256 over SHA-256, as ``signing.algorithms`` writes it."""
        ...


class Signer(Protocol):
    """One key under one profile. Immutable; shared by threads."""

    def sign(self, wire: Wire, now: datetime) -> Wire:
        """Return what travels: a signed body, or the same body with signed headers. Raises ``Refusal``."""
        ...


class Verifier(Protocol):
    """The pins of one signer under one profile. Immutable; shared by threads."""

    def verify(self, wire: Wire, now: datetime) -> Verified:
        """Look at what is cheap first, then at the signature. ``now`` is aware.

        Raises ``Refusal``: HUB-SIG-001 unsigned, HUB-SIG-002 signature, HUB-SIG-003 digest, HUB-SIG-004 algorithm,
        HUB-SIG-005 structure, HUB-SIG-006 a part that must be signed is not, HUB-SIG-007 ambiguous reference, HUB-SIG-008
        a part is signed that may not be, HUB-SIG-009 envelope, HUB-SIG-010 key reference, HUB-SIG-011 expired,
        HUB-SIG-012 in the future, HUB-SIG-013 SHA-1 after its day, HUB-SIG-014 XAdES properties, HUB-SIG-015 no
        time-stamp; HUB-CRT-001 not pinned, HUB-CRT-002 not valid now.
        """
        ...
