"""Receive → judge → decide → accept: the sender hears yes only after everything that follows is on disk.

The shell around two pure functions. Judging runs in a process pool in micro-batches: whatever waits when a process
becomes free goes there in one call, so that batches grow with the load and nothing waits for a timer. When the dossier
moves between reading and accepting, the decision is made again on what is true now.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from weakref import WeakValueDictionary

import msgspec
import structlog

from hub.delivery.remembering import remembered
from hub.intake.placing import needs_past
from hub.intake.yielding import born, yielding
from hub.judging.contract import CODE_PLACE, Inbound, Judged
from hub.judging.judge import judge
from hub.judging.places import on_the_wire
from hub.judging.wrapping import key_of, lifted
from hub.processes.crew import Died, TooLong
from hub.receipts.receipts import unsigned
from hub.store.contract.store import Stale
from hub.story.filling import lacks
from hub.story.merging import CONFLICT
from schemas.legacy_text import as_utf8
from schemas.problems import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Collection, Sequence

    from hub.delivery.failure import Born
    from hub.judging.contract import Desk
    from hub.receipts.receipts import Confirm
    from hub.store.contract.intake import Acceptance, Accepted, Known
    from hub.store.contract.said import Tellings
    from hub.store.contract.store import Store

log = structlog.get_logger(__name__)

Vouch = Callable[[str, str, datetime, datetime | None], None]
"""Whether a signer may be believed, as far as is known now: partner, fingerprint, now, proved time of signing
(``hub.trust.state.Known.vouch``). Raises ``Refusal`` HUB-CRT-004, -005.
"""
Yielded = Callable[["Born", str, datetime], "Acceptance | None"]
"""Builds what tells the sender of a message that it gave way to another hub's, and the code why."""
TRIES = 8
"""How often a decision is made anew because the dossier moved; then the sender is asked to come again."""

Verdict = Judged | Refusal


class Run(Protocol):
    """Judge a batch. Raises ``Died`` or ``TooLong`` with nothing judged."""

    def __call__(self, batch: Sequence[Inbound]) -> Awaitable[list[Verdict]]: ...


class Decide(Protocol):
    """``hub.intake.acceptance.decide`` with everything bound that is the same for every message."""

    def __call__(
        self, judged: Judged, known: Known | None, inbound: Inbound, now: datetime
    ) -> Acceptance: ...


def judge_all(desk: Desk, batch: Sequence[Inbound]) -> list[Verdict]:
    """Judge each for itself: what is wrong with one never touches another. The pool's entry point calls this."""
    return [_judge_one(desk, inbound) for inbound in batch]


def _judge_one(desk: Desk, inbound: Inbound) -> Verdict:
    try:
        return judge(inbound, desk, inbound.received_at)
    except Refusal as refusal:
        return refusal
    except OSError as error:  # its file in the spool
        log.exception("no_room", message=inbound.message)
        return refuse("HUB-LIM-003", rule="the body can be read", detail=type(error).__name__)
    except Exception as error:
        log.exception("judging failed", message=inbound.message)
        return refuse("HUB-INT-001", detail=type(error).__name__)


class Bench:
    """The hub's side of the judging pool. ``run`` judges a batch somewhere else (``hub.processes.pool.judging``).

    A message that takes too long or kills its process is found by judging its batch again one by one: it alone is refused.
    """

    def __init__(self, run: Run, *, processes: int, batch: int = 16) -> None:
        """``processes``: batches under way at once."""
        self._run = run
        self._free, self._batch = processes, batch
        self._waiting: deque[tuple[Inbound, asyncio.Future[Verdict]]] = deque()
        self._running: set[asyncio.Task[None]] = set()

    async def judge(self, inbound: Inbound) -> Judged:
        """Raises ``Refusal``: what is wrong with the message, or HUB-INT-002 when the pool is gone."""
        answer: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._waiting.append((inbound, answer))
        self._start()
        verdict = await answer
        if isinstance(verdict, Refusal):
            raise verdict
        return verdict

    @property
    def busy(self) -> tuple[int, int]:
        """Batches that are being judged, messages that wait."""
        return len(self._running), len(self._waiting)

    def _start(self) -> None:
        while self._waiting and self._free:
            taken = [self._waiting.popleft() for _ in range(min(self._batch, len(self._waiting)))]
            self._free -= 1
            task = asyncio.create_task(self._carry(taken))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _carry(self, taken: list[tuple[Inbound, asyncio.Future[Verdict]]]) -> None:
        try:
            verdicts = await self._ask([inbound for inbound, _ in taken])
        finally:
            self._free += 1
            self._start()
        for (_, answer), verdict in zip(taken, verdicts, strict=True):
            if not answer.done():
                answer.set_result(verdict)

    async def _ask(self, batch: list[Inbound]) -> list[Verdict]:
        try:
            return await self._run(batch)
        except (Died, TooLong) as error:
            if len(batch) == 1:
                return [_stopped(error, batch[0])]
            return [verdict for inbound in batch for verdict in await self._ask([inbound])]
        except Exception:
            log.exception("judging pool failed")
            return [refuse("HUB-INT-001")] * len(batch)

    async def alive(self) -> bool:
        """Whether the pool answers; an empty batch goes there and back."""
        try:
            return await self._run([]) == []
        except Exception:  # noqa: BLE001 - whatever is wrong with it, the pool is not alive
            return False


def _stopped(error: Died | TooLong, inbound: Inbound) -> Refusal:
    log.error("judging stopped", message=inbound.message, error=type(error).__name__)
    if isinstance(error, TooLong):
        return refuse("HUB-LIM-005", rule="[limits] judge_time")
    return refuse("HUB-INT-002")


