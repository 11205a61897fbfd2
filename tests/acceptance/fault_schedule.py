"""A schedule of faults from one seed, played against a hub of real processes while messages come in.

What may go wrong is one table, ``FAULTS``: each entry does its harm and, where that would last, ends it. When the
schedule is over nothing goes wrong any more, and everything must come to rest: nothing lost, nothing out of order,
nothing doubled where the partner can be asked or keeps keys, and the store adds up.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from random import Random
from typing import TYPE_CHECKING

import msgspec

from connectors.simulators.orders import Order
from hub.lifecycle import State
from hub.store.contract.views import Filter
from tests.acceptance import failing_disk
from tests.acceptance.stage import LEASE, Postgres, stays, told_of
from tests.doubles.proxy import Fault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from hub.demo.messages import Said
    from tests.acceptance.nursery import Child, Nursery
    from tests.acceptance.stage import Stage
    from tests.doubles.proxy import Proxy

LASTS = 2.0
"""Seconds in which things go wrong."""
REST = 60.0
"""Seconds in which everything must come to rest afterwards; far more than it takes on an idle machine."""
WORKERS = ("one", "two")
LOUD = ("onestop", "land", "portal", "asks", "keeps", "neither")
REPEATABLE = ("onestop", "land", "keeps")
"""Partners that recognise a second copy which the network, not the hub, has made."""

SAID_BEFORE = ("html", "reset", "close", "truncate", "bad-utf8", "wrong-type", "empty", "not-http", "gzip-bomb", "drip", "huge")  # fmt: skip
"""Ways to spoil an answer; what was asked for may have been done before."""
LEGIBLE = frozenset({"wrong-type"})
"""Spoiled answers that the hub still reads: before the work was done this would be a refusal that holds."""


class Running:
    """The hub's processes, started again when they die, as a supervisor does."""

    def __init__(self, stage: Stage, nursery: Nursery, random: Random) -> None:
        self.stage, self._nursery, self._random = stage, nursery, random
        self.children: dict[str, Child] = {}
        self._excused = 0.0
        self.broken: list[str] = []
        self._keepers: list[asyncio.Task[None]] = []
        self._stopping = False

    @property
    def output(self) -> Path:
        return self.stage.folder / "output"

    @property
    def disk(self) -> Path:
        return self.stage.folder / "disk"

    @property
    def clock(self) -> Path:
        return self.stage.folder / "clock"

    def excuse(self, seconds: float = 5.0) -> None:
        """Without its store a process may end, on a busy machine later than the fault did; it is started again."""
        self._excused = max(self._excused, asyncio.get_running_loop().time() + seconds)

    async def start(self) -> None:
        for name in ("web", *WORKERS):
            await self._bear(name)
            self._keepers.append(asyncio.create_task(self._keep(name)))
            async with asyncio.timeout(REST):
                while name == "web" and not await self.stage.answers():  # noqa: ASYNC110 - a port is looked at
                    await asyncio.sleep(0.01)

    async def _bear(self, name: str) -> None:
        word = "web" if name == "web" else "work"
        self.children[name] = await self._nursery.bear(
            self.stage.settings,
            (word,),
            self.output,
            disk=str(self.disk),
            clock=str(self.clock),
        )

    async def _keep(self, name: str) -> None:
        while True:
            status = await self.children[name].wait()
            if self._stopping and status in {0, -signal.SIGTERM}:
                return
            excused = asyncio.get_running_loop().time() < self._excused
            complaint = f"{name} ended with {status}"
            if (
                status not in {0, -signal.SIGKILL, -signal.SIGTERM}
                and not excused
                and complaint not in self.broken
            ):
                self.broken.append(complaint)
            await asyncio.sleep(self._random.random() * 0.3)
            await self._bear(name)
            if self._stopping:
                await asyncio.sleep(0.5)
                self.children[name].signal(signal.SIGTERM)

    def signal(self, name: str, number: int) -> None:
        self.children[name].signal(number)

    async def stop(self) -> None:
        self._stopping = True
        for child in self.children.values():
            child.signal(signal.SIGTERM)
        await asyncio.gather(*self._keepers)

    async def end(self) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for child in self.children.values():
            child.signal(signal.SIGCONT)
            await child.kill()


