"""One run of the crash scenario: a hub's processes, each killed at its own targets, started again, run to the end.

Small and rich: acceptance, duplicates, a transfer in two parts, a body in a file, a refusal with its follow-up and a
person who skips it, put off and sent again, in doubt and asked for, in doubt and found missing.
"""

from __future__ import annotations

import asyncio
import signal
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from connectors.simulators.orders import Order
from hub.lifecycle import State
from hub.store.contract.views import Filter
from tests.acceptance.crash_points import TOGETHER
from tests.acceptance.stage import stays, told_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from hub.demo.messages import Said
    from hub.store.contract.store import Store
    from tests.acceptance.nursery import Child, Nursery
from tests.acceptance.stage import Stage

LARGE = 70_000
PATIENCE = 90.0
SKIP = "transfer skip"


class Place(msgspec.Struct, frozen=True, order=True):
    """Points that a process of this role reached at once."""

    role: str
    points: tuple[str, ...]


class Kill(msgspec.Struct, frozen=True, order=True):
    """Kill the process of this role at the ``nth`` time that it reaches the point."""

    role: str
    point: str
    nth: int = 1


@dataclass
class Outcome:
    """``reached``: every place of this run; ``died``: where a process stood when it was killed. ``broken``: promises."""

    reached: set[Place] = field(default_factory=set)
    died: set[Place] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)


