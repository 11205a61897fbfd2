"""One simulated world from one seed: the real delivery loop, decisions, retries and moves; everything else is a model.

Workers are killed, stopped beyond their lease and slow at any commit; answers get lost, partners refuse, put off and
answer late. After ``QUIET`` seconds nothing goes wrong any more. At each step these must hold:

* nobody who can be asked or keeps keys has anything twice; nobody at all has it twice without having been in doubt
* every partner has each dossier's messages in the order of acceptance
* what leaves was sealed on disk before, and is the same each time
* delivered means that the partner has it; refused, that it said so

and at the end everything is delivered, refused, or in doubt with nobody to ask.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from connectors.contract import Deferred, Delivered, Reason, Refused, Sealed, Unsure
from hub.delivery.decide import Policy
from hub.delivery.delivery import Delivery, LeaseLost
from hub.lifecycle import State
from tests.simulation.store import ModelStore, Row, Shared, moment
from tests.simulation.virtual import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence
    from datetime import datetime

    from connectors.contract import Outcome, Parcel
    from hub.store.contract.delivery import Work

LEASE = 3.0
QUIET = 25.0
END = 400.0
ASK_AFTER = 1.0
SCHEDULE = (0.5, 1.0, 2.0, 4.0) + (5.0,) * 40
POLICIES: Mapping[str, Policy] = {
    "asks": Policy(schedule=SCHEDULE, can_be_asked=True, ask_after=ASK_AFTER),
    "keeps": Policy(schedule=SCHEDULE, keeps_keys=True, ask_after=ASK_AFTER),
    "both": Policy(schedule=SCHEDULE, can_be_asked=True, keeps_keys=True, ask_after=ASK_AFTER),
    "neither": Policy(schedule=SCHEDULE, ask_after=ASK_AFTER),
}
LOST = Reason(code="HUB-NET-004")
LATER = Reason(code="HUB-PAR-003")
NO = Reason(code="HUB-PAR-001")


class Broken(AssertionError):  # noqa: N818 - says what it is
    """A promise was broken; the trace tells how."""


class Partner:
    """A partner's truth. ``journal``: what it processed, in its order; a copy that it recognises is not processed."""

    def __init__(self, world: World, name: str) -> None:
        self._world, self._name = world, name
        self.journal: list[str] = []
        self.refuses: set[str] = set()
        self.bytes: dict[str, bytes] = {}

    def process(self, parcel: Parcel) -> None:
        """What is wrong here is no room's mistake, so it is noted and not raised: the hub would take it for one."""
        try:
            self._process(parcel)
        except Broken as broken:
            self._world.stop(broken)

    def _process(self, parcel: Parcel) -> None:
        world, key = self._world, parcel.key
        row = world.shared.rows[key]
        if row.sealed is None or row.sealed.payload != parcel.sealed.payload:
            raise Broken(f"{key} left with bytes that were not sealed on disk")
        if self.bytes.setdefault(key, parcel.sealed.payload) != parcel.sealed.payload:
            raise Broken(f"{key} came with other bytes than before")
        if key in self.refuses:
            world.say(f"{self._name} refuses {key}")
            return
        again = key in self.journal
        world.say(
            f"{self._name} {'recognises' if again and POLICIES[self._name].keeps_keys else 'takes'} {key}"
        )
        if again and POLICIES[self._name].keeps_keys:
            return
        if again:
            raise Broken(f"{self._name} has {key} twice")
        before = [world.shared.rows[one] for one in self.journal]
        if any(one.dossier == row.dossier and one.order > row.order for one in before):
            raise Broken(f"{self._name} got {key} behind what comes after it")
        self.journal.append(key)


