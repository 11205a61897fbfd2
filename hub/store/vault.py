"""Payloads at rest are encrypted under a data key per dossier; destroying that key is how a dossier is forgotten.

AES-256-GCM throughout. The data key is wrapped by a master key that the wiring hands in and that is never stored.
Every ciphertext is bound to its place (whose, which form), so that moving rows about does not go unnoticed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable  # noqa: TC003 - part of a public signature

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
ID_BYTES = 8
NONCE_BYTES = 12


class Unreadable(Exception):  # noqa: N818 - says what it is
    """The payload cannot be read: its key was destroyed, the master key is another one, or the bytes were changed."""


class Destroyed(Unreadable):
    """Its key was destroyed: the dossier was forgotten."""


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
    """``master``: 32 bytes; ``randomness``: that many random bytes (``os.urandom``).

    ``before``: the master key that is being left: what it wrapped can be read, nothing new is wrapped under it.
    """

    def __init__(
        self, master: bytes, randomness: Callable[[int], bytes], *, before: bytes | None = None
    ) -> None:
        if any(key is not None and len(key) != KEY_BYTES for key in (master, before)):
            raise ValueError(f"the master key has {KEY_BYTES} bytes")
        self._master = AESGCM(master)
        self._all = (self._master, *((AESGCM(before),) if before is not None else ()))
        self._randomness = randomness

    def create(self, owner: str) -> DataKey:
        id_, key = self._randomness(ID_BYTES), self._randomness(KEY_BYTES)
        return DataKey(id_, owner, self._wrapped(id_, owner, key), key, self._randomness)

    def unwrap(self, id_: bytes, owner: str, wrapped: bytes) -> DataKey:
        """Raise ``Unreadable`` when no master key at hand wrapped it."""
        _, key = self._opened(id_, owner, wrapped)
        return DataKey(id_, owner, wrapped, key, self._randomness)

    def rewrapped(self, id_: bytes, owner: str, wrapped: bytes) -> bytes | None:
        """Return it wrapped under the master key; ``None`` when it is already. Raises ``Unreadable``."""
        master, key = self._opened(id_, owner, wrapped)
        return None if master is self._master else self._wrapped(id_, owner, key)

    def _opened(self, id_: bytes, owner: str, wrapped: bytes) -> tuple[AESGCM, bytes]:
        nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
        for master in self._all:
            with contextlib.suppress(InvalidTag):
                return master, master.decrypt(nonce, sealed, id_ + owner.encode())
        raise Unreadable(f"another master key wrapped the key of {owner}")

    def _wrapped(self, id_: bytes, owner: str, key: bytes) -> bytes:
        nonce = self._randomness(NONCE_BYTES)
        return nonce + self._master.encrypt(nonce, key, id_ + owner.encode())
