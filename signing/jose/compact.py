"""Compact JWS (RFC 7515 §7.1), read strictly, and verified against the pins of one signer.

joserfc decides whether a signature is good. It does so only for tokens that were read strictly before: three parts,
base64url without padding and without spare bits, a JSON header without a doubled name, none of the header parameters by
which a token could bring its own key or point at one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from schemas.problems import Refusal, refuse
from signing.profiles import JwsAlgorithm
from signing.trust.pins import Pin, Pins, fingerprints

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from signing.contract import Key
    from signing.profiles import JoseProfile

PLACE: Final = "JWS"
LAST_SECOND: Final = 2**53
"""What a JSON number holds exactly (RFC 8259 §6)."""
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]+")
_TEXTS: Final = ("alg", "kid", "typ", "cty", "x5t#S256")
_KNOWN: Final = frozenset({*_TEXTS, "iat", "x5c"})
_SIGNATURE_CHARACTERS: Final = 1_024
_CERTIFICATES: Final = 5


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token's three parts as they stand in it, and its header as it was read."""

    protected: str
    payload: str
    signature: str
    header: Mapping[str, Any]

    @property
    def key_id(self) -> str:
        return str(self.header.get("kid", ""))

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the signature value, hex."""
        return hashlib.sha256(decode(self.signature)).hexdigest()


def read(token: str, profile: JoseProfile, *, detached: bool) -> Token:
    """Part a token. Raises ``Refusal`` HUB-SIG-005 for whatever could be read in two ways."""
    parts = token.split(".", 3)
    if len(parts) != 3:  # noqa: PLR2004 - RFC 7515 §7.1
        raise form("three parts (RFC 7515 §7.1)")
    protected, payload, signature = parts
    if detached and payload:
        raise form("an empty payload part (RFC 7515 appendix F)")
    if len(protected) > profile.header_bytes or len(signature) > _SIGNATURE_CHARACTERS:
        raise form(f"a header of at most {profile.header_bytes} bytes")
    decode(signature)
    return Token(protected=protected, payload=payload, signature=signature, header=_header(decode(protected)))


class Signatures:
    """Tells whose signature a token carries. Immutable; shared by threads."""

    def __init__(self, pins: Pins, profile: JoseProfile, *, payload_bytes: int) -> None:
        self._pins = pins
        self._profile = profile
        self._keys = {pin.fingerprint: _jwk(pin) for pin in pins}
        self._registry = jws.JWSRegistry(
            algorithms=[algorithm.value for algorithm in profile.algorithms], strict_check_header=False
        )
        # joserfc's own defaults: 512 bytes of header, 128,000 of payload.
        self._registry.max_header_length = profile.header_bytes
        self._registry.max_payload_length = payload_bytes * 4 // 3 + 4

    def algorithm(self, token: Token) -> JwsAlgorithm:
        named = token.header.get("alg")
        for algorithm in self._profile.algorithms:
            if named == algorithm.value:
                return algorithm
        raise refuse("HUB-SIG-004", f"{PLACE}/alg", rule="an algorithm that this profile allows")

    def signer(self, token: Token, payload: str, now: datetime) -> Pin:
        """Return the pin whose signature it is. ``payload``: in base64url, wherever it travelled.

        Raises ``Refusal``: HUB-SIG-002 signature, -004 algorithm; HUB-CRT-001, -002 certificate.
        """
        algorithm = self.algorithm(token)
        attached = f"{token.protected}.{payload}.{token.signature}"
        for pin in self._candidates(token, algorithm, now):
            if self._verifies(attached, algorithm, pin):
                return pin
        raise refuse("HUB-SIG-002", PLACE, rule="a signature by the pinned certificate over these very bytes")

    def _candidates(self, token: Token, algorithm: JwsAlgorithm, now: datetime) -> list[Pin]:
        named = self._named(token.header)
        chosen = self._pins.choose(
            named or (), now, self._profile.skew, place=PLACE, hinted=named is not None
        )
        fitting = [
            pin
            for pin in chosen
            if isinstance(pin.key, rsa.RSAPublicKey) == (algorithm is JwsAlgorithm.RS256)
        ]
        if not fitting:
            raise refuse("HUB-SIG-004", f"{PLACE}/alg", rule="the algorithm of the pinned key")
        return fitting

    def _named(self, header: Mapping[str, Any]) -> set[str] | None:
        """Return the pins on which all of the token's hints agree; nothing when it gives no hint."""
        hints = [
            {pin.fingerprint for pin in self._pins if header[name] in pin.key_ids}
            for name in ("kid", "x5t#S256")
            if name in header
        ]
        if "x5c" in header:
            hints.append({leaf(header["x5c"])})
        return set.intersection(*hints) if hints else None

    def _verifies(self, attached: str, algorithm: JwsAlgorithm, pin: Pin) -> bool:
        try:
            jws.deserialize_compact(attached, self._keys[pin.fingerprint], [algorithm.value], self._registry)
        except Exception:  # noqa: BLE001 - whatever a library finds wrong with a token, it is not verified
            return False
        return True


