"""What is told of the signatures in a PDF file. Values only: reading PDF is costly to import and stands in ``signing.pdf``."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from enum import StrEnum

import msgspec

HEAD = 1024
"""A PDF says that it is one within so many bytes (ISO 32000-1, annex H, note 13)."""
MAGIC = b"%PDF-"


class Holds(StrEnum):
    """What a signature is worth: ``good``; ``unknown``: it holds, its signer is under no anchor; ``changed``: the file was changed
    after it in a way that it does not allow, or goes on behind what is signed; ``broken``; ``unreadable``.
    """

    GOOD = "good"
    UNKNOWN = "unknown"
    CHANGED = "changed"
    BROKEN = "broken"
    UNREADABLE = "unreadable"


class PdfSignature(msgspec.Struct, frozen=True, kw_only=True):
    """``whole``: it covers the file to its last byte. ``signed_at``: as the signer says; ``stamped_at``: as an authority under
    the anchors proves. ``fingerprint``: SHA-256 of the signer's certificate, hex; ``subject``: personal data of whoever signed.
    """

    holds: Holds
    whole: bool = False
    fingerprint: str = ""
    subject: str = ""
    signed_at: datetime | None = None
    stamped_at: datetime | None = None


class Examined(msgspec.Struct, frozen=True, kw_only=True):
    """``readable``: it is a PDF that could be read; without signatures it is just not signed."""

    readable: bool
    signatures: tuple[PdfSignature, ...] = ()


def is_pdf(head: bytes) -> bool:
    return MAGIC in head[:HEAD]
