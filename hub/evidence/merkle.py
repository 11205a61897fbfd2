"""One digest over many entries, and a short proof that one of them is under it (RFC 6962 §2.1)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_LEAF, _NODE = b"\x00", b"\x01"


def leaf(entry: bytes) -> bytes:
    return hashlib.sha256(_LEAF + entry).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()


def root(entries: Sequence[bytes]) -> bytes:
    """Return the digest of the tree over these entries, at least one. Who stands alone at the end goes up as it is."""
    level = [leaf(entry) for entry in entries]
    while len(level) > 1:
        level = _above(level)
    return level[0]


def _above(level: Sequence[bytes]) -> list[bytes]:
    pairs = [_node(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
    return [*pairs, level[-1]] if len(level) % 2 else pairs


def path(entries: Sequence[bytes], place: int) -> tuple[bytes, ...]:
    """Return what proves that ``entries[place]`` is under the root: the neighbours on its way up."""
    level = [leaf(entry) for entry in entries]
    steps = []
    while len(level) > 1:
        beside = place ^ 1
        if beside < len(level):
            steps.append(level[beside])
        level, place = _above(level), place // 2
    return tuple(steps)


def climb(entry: bytes, place: int, size: int, steps: Sequence[bytes]) -> bytes | None:
    """Return the root that this proof leads to (RFC 9162 §2.1.3.2); ``None`` when it is too long, too short or points outside."""
    if not 0 <= place < size:
        return None
    found, last, left = leaf(entry), size - 1, list(steps)
    while last:
        if place % 2 or place < last:
            if not left:
                return None
            step = left.pop(0)
            found = _node(step, found) if place % 2 else _node(found, step)
        place, last = place // 2, last // 2
    return None if left else found
