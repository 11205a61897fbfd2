"""Picks up what partners have for the hub where they bring nothing themselves: fetch → take in, durably → tell the partner.

One process of the cluster at a time goes to a partner, by a turn in the store; each partner has a round of its own, so that one that
hangs keeps nobody else waiting. Nothing is marked at a partner before it is on disk here. A process that dies at any point
leaves things as they lie: they are offered again, intake knows what it has, and the partner is told then.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Protocol

import msgspec
import structlog

from connectors.contract import Collector, Missed, Reason, Taken, TurnedAway
from hub.judging.contract import Answers, Meant
from hub.receipts.receipts import came_to
from hub.rounds.recalling import answered, recalled
from hub.rounds.rounds import again
from hub.store.contract.delivery import Acknowledgement
from hub.store.contract.intake import RefusedMessage
from hub.store.contract.watching import Verdict
from schemas.problems import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from connectors.contract import Fate, Picked, Receipted
    from hub.metrics.counts import Counts
    from hub.store.contract.intake import Accepted
    from hub.store.contract.store import Store
    from schemas.errors import Catalogue

log = structlog.get_logger(__name__)

TURN = 180.0
"""Seconds that a turn lasts; asked for again before each thing that is fetched."""
REMEMBERED = 1000
"""Things turned away whose partner could not be told yet, so that each is noted once and not in every round."""


def chore(partner: str) -> str:
    """Name the turn, and what the last round said (``hub.store.contract.watching.Verdict``)."""
    return f"collect {partner}"


def last_good(said: Verdict) -> datetime:
    """Return when the partner was last picked up from without trouble, or since when there is trouble."""
    return said.since if said.broken else said.at


class Take(Protocol):
    """Hand one thing to intake: when it returns it is durable. Raises ``Refusal``."""

    async def __call__(
        self, partner: str, picked: Picked, meant: Meant | Answers | None = None, /
    ) -> Accepted: ...


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """One partner on the way round. ``every``: seconds between two rounds; ``limit``: bytes of one message;
    ``receipts``: what can count as a receipt is one.
    """

    partner: str
    collector: Collector
    every: float
    limit: int
    receipts: bool = False


class Collecting:
    """One per worker process. ``holder``: its name."""

    def __init__(
        self,
        store: Store,
        stops: Sequence[Stop],
        take: Take,
        *,
        now: Callable[[], datetime],
        holder: str,
        catalogue: Catalogue,
        counts: Counts,
    ) -> None:
        self._store, self._stops, self._take = store, stops, take
        self._now, self._holder, self._catalogue, self._counts = now, holder, catalogue, counts
        self._noted: OrderedDict[tuple[str, str, str], None] = OrderedDict()

    async def run(self) -> None:
        """Until cancelled; what goes wrong at one partner is logged and done again."""
        async with asyncio.TaskGroup() as group:
            for stop in self._stops:
                group.create_task(again(stop.every, partial(self._visit, stop), "collect"))

    async def end(self) -> None:
        for stop in self._stops:
            await self._store.end_turn(chore(stop.partner), self._holder)

    async def _visit(self, stop: Stop) -> None:
        await self.round(stop)

    async def round(self, stop: Stop) -> int | None:
        """Pick up what lies there; return how much was settled. ``None``: another process has the turn."""
        if not await self._has_turn(stop):
            return None
        began, settled, missed = time.perf_counter(), 0, None
        try:
            async with contextlib.aclosing(stop.collector.collect(stop.limit)) as offered:
                async for one in offered:
                    if not isinstance(one, Missed) and not await self._has_turn(stop):
                        return settled
                    trouble = await self._handled(stop, one, missed)
                    settled += trouble is None
                    missed = trouble or missed
        except Exception as error:
            await self._say(
                stop, time.perf_counter() - began, Reason(code="HUB-INT-001", detail=type(error).__name__)
            )
            raise
        await self._say(stop, time.perf_counter() - began, missed.reason if missed else None)
        return settled

    async def _handled(self, stop: Stop, one: Picked | Missed, missed: Missed | None) -> Missed | None:
        """What asks something back that is not here yet waits for a round in which nothing was missed: it may be just that."""
        if isinstance(one, Missed):
            return one
        if missed and one.recalls and await self._store.replay(stop.partner, one.recalls, None) is None:
            return missed
        return await self._settle(stop, one)

    async def _has_turn(self, stop: Stop) -> bool:
        return await self._store.turn(chore(stop.partner), self._holder, self._now(), TURN)

    async def _settle(self, stop: Stop, picked: Picked) -> Missed | None:
        """What meets a defect of ours stays where it lies, and keeps none of those behind it waiting."""
        try:
            fate = await self._fate(stop, picked)
            return fate if isinstance(fate, Missed) else await stop.collector.settle(picked, fate)
        except Exception as error:
            log.exception("collecting_failed", partner=stop.partner)
            return Missed(reason=Reason(code="HUB-INT-001", detail=type(error).__name__))

    async def _fate(self, stop: Stop, picked: Picked) -> Fate | Missed:
        """Take it, or say why not: for good, or not now. Only what may be sent again as it is comes again."""
        partner = stop.partner
        if picked.fault is not None:
            return await self._turn_away(partner, picked, picked.fault)
        try:
            if picked.receipt is not None and stop.receipts:
                return await self._acknowledged(partner, picked, picked.receipt)
            accepted = await self._taken(partner, picked)
        except Refusal as refusal:
            reason = Reason(code=refusal.code, detail=refusal.problems[0].place)
            if self._catalogue[refusal.code].retry == "yes":
                self._counts.add("intake", partner, refusal.code)
                return Missed(reason=reason)
            return await self._turn_away(partner, picked, reason)
        self._counts.add("intake", partner, came_to(accepted))
        return await self._became(accepted.message)

    async def _became(self, message: str) -> Taken | TurnedAway:
        """What was kept but moved nothing, and goes to nobody, its sender is told as what it is; asked again, the same."""
        kept = await self._store.message(message)
        if kept is not None and kept.quarantine and not kept.transfers:
            return TurnedAway(reason=Reason(code=kept.quarantine))
        return Taken(message=message)

    async def _taken(self, partner: str, picked: Picked) -> Accepted:
        """Raises ``Refusal``."""
        if not picked.recalls:
            return await self._take(partner, picked, await answered(self._store, partner, picked.answers))
        means = await recalled(self._store, partner, picked.recalls)
        return await self._take(partner, picked, means) if isinstance(means, Meant) else means

    async def _acknowledged(self, partner: str, picked: Picked, receipt: Receipted) -> Taken:
        """Raises ``Refusal`` HUB-RCP-*: it is about nothing that this partner was sent."""
        said = Acknowledgement(
            partner=partner,
            raw=picked.body,
            received_at=self._now(),
            said_at=receipt.at,
            key=receipt.key,
        )
        await self._store.acknowledge(said)
        return Taken()

    async def _turn_away(self, partner: str, picked: Picked, reason: Reason) -> TurnedAway:
        """Note it before the partner is told, once."""
        known = (partner, picked.id, reason.code)
        if known not in self._noted:
            digest = hashlib.sha256(picked.body).hexdigest()
            self._counts.add("intake", partner, reason.code)
            log.info("refused", code=reason.code, sender=partner, digest=digest, size=len(picked.body))
            told = RefusedMessage(
                at=self._now(),
                sender=partner,
                code=reason.code,
                digest=digest,
                size=len(picked.body),
                request=chore(partner),
            )
            await self._store.note_refused([told])
            self._noted[known] = None
            if len(self._noted) > REMEMBERED:
                self._noted.popitem(last=False)
        return TurnedAway(reason=reason)

    async def _say(self, stop: Stop, seconds: float, trouble: Reason | None) -> None:
        """Write down how it went; a round that could not do everything is not a good one."""
        broken = (trouble.code,) if trouble else ()
        now = self._now()
        said = Verdict(name=chore(stop.partner), at=now, since=now, seconds=seconds, broken=broken)
        await self._store.judge(said)
        if trouble is not None:
            log.warning("collect_missed", partner=stop.partner, code=trouble.code, reason=trouble.detail)
