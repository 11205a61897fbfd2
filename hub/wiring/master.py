"""The master key's file: made once, changed in one step, and never lost on the way."""

from __future__ import annotations

import contextlib
import hashlib
import os
from typing import TYPE_CHECKING

from hub.store.keeping.archive import sync
from hub.store.vault import KEY_BYTES
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class MasterKey:
    """The file that wraps the dossiers' keys, and while it is being changed its successor beside it."""

    def __init__(self, data: Path) -> None:
        self._file = data / "master.key"
        self._next = data / "master.key.next"

    def current(self) -> bytes:
        """Raise ``Refusal`` HUB-STO-007 when there is none."""
        if not self._file.exists():
            raise refuse("HUB-STO-007", str(self._file), rule="the master key that this store was made with")
        return self._file.read_bytes()

    @property
    def there(self) -> bool:
        return self._file.exists()

    def make(self, randomness: Callable[[int], bytes]) -> None:
        """Make one, readable by the hub's own user only; whoever is first makes it."""
        _new_key(self._file, randomness)

    def next(self, randomness: Callable[[int], bytes]) -> bytes:
        """Return the key that is to take its place, the same one after an interruption."""
        if not self._next.exists():
            _new_key(self._next, randomness)
        return self._next.read_bytes()

    def pair(self) -> tuple[bytes, bytes | None]:
        """Return what to wrap under, and what else may have wrapped: an interrupted change goes on with both."""
        if self._next.exists():
            return self._next.read_bytes(), self.current()
        return self.current(), None

    def turn(self) -> Path:
        """Everything is under the next key: it takes the place, in one step. The old one stays beside, for older archives,
        under a name that says nothing about it but which it is.
        """
        name = hashlib.sha256(self.current()).hexdigest()[:12]
        retired = self._file.with_name(f"master.key.retired-{name}")
        with contextlib.suppress(FileExistsError):  # of a turn that was interrupted
            os.link(self._file, retired)
        self._next.replace(self._file)
        sync(self._file.parent)
        return retired


def _new_key(path: Path, randomness: Callable[[int], bytes]) -> None:
    """Whole and on disk or not there; whoever is first makes it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(
        missing_ok=True
    )  # of a process that was killed; in a container the next one has its number again
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    try:
        os.write(handle, randomness(KEY_BYTES))
        os.fsync(handle)
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.close(handle)
        draft.unlink()
    sync(path.parent)
