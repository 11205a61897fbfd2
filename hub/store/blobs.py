"""Large payloads as files named by their own SHA-256: written once, fsynced, never changed.

A blob is put before the transaction that names it, so a committed row always finds its file. A crash in between
leaves a file that no row names; that costs space, never data.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path  # noqa: TC003 - part of a public signature


class Blobs:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, data: bytes) -> bytes:
        """Return the SHA-256 (32 bytes) under which ``data`` is on disk, and its folder entry too."""
        digest = hashlib.sha256(data).digest()
        target = self._path(digest)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft = target.with_name(f"{target.name}.{os.getpid()}.{id(data)}.part")
            with draft.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.chmod(0o600)
            draft.replace(target)
            for folder in (target.parent, self._folder, self._folder.parent):
                _sync(folder)
        return digest

    def get(self, digest: bytes) -> bytes:
        """Raise ``FileNotFoundError``; ``ValueError`` when the file is not what its name says."""
        data = self._path(digest).read_bytes()
        if hashlib.sha256(data).digest() != digest:
            raise ValueError(f"blob {digest.hex()} is damaged")
        return data

    def _path(self, digest: bytes) -> Path:
        name = digest.hex()
        return self._folder / name[:2] / name


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
