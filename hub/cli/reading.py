"""Files that a person names: read, or told in the person's language why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.cli.desk import Complaint
from hub.cli.exits import Exit

if TYPE_CHECKING:
    from pathlib import Path

    from hub.cli.desk import Desk

KNOWN: tuple[tuple[type[OSError], str], ...] = (
    (FileNotFoundError, "missing"),
    (IsADirectoryError, "folder"),
    (NotADirectoryError, "no_folder"),
    (PermissionError, "forbidden"),
)


def why(desk: Desk, error: OSError) -> str:
    """In words where people meet it every day, as the system says it otherwise."""
    word = next((word for kind, word in KNOWN if isinstance(error, kind)), "")
    return desk.say(f"file.{word}") if word else error.strerror or type(error).__name__


def content(desk: Desk, file: Path, status: Exit = Exit.USAGE) -> bytes:
    """Raises ``Complaint``."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise _unreadable(desk, file, error, status) from None


def piped(desk: Desk, file: Path) -> bytes:
    """The same; ``-`` is what another program writes into this one."""
    if str(file) != "-":
        return content(desk, file)
    source = desk.screen.source
    buffer = getattr(source, "buffer", None)
    return source.read().encode() if buffer is None else bytes(buffer.read())


def there(desk: Desk, file: Path) -> None:
    """Raises ``Complaint`` for a file that cannot be read; what is in it is somebody else's to read."""
    try:
        with file.open("rb"):
            pass
    except OSError as error:
        raise _unreadable(desk, file, error, Exit.USAGE) from None


def _unreadable(desk: Desk, file: Path, error: OSError, status: Exit) -> Complaint:
    return Complaint("usage.unreadable", status, file=file, why=why(desk, error))