def algorithm_of(key: Key, profile: JoseProfile) -> JwsAlgorithm:
    """Return what this key signs with. Raises ``Refusal`` HUB-SIG-004 when the profile does not allow it."""
    algorithm = JwsAlgorithm.RS256 if key.is_rsa else JwsAlgorithm.ES256
    if algorithm not in profile.algorithms:
        raise refuse("HUB-SIG-004", key.name, rule="a key for an algorithm that this profile allows")
    return algorithm


def check_time(issued: object, now: datetime, *, oldest: timedelta | None, skew: timedelta) -> None:
    """Raise ``Refusal`` HUB-SIG-002 for an ``iat`` that is none, lies in the future or is older than ``oldest``."""
    if type(issued) is not int or not 0 <= issued < LAST_SECOND:
        raise refuse("HUB-SIG-002", f"{PLACE}/iat", rule="whole seconds since 1970")
    age = now.timestamp() - issued
    if age < -skew.total_seconds():
        raise refuse("HUB-SIG-002", f"{PLACE}/iat", rule="not in the future")
    if oldest is not None and age > (oldest + skew).total_seconds():
        raise refuse("HUB-SIG-002", f"{PLACE}/iat", rule="not older than the profile allows")


def written(value: Mapping[str, Any]) -> str:
    """Return a JSON object as a part of a token."""
    return encode(json.dumps(value, separators=(",", ":"), ensure_ascii=True).encode())


def encode(data: bytes) -> str:
    """Base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Decode base64url strictly: no padding, no foreign character, no spare bit. Raises HUB-SIG-005."""
    if not _BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        raise form("base64url without padding (RFC 7515 §2)")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encode(data) != text:
        raise form("base64url without spare bits")
    return data


def form(rule: str) -> Refusal:
    return refuse("HUB-SIG-005", PLACE, rule=rule)


def members(raw: bytes, what: str) -> dict[str, Any]:
    """Read a JSON object in which no name stands twice. Raises HUB-SIG-005; ``what`` names it."""
    try:
        found = json.loads(raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise form(f"a JSON {what} without a doubled name") from error
    if not isinstance(found, dict):
        raise form(f"a JSON object as {what}")
    return found


def _header(raw: bytes) -> dict[str, Any]:
    """Read the protected header as a closed object. What we do not know might mean something to the sender: refused."""
    header = members(raw, "header")
    if not header.keys() <= _KNOWN:
        raise form("header parameters " + ", ".join(sorted(_KNOWN)))
    if any(name in header and not isinstance(header[name], str) for name in _TEXTS):
        raise form("header parameters of the right type")
    return header


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise ValueError("a name stands twice")
    return names


def _no_number(name: str) -> object:
    raise ValueError(name)


def leaf(chain: object) -> str:
    """Return the fingerprint of the first certificate of ``x5c`` (RFC 7515 §4.1.6): an index into the pins, no more."""
    if not isinstance(chain, list) or not 0 < len(chain) <= _CERTIFICATES or not isinstance(chain[0], str):
        raise form(f"x5c of at most {_CERTIFICATES} certificates")
    try:
        return fingerprints(base64.b64decode(chain[0], validate=True))[0]
    except (binascii.Error, ValueError) as error:
        raise form("x5c in base64") from error


def _jwk(pin: Pin) -> RSAKey | ECKey:
    spki = pin.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return RSAKey.import_key(spki) if isinstance(pin.key, rsa.RSAPublicKey) else ECKey.import_key(spki)
