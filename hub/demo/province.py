"""The rest of the province at work, while the land department goes down and comes back: each story is played by the systems that it
names. A system that is to say something has heard what came before; what it says goes the way that its own software goes.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from connectors.simulators.axis import LODGE
from connectors.simulators.calling import Heard
from connectors.simulators.clerk import drop
from connectors.simulators.portal_calls import SUBMIT, PortalCalls
from connectors.simulators.vbdlis_calls import MOVED, Caller, ended, moved
from hub.demo.cast import AXIS, COMMUNE, DISTRICT, EXAMPLES, ONESTOP, PORTAL, REGISTRY, TAX, cast
from hub.demo.documents import bring
from hub.demo.journals import VIETNAM, Ears
from hub.demo.sending import Sender
from hub.demo.stories import cases, document
from hub.demo.telling import Failed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    import aiohttp

    from hub.demo.journals import Noted
    from hub.demo.scene import Scene
    from hub.demo.stories import Case

PATIENCE = 90.0
UNASKED = frozenset({REGISTRY, AXIS})
"""They can be neither asked nor trusted to know what they have: what a killed worker leaves in doubt there waits for a person, or is
there twice until its receiver drops it. So nobody is killed while something is under way to them.
"""
PAID = {"SoBienLai": "GNT-0004711", "NgayNop": "20261130101500"}


class Due(NamedTuple):
    """A system must have this. ``at``: as ``Arrival.at``."""

    system: str
    dossier: str
    at: str


class Province:
    """Plays the stories of one demonstration. ``due``: who must have what, of each dossier in its order; ``sent``: what was said.
    ``calm``: nothing is under way any more to those who cannot be asked.
    """

    def __init__(self, scene: Scene, session: aiohttp.ClientSession, dossiers: int) -> None:
        self._scene, self._session = scene, session
        self.sent: list[str] = []
        self.due: list[Due] = []
        self.calm = asyncio.Event()
        self.cases = cases(EXAMPLES, dossiers)
        self._ears = {name: Ears(name, scene.journal(name)) for name in cast()}
        self._signs = {name: Sender(scene, name, session, self.sent) for name in (ONESTOP, DISTRICT)}
        self._template = (EXAMPLES / "province" / "van-ban.xml").read_text("utf-8")
        self._portal = PortalCalls(scene.key_file(PORTAL).read_text("utf-8").strip())
        code = scene.key_file(REGISTRY).read_text("utf-8").strip()
        self._registry = Caller(f"http://127.0.0.1:{scene.hub_port}/vbdlis", code)

    @property
    def steps(self) -> int:
        """How many messages are to be said; what is answered is not said by anybody here."""
        return sum(step.by != TAX for case in self.cases for step in case.story.step)

    @property
    def again(self) -> int:
        return sum(sender.again for sender in self._signs.values())

    @property
    def documents(self) -> dict[str, bytes]:
        """What was enclosed, by dossier."""
        return {case.dossier: case.content for case in self.cases if case.content is not None}

    async def play(self) -> None:
        waits = [case for case in self.cases if any(UNASKED & {*step.hears} for step in case.story.step)]
        others = [case for case in self.cases if case not in waits]
        await asyncio.gather(self._unasked(waits), *(self._story(case) for case in others))

    async def _unasked(self, cases: Sequence[Case]) -> None:
        await asyncio.gather(*(self._story(case) for case in cases))
        self.calm.set()

    async def _story(self, case: Case) -> None:
        if case.content is not None:
            key = self._scene.key_file(ONESTOP).read_text("utf-8").strip()
            await bring(self._session, f"http://127.0.0.1:{self._scene.hub_port}", key, case.content)
        duties: Sequence[Mapping[str, Any]] = ()
        for number, step in enumerate(case.story.step):
            await self._has_heard(step.by, case.dossier)
            if step.by != TAX:
                await self._say(case, number, [{**one, **PAID} for one in duties])
            at = step.at
            if not at:
                told = await self._new(ONESTOP, case.dossier)
                at, duties = told.arrival.at, told.body["HoSo"].get("DanhSachNghiaVuTaiChinh", ())
            for name in step.hears:
                self.due.append(Due(name, case.dossier, "" if name == TAX else at))
        for name in case.story.step[-1].hears:
            await self._has_heard(name, case.dossier)

    async def _say(self, case: Case, number: int, duties: Sequence[Mapping[str, Any]]) -> None:
        step = case.story.step[number]
        if step.by in self._signs:
            await self._signs[step.by].send(case.said(number, duties))
            return
        if step.by == COMMUNE:
            said = case.said(number)
            await asyncio.to_thread(drop, self._scene.share / "in", said.key, said.body)
        elif step.by == AXIS:
            await self._lodge(document(self._template, case, number))
        elif step.by == PORTAL:
            await self._hand_in(case.dossier)
        else:
            await self._call(case, number)
        self.sent.append(f"{case.dossier} {step.says}")

    async def _lodge(self, body: bytes) -> None:
        unit = cast()[AXIS].declared["agency"]
        url = f"http://127.0.0.1:{self._scene.places[AXIS]}{LODGE}?from={unit}&kind=edoc"
        async with self._session.post(url, data=body) as reply:
            reply.raise_for_status()

    async def _call(self, case: Case, number: int) -> None:
        """As the land system says it: each call twice, as after an answer that got lost, and believed by ``Result`` alone."""
        step = case.story.step[number]
        at = datetime.strptime(step.at, "%Y%m%d%H%M%S").replace(tzinfo=VIETNAM)
        told = moved(case.dossier, at) if step.says == MOVED else ended(case.dossier, at)
        told |= {"NoiDungXuLy": step.text} if step.says == MOVED else {"GhiChu": step.text}
        for answer in await self._registry.misbehave("twice", step.says, told):
            if answer.result != 1:
                raise Failed(f"{step.says} {case.dossier}: {answer.status} {answer.message}")

    async def _hand_in(self, dossier: str) -> None:
        """As the national portal says it, twice: its key is in the body, and an answer is read as it reads it."""
        said = self._portal.ask(SUBMIT, dossier, datetime.now(VIETNAM))
        url = f"http://127.0.0.1:{self._scene.hub_port}/cong{said.path}"
        for _ in range(2):
            async with self._session.post(url, data=said.body, headers=said.headers) as reply:
                heard = Heard(reply.status, await reply.read())
            if self._portal.verdict(SUBMIT, heard) != "taken":
                raise Failed(f"{SUBMIT} {dossier}: {heard.status} {heard.text[:300]}")

    async def _has_heard(self, name: str, dossier: str) -> None:
        """Wait until a system has everything that it must have of a dossier so far."""
        wanted = {due.at for due in self.due if (due.system, due.dossier) == (name, dossier)}

        def heard() -> bool:
            return wanted <= {one.arrival.at for one in self._about(name, dossier)}

        await _until(heard, f"{name} {dossier}")

    async def _new(self, name: str, dossier: str) -> Noted:
        """Return what a system hears of a dossier next, when only who says it knows the time of it."""
        known = {due.at for due in self.due if (due.system, due.dossier) == (name, dossier)}

        def found() -> list[Noted]:
            return [one for one in self._about(name, dossier) if one.arrival.at not in known]

        await _until(lambda: bool(found()), f"{name} {dossier}")
        return found()[0]

    def _about(self, name: str, dossier: str) -> list[Noted]:
        return [one for one in self._ears[name].listen() if one.arrival.dossier == dossier]


async def _until(true: Callable[[], bool], what: str) -> None:
    """Look again and again: nobody rings a bell. Raises ``TimeoutError`` that names it."""
    ends = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > ends:
            raise TimeoutError(f"{what}: {PATIENCE:g} s")
        await asyncio.sleep(0.2)
