"""Signed requests after Italy's interoperability model (AgID, *Modello di Interoperabilità*, patterns for REST).

INTEGRITY_REST_01: a JWS in a header signs the digest of the body and the headers that say what the body is. ID_AUTH_REST_01
and _02: a JWS as bearer token says who calls; 02 gives it a ``jti``. The ``jti`` is bound where the message is accepted and
nowhere earlier, so a refused message may be mended and sent again.

Beside the pattern: ``Idempotency-Key`` must be signed when it is sent, because it decides what counts as said before; and
``Content-Digest`` (RFC 9530) counts as ``Digest`` (RFC 3230) does.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding

from schemas.problems import Refusal, refuse
from signing.contract import Verified
from signing.jose import compact
from signing.jose.compact import LAST_SECOND, PLACE, Signatures, encode
from signing.profiles import MODI, Identity, ModiProfile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from signing.contract import Key, Wire
    from signing.jose.compact import Token
    from signing.trust.pins import Pin, Pins

PROFILE: Final = "modi-rest@1"
BEARER: Final = "bearer"
DIGESTS: Final = ("digest", "content-digest")
COVERED: Final = ("content-type", "content-encoding", "idempotency-key")
"""Headers that must be signed when they are there."""
_NAMES: Final = ("aud", "iss", "sub", "jti")
_LONGEST_NAME: Final = 512
_CLAIMS_BYTES: Final = 16 * 1024


def digests(body: bytes) -> dict[str, str]:
    """Return both headers that say the digest of a body: RFC 3230 §4.3.2 with RFC 5843, and RFC 9530 §2."""
    value = base64.b64encode(hashlib.sha256(body).digest()).decode()
    return {"Digest": f"SHA-256={value}", "Content-Digest": f"sha-256=:{value}:"}


class ModiSigner:
    """Signs requests with one key under one profile. Immutable; shared by threads."""

    def __init__(self, key: Key, profile: ModiProfile = MODI) -> None:
        """Raises ``Refusal`` HUB-SIG-004 when the profile does not allow what the key can do."""
        self._key = key
        self._profile = profile
        header: dict[str, Any] = {
            "alg": compact.algorithm_of(key, profile).value,
            "typ": "JWT",
            "kid": key.fingerprint,
            "x5t#S256": key.thumbprint,
        }
        if profile.carries_certificate:
            header["x5c"] = [key.certificate_text.decode()]
        self._header = compact.written(header)

    def sign(self, wire: Wire, now: datetime) -> Wire:
        """Add the signature's header, the digests that it covers, and the bearer token. Without a body there is only that."""
        added: dict[str, str] = {}
        if self._profile.identity is not Identity.NONE:
            named = self._profile.identity is Identity.ID_AUTH_REST_02
            claims = self._claims(wire, now, named=named)
            added["Authorization"] = f"Bearer {self._token(claims)}"
        if wire.body:
            said = digests(wire.body)
            covered = {**said, **{n: v for n, v in wire.headers.items() if n.lower() in COVERED}}
            signed = [{name.lower(): value} for name, value in covered.items()]
            claims = {**self._claims(wire, now, named=True), "signed_headers": signed}
            added |= {**said, self._profile.header: self._token(claims)}
        kept = {n: v for n, v in wire.headers.items() if n.lower() not in {name.lower() for name in added}}
        return msgspec.structs.replace(wire, headers={**kept, **added})

    def _claims(self, wire: Wire, now: datetime, *, named: bool) -> dict[str, Any]:
        profile, issued = self._profile, int(now.timestamp())
        claims: dict[str, Any] = {"iat": issued, "nbf": issued, "aud": profile.audience}
        claims["exp"] = issued + int(profile.lifetime.total_seconds())
        claims |= {n: v for n, v in (("iss", profile.issuer), ("sub", profile.subject)) if v}
        if named:
            claims["jti"] = wire.id or hashlib.sha256(wire.body).hexdigest()
        return claims

    def _token(self, claims: Mapping[str, Any]) -> str:
        signed = f"{self._header}.{compact.written(claims)}"
        return f"{signed}.{encode(self._key.sign(signed.encode()))}"


