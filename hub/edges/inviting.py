"""One-time codes by which a hub below is let in: what a person reads out, types in and is told when it was mistyped.

    secret (16 letters, 80 bits) · who invites (20 letters, 100 bits of its certificate's SHA-256) · check (2 letters)

The code itself never travels: whoever has it proves it over the certificate request. What the inviting hub keeps is the SHA-256 of
the secret, which is the key of that proof; it is of use once, for some hours, to nobody who could not write that row as well.
Letters are Crockford's base 32 (no I, L, O, U), because they are read from paper.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, NamedTuple

from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Callable

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ = str.maketrans("OIL", "011", " -\t\n")
SECRET, FINGERPRINT, CHECK = 16, 20, 2
GROUP = 5
MISTYPED = "HUB-EDG-065"


class Code(NamedTuple):
    """``secret``: letters; ``fingerprint``: letters of the hub that invites."""

    secret: str
    fingerprint: str

    @property
    def name(self) -> str:
        """What the invitation is called; says nothing about the secret."""
        return hashlib.sha256(b"invitation " + self.secret.encode()).hexdigest()[:32]

    @property
    def key(self) -> str:
        """What the inviting hub keeps: hex."""
        return hashlib.sha256(b"key " + self.secret.encode()).hexdigest()


def new_code(randomness: Callable[[int], bytes], certificate: str) -> Code:
    """``certificate``: SHA-256 of that of the hub that invites, hex."""
    return Code(_letters(randomness(SECRET * 5 // 8), SECRET), shown(certificate))


def shown(certificate: str) -> str:
    """The letters that stand for a certificate."""
    return _letters(bytes.fromhex(certificate), FINGERPRINT)


def write(code: Code) -> str:
    """As a person reads it: in groups of five."""
    whole = code.secret + code.fingerprint
    whole += _check(whole)
    return "-".join(whole[at : at + GROUP] for at in range(0, len(whole), GROUP))


def read(text: str) -> Code:
    """Raises ``Refusal`` HUB-EDG-065 for what was mistyped."""
    whole = text.upper().translate(_READ)
    said, check = whole[:-CHECK], whole[-CHECK:]
    if len(said) != SECRET + FINGERPRINT or not set(whole) <= set(LETTERS) or _check(said) != check:
        raise refuse(MISTYPED, "code", rule=f"{SECRET + FINGERPRINT + CHECK} letters and digits")
    return Code(said[:SECRET], said[SECRET:])


def proof(key: str, csr: bytes) -> str:
    """That whoever asks has the code, over what it asks: hex."""
    return hmac.new(bytes.fromhex(key), csr, "sha256").hexdigest()


def is_proved(key: str, csr: bytes, said: str) -> bool:
    return hmac.compare_digest(proof(key, csr).encode(), said.encode())


def _check(said: str) -> str:
    return _letters(hashlib.sha256(said.encode()).digest(), CHECK)


def _letters(raw: bytes, count: int) -> str:
    bits = int.from_bytes(raw, "big") >> max(0, len(raw) * 8 - count * 5)
    return "".join(LETTERS[bits >> (5 * at) & 31] for at in reversed(range(count)))
