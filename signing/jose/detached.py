"""Compact JWS with detached payload (RFC 7515, appendix F) over a body's exact bytes.

joserfc decides whether a signature is good. It does so only for tokens that were read strictly before: three parts with
an empty middle, base64url without padding and without spare bits, a JSON header without a doubled name, none of the
header parameters by which a token could bring its own key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from schemas.problems import Refusal, refuse
from signing.contract import Verified
from signing.profiles import DETACHED, JwsAlgorithm, JwsProfile
from signing.trust.pins import Pin, Pins, fingerprints

if TYPE_CHECKING:
    from signing.contract import Key

_PLACE: Final = "JWS"
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]+")
_TEXTS: Final = ("alg", "kid", "typ", "cty", "x5t#S256")
_KNOWN: Final = frozenset({*_TEXTS, "iat", "x5c"})
_SIGNATURE_CHARACTERS: Final = 1_024
_CERTIFICATES: Final = 5
_LAST_SECOND: Final = 2**53  # what a JSON number holds exactly (RFC 8259 §6)


class DetachedSigner:
    """Signs bodies with one key under one profile. Immutable; shared by threads."""

    def __init__(self, key: Key, profile: JwsProfile = DETACHED, key_id: str = "") -> None:
        """``key_id``: the ``kid`` that the partner knows; our certificate's SHA-256 in hex when nothing is agreed.

        Raises ``Refusal`` HUB-SIG-004 when the profile does not allow what the key can do.
        """
        algorithm = JwsAlgorithm.RS256 if key.is_rsa else JwsAlgorithm.ES256
        if algorithm not in profile.algorithms:
            raise refuse("HUB-SIG-004", key.name, rule="a key for an algorithm that this profile allows")
        self._key = key
        self._says_time = profile.says_time
        self._header = {
            "alg": algorithm.value,
            "kid": key_id or key.fingerprint,
            "typ": profile.type,
            "x5t#S256": key.thumbprint,
        }

    def sign(self, body: bytes, now: datetime) -> str:
        header: dict[str, Any] = dict(self._header)
        if self._says_time:
            header["iat"] = int(now.timestamp())
        protected = encode(json.dumps(header, separators=(",", ":"), ensure_ascii=True).encode())
        signature = self._key.sign(f"{protected}.{encode(body)}".encode())
        return f"{protected}..{encode(signature)}"


class DetachedVerifier:
    """Verifies bodies against the pins of one signer under one profile. Immutable; shared by threads."""

    def __init__(self, pins: Pins, profile: JwsProfile = DETACHED) -> None:
        self._pins = pins
        self._profile = profile
        self._keys = {pin.fingerprint: _jwk(pin) for pin in pins}
        self._registry = jws.JWSRegistry(
            algorithms=[algorithm.value for algorithm in profile.algorithms], strict_check_header=False
        )
        # joserfc's own defaults: 512 bytes of header, 128,000 of payload.
        self._registry.max_header_length = profile.header_bytes
        self._registry.max_payload_length = profile.body_bytes * 4 // 3 + 4

    def verify(self, body: bytes, token: str, now: datetime) -> Verified:
        """Return the body as what was signed. ``token``: the header's value, empty when there was none.

        Raises ``Refusal``: HUB-SIG-001 missing, -002 signature or time, -004 algorithm, -005 form; HUB-CRT-001, -002.
        """
        if not token:
            raise refuse("HUB-SIG-001", _PLACE, rule="a detached JWS over the body")
        if len(body) > self._profile.body_bytes:
            raise _form(f"a body of at most {self._profile.body_bytes} bytes")
        header = self._read(token)
        algorithm = self._algorithm(header)
        self._check_time(header, now)
        for pin in self._candidates(header, algorithm, now):
            if self._verifies(body, token, algorithm, pin):
                return Verified(
                    payload=body,
                    signer=pin.signer(header.get("kid", "")),
                    algorithm=algorithm.value,
                    digest=hashlib.sha256(body).hexdigest(),
                    verified_at=now,
                )
        raise refuse(
            "HUB-SIG-002", _PLACE, rule="a signature by the pinned certificate over these very bytes"
        )

    def _read(self, token: str) -> dict[str, Any]:
        parts = token.split(".")
        if len(parts) != 3:  # noqa: PLR2004 - RFC 7515 §7.1
            raise _form("three parts (RFC 7515 §7.1)")
        protected, payload, signature = parts
        if payload:
            raise _form("an empty payload part (RFC 7515 appendix F)")
        if len(protected) > self._profile.header_bytes or len(signature) > _SIGNATURE_CHARACTERS:
            raise _form(f"a header of at most {self._profile.header_bytes} bytes")
        decode(signature)
        return _header(decode(protected))

    def _algorithm(self, header: dict[str, Any]) -> JwsAlgorithm:
        named = header.get("alg")
        for algorithm in self._profile.algorithms:
            if named == algorithm.value:
                return algorithm
        raise refuse("HUB-SIG-004", f"{_PLACE}/alg", rule="an algorithm that this profile allows")

    def _check_time(self, header: dict[str, Any], now: datetime) -> None:
        issued, oldest = header.get("iat"), self._profile.max_age
        if "iat" not in header and oldest is None:
            return
        if type(issued) is not int or not 0 <= issued < _LAST_SECOND:
            raise refuse("HUB-SIG-002", f"{_PLACE}/iat", rule="whole seconds since 1970")
        age = now.timestamp() - issued
        if age < -self._profile.skew.total_seconds():
            raise refuse("HUB-SIG-002", f"{_PLACE}/iat", rule="not in the future")
        if oldest is not None and age > (oldest + self._profile.skew) / timedelta(seconds=1):
            raise refuse("HUB-SIG-002", f"{_PLACE}/iat", rule="not older than the profile allows")

    def _candidates(self, header: dict[str, Any], algorithm: JwsAlgorithm, now: datetime) -> list[Pin]:
        named = self._named(header)
        chosen = self._pins.choose(
            named or (), now, self._profile.skew, place=_PLACE, hinted=named is not None
        )
        fitting = [
            pin
            for pin in chosen
            if isinstance(pin.key, rsa.RSAPublicKey) == (algorithm is JwsAlgorithm.RS256)
        ]
        if not fitting:
            raise refuse("HUB-SIG-004", f"{_PLACE}/alg", rule="the algorithm of the pinned key")
        return fitting

    def _named(self, header: dict[str, Any]) -> set[str] | None:
        """Return the pins on which all of the token's hints agree; nothing when it gives no hint."""
        hints = [
            {pin.fingerprint for pin in self._pins if header[name] in pin.key_ids}
            for name in ("kid", "x5t#S256")
            if name in header
        ]
        if "x5c" in header:
            hints.append({_leaf(header["x5c"])})
        return set.intersection(*hints) if hints else None

    def _verifies(self, body: bytes, token: str, algorithm: JwsAlgorithm, pin: Pin) -> bool:
        protected, _, signature = token.split(".")
        attached = f"{protected}.{encode(body)}.{signature}"
        try:
            jws.deserialize_compact(attached, self._keys[pin.fingerprint], [algorithm.value], self._registry)
        except Exception:  # noqa: BLE001 - whatever a library finds wrong with a token, it is not verified
            return False
        return True


