"""Compact JWS with detached payload (RFC 7515, appendix F) over a body's exact bytes."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.serialization import Encoding

from schemas.problems import refuse
from signing.contract import Verified
from signing.jose import compact
from signing.jose.compact import PLACE, Signatures, encode
from signing.profiles import DETACHED, JwsProfile

if TYPE_CHECKING:
    from signing.contract import Key
    from signing.trust.pins import Pins

PROFILE = "jws-detached@1"


class DetachedSigner:
    """Signs bodies with one key under one profile. Immutable; shared by threads."""

    def __init__(self, key: Key, profile: JwsProfile = DETACHED, key_id: str = "") -> None:
        """``key_id``: the ``kid`` that the partner knows; our certificate's SHA-256 in hex when nothing is agreed.

        Raises ``Refusal`` HUB-SIG-004 when the profile does not allow what the key can do.
        """
        self._key = key
        self._says_time = profile.says_time
        self._header = {
            "alg": compact.algorithm_of(key, profile).value,
            "kid": key_id or key.fingerprint,
            "typ": profile.type,
            "x5t#S256": key.thumbprint,
        }

    def sign(self, body: bytes, now: datetime) -> str:
        header: dict[str, Any] = dict(self._header)
        if self._says_time:
            header["iat"] = int(now.timestamp())
        protected = compact.written(header)
        signature = self._key.sign(f"{protected}.{encode(body)}".encode())
        return f"{protected}..{encode(signature)}"


class DetachedVerifier:
    """Verifies bodies against the pins of one signer under one profile. Immutable; shared by threads."""

    def __init__(self, pins: Pins, profile: JwsProfile = DETACHED) -> None:
        self._profile = profile
        self._signatures = Signatures(pins, profile, payload_bytes=profile.body_bytes)

    def verify(self, body: bytes, token: str, now: datetime) -> Verified:
        """Return the body as what was signed. ``token``: the header's value, empty when there was none.

        Raises ``Refusal``: HUB-SIG-001 missing, -002 signature or time, -004 algorithm, -005 form; HUB-CRT-001, -002.
        """
        profile = self._profile
        if not token:
            raise refuse("HUB-SIG-001", PLACE, rule="a detached JWS over the body")
        if len(body) > profile.body_bytes:
            raise compact.form(f"a body of at most {profile.body_bytes} bytes")
        read = compact.read(token, profile, detached=True)
        algorithm = self._signatures.algorithm(read)
        issued = read.header.get("iat")
        if "iat" in read.header or profile.max_age is not None:
            compact.check_time(issued, now, oldest=profile.max_age, skew=profile.skew)
        pin = self._signatures.signer(read, encode(body), now)
        return Verified(
            payload=body,
            signer=pin.signer(read.key_id),
            algorithm=algorithm.value,
            digest=hashlib.sha256(body).hexdigest(),
            verified_at=now,
            signed_at=None if issued is None else datetime.fromtimestamp(issued, UTC),
            signature=read.fingerprint,
            certificate=pin.certificate.public_bytes(Encoding.DER),
            profile=PROFILE,
        )
