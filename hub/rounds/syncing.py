"""The hub below's side of a line: greet → give back, fetch back → bring → fetch → acknowledge, for ever; and at once when there is something to bring.

One process of the cluster at a time, by a turn in the store. Whatever breaks is written down, so that ``lienthong edge status`` can say it, and
tried again after a wait that grows; nothing is lost by it, because all that counts is in the store.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol, TypeVar

import msgspec
import structlog

from connectors.edge.calling import Trouble
from hub.edges.comparing import above, spans
from hub.edges.exchanging import said
from hub.store.contract.edges import Contact
from schemas.problems import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from connectors.edge.calling import Client
    from connectors.edge.values import Hello, Wanted
    from connectors.transport import Answer
    from hub.edges.comparing import Behind, FromAbove
    from hub.edges.exchanging import Exchanging
    from hub.edges.papers import Papers
    from hub.edges.peers import Peer
    from hub.edges.returning import Returning
    from hub.health.retry import Uniform
    from hub.store.contract.store import Store

log = structlog.get_logger(__name__)

TURN = 120.0
"""Seconds that a turn lasts; asked for again in each round."""
LOOK_EVERY = 0.3
"""Seconds between two looks for something to bring."""
GREET_EVERY = 60.0
PAPERS_EVERY = 3.0
"""Seconds between two looks for documents that are needed on either side."""
FIRST_WAIT = 1.0
BODY = 1 << 20
"""Bytes of batches in one request."""

T = TypeVar("T")


class Hook(Protocol):
    """What else belongs to a round: versions, reports, documents. ``hello``: the other hub's."""

    async def __call__(self, client: Client, hello: Hello) -> None: ...