def encode(data: bytes) -> str:
    """Base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Decode base64url strictly: no padding, no foreign character, no spare bit. Raises HUB-SIG-005."""
    if not _BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        raise _form("base64url without padding (RFC 7515 §2)")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encode(data) != text:
        raise _form("base64url without spare bits")
    return data


def _form(rule: str) -> Refusal:
    return refuse("HUB-SIG-005", _PLACE, rule=rule)


def _header(raw: bytes) -> dict[str, Any]:
    """Read the protected header as a closed object. What we do not know might mean something to the sender: refused."""
    try:
        header = json.loads(raw.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise _form("a JSON header without a doubled name") from error
    if not isinstance(header, dict):
        raise _form("a JSON object as header")
    if not header.keys() <= _KNOWN:
        raise _form("header parameters " + ", ".join(sorted(_KNOWN)))
    if any(name in header and not isinstance(header[name], str) for name in _TEXTS):
        raise _form("header parameters of the right type")
    return header


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise ValueError("a name stands twice")
    return names


def _leaf(chain: object) -> str:
    """Return the fingerprint of the first certificate of ``x5c`` (RFC 7515 §4.1.6): an index into the pins, no more."""
    if not isinstance(chain, list) or not 0 < len(chain) <= _CERTIFICATES or not isinstance(chain[0], str):
        raise _form(f"x5c of at most {_CERTIFICATES} certificates")
    try:
        return fingerprints(base64.b64decode(chain[0], validate=True))[0]
    except (binascii.Error, ValueError) as error:
        raise _form("x5c in base64") from error


def _jwk(pin: Pin) -> RSAKey | ECKey:
    spki = pin.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return RSAKey.import_key(spki) if isinstance(pin.key, rsa.RSAPublicKey) else ECKey.import_key(spki)
