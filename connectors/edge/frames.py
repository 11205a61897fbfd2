"""Batches on the line: each a frame of its own, so that whatever arrived whole counts.

A frame is a length (4 bytes, big-endian) and that many bytes of zlib (RFC 1950). Inside: a length and the manifest, a length and its
signature, then the entries as long as the manifest says. A stream is frames one after the other; it ends where the body ends.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from typing import TYPE_CHECKING

from connectors.edge import texts
from connectors.edge.values import ENTRY_BYTES, Manifest, Value
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FORM = "HUB-EDG-002"
MOST_FRAME = 16 * 2**20
"""Bytes of one frame as it travels."""
MOST_INSIDE = 4 * ENTRY_BYTES
"""Bytes of one frame unpacked: what a frame may cost in memory, whatever its sender packed."""
_LENGTH = struct.Struct(">I")


class Framed(Value, frozen=True):
    """A batch out of a frame: form and digests are good, its signature nobody has looked at. ``digest``: SHA-256 of ``raw``, hex."""

    manifest: Manifest
    raw: bytes
    digest: str
    signature: str
    entries: tuple[bytes, ...]


def frame(manifest: bytes, signature: str, entries: Sequence[bytes]) -> bytes:
    inside = b"".join((_part(manifest), _part(signature.encode()), *entries))
    packed = zlib.compress(inside, 6)
    return _LENGTH.pack(len(packed)) + packed


def _part(data: bytes) -> bytes:
    return _LENGTH.pack(len(data)) + data


class Frames:
    """Reads a stream as it comes: ``feed`` what arrived, and take the frames that are whole."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[Framed]:
        """Raises ``Refusal`` HUB-EDG-002 at the first frame that is none; those before it were given."""
        self._rest += data
        while len(self._rest) >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(self._rest)
            if size > MOST_FRAME:
                raise refuse(FORM, "frame", rule=f"at most {MOST_FRAME} bytes")
            if len(self._rest) < _LENGTH.size + size:
                return
            packed = bytes(self._rest[_LENGTH.size : _LENGTH.size + size])
            del self._rest[: _LENGTH.size + size]
            yield opened(packed)

    @property
    def cut(self) -> bool:
        """Whether the last frame is not whole."""
        return bool(self._rest)


def opened(packed: bytes) -> Framed:
    """Raises ``Refusal`` HUB-EDG-001, -002."""
    inside = _inflated(packed)
    raw, at = _cut(inside, 0)
    signature, at = _cut(inside, at)
    manifest = texts.read(Manifest, raw)
    entries = []
    for number, row in enumerate(manifest.entries):
        entry = inside[at : at + row.size]
        at += row.size
        if hashlib.sha256(entry).hexdigest() != row.sha256:
            raise refuse(FORM, f"manifest/entries/{number}", rule="sha256 of the entry's bytes")
        entries.append(entry)
    if at != len(inside):
        raise refuse(FORM, "frame", rule="as many bytes as its manifest says")
    return Framed(
        manifest=manifest,
        raw=raw,
        digest=hashlib.sha256(raw).hexdigest(),
        signature=signature.decode("ascii", "replace"),
        entries=tuple(entries),
    )


def _inflated(packed: bytes) -> bytes:
    unpack = zlib.decompressobj()
    try:
        inside = unpack.decompress(packed, MOST_INSIDE)
    except zlib.error:
        raise refuse(FORM, "frame", rule="zlib") from None
    if not unpack.eof or unpack.unused_data:
        raise refuse(FORM, "frame", rule=f"one zlib stream of at most {MOST_INSIDE} bytes")
    return inside


def _cut(inside: bytes, at: int) -> tuple[bytes, int]:
    if len(inside) < at + _LENGTH.size:
        raise refuse(FORM, "frame", rule="a length")
    (size,) = _LENGTH.unpack_from(inside, at)
    start = at + _LENGTH.size
    if len(inside) < start + size:
        raise refuse(FORM, "frame", rule="as many bytes as its length says")
    return inside[start : start + size], start + size
