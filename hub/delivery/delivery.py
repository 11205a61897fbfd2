"""Claim → seal → ask or send → decide → record. The loop that carries every copy until its recipient has it.

A group of heads is claimed under one lease. Nothing leaves before the claim (in doubt) and the sealed bytes are on
disk. Every result is settled as it comes, coalesced with others that are ready, and makes room for the next claim; a
partner that hangs keeps only its own transfers waiting, because it may hold no more than it leaves to the others.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import structlog

from connectors.contract import Delivered, Sealed
from hub.delivery import decide, supplying
from hub.delivery.decide import First, Policy, Verdict
from hub.delivery.failure import LATE, LATE_CODE, failed, is_late
from hub.delivery.tries import parcel_of, tried
from hub.documents.contract import Waits
from hub.health import circuit
from hub.lifecycle import MOVES, Move, State
from hub.metrics.counts import Counts
from hub.receipts.receipts import unsigned
from hub.store.contract.delivery import Settlement, Work
from schemas.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from connectors.contract import Codec, Connector, Outcome
    from hub.health.retry import Uniform
    from hub.receipts.receipts import Confirm
    from hub.store.contract.delivery import Attempt, Window
    from hub.store.contract.intake import Acceptance
    from hub.store.contract.store import Store

log = structlog.get_logger(__name__)

TELLS_THE_SENDER = frozenset({Move.REFUSE, Move.EXHAUST})
LONGEST_REFERENCE = 200
AGAIN = 0.2
"""Seconds until a store that could not take what came of a call is asked again."""


class LeaseLost(Exception):  # noqa: N818 - says what it is
    """Another worker has this transfer by now; nothing more may leave from here."""


class Hold:
    """A lease in hand, by the clock of the event loop, which nobody sets. ``began``: before it was written.

    ``until``: from then on the store is asked before anything is sent; ``over``: somebody else may have taken it.
    """

    def __init__(self, token: str, began: float, lease: float) -> None:
        self.token, self._began, self._lease = token, began, lease
        self.renewing = (
            asyncio.Lock()
        )  # an older renewal that comes to rest behind a newer one would shorten the lease
        self._calls: set[asyncio.Timeout] = set()

    @property
    def until(self) -> float:
        return self._began + self._lease * 2 / 3

    @property
    def over(self) -> float:
        return self._began + self._lease

    def renewed(self, began: float) -> None:
        self._began = began
        for call in self._calls:
            if not call.expired():
                call.reschedule(self.over)

    async def during(self, call: Awaitable[Outcome]) -> Outcome:
        """Call only as long as the lease lasts: a process that stood still while it connected sends nothing when it wakes.

        The event loop cancels what is overdue before it lets it go on. Raises ``LeaseLost``.
        """
        try:
            async with asyncio.timeout_at(self.over) as watch:
                self._calls.add(watch)
                return await call
        except TimeoutError:
            raise LeaseLost(self.token) from None
        finally:
            self._calls.discard(watch)


class Sealery(Protocol):
    """Encodes, validates and signs in the sealing pool."""

    async def seal(self, works: Sequence[Work]) -> Mapping[str, Sealed | Problem | Waits]:
        """Return by transfer id the sealed bytes, the problem that parks it, or what it still waits for."""
        ...


class Route(Protocol):
    """One partner as the delivery loop needs it."""

    @property
    def connector(self) -> Connector: ...
    @property
    def codec(self) -> Codec: ...
    @property
    def policy(self) -> Policy: ...


async def _nothing_more(_partner: str, call: Awaitable[Outcome]) -> Outcome:
    return await call


class Delivery:
    """One worker process. ``limit``: heads per claim; ``hand``: transfers in hand at once, which bounds the memory; ``lease``
    in seconds, renewed while a group runs. ``windows``: when each partner may be sent to, from a moment on.
    ``hear``: gives what came of a call once the answer that came with it is durable.
    """

    def __init__(  # noqa: PLR0913 - the composition root hands in every part
        self,
        *,
        name: str,
        store: Store,
        sealery: Sealery,
        routes: Mapping[str, Route],
        codec_of: Callable[[str], Codec | None],
        now: Callable[[], datetime],
        uniform: Uniform,
        windows: Callable[[datetime], Sequence[Window]] = lambda _: (),
        limit: int = 50,
        hand: int = 400,
        lease: float = 30.0,
        attempt_limit: float = 120.0,
        counts: Counts | None = None,
        confirm: Confirm = unsigned,
        hear: Callable[[str, Awaitable[Outcome]], Awaitable[Outcome]] = _nothing_more,
    ) -> None:
        self._confirm, self._hear = confirm, hear
        self._counts = counts or Counts()
        self._name, self._store, self._sealery, self._routes = name, store, sealery, routes
        self._codec_of, self._now, self._uniform = codec_of, now, uniform
        self._limit, self._most, self._lease, self._attempt_limit = limit, hand, lease, attempt_limit
        self._windows, self._hours_until = windows, datetime.min.replace(tzinfo=UTC)
        self._hand: Counter[str] = Counter()
        self._settled = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set, then finish what is under way."""
        running: set[asyncio.Task[None]] = set()
        try:
            while not stop.is_set():
                await self._store.tick(self._now())
                await self._keep_hours()
                self._settled.clear()
                began = _moment()
                if not self._has_room:
                    await self._until_settled(1.0)
                elif works := await self._claim():
                    task = asyncio.create_task(self._group(works, began))
                    running.add(task)
                    task.add_done_callback(running.discard)
                else:
                    await self._store.wait_for_work(0.5)
        finally:
            if running:
                await asyncio.gather(*running, return_exceptions=True)

    @property
    def in_hand(self) -> int:
        """How many transfers are under way."""
        return self._hand.total()

    @property
    def _room(self) -> int:
        return self._most - self._hand.total()

    @property
    def _has_room(self) -> bool:
        """Room for a claim that is worth its transaction."""
        return self._room >= max(1, min(self._limit, self._most) // 8)

    async def _claim(self) -> tuple[Work, ...]:
        """Take at most half of the room, and nothing for a partner that holds as much as is left over.

        So partners that hang end up with equal shares, and as much again is left for all the others.
        """
        room = self._room
        crowded = frozenset(partner for partner, count in self._hand.items() if count >= room)
        limit = min(self._limit, max(1, room // 2))
        works = await self._store.claim(self._name, self._now(), limit, self._lease, without=crowded)
        self._hand.update(work.partner for work in works)
        return works

    def _put_down(self, partners: Iterable[str]) -> None:
        self._hand -= Counter(partners)
        self._settled.set()

    async def _until_settled(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._settled.wait()

    async def _keep_hours(self) -> None:
        """Write the partners' next windows when the first of those that were written is over."""
        now = self._now()
        if now >= self._hours_until:
            windows = self._windows(now)
            await self._store.windows(windows, now)
            closes = [window.closes for window in windows if window.closes is not None]
            self._hours_until = min(closes, default=datetime.max.replace(tzinfo=UTC))

    async def _group(self, works: tuple[Work, ...], began: float) -> None:
        """``began``: when they were claimed, by the event loop's clock."""
        token = works[0].token
        hold = Hold(token, began, self._lease)
        held = {work.transfer: work.partner for work in works}
        real = {work.transfer: work.accepted_at for work in works if work.stage != "trial"}
        keeper = asyncio.create_task(self._keep(hold))
        tasks: set[asyncio.Task[Settlement]] = set()
        try:
            sealed = await self._seal(token, works)
            if sealed is None:
                return
            tasks = {asyncio.create_task(self._one(work, sealed[work.transfer], hold)) for work in works}
            while tasks:
                done, _ = await asyncio.wait({*tasks, keeper}, return_when=asyncio.FIRST_COMPLETED)
                ready, tasks = tasks & done, tasks - done
                made = [settlement for task in ready if (settlement := self._made(task)) is not None]
                if not await self._record(hold, made):
                    self._lost(len(ready) + len(tasks))
                    return
                for settlement in made:
                    if (accepted_at := real.get(settlement.transfer)) is not None:
                        self._count(settlement, held[settlement.transfer], accepted_at)
                self._put_down([held.pop(settlement.transfer) for settlement in made])
                if keeper in done and tasks:
                    self._lost(len(tasks))
                    return
        except Exception:
            log.exception("group_failed", worker=self._name, count=len(works))
        finally:  # without the lease another worker has them: what is still under way here must not go on
            for task in (keeper, *tasks):
                task.cancel()
            await asyncio.gather(keeper, *tasks, return_exceptions=True)
            self._put_down(held.values())

    async def _record(self, hold: Hold, made: Sequence[Settlement]) -> bool:
        """Write down what came of them; false: the lease was lost. Nobody else knows it, so a store that cannot take it just
        now is asked again as long as the lease lasts.
        """
        while True:
            try:
                return await self._store.settle(hold.token, made, self._now())
            except Exception as error:
                if _moment() + AGAIN >= hold.over:
                    raise
                log.warning("not_recorded", worker=self._name, count=len(made), error=type(error).__name__)
            await asyncio.sleep(AGAIN)

    def _lost(self, count: int) -> None:
        log.warning("lease_lost", worker=self._name, count=count)
        self._counts.add("leases_lost")

    def _count(self, settlement: Settlement, partner: str, accepted_at: datetime) -> None:
        for each in settlement.attempts:
            self._counts.add("attempts", partner, each.verb, each.outcome)
        if settlement.move is Move.DELIVER:
            seconds = (self._now() - accepted_at).total_seconds()
            self._counts.observe("delivery_seconds", seconds, partner)

    def _made(self, task: asyncio.Task[Settlement]) -> Settlement | None:
        """Return what came of one transfer; ``None`` for a defect of ours: its lease runs out and it is in doubt."""
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is None:
            return task.result()
        log.error("transfer_failed", worker=self._name, exc_info=error)
        return None

    async def _keep(self, hold: Hold) -> None:
        """Hold the lease; return when it was lost. Raises what the store says when it cannot be asked until it may be over."""
        held = True
        while held:
            await asyncio.sleep(self._lease / 3)
            try:
                held = await self._renew(hold)
            except Exception as error:
                if _moment() >= hold.over:
                    raise
                log.warning("not_renewed", worker=self._name, error=type(error).__name__)

    async def _renew(self, hold: Hold) -> bool:
        async with hold.renewing:
            began = _moment()
            held = await self._store.renew(hold.token, self._now(), self._lease)
            if held:
                hold.renewed(began)
            return held

    async def _seal(
        self, token: str, works: tuple[Work, ...]
    ) -> Mapping[str, Sealed | Problem | Waits] | None:
        """Return what may be sent, all of it on disk; ``None`` when the lease was lost meanwhile."""
        fresh = [work for work in works if work.sealed is None]
        made = await self._sealery.seal(fresh) if fresh else {}
        new = {transfer: value for transfer, value in made.items() if isinstance(value, Sealed)}
        if new and not await self._store.seal(token, new):
            self._lost(len(works))
            return None
        return {**made, **{work.transfer: work.sealed for work in works if work.sealed is not None}}

    async def _one(self, work: Work, sealed: Sealed | Problem | Waits, hold: Hold) -> Settlement:
        if isinstance(sealed, Problem | Waits):
            return self._unsealed(work, sealed)
        route = self._routes.get(work.partner)
        if route is None:
            return Settlement(
                transfer=work.transfer,
                move=None if work.doubt else Move.PARK,  # parked would say that nothing has left
                code="HUB-CFG-001",
                detail=work.partner,
                counts=False,
            )
        parcel = parcel_of(work, sealed, work.facts)
        tries: list[Attempt] = []
        what = decide.first(route.policy, doubt=work.doubt)
        if what is First.OFFER:
            move = None if work.doubt else Move.OFFER
            return Settlement(transfer=work.transfer, move=move, counts=False, offered=True)
        if what is First.WAIT_FOR_A_PERSON:
            return Settlement(transfer=work.transfer, move=None, code="HUB-PAR-009", counts=False)
        outcome: Outcome | None = None
        if what is First.ASK:
            outcome = await self._try("find", self._hear(work.partner, route.connector.find(parcel)), tries)
        doubt = work.doubt and outcome is None
        if outcome is None or decide.may_send(outcome):
            if outcome is not None or _moment() >= hold.until:
                await self._still_held(hold)
            call = self._hear(work.partner, route.connector.deliver(parcel))
            outcome = await hold.during(self._try("deliver", call, tries))
        verdict = decide.after(
            outcome, route.policy, work.attempts, self._uniform, doubt=doubt, probe=work.probe
        )
        return self._settlement(work, route.policy, verdict, outcome, tries)

    def _unsealed(self, work: Work, why: Problem | Waits) -> Settlement:
        """Nothing has left: parked, or back among those that wait. A document that cannot be had is the sender's to mend.

        What was in doubt before stays so (it was restored, and nobody knows): neither *parked* nor *waiting* asks first.
        """
        now = self._now()
        if isinstance(why, Waits):
            return Settlement(
                transfer=work.transfer,
                move=None if work.doubt else Move.UNSENT,
                code=why.code,
                detail=why.place,
                wake_at=now + timedelta(seconds=why.seconds),
                counts=False,
            )
        detail = supplying.said(why)
        mend = Verdict(move=Move.PARK, code=why.code, detail=detail)
        return Settlement(
            transfer=work.transfer,
            move=None if work.doubt else Move.PARK,
            code=why.code,
            detail=detail,
            counts=False,
            follow_up=self._follow_up(work, mend, None, now)
            if supplying.hears(why.code, detail) and not work.doubt
            else None,
        )

    async def _still_held(self, hold: Hold) -> None:
        """Raise ``LeaseLost`` when sealing or asking took so long (a stopped process, a slow partner) that another has it."""
        held = await self._renew(hold)
        while held and _moment() >= hold.until:  # the answer itself came late
            held = await self._renew(hold)
        if not held:
            raise LeaseLost(hold.token)

    async def _try(self, verb: str, call: Awaitable[Outcome], tries: list[Attempt]) -> Outcome:
        outcome, attempt = await tried(verb, call, self._now, self._attempt_limit)
        tries.append(attempt)
        return outcome

    def _settlement(
        self, work: Work, policy: Policy, verdict: Verdict, outcome: Outcome, tries: list[Attempt]
    ) -> Settlement:
        now = self._now()
        delivered = outcome if isinstance(outcome, Delivered) else Delivered()
        wake_at = None if verdict.wake_in is None else now + timedelta(seconds=verdict.wake_in)
        awaited = policy.receipt_within if verdict.move is Move.DELIVER else None
        health, probe = circuit.health(outcome), work.probe
        if work.stage == "trial":
            health = circuit.of_trial(health, probe=probe)
            probe = health is circuit.Health.UP
        return Settlement(
            transfer=work.transfer,
            move=verdict.move,
            attempts=tuple(tries),
            code=verdict.code,
            detail=verdict.detail,
            wake_at=wake_at,
            counts=verdict.counts,
            reference=printable(delivered.reference),
            facts=delivered.facts,
            health=health,
            rest=circuit.rest(outcome),
            probe=probe,
            follow_up=self._follow_up(work, verdict, wake_at, now),
            receipt_by=None if awaited is None else now + timedelta(seconds=awaited),
        )

    def _follow_up(
        self, work: Work, verdict: Verdict, wake_at: datetime | None, now: datetime
    ) -> Acceptance | None:
        """Tell the sender what failed, or once that it will be too late before the next try."""
        told = verdict.move in TELLS_THE_SENDER or verdict.move is Move.PARK
        if not told and not is_late(work.deadline, wake_at):
            return None
        state = State.IN_DOUBT if verdict.move is None else MOVES[State.IN_DOUBT, verdict.move]
        code, word = (verdict.code, "failed") if told else (LATE_CODE, LATE)
        try:
            return failed(
                work,
                code=code,
                state=state,
                now=now,
                codec_of=self._codec_of,
                word=word,
                detail=verdict.detail if verdict.move is Move.PARK else "",
                confirm=self._confirm,
            )
        except Exception:  # what the partner did is recorded all the same
            log.exception("failure_not_told", worker=self._name, transfer=work.transfer, code=verdict.code)
            return None


def _moment() -> float:
    """Return seconds by a clock that goes on while a process stands still and that nobody sets."""
    return asyncio.get_running_loop().time()


def printable(reference: str) -> str:
    """Return a partner's reference as it may be stored in clear and shown: short, and no control characters."""
    return "".join(character for character in reference[:LONGEST_REFERENCE] if character.isprintable())
