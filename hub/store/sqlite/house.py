"""Who is in the house: every process that has the store open shares one lock; who must be alone takes it whole.

The kernel gives the lock back when a process ends, however it ends. It lies beside the file and not on it, because the
file itself may be put in another's place.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hub.store.keeper import InUse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 2.0
"""Seconds: a command that only looks is soon gone."""


def enter(path: Path) -> int:
    """Come in beside others; close what is returned to leave. Raises ``InUse`` when somebody works alone."""
    return _locked(path, fcntl.LOCK_SH)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Raises ``InUse``."""
    handle = _locked(path, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(handle)


def _locked(path: Path, how: int) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    end = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(handle, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                os.close(handle)
                raise InUse(str(path)) from None
            time.sleep(0.05)
        else:
            return handle