class Schedule:
    """One seed's play. ``trace``: what went wrong when, to be shown when a promise is broken."""

    def __init__(
        self, stage: Stage, lines: Mapping[str, Proxy], nursery: Nursery, seed: int, *, only: str = ""
    ) -> None:
        self.stage, self.lines, self.random = stage, lines, Random(seed)  # noqa: S311 - repeats, is no secret
        self.seed, self._only = seed, only
        self.hub = Running(stage, nursery, self.random)
        self.trace: list[str] = []
        self._began = self._furthest = 0.0

    async def play(self) -> list[str]:
        """Return what was broken, with seed and trace; empty when everything held."""
        await self._fresh()
        told = told_of(*(self.random.randint(1, 4) for _ in range(self.random.randint(3, 5))))
        plan = self._plan()
        # with a wrong clock the hub calls a signature of now one of the future, and says so
        self.stage.excused = frozenset({401} if any(what == "clock" for _, what in plan) else ())
        broken: list[str] = []
        try:
            await self.hub.start()
            self._began = asyncio.get_running_loop().time()
            senders = [asyncio.create_task(self._tell(story)) for story in told]
            await asyncio.gather(*(self._at(when, what) for when, what in plan))
            self._calm()
            async with asyncio.timeout(REST):
                await asyncio.gather(*senders)
                self.turn_clock(self._furthest)  # what was put off by a clock that was ahead is due by now
                await self._rest()
            await self.hub.stop()
            broken = self.stage.judge([said for story in told for said in story])
            broken += await self._added_up()
            broken += await self._attempts() if broken else []
        except (AssertionError, TimeoutError) as error:
            broken = [f"{type(error).__name__} {error}", *await self._unfinished(), *await self._attempts()]
        finally:
            await self.hub.end()
        broken += self.hub.broken
        return broken and [f"seed {self.seed}", *broken, *self.trace, *self._complaints()]

    def _complaints(self) -> list[str]:
        """What the hub's own processes called an error, the last of it."""
        lines = self.hub.output.read_text("utf-8").splitlines() if self.hub.output.exists() else []
        return [line for line in lines if '"level": "error"' in line or not line.startswith("{")][-8:]

    # --- faults

    def _plan(self) -> list[tuple[float, str]]:
        names = [self._only] if self._only else [name for name in FAULTS if self._possible(name)]
        count = self.random.randint(3, 7)
        return sorted((self.random.random() * LASTS, self.random.choice(names)) for _ in range(count))

    def _possible(self, name: str) -> bool:
        on_server = isinstance(self.stage.engine, Postgres)
        return name not in ({"disk"} if on_server else {"database away", "line to the database"})

    async def _at(self, when: float, what: str) -> None:
        await asyncio.sleep(max(0.0, self._began + when - asyncio.get_running_loop().time()))
        await FAULTS[what](self)

    def say(self, what: str) -> None:
        self.trace.append(f"{asyncio.get_running_loop().time() - self._began:7.3f}  {what}")

    def one(self, *names: str) -> str:
        return self.random.choice(names)

    async def _fresh(self) -> None:
        for line in self.lines.values():
            line.hang_up()
        await self.stage.begin_anew()
        self.hub.output.unlink(missing_ok=True)
        self._calm()

    def _calm(self) -> None:
        for line in self.lines.values():
            line.faults()
        for server in self.stage.servers.values():
            server.orders.clear()
        for name in self.hub.children:
            self.hub.signal(name, signal.SIGCONT)
        failing_disk.order(self.hub.disk)
        self.turn_clock(0)

    def turn_clock(self, by: float) -> None:
        """One machine, one clock: all processes of the hub see it at once."""
        self._furthest = max(self._furthest, by)
        draft = self.hub.clock
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT, 0o600)
        os.pwrite(handle, f"{by:<31}\n".encode(), 0)
        os.close(handle)

    # --- load and end

    async def _tell(self, story: Sequence[Said]) -> None:
        for said in story:
            await asyncio.sleep(self.random.random() * LASTS / 4)
            await self.stage.say(said, REST)
            if self.random.random() < 0.3:
                await self.stage.say(said, REST)  # a sender that did not trust its receipt

    async def _rest(self) -> None:
        """Everything is final, or in doubt with nobody to ask."""
        while True:
            with contextlib.suppress(Exception):  # the store itself may still be coming back
                if not await self._unfinished():
                    return
            await asyncio.sleep(0.1)

    async def _unfinished(self) -> list[str]:
        async with self.stage.looking() as store:
            views = await store.transfers(Filter(limit=500))
        return [f"{view.partner} {view.code} {view.kind}: {view.state}" for view in views if not stays(view)]

    async def _added_up(self) -> list[str]:
        async with self.stage.looking() as store:
            broken = list(await store.conservation())
            views = await store.transfers(Filter(limit=500))
        broken += [f"{view.id} is {view.state}" for view in views if view.state in {State.DEAD, State.PARKED}]
        return broken

    async def _attempts(self) -> list[str]:
        """Every transfer that did not arrive at its first try: its tries, and what the journal says."""
        told = []
        async with self.stage.looking() as store:
            for view in await store.transfers(Filter(limit=500)):
                journal = [f"{row.at:%M:%S.%f} {row.what}" for row in await store.journal(transfer=view.id)]
                tries = [one.attempt for one in await store.attempts(view.id)]
                if len(tries) != 1:
                    words = [
                        f"{one.started_at:%M:%S.%f} {one.verb} {one.outcome} {one.code}" for one in tries
                    ]
                    told.append(f"{view.partner} {view.code} {view.kind}: {'; '.join([*words, *journal])}")
        return told


# --- what may go wrong --------------------------------------------------------------------------------------------


async def _kill(play: Schedule) -> None:
    name = play.one("web", *WORKERS)
    play.say(f"SIGKILL {name}")
    play.hub.signal(name, signal.SIGKILL)


