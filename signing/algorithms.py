"""The two operations that everything here signs with: RSA PKCS#1 v1.5 and ECDSA P-256, both over SHA-256.

XML-DSig (RFC 6931 §2.3.6) and JWS (RFC 7518 §3.4) write an ECDSA signature alike: ``r`` and ``s`` in 32 bytes each.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

_PKCS1 = padding.PKCS1v15()
_SHA256 = SHA256()
_ECDSA = ec.ECDSA(_SHA256)
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
