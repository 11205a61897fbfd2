"""Exit statuses of every command, and which one a code of the error catalogue ends in."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    OK = 0
    FAILED = 1
    USAGE = 2
    FOUND = 3  # a check found problems
    AUTH = 4
    PARTLY = 5
    APPROVAL = 6
    CONFLICT = 7  # changed meanwhile
    UNREACHABLE = 8
    INTERRUPTED = 130  # the shell's own number for Ctrl-C


BY_CODE: tuple[tuple[str, Exit], ...] = (
    ("HUB-LAN-003", Exit.CONFLICT),
    ("HUB-PRB-001", Exit.APPROVAL),
    ("HUB-AUT-", Exit.AUTH),
    ("HUB-NET-", Exit.UNREACHABLE),
    ("HUB-INT-002", Exit.UNREACHABLE),
)
"""First prefix that matches wins; anything else failed."""


def of_code(code: str) -> Exit:
    return next((status for prefix, status in BY_CODE if code.startswith(prefix)), Exit.FAILED)