async def _stand_still(play: Schedule) -> None:
    name = play.one("web", *WORKERS)
    seconds = play.random.choice((0.1, LEASE * 1.5, LEASE * 2.5))
    child = play.hub.children[name]
    play.say(f"SIGSTOP {name} for {seconds:.2f} s")
    child.signal(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    child.signal(signal.SIGCONT)


async def _spoiled(play: Schedule) -> None:
    """An answer that is none, before or after the work was done."""
    partner, kind = play.one(*LOUD), play.one(*SAID_BEFORE)
    after, times = play.random.random() < 0.6 or kind in LEGIBLE, play.random.randint(1, 2)
    play.say(f"{partner}: {kind}{' after it was done' if after else ''}, {times} times")
    play.stage.servers[partner].order(Order(kind=kind, after=after, times=times))


async def _server_error(play: Schedule) -> None:
    partner, status = play.one(*LOUD), play.random.choice((500, 502, 503, 504, 429))
    after = play.random.random() < 0.5 and status in {
        500,
        502,
        504,
    }  # 429 and 503 promise that nothing was done
    play.say(f"{partner}: {status}{' after it was done' if after else ''}")
    play.stage.servers[partner].order(Order(kind="status", status=status, after=after, times=2))


async def _late(play: Schedule) -> None:
    partner, seconds = play.one(*LOUD), play.random.random() * 1.5
    play.say(f"{partner}: answers after {seconds:.2f} s")
    play.stage.servers[partner].order(Order(kind="late", after=True, seconds=seconds))


async def _session_ends(play: Schedule) -> None:
    play.say("portal: forgets its sessions")
    play.stage.servers["portal"].order(Order(kind="expire"))


async def _line(play: Schedule) -> None:
    partner = play.one(*LOUD)
    random = play.random
    faults = [
        Fault(cut_down=random.randrange(1, 400), reset=random.random() < 0.5),
        Fault(cut_up=random.randrange(1, 4000), reset=random.random() < 0.5),
        Fault(cut_up=random.randrange(1, 4000), half_close=True),
        Fault(refuse=True),
        Fault(delay=0.2, jitter=0.2),
        Fault(bandwidth=5000.0),
        *([Fault(again=True)] if partner in REPEATABLE else []),
    ]
    fault = random.choice(faults)
    play.say(f"line to {partner}: {_told(fault)}")
    play.lines[partner].fault(*[fault] * random.randint(1, 3))
    play.lines[partner].cut()  # what is kept open would never meet it


async def _away(play: Schedule) -> None:
    partner = play.one(*LOUD)
    fault = play.random.choice((Fault(refuse=True), Fault(blackhole=True)))
    play.say(f"{partner} is away: {_told(fault)}")
    play.lines[partner].faults(fault)
    play.lines[partner].cut()
    await asyncio.sleep(play.random.random() * 1.5)
    play.lines[partner].faults()
    play.lines[partner].cut()


async def _disk(play: Schedule) -> None:
    kind, chance = play.one("full", "error"), play.random.choice((0.2, 1.0))
    play.say(f"disk: {kind}, {chance:.0%} of all writes")
    play.hub.excuse()
    failing_disk.order(play.hub.disk, kind, chance)
    await asyncio.sleep(play.random.random() * 0.6)
    failing_disk.order(play.hub.disk)
    play.hub.excuse()


async def _clock(play: Schedule) -> None:
    by = play.random.choice((-600.0, -5.0, 5.0, 600.0))
    play.say(f"clock: {by:+.0f} s")
    play.turn_clock(by)
    await asyncio.sleep(0.2 + play.random.random())
    play.turn_clock(0)
    play.say("clock: right again")


async def _database_away(play: Schedule) -> None:
    engine = play.stage.engine
    assert isinstance(engine, Postgres)
    how = play.random.choice((signal.SIGINT, signal.SIGQUIT))
    play.say(f"database server: {how.name}, and back")
    play.hub.excuse(REST)
    async with engine.restarting:
        await asyncio.to_thread(engine.server.stop, how)
        await asyncio.to_thread(engine.server.start)


async def _line_to_database(play: Schedule) -> None:
    play.hub.excuse(REST)  # a process that stood still meanwhile finds its connections gone when it wakes up
    line = play.lines["database"]
    play.say("line to the database: cut")
    line.faults(Fault(refuse=True))
    line.cut()
    await asyncio.sleep(play.random.random() * 0.5)
    line.faults()


def _told(fault: Fault) -> str:
    said = {
        name: value for name, value in msgspec.to_builtins(fault).items() if value not in (None, False, 0.0)
    }
    return ", ".join(f"{name} {value}" for name, value in said.items())


FAULTS: Mapping[str, Callable[[Schedule], Awaitable[None]]] = {
    "kill": _kill,
    "stand still": _stand_still,
    "spoiled answer": _spoiled,
    "server error": _server_error,
    "late answer": _late,
    "session ends": _session_ends,
    "line": _line,
    "partner away": _away,
    "disk": _disk,
    "clock": _clock,
    "database away": _database_away,
    "line to the database": _line_to_database,
}
