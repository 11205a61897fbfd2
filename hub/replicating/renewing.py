"""What stands in files is read when a process starts: whoever changed it asks the processes of this hub to begin anew.

A file beside the data says when that was asked last; a process that is kept alive by another ends when it differs from what it saw first.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hub.registries.putting import put

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

NAME = "begin-anew"
EVERY = 2.0


def ask(folder: Path, now: datetime) -> None:
    put(folder / NAME, now.isoformat().encode())


def asked(folder: Path) -> bytes:
    """Return what was asked last; nothing, where nobody ever did."""
    file = folder / NAME
    return file.read_bytes() if file.is_file() else b""


async def until_asked(folder: Path, every: float = EVERY) -> None:
    """Return when it is asked."""
    before = asked(folder)
    while asked(folder) == before:  # noqa: ASYNC110 - another process writes it
        await asyncio.sleep(every)
