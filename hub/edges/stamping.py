"""Whose stamps a hub below may bring: its own, and those of the hubs below it, each of which stands below one hub only.

What stands below a hub nobody here is told, so who brought a hub's first message brings all of them. Only where that one's unit was taken
over does a hub move: to whoever serves the heir.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.replicating import succession
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hub.edges.peers import Peer, Peers
    from hub.store.contract.edges import Edges
    from hub.store.contract.replicas import Succession

NOT_BELOW = "HUB-EDG-022"


class Stamping:
    """One per process. What was found stays found: a hub that moved is looked up anew only by processes that began since."""

    def __init__(self, edges: Edges, peers: Peers) -> None:
        self._edges, self._peers = edges, peers
        self._known: set[tuple[str, str]] = set()

    async def may_bring(
        self, partner: str, hub: str, successions: Sequence[Succession], now: datetime
    ) -> None:
        """Ask before a message with this hub's stamp is taken in. Raises ``Refusal`` HUB-EDG-022."""
        peer = self._peers.of.get(partner)
        if peer is None or peer.above or hub == peer.code or (hub, partner) in self._known:
            return
        if hub == self._peers.us or self._peers.called(hub) is not None:
            raise refuse(NOT_BELOW, "stamp/hub", rule=f"{peer.code} or a hub below it")
        first = await self._edges.origin(hub)
        if first not in {"", partner} and not _moved(peer, succession.of(successions, first), now):
            raise refuse(NOT_BELOW, "stamp/hub", rule=f"{peer.code} or a hub below it")

    async def brought(self, partner: str, hub: str, now: datetime) -> None:
        """Remember it, once a message with its stamp was taken in and nothing spoke against it."""
        peer = self._peers.of.get(partner)
        if peer is None or peer.above or hub == peer.code or (hub, partner) in self._known:
            return
        await self._edges.originates(hub, partner, now)
        self._known.add((hub, partner))


def _moved(peer: Peer, told: Succession | None, now: datetime) -> bool:
    """Whether the hub that brought it first was taken over by an agency that this one serves."""
    return told is not None and succession.phase(told, now) != "stands" and told.heir in peer.serves
