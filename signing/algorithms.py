"""The two operations that everything here signs with: RSA PKCS#1 v1.5 and ECDSA P-256, both over SHA-256; what others
sign with besides is only ever verified.

XML-DSig (RFC 6931 §2.3.6) and JWS (RFC 7518 §3.4) write an ECDSA signature alike: ``r`` and ``s`` in 32 bytes each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

_PKCS1 = padding.PKCS1v15()
_SHA256 = SHA256()
_ECDSA = ec.ECDSA(_SHA256)
_PSS = padding.PSS(padding.MGF1(_SHA256), _SHA256.digest_size)
_HALF = 32


def usable(key: object, minimum_rsa_bits: int) -> str:
    """Return why a public key may not be used here, or nothing."""
    if isinstance(key, rsa.RSAPublicKey):
        return "" if key.key_size >= minimum_rsa_bits else f"RSA of at least {minimum_rsa_bits} bits"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "" if isinstance(key.curve, ec.SECP256R1) else "the curve P-256"
    return "an RSA or P-256 key"


def same_key(one: PublicKey, other: PublicKey) -> bool:
    return _spki(one) == _spki(other)


def _spki(key: PublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def sign(key: PrivateKey, data: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, _PKCS1, _SHA256)
    r, s = decode_dss_signature(key.sign(data, _ECDSA))
    return r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")


def verifies(key: PublicKey, data: bytes, signature: bytes) -> bool:
    """Tell whether ``signature`` is this key's over ``data``; a signature of the wrong length is simply not."""
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, _PKCS1, _SHA256)
        elif len(signature) == 2 * _HALF:
            r, s = (int.from_bytes(half, "big") for half in (signature[:_HALF], signature[_HALF:]))
            key.verify(encode_dss_signature(r, s), data, _ECDSA)
        else:
            return False
    except InvalidSignature:
        return False
    return True


def verifies_pss(key: PublicKey, data: bytes, signature: bytes) -> bool:
    """RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes (RFC 9231 §2.3.10, RFC 7518 §3.5)."""
    return _rsa_verifies(key, data, signature, _PSS, _SHA256)


def verifies_sha1(key: PublicKey, data: bytes, signature: bytes) -> bool:
    """RSA PKCS#1 v1.5 with SHA-1, for partners whose profile still allows it for some days."""
    return _rsa_verifies(key, data, signature, _PKCS1, SHA1())  # noqa: S303 - verified only, and only until a date


def _rsa_verifies(
    key: PublicKey, data: bytes, signature: bytes, scheme: AsymmetricPadding, digest: HashAlgorithm
) -> bool:
    if not isinstance(key, rsa.RSAPublicKey):
        return False
    try:
        key.verify(signature, data, scheme, digest)
    except InvalidSignature:
        return False
    return True