class Line:
    """What one worker has in its hands for one partner: connector, codec and policy."""

    def __init__(self, world: World, name: str, worker: Worker) -> None:
        self._world, self._name, self._worker = world, name, worker
        self._partner = world.partners[name]
        self.policy = POLICIES[name]
        self.codec = None

    @property
    def connector(self) -> Line:
        return self

    async def deliver(self, parcel: Parcel) -> Outcome:
        """It connects; then the first byte leaves at once; the answer comes, late, or not at all."""
        world, random = self._world, self._world.random
        fate = world.fate()
        if random.random() < 0.3:
            await self._worker.network(random.random() * 0.1)
        if fate == "later":
            await self._worker.network(random.random())
            return Deferred(reason=LATER, wait=random.choice((None, 0.3, 9.0)))
        if fate == "lost on the way":
            await self._worker.network(random.random())
            return Unsure(reason=LOST)
        if fate == "slow":  # it arrives after we gave up, before we ask
            asyncio.get_running_loop().call_later(
                random.random() * ASK_AFTER * 0.9, self._partner.process, parcel
            )
            await self._worker.network(0.0)
            return Unsure(reason=LOST)
        self._partner.process(parcel)
        await self._worker.network(random.random() * 2)
        if fate == "answer lost":
            return Unsure(reason=LOST)
        return Refused(reason=NO) if parcel.key in self._partner.refuses else Delivered(reference=parcel.key)

    async def find(self, parcel: Parcel) -> Outcome:
        fate = self._world.fate()
        there = parcel.key in self._partner.journal
        self._world.say(f"{self._name} is asked for {parcel.key}: {'here' if there else 'not here'}")
        await self._worker.network(self._world.random.random())
        if fate in {"answer lost", "lost on the way", "slow"}:
            return Unsure(reason=LOST)
        return Delivered(reference=parcel.key) if there else Deferred(reason=LATER)

    async def close(self) -> None:
        """Nothing is open."""


