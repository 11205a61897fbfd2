"""What two sides say of a day, held against each other: a table of cases, each with the ways in which it may be mended.

An item that is on its way or refused at one side and not at the other is no difference: nobody claimed that it arrived. Digests count where both sides keep
them. Nothing is mended here: a person approves one of ``fixes``, or explains.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - part of a public value
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from hub.reconciling.items import Item, Side, Standing, Way

if TYPE_CHECKING:
    from collections.abc import Iterator


class What(StrEnum):
    """``missing``: the receiving side does not have it. ``extra``: it has what nobody here sent, or we have what they never sent."""

    MISSING = "missing"
    EXTRA = "extra"
    STATE = "state"
    DIGEST = "digest"


class Fix(StrEnum):
    ASK = "ask"  # the partner, about this one, by its own question
    RESEND = "resend"  # a new attempt of the same transfer, under its key and with its bytes
    FETCH = "fetch"  # they have it for us: let it be brought
    WITHDRAW = "withdraw"  # what stopped here and is there all the same
    EXPLAIN = "explain"  # nothing is to be done, and why


FIXES: Mapping[tuple[Way, What], tuple[Fix, ...]] = MappingProxyType(
    {
        (Way.SENT, What.MISSING): (Fix.ASK, Fix.RESEND, Fix.EXPLAIN),
        (Way.SENT, What.EXTRA): (Fix.EXPLAIN,),
        (Way.SENT, What.STATE): (Fix.ASK, Fix.WITHDRAW, Fix.EXPLAIN),
        (Way.SENT, What.DIGEST): (Fix.EXPLAIN,),
        (Way.RECEIVED, What.MISSING): (Fix.FETCH, Fix.EXPLAIN),
        (Way.RECEIVED, What.EXTRA): (Fix.EXPLAIN,),
        (Way.RECEIVED, What.STATE): (Fix.EXPLAIN,),
        (Way.RECEIVED, What.DIGEST): (Fix.EXPLAIN,),
    }
)
"""The first is proposed. Other bytes under one key are never mended by sending: keys and bytes do not change."""


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``ours``, ``theirs``: what each says; ``None``: it does not have it."""

    way: Way
    what: What
    id: str
    ours: Item | None = None
    theirs: Item | None = None

    @property
    def fixes(self) -> tuple[Fix, ...]:
        return FIXES[self.way, self.what]


def findings(ours: Side, theirs: Side) -> tuple[Finding, ...]:
    """``theirs`` in our words for the ways (``Side.mirrored``). In the order of the ways and ids."""
    return tuple(each for way in Way for each in _of(way, ours, theirs))


def _of(way: Way, ours: Side, theirs: Side) -> Iterator[Finding]:
    here = {each.id: each for each in ours.of(way)}
    there = {each.id: each for each in theirs.of(way)}
    for id_ in sorted({*here, *there}):
        own, its = here.get(id_), there.get(id_)
        what = _what(way, own, its)
        if what is not None:
            yield Finding(way=way, what=what, id=id_, ours=own, theirs=its)


def _what(way: Way, own: Item | None, its: Item | None) -> What | None:
    sender, receiver = (own, its) if way is Way.SENT else (its, own)
    if receiver is None:
        return What.MISSING if sender is not None and sender.standing is Standing.TAKEN else None
    if sender is None:
        return What.EXTRA if receiver.standing is not Standing.OPEN else None
    if sender.digest and receiver.digest and sender.digest != receiver.digest:
        return What.DIGEST
    return What.STATE if sender.standing is not receiver.standing else None


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Of one way: how many each side has, and how many of ours are still on their way."""

    ours: int
    theirs: int
    open: int


def counts(ours: Side, theirs: Side) -> Mapping[Way, Counts]:
    return {
        way: Counts(
            ours=len(ours.of(way)),
            theirs=len(theirs.of(way)),
            open=sum(each.standing is Standing.OPEN for each in ours.of(way)),
        )
        for way in Way
    }
