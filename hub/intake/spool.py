"""Where a body waits while it is checked: small ones in memory, larger ones in a file that is gone when the check is over.

Memory for bodies is bounded by ``limits.bytes_in_flight`` (``hub.api.admission``), also while they wait to be accepted. A file that a
crash left behind belongs to a message that was never accepted; ``sweep`` removes it at start. A file in use is locked, and
the kernel gives a dead process's locks back: so any number of web processes, and of hubs, share one folder.
"""

from __future__ import annotations

import fcntl
import hashlib
from typing import TYPE_CHECKING, BinaryIO, Self

from schemas.problems import Refusal, refuse

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

SUFFIX = ".body"


class Spool:
    """Makes sheets. ``memory``: bytes kept in memory per body; ``limit``: bytes per body at all."""

    def __init__(self, folder: Path, *, memory: int, limit: int) -> None:
        self._folder, self._memory, self.limit = folder, memory, limit

    def sweep(self) -> int:
        """Make the folder and remove what a crash left behind; returns how many files."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return sum(_removed(path) for path in self._folder.glob(f"*{SUFFIX}"))

    def sheet(self, name: str) -> Sheet:
        """Return an empty sheet; use it as a context: its file does not outlive it. ``name`` is unique."""
        return Sheet(self._folder / f"{name}{SUFFIX}", self._memory, self.limit)

    def too_large(self) -> Refusal:
        return refuse("HUB-LIM-001", rule=f"at most {self.limit} bytes")


class Sheet:
    """One body as it arrives. ``path`` is set once it has outgrown the memory."""

    def __init__(self, path: Path, memory: int, limit: int) -> None:
        self._path, self._memory, self._limit = path, memory, limit
        self._chunks: list[bytes] = []
        self._file: BinaryIO | None = None
        self._hash = hashlib.sha256()
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)
        self._chunks.clear()

    def write(self, chunk: bytes) -> None:
        """Take one more piece. Raises ``Refusal`` HUB-LIM-001 before the piece over the limit is kept; ``OSError``."""
        self.size += len(chunk)
        if self.size > self._limit:
            raise refuse("HUB-LIM-001", rule=f"at most {self._limit} bytes")
        self._hash.update(chunk)
        if self._file is not None:
            _write(self._file, chunk)
            return
        self._chunks.append(chunk)
        if self.size > self._memory:
            self._spill()

    def _spill(self) -> None:
        self._file = _own(self._path)
        _write(self._file, b"".join(self._chunks))
        self._chunks.clear()

    @property
    def path(self) -> Path | None:
        return None if self._file is None else self._path

    @property
    def digest(self) -> str:
        """SHA-256 of everything so far, hex."""
        return self._hash.hexdigest()

    def read(self) -> bytes:
        """Return the whole body."""
        if self._file is None:
            return b"".join(self._chunks)
        self._file.seek(0)
        return self._file.read()


def _write(file: BinaryIO, data: bytes) -> None:
    """Write all of it: on a disk that is almost full a write keeps what fits and says so only by its count."""
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


def _own(path: Path) -> BinaryIO:
    """Return a new file, locked for as long as it is open; one that was swept before it was locked is made again."""
    while True:
        file = path.open("xb+", buffering=0)
        fcntl.flock(file, fcntl.LOCK_EX)
        if path.exists():
            return file
        file.close()


def _removed(path: Path) -> bool:
    """Remove the file unless a living process has it."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    except (BlockingIOError, FileNotFoundError):
        return False
    return True