class Worker:
    """One process: its loop, its death, its standstill."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self.alive = True
        self.until = 0.0
        self._made = 0

    def start(self) -> None:
        world = self.world
        delivery = Delivery(
            name=self.name,
            store=ModelStore(world.shared, self.name, self.gate),  # type: ignore[arg-type]  # the part that delivery uses
            sealery=self,
            routes={name: Line(world, name, self) for name in POLICIES},  # type: ignore[misc]  # no codec is asked
            codec_of=lambda _: None,
            now=world.now,
            uniform=world.random.uniform,
            limit=world.random.randint(1, 4),
            hand=6,
            lease=LEASE,
            attempt_limit=8.0,
        )
        world.spawn(delivery.run(world.over))

    async def seal(self, works: Sequence[Work]) -> Mapping[str, Sealed]:
        """Other bytes each time: sealing twice would show."""
        await self.gate("sealing")
        self._made += 1
        return {
            work.transfer: Sealed(
                payload=f"{work.key} by {self.name} {self._made}".encode(), media_type="text/plain"
            )
            for work in works
        }

    async def network(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.gate("network")

    async def gate(self, where: str) -> None:
        """Here time passes, and here a process may stop for a while or for ever."""
        world, random = self.world, self.world.random
        if world.over.is_set():
            raise asyncio.CancelledError
        if not self.alive:
            await world.never
        chance = random.random() if world.time < QUIET else 1.0
        if chance < 0.02:
            world.say(f"{self.name} is killed at: {where}")
            self.alive = False
            world.replace(self)
            await world.never
        if chance < 0.04:
            self.until = world.time + random.choice((1.0, LEASE + 0.5, LEASE * 2.5))
            world.say(f"{self.name} stands still at: {where}, until {self.until:.2f}")
        elif chance < 0.3:
            await asyncio.sleep(random.random() * 0.2)
        while self.until > world.time:  # noqa: ASYNC110 - it may be stopped anew meanwhile
            await asyncio.sleep(self.until - world.time)
        if not self.alive:
            await world.never


@dataclass
class World:
    seed: int
    trace: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)  # noqa: S311 - repeats, is no secret
        self.loop = VirtualLoop(self.random)
        self.loop.set_exception_handler(self._failed)
        self.over = asyncio.Event()
        self.never: asyncio.Future[None] = self.loop.create_future()
        self.broken: BaseException | None = None
        self.shared = Shared(self.say, dict.fromkeys(POLICIES, 2))
        self.partners = {name: Partner(self, name) for name in POLICIES}
        self.workers = 0

    @property
    def time(self) -> float:
        return self.loop.time()

    def now(self) -> datetime:
        return moment(self.loop.time())

    def say(self, what: str) -> None:
        self.trace.append(f"{self.time:8.3f}  {what}")

    def fate(self) -> str:
        """What becomes of a call."""
        chance = self.random.random() if self.time < QUIET else 1.0
        for limit, fate in ((0.1, "later"), (0.2, "lost on the way"), (0.3, "answer lost"), (0.36, "slow")):
            if chance < limit:
                return fate
        return "well"

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        task = self.loop.create_task(work)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self.stop(task.exception())

    def _failed(self, _: object, context: dict[str, object]) -> None:
        error = context.get("exception")
        if isinstance(error, LeaseLost):
            return  # of a worker that was killed before it could hear it
        self.stop(error if isinstance(error, BaseException) else Broken(str(context.get("message"))))

    def stop(self, error: BaseException | None) -> None:
        self.broken = self.broken or error
        self.over.set()

    def replace(self, dead: Worker) -> None:
        """A supervisor starts another one."""
        self.loop.call_later(self.random.random(), self._hire, dead.name)

    def _hire(self, name: str = "") -> None:
        self.workers += 1
        if not self.over.is_set():
            Worker(self, f"{name[:2] or 'w'}{self.workers}").start()

    def run(self) -> None:
        """Play it to the end. Raises ``Broken``."""
        try:
            self.loop.run_until_complete(self._play())
        finally:
            self._clear()
        if self.broken is not None:
            raise self.broken
        self._judge()

    async def _play(self) -> None:
        random = self.random
        dossiers = random.randint(1, 3)
        for partner in random.sample(sorted(POLICIES), random.randint(1, 3)):
            for number in range(random.randint(1, 5)):
                row = Row(f"{partner}-{number}", partner, f"d{random.randrange(dossiers)}")
                if random.random() < 0.08:
                    self.partners[partner].refuses.add(row.id)
                self.loop.call_later(random.random() * 4, self.shared.accept, row)
        for _ in range(random.randint(1, 3)):
            self._hire()
        while not self.over.is_set() and self.time < END:
            if self.time > 4 and not self._unfinished():
                break
            await asyncio.sleep(0.5)
        self.over.set()

    def _unfinished(self) -> list[Row]:
        """What will still move by itself: heads that sleep or are leased."""
        leased = self.shared.leased
        heads = [rows[0] for rows in self.shared.lanes.values() if rows]
        return [row for row in heads if row.sleeps or row.id in leased]

    def _clear(self) -> None:
        self.over.set()
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.loop.close()

    def _judge(self) -> None:
        for row in self.shared.rows.values():
            has = row.id in self.partners[row.partner].journal
            behind = self.shared.lanes[row.lane][:1]
            if row.state is State.DELIVERED and not has:
                raise Broken(f"{row.id} counts as delivered and {row.partner} never got it")
            if row.state is State.REFUSED and row.id not in self.partners[row.partner].refuses:
                raise Broken(f"{row.id} counts as refused and {row.partner} never said so")
            if row.state in {State.DELIVERED, State.REFUSED}:
                continue
            if behind and behind[0] is not row and behind[0].state in {State.REFUSED, State.IN_DOUBT}:
                continue  # it waits for a person who looks at the head
            if row.partner == "neither" and row.state is State.IN_DOUBT and row.wake is None:
                continue
            raise Broken(f"{row.id} ended {row.state}, wakes at {row.wake}")


def play(seed: int) -> None:
    """Raises ``Broken`` with a readable trace."""
    world = World(seed)
    try:
        world.run()
    except BaseException as error:
        told = "\n".join(world.trace[-80:])
        raise Broken(f"seed {seed}: {type(error).__name__}: {error}\n{told}") from error
