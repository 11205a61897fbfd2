"""Failed logins, by the address they come from: after a burst of them an address hears 429 until it has been quiet.

Who has come in from that address by the same credential before goes on coming in, so that one partner behind a shared
proxy cannot shut out the others; a guess, also a right one, must wait. Memory is bounded: of more addresses than are kept, the
longest quiet ones are forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

from hub.api.later import Later

if TYPE_CHECKING:
    from collections.abc import Callable

TOO_MANY = "HUB-AUT-012"
BURST = 20.0
"""Failures that an address may make at once."""
EVERY = 6.0
"""Seconds after which it may make one more."""
LONGEST = 60.0
"""Seconds that an address waits at most after its last failure."""
LEARNING = 600.0
"""Seconds after a start in which whoever proves who it is comes in, and is known from then on: a restart beside a neighbour that goes on
failing must not shut out those who were in.
"""
KEPT = 10_000
_NEIGHBOURS = 64
"""Leading bits of an IPv6 address that one host cannot choose."""


class Failures:
    """One per web process; one event loop. ``seconds``: a clock that never goes back."""

    def __init__(self, seconds: Callable[[], float], *, kept: int = KEPT, learning: float = LEARNING) -> None:
        self._seconds, self._kept = seconds, kept
        self._learnt = seconds() + learning
        self._spent: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._known: OrderedDict[tuple[str, str, str], None] = OrderedDict()

    def failed(self, address: str) -> None:
        """Note one more. Raises ``Later`` HUB-AUT-012 when that was too many."""
        place = network(address)
        spent = min(self._left(place) + 1, BURST + LONGEST / EVERY)
        self._spent[place] = (spent, self._seconds())
        self._spent.move_to_end(place)
        while len(self._spent) > self._kept:
            self._spent.popitem(last=False)
        if spent > BURST:
            raise self._later(spent)

    def passed(self, address: str, partner: str, label: str) -> None:
        """Let somebody in who proved who it is. Raises ``Later`` when the address is shut and has not seen it before."""
        who = (address, partner, label)
        if who in self._known:
            return
        spent = self._left(network(address)) if self._spent else 0.0
        if spent > BURST and self._seconds() >= self._learnt:
            raise self._later(spent)
        self._known[who] = None
        while len(self._known) > self._kept:
            self._known.popitem(last=False)

    def shut(self, address: str) -> Later | None:
        """What a stranger at this address is told; ``None``: it may try."""
        spent = self._left(network(address)) if self._spent else 0.0
        return self._later(spent) if spent > BURST else None

    def check(self, address: str, partner: str = "", label: str = "") -> None:
        """Raise ``Later`` for whoever would have to wait anyway, before anything costly is done; ``label`` empty: for a stranger."""
        spent = self._left(network(address)) if self._spent else 0.0
        learning = label and self._seconds() < self._learnt
        if spent > BURST and not learning and (address, partner, label) not in self._known:
            raise self._later(spent)

    def _left(self, place: str) -> float:
        spent, at = self._spent.get(place, (0.0, 0.0))
        return max(0.0, spent - (self._seconds() - at) / EVERY)

    def _later(self, spent: float) -> Later:
        return Later(
            TOO_MANY, f"at most {BURST:g} failed logins at once from an address", (spent - BURST) * EVERY
        )


def network(address: str) -> str:
    """Return what counts as one address: of IPv6, the network that one host is given."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ip_network((found, _NEIGHBOURS), strict=False).network_address)
