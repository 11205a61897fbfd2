"""A day in a few bytes: a Merkle tree over both ways, opened only where two sides differ.

Items lie in the order of the SHA-256 of their ids. A node is named by its way and a prefix of that hash (hex digits); its digest is
the tree hash (RFC 6962 §2.1) over the items whose hash begins so. Who compares asks for the digest of the whole day first; where it
differs, for the sixteen nodes below each that differs, and for the items themselves where a node holds few. So an equal day costs one
digest, and what differs costs as many digests as the tree is deep for each difference, however much is equal.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from typing import TYPE_CHECKING, Annotated, Protocol

import msgspec

from hub.evidence import merkle
from hub.reconciling.items import Item, Side, Way, entry, place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

DIGITS = "0123456789abcdef"
FEW = 8
"""Items of a node that are told themselves instead of sixteen digests."""
MOST_ASKED = 1024
"""Nodes in one question."""

Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{0,64}$")]
Prefix = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{0,64}$")]


class Node(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """``way`` as whoever asks sees it."""

    way: Way
    prefix: Prefix = ""


class Told(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What lies below a node: sixteen digests (empty: nothing there), or the items where they are few."""

    below: tuple[Digest, ...] = ()
    items: tuple[Item, ...] | None = None


class Other(Protocol):
    """The other side, asked over whatever line there is."""

    async def digest(self) -> str:
        """Of the whole day, in the asking side's order of the ways."""
        ...

    async def told(self, nodes: Sequence[Node]) -> Mapping[Node, Told]:
        """What lies below each of them. Raises ``Refusal`` where it cannot be asked or answers with something else."""
        ...


class Tree:
    """One side's day. ``side`` in this side's own words."""

    def __init__(self, side: Side) -> None:
        self._items: dict[Way, dict[str, Item]] = {
            way: dict(sorted((place(each.id), each) for each in side.of(way))) for way in Way
        }
        self._places = {way: list(found) for way, found in self._items.items()}

    def digest(self) -> str:
        """Of the whole day: what was sent, then what was received."""
        both = "".join(self.of(Node(way)) or "-" for way in Way)
        return hashlib.sha256(both.encode()).hexdigest()

    def of(self, node: Node) -> str:
        """Return a node's digest; empty where nothing lies below."""
        found = [entry(self._items[node.way][each]) for each in self._within(node)]
        return merkle.root(found).hex() if found else ""

    def told(self, node: Node) -> Told:
        within = self._within(node)
        if len(within) <= FEW:
            return Told(items=tuple(self._items[node.way][each] for each in within))
        return Told(below=tuple(self.of(Node(node.way, node.prefix + digit)) for digit in DIGITS))

    def _within(self, node: Node) -> Sequence[str]:
        places = self._places[node.way]
        return places[bisect_left(places, node.prefix) : bisect_left(places, node.prefix + "g")]

    def items(self, node: Node) -> tuple[Item, ...]:
        return tuple(self._items[node.way][each] for each in self._within(node))


def mirrored(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """The same nodes as the side that is asked calls them."""
    return tuple(Node(each.way.mirrored, each.prefix) for each in nodes)


async def differing(ours: Tree, other: Other) -> tuple[Side, Side]:
    """Return the items that are not the same on both sides: ours, and theirs in our words for the ways. Both empty: the day agrees."""
    if ours.digest() == await other.digest():
        return Side(), Side()
    here: dict[Way, list[Item]] = {way: [] for way in Way}
    there: dict[Way, list[Item]] = {way: [] for way in Way}
    asked = [Node(way) for way in Way]
    while asked:
        now, asked = asked[:MOST_ASKED], asked[MOST_ASKED:]
        answers = await other.told(now)
        for node in now:
            said = answers[node]
            if said.items is None:
                asked += _different(ours, node, said.below)
                continue
            own, its = ours.items(node), said.items
            same = {entry(each) for each in own} & {entry(each) for each in its}
            here[node.way] += [each for each in own if entry(each) not in same]
            there[node.way] += [each for each in its if entry(each) not in same]
    return _side(here), _side(there)


def whole(ours: Side, here: Side, there: Side) -> Side:
    """Return all that the other side has, of what differs: ours ``here``, its ``there``; all in our words for the ways."""
    found = []
    for way in Way:
        other = {each.id for each in (*here.of(way), *there.of(way))}
        found.append((*(each for each in ours.of(way) if each.id not in other), *there.of(way)))
    return Side(*found)


def _different(ours: Tree, node: Node, below: Sequence[str]) -> list[Node]:
    nodes = [Node(node.way, node.prefix + digit) for digit in DIGITS]
    return [each for each, digest in zip(nodes, below, strict=True) if ours.of(each) != digest]


def _side(found: Mapping[Way, Iterable[Item]]) -> Side:
    ordered = {way: tuple(sorted(items, key=lambda each: each.id)) for way, items in found.items()}
    return Side(ordered[Way.SENT], ordered[Way.RECEIVED])
