"""What each hub keeps of each message about a dossier, so that every hub tells the same story of the same messages. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from hub.story.record import Story, Value
from hub.story.words import Words  # noqa: TC001

if TYPE_CHECKING:
    from collections.abc import Iterable

NOWHERE = "0" * 64
"""What stands before the first message in a hub's chain."""


class Stamp(Value, frozen=True):
    """Where a message stands in its dossier. ``hub``: that first accepted it; ``no``: that hub's running number *within the dossier*, from 1;
    ``seen``: hub → the highest number of the dossier that it knew then.
    """

    hub: str
    no: int
    seen: Mapping[str, int] = {}

    @property
    def place(self) -> tuple[str, int]:
        """What no two messages of a dossier share."""
        return self.hub, self.no

    def follows(self, other: Stamp) -> bool:
        """Whether the other was known where this one was accepted."""
        return self.no > other.no if other.hub == self.hub else self.seen.get(other.hub, 0) >= other.no

    def follows_all(self, heard: Mapping[str, int]) -> bool:
        """Whether all that is known of the dossier was known where this one was accepted, and it is new."""
        known = {**self.seen, self.hub: self.no - 1}
        return all(known.get(hub, 0) >= no for hub, no in heard.items())


class Telling(Value, frozen=True):
    """``message``: its id at its first hub; ``digest``: SHA-256 (hex) of the bytes that came there; ``agency``: that said it. ``partner``: which
    brought it *here*; the one word that differs between hubs.
    """

    stamp: Stamp
    message: str
    digest: str
    agency: str
    partner: str
    words: Words


def stamped(heard: Mapping[str, int], hub: str) -> Stamp:
    """Return the stamp of the next message that this hub accepts first."""
    return Stamp(hub=hub, no=heard.get(hub, 0) + 1, seen=dict(heard))


def counted(story: Story, telling: Telling) -> Story:
    """Return the story that has heard a telling which follows on all that it knows."""
    hub, no = telling.stamp.place
    link = _link(story.chains.get(hub, NOWHERE), telling)
    return msgspec.structs.replace(story, heard={**story.heard, hub: no}, chains={**story.chains, hub: link})


def heard(tellings: Iterable[Telling]) -> dict[str, int]:
    known: dict[str, int] = {}
    for each in tellings:
        known[each.stamp.hub] = max(known.get(each.stamp.hub, 0), each.stamp.no)
    return known


def chains(tellings: Iterable[Telling], before: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """Return each hub's chain over all that is known of it, anew. ``before``: the chains that these go on from."""
    found = dict(before)
    for each in sorted(tellings, key=lambda told: told.stamp.place):
        found[each.stamp.hub] = _link(found.get(each.stamp.hub, NOWHERE), each)
    return found


def _link(before: str, telling: Telling) -> str:
    return hashlib.sha256(f"{before} {telling.stamp.no} {telling.digest}".encode()).hexdigest()


def to_json(telling: Telling) -> bytes:
    return _ENCODER.encode(telling)


def from_json(raw: bytes) -> Telling:
    """Read what ``to_json`` wrote. Raises ``msgspec.ValidationError``: only the store's own bytes come this way."""
    return _DECODER.decode(raw)


_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODER = msgspec.json.Decoder(Telling)