class Broke(Exception):  # noqa: N818 - says what it is
    """The other hub could not be reached, or refused."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.code)
        self.trouble = trouble


class Moved(msgspec.Struct, kw_only=True):
    """What one round moved: batches there and back, and transfers that ended by it."""

    brought: int = 0
    fetched: int = 0


def chore(partner: str) -> str:
    return f"edge {partner}"


class Syncing:
    """One per worker process of a hub that has one above. ``holder``: its name; ``wait``: seconds that a question for more stays open;
    ``pause``: the longest wait before a line that is down is tried again.
    """

    def __init__(  # noqa: PLR0913 - everything that it works with
        self,
        store: Store,
        peer: Peer,
        client: Client,
        exchanging: Exchanging,
        returning: Returning,
        *,
        now: Callable[[], datetime],
        holder: str,
        uniform: Uniform,
        wait: float,
        pause: float,
        papers: Papers,
        hooks: Sequence[Hook] = (),
    ) -> None:
        self._store, self._peer, self._client = store, peer, client
        self._exchanging, self._returning = exchanging, returning
        self._now, self._holder, self._uniform = now, holder, uniform
        self._wait, self._pause, self._papers, self._hooks = wait, pause, papers, hooks

    async def ask(self, path: str, body: bytes) -> Answer | Trouble:
        """Ask the hub above something that is no part of a round."""
        return await self._client.post(path, body)

    async def run(self) -> None:
        """Go on until it is cancelled."""
        broken = 0
        while True:
            try:
                if await self._has_turn():
                    await self._linked()
                    broken = 0
                    continue
                await asyncio.sleep(self._pause)
            except Broke as broke:
                broken += 1
                await self._noted(broke.trouble)
                await asyncio.sleep(self._rest(broken, broke.trouble))
            except Exception:
                log.exception("round_failed", kind="edge")
                broken += 1
                await asyncio.sleep(self._rest(broken, None))

    async def _noted(self, trouble: Trouble) -> None:
        """Write it down where that can be done; a store that cannot write (a full disk) is no reason to give the line up."""
        try:
            await self._say(trouble)
        except Exception:
            log.exception("round_failed", kind="edge")

    async def end(self) -> None:
        await self._store.end_turn(chore(self._peer.partner), self._holder)

    async def once(self) -> Moved | None:
        """Greet, bring and fetch all that there is now; ``None``: another process has the turn and does it anyway.

        Raises ``Broke``; the store has it written down.
        """
        if not await self._has_turn():
            return None
        try:
            return await self._round()
        finally:
            await self.end()

    async def _round(self) -> Moved:
        moved = Moved()
        try:
            hello = await self._greet()
            while await self._bring(moved) or await self._fetch(moved, 0.0):
                pass
            await self._documents(hello.wanted)
            for hook in self._hooks:
                await hook(self._client, hello)
        except Broke as broke:
            await self._say(broke.trouble)
            raise
        return moved

    def _rest(self, broken: int, trouble: Trouble | None) -> float:
        longest = min(self._pause, FIRST_WAIT * 2 ** min(broken - 1, 16))
        asked = trouble.wait if trouble and trouble.wait else 0.0
        return max(asked, self._uniform(longest / 2, longest))

    async def _has_turn(self) -> bool:
        return await self._store.turn(chore(self._peer.partner), self._holder, self._now(), TURN)

    async def _linked(self) -> None:
        """Greet, then bring and fetch side by side until it is time to greet again, or something breaks."""
        hello = await self._greet()
        for hook in self._hooks:
            await hook(self._client, hello)
        until = asyncio.get_running_loop().time() + GREET_EVERY
        async with contextlib.AsyncExitStack() as stack:
            steps = (self._bringing(until), self._fetching(until), self._papering(until, hello))
            ways = [asyncio.create_task(each) for each in steps]
            stack.push_async_callback(_ended, ways)
            await asyncio.wait(ways, return_when=asyncio.FIRST_EXCEPTION)
            for way in ways:
                if way.done():
                    way.result()

    async def _bringing(self, until: float) -> None:
        moved = Moved()
        while asyncio.get_running_loop().time() < until:
            if not await self._bring(moved):
                await asyncio.sleep(LOOK_EVERY)

    async def _fetching(self, until: float) -> None:
        moved, loop = Moved(), asyncio.get_running_loop()
        while (left := until - loop.time()) > 0:
            await self._fetch(moved, min(self._wait, left))

    async def _papering(self, until: float, hello: Hello) -> None:
        await self._documents(hello.wanted)
        while asyncio.get_running_loop().time() < until:
            await asyncio.sleep(PAPERS_EVERY)
            await self._documents(_or_broke(await self._client.wanted()).wanted)

    # --- the steps of a round

    async def _greet(self) -> Hello:
        """Compare what both remember, mend what can be mended. Raises ``Broke``."""
        for _ in range(4):
            hello = _or_broke(await self._client.hello(await self._exchanging.hello(self._peer)))
            link = await self._store.edges.link(self._peer.partner)
            found = above(link, said(hello))
            if found.fork:
                refusal = await self._exchanging.receiving.fork(self._peer.partner, found.fork)
                raise Broke(Trouble(code=refusal.code, detail=found.fork))
            if link.stands:  # the hub above greets it again: a person there has readmitted it
                await self._store.edges.lift(self._peer.partner, self._now())
            if not await self._mended(found):
                break
        await self._store.edges.met(
            self._peer.partner,
            Contact(at=self._now(), ahead=self._client.ahead, hub=hello.hub, software=hello.software),
        )
        await self._exchanging.sending.acknowledged(self._peer.partner, hello.acks)
        return hello

    async def _mended(self, found: FromAbove) -> bool:
        """Whether something was done, after which both compare again."""
        partner = self._peer.partner
        link = await self._store.edges.link(partner)
        if found.fall_back is not None:
            await self._store.edges.fall_back(partner, found.fall_back)
        if found.fetch_back is not None:
            for behind in spans(found.fetch_back, found.out - 1):
                await self._fetch_back(behind)
        if found.give_back is not None:
            for behind in spans(found.give_back, link.taken.epoch):
                await self._give_back(behind)
            _broke_off(await self._client.give_back(b"", link.taken.epoch))
        if found.out or found.taken:
            await self._store.edges.begin(
                partner,
                out=found.out or link.made.epoch,
                taken=found.taken or link.taken.epoch,
                now=self._now(),
            )
        return found.give_back is not None or bool(found.out or found.taken)

    async def _fetch_back(self, behind: Behind) -> None:
        """Take in again what this hub had sent in one epoch and lost. Raises ``Broke``: not all of it is here, and it must come again."""
        after = behind.seq
        while texts := _or_broke(await self._client.returned(behind.epoch, after)):
            for raw in texts:
                try:
                    after = (await self._returning.take(raw)).seq
                except Refusal as refusal:
                    raise Broke(Trouble(code=refusal.code, detail=refusal.problems[0].detail)) from None

    async def _give_back(self, behind: Behind) -> None:
        """Give the hub above what it had sent here in one epoch and lost. Raises ``Broke``."""
        after = behind.seq
        while given := await self._returning.give(self._peer, behind.epoch, after, BODY):
            for each in given:
                _broke_off(await self._client.give_back(each.text, behind.epoch))
                after = each.seq

    async def _bring(self, moved: Moved) -> bool:
        """Bring what waits; whether there was any. Raises ``Broke``."""
        if not (found := await self._exchanging.frames(self._peer, BODY)):
            return False
        acks = _or_broke(await self._client.push(found))
        await self._exchanging.sending.acknowledged(self._peer.partner, acks)
        moved.brought += len(found)
        if acks.retry_after:
            raise Broke(Trouble(code="HUB-LIM-003", wait=acks.retry_after))
        return True

    async def _fetch(self, moved: Moved, wait: float) -> bool:
        """Fetch what lies there; whether there was any. Raises ``Broke``."""
        link = await self._store.edges.link(self._peer.partner)
        before = link.taken.seq
        found = _or_broke(await self._client.pull(link.taken.epoch, before, wait))
        if not found:
            return False
        busy = False
        try:
            for framed in found:
                if busy := not await self._exchanging.take(self._peer, framed):
                    break
        except Refusal as refusal:
            raise Broke(Trouble(code=refusal.code, detail=refusal.problems[0].detail)) from None
        finally:
            _broke_off(await self._client.acknowledge(await self._exchanging.acks(self._peer, before)))
        moved.fetched += len(found)
        if busy:
            raise Broke(Trouble(code="HUB-LIM-003"))
        return True

    async def _documents(self, wanted: Sequence[Wanted]) -> None:
        """Bring the documents that are needed there, fetch those that are needed here, in pieces. Raises ``Broke``."""
        for each in wanted:
            with contextlib.suppress(Refusal):  # not here any more, or on its way here itself
                await self._bring_document(each)
        for each in await self._papers.wanted(self._peer.partner):
            try:
                await self._fetch_document(each)
            except Refusal as refusal:
                log.warning("document_refused", partner=self._peer.partner, code=refusal.code)

    async def _bring_document(self, wanted: Wanted) -> None:
        offset, size = wanted.have, 1
        while offset < size and await self._has_turn():  # large ones last longer than a turn
            piece, size = await self._papers.give(self._peer.partner, wanted.sha256, offset)
            lying = _or_broke(await self._client.bring_document(wanted.sha256, offset, size, piece))
            if lying.have <= offset:
                return
            offset = lying.have

    async def _fetch_document(self, wanted: Wanted) -> None:
        offset, size = wanted.have, 1
        while offset < size and await self._has_turn():
            found = await self._client.fetch_document(wanted.sha256, offset)
            if isinstance(found, Trouble) and found.status:
                return  # it has none, or fetches it itself just now
            piece, size = _or_broke(found)
            lying = await self._papers.take(self._peer.partner, wanted.sha256, offset, size, piece)
            if lying.have <= offset:
                return
            offset = lying.have

    async def _say(self, trouble: Trouble) -> None:
        log.warning("edge_broke", partner=self._peer.partner, code=trouble.code, reason=trouble.detail)
        contact = Contact(at=self._now(), error=trouble.code, detail=trouble.detail)
        await self._store.edges.met(self._peer.partner, contact)


def _or_broke(answer: T | Trouble) -> T:
    if isinstance(answer, Trouble):
        raise Broke(answer)
    return answer


def _broke_off(trouble: Trouble | None) -> None:
    if trouble is not None:
        raise Broke(trouble)


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
