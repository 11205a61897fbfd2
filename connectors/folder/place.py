"""A folder that somebody else may write to: every name is looked up below an open handle, and no link is followed."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

STATE = ".lienthong"
"""The hub's own corner of it, which the operator made: that it is there says that this is the place that was agreed."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
MODE = 0o640


def why(error: OSError) -> str:
    """Return the error's short name: ``ENOSPC``."""
    return errno.errorcode.get(error.errno or 0, type(error).__name__)


class Place:
    """Open handles on a folder and its state; raises ``OSError`` when it is not there or not what was agreed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        self.top = os.open(self._path, _FOLDER)
        try:
            self.state = os.open(STATE, _FOLDER, dir_fd=self.top)
        except OSError:
            os.close(self.top)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.state)
        os.close(self.top)

    def below(self, name: str) -> int:
        """Open a folder inside the state, made when it is missing; the caller closes it."""
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o750, dir_fd=self.state)
        return os.open(name, _FOLDER, dir_fd=self.state)


def there(name: str, folder: int) -> bool:
    """Whether something has this name, a dangling link too."""
    try:
        os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


def names(folder: int) -> list[str]:
    return os.listdir(folder)


def write(name: str, content: bytes, folder: int) -> None:
    """Make a new file, whole and on disk; raises ``OSError``, also for a name that is taken."""
    handle = os.open(name, _WRITE, MODE, dir_fd=folder)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.fsync(folder)


def move(name: str, to: str, folder: int, into: int) -> None:
    os.rename(name, to, src_dir_fd=folder, dst_dir_fd=into)
    os.fsync(into)
    if into != folder:
        os.fsync(folder)


def remove(name: str, folder: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
    os.fsync(folder)


class Strange(Exception):  # noqa: N818 - says what it is
    """Not a plain file of one name, or somebody else's."""


class Moving(Exception):  # noqa: N818 - says what it is
    """Somebody still writes to it."""


def read(name: str, folder: int, limit: int, owner: int | None) -> bytes | None:
    """Read a plain file that nobody changes meanwhile; ``None``: longer than ``limit``. Raises ``Strange``, ``Moving``, ``OSError``."""
    if not stat.S_ISREG(os.lstat(name, dir_fd=folder).st_mode):
        raise Strange("not a plain file")
    with os.fdopen(os.open(name, _READ, dir_fd=folder), "rb") as file:
        before = os.fstat(file.fileno())
        if not stat.S_ISREG(before.st_mode) or before.st_nlink != 1:
            raise Strange("not a plain file of one name")
        if owner is not None and before.st_uid != owner:
            raise Strange(f"owner {before.st_uid}")
        content = file.read(limit + 1)
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise Moving
    return None if len(content) > limit else content
