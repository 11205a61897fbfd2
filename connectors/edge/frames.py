"""Batches on the line: each a frame of its own, so that whatever arrived whole counts.

A frame is a length (4 bytes, big-endian) and that many bytes of zlib (RFC 1950). Inside: a length and the manifest, a length and its
signature, then the entries as long as the manifest says. A stream is frames one after the other; it ends where the body ends.

On the line the ``sha256`` of each entry is left empty in the manifest, because random digits do not pack and whoever has the entry has
them: the receiver puts the hash of what came there, and has the manifest that was signed, or one that was not.
"""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from connectors.edge import texts
from connectors.edge.values import ENTRIES, ENTRY_BYTES, Manifest, Value
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FORM = "HUB-EDG-002"
MOST_FRAME = 16 * 2**20
"""Bytes of one frame as it travels."""
MOST_INSIDE = 4 * ENTRY_BYTES
"""Bytes of one frame unpacked: what a frame may cost in memory, whatever its sender packed."""
_LENGTH = struct.Struct(">I")
_HASH = re.compile(rb'"sha256":"[0-9a-f]{64}"')
_OPEN = b'"sha256":""'


class _Size(msgspec.Struct):
    size: Annotated[int, Meta(ge=0, le=ENTRY_BYTES)]


class _Sizes(msgspec.Struct):
    entries: Annotated[tuple[_Size, ...], Meta(max_length=ENTRIES)]


class Framed(Value, frozen=True):
    """A batch out of a frame: form and digests are good, its signature nobody has looked at. ``digest``: SHA-256 of ``raw``, hex."""

    manifest: Manifest
    raw: bytes
    digest: str
    signature: str
    entries: tuple[bytes, ...]


def frame(manifest: bytes, signature: str, entries: Sequence[bytes]) -> bytes:
    inside = b"".join((_part(_HASH.sub(_OPEN, manifest)), _part(signature.encode()), *entries))
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
    told, at = _cut(inside, 0)
    signature, at = _cut(inside, at)
    entries = []
    for size in _sizes(told):
        entries.append(inside[at : at + size])
        at += size
    if at != len(inside):
        raise refuse(FORM, "frame", rule="as many bytes as its manifest says")
    raw = _filled(told, [hashlib.sha256(entry).hexdigest() for entry in entries])
    return Framed(
        manifest=texts.read(Manifest, raw),
        raw=raw,
        digest=hashlib.sha256(raw).hexdigest(),
        signature=signature.decode("ascii", "replace"),
        entries=tuple(entries),
    )


def _sizes(told: bytes) -> list[int]:
    try:
        return [each.size for each in msgspec.json.decode(told, type=_Sizes).entries]
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise refuse(FORM, "manifest", rule="the size of each entry") from None


def _filled(told: bytes, hashes: Sequence[str]) -> bytes:
    parts = told.split(_OPEN)
    if len(parts) != len(hashes) + 1:
        raise refuse(FORM, "manifest", rule="an empty sha256 for each entry")
    named = (b'"sha256":"%s"' % each.encode() for each in hashes)
    return b"".join(piece for pair in zip_longest(parts, named, fillvalue=b"") for piece in pair)


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
