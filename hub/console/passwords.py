"""How a password is read, wherever it is typed: composed letters, and nothing around it. What is kept of it is argon2id (RFC 9106)."""

from __future__ import annotations

import unicodedata

SHORTEST, LONGEST = 12, 256


def spelled(password: str) -> str:
    """One keyboard writes ``ề`` as one letter, another as three."""
    return unicodedata.normalize("NFC", password.strip())


def fits(password: str, login: str) -> bool:
    """Whether it may be one: long enough, and not the name. ``password``: as ``spelled``."""
    return SHORTEST <= len(password) <= LONGEST and password.casefold() != login
