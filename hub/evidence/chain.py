"""The journal as a chain: each entry's hash covers what it says and the hash of the one before it.

``hash = SHA-256(hash before || canonical JSON of the row)``; before the first stand 32 zero bytes. The JSON is one object
with its names in the order of the alphabet, without spaces, in UTF-8; times are microseconds since 1970.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

HASH_BYTES = 32
BEGINNING = bytes(HASH_BYTES)
"""What stands before the first entry."""


class Row(NamedTuple):
    """A row of the journal as it lies in the store. ``facts``: its canonical JSON."""

    seq: int
    at: int
    what: str
    message: str
    transfer: str
    facts: str


class _Said(msgspec.Struct):
    at: int
    facts: msgspec.Raw
    message: str
    seq: int
    transfer: str
    what: str


_encode = msgspec.json.Encoder().encode


def said(row: Row) -> bytes:
    """Return the row's canonical JSON."""
    return _encode(
        _Said(row.at, msgspec.Raw(row.facts.encode()), row.message, row.seq, row.transfer, row.what)
    )


def moment(at: int) -> datetime:
    """Return the time that stands in an entry."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)


def link(before: bytes, entry: bytes) -> bytes:
    """Return the hash of an entry from its canonical JSON and the hash before it."""
    return hashlib.sha256(before + entry).digest()