class Play:
    """Plays the scenario once. ``plan``: kills, in the order in which the processes of each role meet them.

    ``linger``: seconds to go on when all is done and a kill is still to come: some rounds come only every few seconds.
    """

    def __init__(self, stage: Stage, nursery: Nursery, plan: Sequence[Kill], *, linger: float = 0.0) -> None:
        self._stage, self._nursery, self._linger = stage, nursery, linger
        self._to_come = len(plan)
        self._targets: dict[str, list[Kill]] = defaultdict(list)
        for kill in plan:
            self._targets[kill.role].append(kill)
        self._running: dict[str, Child] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._stopping = False
        self.outcome = Outcome()

    async def run(self) -> Outcome:
        await self._stage.begin_anew()
        self._log.unlink(missing_ok=True)
        self._output.unlink(missing_ok=True)
        try:
            async with asyncio.timeout(PATIENCE):
                await self._play()
        except (AssertionError, TimeoutError) as error:
            self.outcome.broken.append(f"{type(error).__name__}: {error}; {await self._where_it_stands()}")
        finally:
            await self._end()
        self._read_points()
        return self.outcome

    @property
    def _log(self) -> Path:
        return self._stage.folder / "points"

    @property
    def _output(self) -> Path:
        return self._stage.folder / "output"

    # --- the scenario

    async def _play(self) -> None:
        plain, refused, put_off, large = told_of(2, 2, 1, 1)
        large = tuple(msgspec.structs.replace(said, body=said.body + b" " * LARGE) for said in large)
        told = (*plain, *refused, *put_off, *large)
        self._moods(plain[0].dossier, refused[0].dossier, put_off[0].dossier)
        await self._keep("web")
        await _until(self._stage.answers)
        await self._keep("work")
        await asyncio.gather(*(self._say_all(story) for story in (plain, refused, put_off, large)))
        for said in (plain[0], large[0]):
            await self._stage.say(said)
        no = (self._stage.scene.partner("soap"), refused[0].key)
        await self._skip(refused[0])
        await self._watched(self._quiet)
        await self._wait_for_kills()
        await self._stop()
        self.outcome.broken += self._stage.judge(told, frozenset({("land", no[1])}))
        self.outcome.broken += await self._added_up()

    def _moods(self, plain: str, refused: str, put_off: str) -> None:
        mood = self._stage.mood
        mood("land", refused, Order(kind="refuse", operation="TiepNhanHoSo", times=1000))  # for good
        mood("land", put_off, Order(kind="status", status=503))
        mood("asks", put_off, Order(kind="reset", after=True))
        mood("keeps", put_off, Order(kind="reset", after=True))
        mood("neither", put_off, Order(kind="reset"))
        mood("portal", put_off, Order(kind="truncate", after=True, operation="CapNhatTienDoHoSoMC"))
        mood("asks", plain, Order(kind="reset"))

    async def _say_all(self, story: tuple[Said, ...]) -> None:
        for said in story:
            await self._stage.say(said)

    async def _skip(self, refused: Said) -> None:
        """A person passes over what was refused, again when the command was killed."""
        partner = self._stage.scene.partner("soap")

        async def stopped(store: Store) -> bool:
            views = await store.transfers(Filter(partner=partner, dossier_code=refused.dossier))
            return any(view.state in {State.REFUSED, State.SKIPPED} for view in views)

        await self._watched(stopped)
        words: tuple[str, ...] = ()
        while True:
            async with self._stage.looking() as store:
                views = await store.transfers(Filter(partner=partner, dossier_code=refused.dossier))
            if any(view.state is State.SKIPPED for view in views):
                return
            (refusal,) = [view for view in views if view.state is State.REFUSED]
            words = (*SKIP.split(), refusal.id, "--reason", "bỏ qua", "--approver", "lan", "--yes")
            child = await self._bear(SKIP, words)
            status = await child.wait()
            self._to_come -= status == -signal.SIGKILL
            assert status in {0, -signal.SIGKILL}, f"{words} ended with {status}"

    async def _quiet(self, store: Store) -> bool:
        """Everything is where it stays: final, or in doubt with nobody to ask."""
        return not [view for view in await store.transfers(Filter(limit=500)) if not stays(view)]

    # --- processes

    async def _keep(self, role: str) -> None:
        self._running[role] = await self._bear(role, (role,))
        self._keepers.append(asyncio.create_task(self._keep_alive(role)))

    async def _keep_alive(self, role: str) -> None:
        """What a supervisor does: start it again. Ending otherwise than by a signal is not part of the play."""
        while True:
            status = await self._running[role].wait()
            self._to_come -= status == -signal.SIGKILL
            if status != -signal.SIGKILL:
                early = self._stopping and status == -signal.SIGTERM  # it had not begun to listen
                if not early and (status or not self._stopping):
                    self.outcome.broken.append(f"{role} ended with {status}")
                return
            self._running[role] = await self._bear(role, (role,))
            if self._stopping:
                await asyncio.sleep(0.3)  # it must be able to hear the signal
                self._running[role].signal(signal.SIGTERM)

    async def _bear(self, role: str, words: tuple[str, ...]) -> Child:
        targets = self._targets[role]
        kill = targets.pop(0) if targets else Kill(role, "")
        return await self._nursery.bear(
            self._stage.settings,
            words,
            self._output,
            points=str(self._log),
            target=kill.point,
            nth=kill.nth,
        )

    async def _wait_for_kills(self) -> None:
        end = asyncio.get_running_loop().time() + self._linger
        while self._to_come and asyncio.get_running_loop().time() < end:  # noqa: ASYNC110 - a round comes when it comes
            await asyncio.sleep(0.05)
        await self._watched(self._quiet)

    async def _stop(self) -> None:
        self._stopping = True
        for child in self._running.values():
            child.signal(signal.SIGTERM)
        await asyncio.gather(*self._keepers)

    async def _end(self) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for child in self._running.values():
            await child.kill()

    # --- looking

    async def _watched(self, true: Callable[[Store], Awaitable[bool]]) -> None:
        async with self._stage.looking() as store:
            while not await true(store):  # noqa: ASYNC110 - the store is looked at as another process would
                await asyncio.sleep(0.05)

    async def _added_up(self) -> list[str]:
        async with self._stage.looking() as store:
            broken = list(await store.conservation())
            for view in await store.transfers(Filter(limit=500)):
                payloads = await store.payloads(view.id)
                if payloads is None or (payloads.sealed is None and view.sends):
                    broken.append(f"{view.id} was sent and what was sent is gone")
            failed = self._stage.failures()
            if sorted(failed.values()) != [1]:
                broken.append(f"the sender was told of failures: {dict(failed)}")
            return broken

    async def _where_it_stands(self) -> str:
        if not self._stage.data.exists():
            return "nothing is there"
        async with self._stage.looking() as store:
            views = await store.transfers(Filter(limit=500))
        return "; ".join(f"{view.partner} {view.kind} {view.state}" for view in views if not stays(view))

    def _read_points(self) -> None:
        lines = self._log.read_text("utf-8").splitlines() if self._log.exists() else []
        self.outcome.reached = {_place(line) for line in lines if not line.startswith("!")}
        self.outcome.died = {_place(line[1:]) for line in lines if line.startswith("!")}


def _place(line: str) -> Place:
    role, *points = line.split(TOGETHER)
    return Place(role, tuple(points))


async def _until(true: Callable[[], Awaitable[bool]]) -> None:
    while not await true():  # noqa: ASYNC110 - a port is looked at
        await asyncio.sleep(0.01)
