"""Lost, doubled, out of order? Counted from the partners' own journals; the hub is not asked."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Arrival(msgspec.Struct, frozen=True):
    """One thing that a partner processed. ``at``: when the event happened, ``yyyyMMddHHmmss``."""

    dossier: str
    at: str
    operation: str


class Count(msgspec.Struct, frozen=True):
    """``sent``: copies that this partner had to get; ``delivered``: different ones that it did get."""

    partner: str
    sent: int
    delivered: int
    lost: int
    doubled: int
    out_of_order: int
    foreign: int

    @property
    def clean(self) -> bool:
        return self.sent == self.delivered and not (
            self.lost or self.doubled or self.out_of_order or self.foreign
        )


class Wanted(Protocol):
    """What a partner had to get: anything that names a dossier and when its event happened."""

    @property
    def dossier(self) -> str: ...

    @property
    def at(self) -> str: ...


def count(partner: str, sent: Iterable[Wanted], arrivals: Sequence[Arrival]) -> Count:
    """Hold what arrived against what was sent, of each dossier in its order. Events of one dossier have times of their own, which
    tell them apart.
    """
    places: dict[tuple[str, str], int] = {}
    for one in sent:
        places.setdefault((one.dossier, one.at), len(places))
    got = Counter((one.dossier, one.at) for one in arrivals)
    by_dossier: dict[str, list[int]] = defaultdict(list)
    for arrival in arrivals:
        if (place := places.get((arrival.dossier, arrival.at))) is not None:
            by_dossier[arrival.dossier].append(place)
    return Count(
        partner=partner,
        sent=len(places),
        delivered=len(places.keys() & got.keys()),
        lost=len(places.keys() - got.keys()),
        doubled=sum(times - 1 for times in got.values()),
        out_of_order=sum(
            earlier > later for order in by_dossier.values() for earlier, later in pairwise(order)
        ),
        foreign=len(got.keys() - places.keys()),
    )
