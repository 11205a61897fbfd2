"""What a client has said before, read from the keys of its messages, and the keys of what it says now. Pure.

For clients that publish a record as it is now, whenever they like. A key is made of what was said: the record's digest, the
kind, and a number that counts how often the dossier came back to the same record. So a repeated call finds its receipt, and a
dossier that returns to an earlier state is not taken for a repetition.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, NamedTuple

from schemas.dossier import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from connectors.desks import Standing

_KEY = re.compile(r"(?P<what>[A-Z])(?P<number>\d+)-(?P<kind>[a-z_]+)-(?P<digest>[0-9a-f]{32})")


class Said(NamedTuple):
    """One earlier message of a desk."""

    number: int
    kind: Kind
    digest: str


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:32]


def key(what: str, said: Said) -> str:
    return f"{what}{said.number}-{said.kind}-{said.digest}"


def earlier(what: str, standing: Standing) -> list[Said]:
    """Read the keys of one kind of call, in their order; others are somebody else's way to make keys."""
    found = (_KEY.fullmatch(each) for each in standing.said)
    return [
        Said(int(one["number"]), Kind(one["kind"]), one["digest"])
        for one in found
        if one and one["what"] == what
    ]


def retold(
    what: str, body: bytes, standing: Standing, happened: Callable[[Kind | None], Sequence[Kind]]
) -> tuple[tuple[Kind, str], ...]:
    """Say a record: each kind of message that it is now, with its key. What was cut off is said to its end.

    ``happened``: what the record means, given what this client itself last moved; ``None`` when it repeats itself.
    """
    mark, before = digest(body), earlier(what, standing)
    last = before[-1] if before else None
    again = last is not None and last.digest == mark
    number = last.number if last and again else sum(1 for one in before if one.digest == mark) + 1
    told = tuple(one.kind for one in before if again and one[::2] == (number, mark))
    moved = next((one.kind for one in reversed(before) if one.kind is not Kind.CORRECTED), None)
    fresh = happened(None if again else moved)
    kinds = (*told, *(kind for kind in fresh if not told or kind is not Kind.CORRECTED))
    return tuple((kind, key(what, Said(number, kind, mark))) for kind in dict.fromkeys(kinds))