def believed(_partner: str, _fingerprint: str, _now: datetime, _stamped_at: datetime | None) -> None:
    """Where nobody is asked about certificates."""


def nobody(_new: Acceptance, _now: datetime) -> tuple[Acceptance, ...]:
    """Where nobody hears of what is parked."""
    return ()


def unheard(_about: Born, _code: str, _now: datetime) -> Acceptance | None:
    """Where nobody hears that a message gave way to another hub's."""


async def nothing_new() -> None:
    """Where decisions depend on nothing but the dossier."""


class Intake:
    """One per web process. ``decide`` is pure; ``now`` is the clock; ``confirm`` signs receipts; ``vouch`` knows of signers.

    ``wrapped``: senders whose messages come in envelopes, so that whether one came before is seen only when it is opened.
    ``tell``: builds what tells senders of their parked transfers; ``yielded``: of messages that gave way to another hub's. ``refresh``: reads what a decision is made on beside the dossier; it may have been that which moved.
    """

    def __init__(  # noqa: PLR0913 - everything that it works with
        self,
        *,
        store: Store,
        bench: Bench,
        decide: Decide,
        now: Callable[[], datetime],
        confirm: Confirm = unsigned,
        wrapped: Collection[str] = (),
        vouch: Vouch = believed,
        refresh: Callable[[], Awaitable[None]] = nothing_new,
        tell: Callable[[Acceptance, datetime], tuple[Acceptance, ...]] = nobody,
        yielded: Yielded = unheard,
    ) -> None:
        self._store, self._bench, self._decide, self._now = store, bench, decide, now
        self._confirm = confirm
        self._wrapped, self._vouch = wrapped, vouch
        self._refresh, self._tell, self._yielded = refresh, tell, yielded
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def receive(self, inbound: Inbound, sender: str) -> Accepted:
        """Accept once. ``sender``: whose message it is; what is only claimed hears nothing before its signature was verified.

        The same bytes under the same key get the stored receipt, other bytes HUB-IDM-002. Raises ``Refusal``; then
        nothing of the message is kept, and it may be mended and sent again under its key.
        """
        key = "" if inbound.claimed or sender in self._wrapped else key_of(inbound.headers)
        if key:
            digest = None if inbound.clocked else hashlib.sha256(inbound.content()).hexdigest()
            stored = await self._store.replay(sender, key, digest)
            if stored is not None:
                return stored
        judged = await self._bench.judge(inbound)
        if not key:
            stored = await self._store.replay(judged.sender, judged.key, judged.digest)
            if stored is not None:
                return stored
        if judged.signer:
            self._vouch(judged.sender, judged.signer, self._now(), judged.stamped_at)
        if judged.code is None:
            return await self._accept(judged, inbound)
        turn = self._turns.setdefault((judged.authority, judged.code), asyncio.Lock())
        async with turn:  # many at once about one dossier wait for each other here instead of failing each other in the store
            return await self._accept(judged, inbound)

    async def _accept(self, judged: Judged, inbound: Inbound) -> Accepted:
        for _ in range(TRIES):
            known = None
            if judged.code is not None:
                known = await self._store.known(judged.authority, judged.code)
            try:
                past = await self._past(judged, known)
                new = await self._decided(judged, _with(known, past), inbound)
                return await self._store.accept(await self._with_regrets(new, past))
            except Stale:
                await self._refresh()
                continue
            except Refusal as refusal:
                places = {CODE_PLACE: judged.code_place, **judged.places} if judged.code_place else {}
                read = as_utf8(lifted(inbound.content(), inbound.within), judged.text, judged.media)
                raise on_the_wire(refusal, places, read, judged.media) from None
        raise refuse("HUB-LIM-003", rule=f"{TRIES} tries against the same dossier")

    async def _past(self, judged: Judged, known: Known | None) -> Tellings | None:
        """What is read after ``known`` may know more than that; then the dossier moved, and the store says so."""
        if known is None or not needs_past(judged, known):
            return None
        return await self._store.said.tellings(known.dossier)

    async def _with_regrets(self, new: Acceptance, past: Tellings | None) -> Acceptance:
        """Tell this hub's own systems which of their messages do not count any more."""
        more = []
        for message in yielding(new, past) if past is not None else ():
            about = await born(self._store, new, message)
            told = self._yielded(about, CONFLICT, self._now()) if about is not None else None
            more += [told] if told is not None else []
        return msgspec.structs.replace(new, tells=(*new.tells, *more)) if more else new

    async def _decided(self, judged: Judged, known: Known | None, inbound: Inbound) -> Acceptance:
        """Decide; where somebody would not be told for want of something, judge again with what the dossier said before."""
        now = self._now()
        new = self._decide(judged, known, inbound, now)
        if known is not None and any(lacks(each.problem) for each in new.transfers):
            earlier = await remembered(self._store.said, known.dossier, judged.sender)
            if earlier:
                whole = await self._bench.judge(msgspec.structs.replace(inbound, earlier=earlier))
                new = self._decide(whole, known, inbound, now)
        return msgspec.structs.replace(
            new, confirmation=self._confirm(new.receipt, now), tells=self._tell(new, now)
        )


def _with(known: Known | None, past: Tellings | None) -> Known | None:
    if known is None or past is None:
        return known
    told = tuple(each.telling for each in past.said)
    return msgspec.structs.replace(known, tellings=told, prefix=past.prefix)
