"""Payloads at rest are encrypted under a data key per dossier; destroying that key is how a dossier is forgotten.

AES-256-GCM throughout. The data key is wrapped by a master key that the wiring hands in and that is never stored.
Every ciphertext is bound to its place (whose, which form), so that moving rows about does not go unnoticed.
"""

from __future__ import annotations

from collections.abc import Callable  # noqa: TC003 - part of a public signature

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
ID_BYTES = 8
NONCE_BYTES = 12


class Unreadable(Exception):  # noqa: N818 - says what it is
    """The payload cannot be read: its key was destroyed, the master key is another one, or the bytes were changed."""


class DataKey:
    """One dossier's key, unwrapped. ``wrapped`` is what may be stored."""

    __slots__ = ("_cipher", "_randomness", "id", "owner", "wrapped")

    def __init__(
        self, id_: bytes, owner: str, wrapped: bytes, key: bytes, randomness: Callable[[int], bytes]
    ) -> None:
        self.id = id_
        self.owner = owner
        self.wrapped = wrapped
        self._cipher = AESGCM(key)
        self._randomness = randomness

    def encrypt(self, data: bytes, place: str) -> bytes:
        nonce = self._randomness(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data, place.encode())

    def decrypt(self, data: bytes, place: str) -> bytes:
        """Raise ``Unreadable`` when the bytes are not what was written at this place."""
        try:
            return self._cipher.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], place.encode())
        except InvalidTag:
            raise Unreadable(f"changed or moved: {place}") from None


class Vault:
    """``master``: 32 bytes; ``randomness``: that many random bytes (``os.urandom``)."""

    def __init__(self, master: bytes, randomness: Callable[[int], bytes]) -> None:
        if len(master) != KEY_BYTES:
            raise ValueError(f"the master key has {KEY_BYTES} bytes")
        self._master = AESGCM(master)
        self._randomness = randomness

    def create(self, owner: str) -> DataKey:
        id_, key, nonce = (self._randomness(size) for size in (ID_BYTES, KEY_BYTES, NONCE_BYTES))
        wrapped = nonce + self._master.encrypt(nonce, key, id_ + owner.encode())
        return DataKey(id_, owner, wrapped, key, self._randomness)

    def unwrap(self, id_: bytes, owner: str, wrapped: bytes) -> DataKey:
        """Raise ``Unreadable`` when this master key did not wrap it."""
        try:
            key = self._master.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], id_ + owner.encode())
        except InvalidTag:
            raise Unreadable(f"another master key wrapped the key of {owner}") from None
        return DataKey(id_, owner, wrapped, key, self._randomness)
