"""The generations of one key: which of them signs at a moment, and what becomes of the others.

A generation is declared before it signs, so that partners can pin its certificate; it signs from its day on, and the one
before it is known for as long as what it signed may still be under way. Which one signs is looked up at every use: a process
that runs across the day changes with it. What is barred signs nothing from the moment that a process hears of it.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from schemas.problems import refuse
from signing.contract import Key  # noqa: TC001 - msgspec reads the annotations at run time

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from signing.contract import Signer, Wire

NONE_SIGNS = "HUB-KEY-001"


class State(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    RETIRING = "retiring"
    RETIRED = "retired"
    COMPROMISED = "compromised"


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """``id``: what people call it. ``begins``: it signs from then on; ``ends``: nobody need know it any more."""

    id: str
    key: Any  # a ``signing.contract.Key``; msgspec wants no protocol
    begins: datetime
    ends: datetime

    def counts(self, now: datetime) -> bool:
        return self.begins <= now < self.ends


class Bars:
    """Fingerprints that nothing is signed with. Only ever grows: nobody takes a compromise back."""

    def __init__(self) -> None:
        self._known: frozenset[str] = frozenset()

    def __contains__(self, fingerprint: str) -> bool:
        return fingerprint in self._known

    def add(self, fingerprints: Collection[str]) -> None:
        self._known |= frozenset(fingerprints)


def signing(
    generations: Sequence[Generation], now: datetime, barred: Collection[str] | Bars
) -> Generation | None:
    """Return the one that signs: of those that count and are not barred, the one that began last."""
    able = [one for one in generations if one.counts(now) and one.key.fingerprint not in barred]
    return max(able, key=lambda one: one.begins, default=None)


def states(
    generations: Sequence[Generation], now: datetime, barred: Collection[str] | Bars
) -> Iterator[tuple[Generation, State]]:
    active = signing(generations, now, barred)
    for one in generations:
        yield one, _state(one, active, now, barred)


def _state(
    one: Generation, active: Generation | None, now: datetime, barred: Collection[str] | Bars
) -> State:
    if one.key.fingerprint in barred:
        return State.COMPROMISED
    if one is active:
        return State.ACTIVE
    if now < one.begins:
        return State.PENDING
    return State.RETIRED if now >= one.ends else State.RETIRING


class Rolling:
    """A signer whose key changes with its generations. Built once; ``make`` builds the signer of one generation."""

    def __init__(
        self, name: str, generations: Sequence[Generation], make: Callable[[Key], Signer], barred: Bars
    ) -> None:
        self._name, self._generations, self._barred = name, tuple(generations), barred
        self._signers = {one.id: make(one.key) for one in generations}

    def sign(self, wire: Wire, now: datetime) -> Wire:
        """Raises HUB-KEY-001 while none of its generations may sign."""
        one = signing(self._generations, now, self._barred)
        if one is None:
            raise refuse(NONE_SIGNS, self._name, rule="a generation that may sign now")
        signed = self._signers[one.id].sign(wire, now)
        return msgspec.structs.replace(signed, signer=one.key.fingerprint)
