"""Who is in the house: every process that has the store open shares one lock; who must be alone takes it whole.

The kernel gives the lock back when a process ends, however it ends. It lies beside the file and not on it, because the
file itself may be put in another's place.
"""

from __future__ import annotations

import fcntl
import os
import time
from typing import TYPE_CHECKING, BinaryIO

from hub.store.keeper import InUse

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 2.0
"""Seconds: a command that only looks is soon gone."""


def enter(path: Path) -> BinaryIO:
    """Come in beside others; close what is returned to leave. Raises ``InUse`` when somebody works alone."""
    return _locked(path, fcntl.LOCK_SH)


def alone(path: Path) -> BinaryIO:
    """The same with nobody else there. Raises ``InUse`` when somebody is."""
    return _locked(path, fcntl.LOCK_EX)


def _locked(path: Path, how: int) -> BinaryIO:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.lock")
    handle = os.fdopen(os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "rb", 0)
    end = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(handle, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                handle.close()
                raise InUse(str(path)) from None
            time.sleep(0.05)
        else:
            return handle