class Bearers:
    """Verifies the bearer tokens of one signer: who calls, before anything else of a request is read."""

    def __init__(self, pins: Pins, profile: ModiProfile = MODI) -> None:
        self._profile = profile
        self._signatures = Signatures(pins, profile, payload_bytes=_CLAIMS_BYTES)

    def verify(self, token: str, now: datetime) -> tuple[Token, dict[str, Any], Pin]:
        """Return a token that its signer made for us and that is in force, its claims, and by which pin it holds.

        Raises ``Refusal``: HUB-SIG-002, -004, -005, -030, -031; HUB-CRT-001, -002.
        """
        read = compact.read(token, self._profile, detached=False)
        self._signatures.algorithm(read)
        if len(read.payload) > _CLAIMS_BYTES * 4 // 3:
            raise compact.form(f"claims of at most {_CLAIMS_BYTES} bytes")
        claims = compact.members(compact.decode(read.payload), "claims set")
        self._check(claims, now)
        return read, claims, self._signatures.signer(read, read.payload, now)

    def verify_identity(self, authorization: str, now: datetime) -> Pin:
        """Return whose ``Authorization: Bearer`` this is. Raises as ``verify``, and HUB-SIG-001 without one."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != BEARER or not token.strip():
            raise refuse("HUB-SIG-001", "Authorization", rule=f"{self._profile.identity}: Bearer <JWS>")
        _, claims, pin = self.verify(token.strip(), now)
        if "signed_headers" in claims:  # it vouches for one message, and whoever kept that has it
            raise compact.form("no signed_headers: what signs a message says not who calls")
        if self._profile.identity is Identity.ID_AUTH_REST_02:
            _name(claims, "jti")
        return pin

    def _check(self, claims: Mapping[str, Any], now: datetime) -> None:
        profile = self._profile
        for name in _NAMES:
            if name in claims:
                _name(claims, name)
        if claims.get("aud") != profile.audience:
            raise refuse("HUB-SIG-030", f"{PLACE}/aud", rule=profile.audience)
        issued, expires = _moment(claims, "iat"), _moment(claims, "exp")
        starts = _moment(claims, "nbf") if "nbf" in claims else issued
        moment, skew = now.timestamp(), profile.skew.total_seconds()
        if max(issued, starts) > moment + skew:
            raise refuse("HUB-SIG-031", f"{PLACE}/iat", rule="not in the future")
        if expires <= moment - skew:
            raise refuse("HUB-SIG-031", f"{PLACE}/exp", rule="still to come")
        if not 0 <= expires - issued <= profile.longest.total_seconds():
            raise refuse(
                "HUB-SIG-031", f"{PLACE}/exp", rule=f"at most {profile.longest.total_seconds():g} s after iat"
            )


class ModiVerifier:
    """Verifies requests against the pins of one signer under one profile. Immutable; shared by threads."""

    def __init__(self, pins: Pins, profile: ModiProfile = MODI) -> None:
        self._profile = profile
        self._header = profile.header.lower()
        self._bearers = Bearers(pins, profile)

    def verify(self, wire: Wire, now: datetime) -> Verified:
        """Return the body as what was signed; ``claims`` hold ``jti``, ``aud``, ``iss`` and ``sub`` where they were said.

        Raises ``Refusal``: HUB-SIG-001 missing, -003 the body's digest, -006 something is not signed, -032 a header is not
        as it was signed; and what ``Bearers.verify`` raises.
        """
        token = wire.headers.get(self._header, "")
        if not token:
            raise refuse("HUB-SIG-001", PLACE, rule=f"INTEGRITY_REST_01 in {self._profile.header}")
        if len(wire.body) > self._profile.body_bytes:
            raise compact.form(f"a body of at most {self._profile.body_bytes} bytes")
        read, claims, pin = self._bearers.verify(token, now)
        if self._profile.identity is not Identity.NONE:
            self._bearers.verify_identity(wire.headers.get("authorization", ""), now)
        _check_headers(_signed_headers(claims), wire)
        if self._profile.identity is Identity.ID_AUTH_REST_02:
            _name(claims, "jti")
        return Verified(
            payload=wire.body,
            signer=pin.signer(read.key_id),
            algorithm=str(read.header["alg"]),
            digest=hashlib.sha256(wire.body).hexdigest(),
            verified_at=now,
            signed_at=datetime.fromtimestamp(claims["iat"], UTC),
            claims={name: claims[name] for name in _NAMES if name in claims},
            signature=read.fingerprint,
            certificate=pin.certificate.public_bytes(Encoding.DER),
            profile=PROFILE,
        )


def _check_headers(signed: Mapping[str, str], wire: Wire) -> None:
    """What was signed is what came, and everything that matters was signed."""
    if not any(name in signed for name in DIGESTS):
        raise _unsigned("digest")
    for name in COVERED:
        if name in wire.headers and name not in signed:
            raise _unsigned(name)
    for name, value in signed.items():
        if name not in {*DIGESTS, *COVERED}:
            raise compact.form("signed_headers of " + ", ".join((*DIGESTS, *COVERED)))
        if wire.headers.get(name, "").strip() != value.strip():
            raise refuse("HUB-SIG-032", name, rule=f"the value in {PLACE}/signed_headers")
    expected = {name.lower(): value for name, value in digests(wire.body).items()}
    for name in DIGESTS:
        if name in signed and not _same_digest(signed[name], expected[name]):
            raise refuse("HUB-SIG-003", name, rule="SHA-256 of the body")


def _same_digest(said: str, expected: str) -> bool:
    """Algorithms are named in any case (RFC 3230 §4.1.1); the value is not."""
    algorithm, _, value = said.strip().partition("=")
    wanted, _, right = expected.partition("=")
    return algorithm.lower() == wanted.lower() and value == right


def _signed_headers(claims: Mapping[str, Any]) -> dict[str, str]:
    """Read the list of one-entry objects, names in small letters. Raises HUB-SIG-005, -006."""
    told = claims.get("signed_headers")
    if told is None:
        raise _unsigned("signed_headers")
    if not isinstance(told, list) or len(told) > len(DIGESTS) + len(COVERED):
        raise compact.form("signed_headers as a list of one-entry objects")
    found: dict[str, str] = {}
    for entry in told:
        if not isinstance(entry, dict) or len(entry) != 1:
            raise compact.form("signed_headers as a list of one-entry objects")
        [(name, value)] = entry.items()
        if not isinstance(value, str) or name != name.lower() or name in found:
            raise compact.form("signed_headers with each name once, in small letters, and a text")
        found[name] = value
    return found


def _unsigned(name: str) -> Refusal:
    return refuse("HUB-SIG-006", f"{PLACE}/{name}", rule="signed by INTEGRITY_REST_01")


def _name(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if value is None:
        raise refuse("HUB-SIG-006", f"{PLACE}/{name}", rule="said by this pattern")
    if not isinstance(value, str) or len(value) > _LONGEST_NAME or not value.isprintable():
        raise compact.form(f"{name} as a text of at most {_LONGEST_NAME} characters")
    if not value and name == "jti":
        raise compact.form("a jti that names something")
    return value


def _moment(claims: Mapping[str, Any], name: str) -> int:
    """Return whole seconds since 1970 (RFC 7519 §2, without fractions)."""
    value = claims.get(name)
    if type(value) is not int or not 0 <= value < LAST_SECOND:
        raise refuse("HUB-SIG-031", f"{PLACE}/{name}", rule="whole seconds since 1970")
    return value
