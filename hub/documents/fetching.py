"""Fetches the documents that a sender names by an address of its own, where its partner file says so.

Only hosts that the file lists are asked, without redirects; a cut line goes on by ``Range``, and begins anew where the server
will not go on; the bytes go the same way as an upload's. What waits for a document is not sealed before it is here and clean.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
import structlog

from connectors.downloads import Cut, Downloads, Pulled
from hub.documents.contract import Fetch, Safety
from schemas.problems import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from hub.documents.contract import Documents

log = structlog.get_logger(__name__)

LEASE = 300.0
"""Seconds after which another worker goes on with what one that died had in hand; renewed while bytes arrive."""
SCAN_WAIT = 2.0
LOOK_EVERY = 0.5
AT_ONCE, OF_ONE_SENDER = 16, 2
"""Downloads of one process, each of which costs a megabyte or two; and those of them that one sender may keep going."""
INFECTED, HOPELESS = "HUB-DOC-003", "HUB-DOC-015"
NEVER = frozenset({400, 401, 403, 404, 405, 410, 414, 451})
"""Answers that say that asking again will not help; only what a schedule is for is asked again."""


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """One sender's document servers, by ``host[:port]``. ``schedule``: seconds before each further try."""

    hosts: Mapping[str, Downloads]
    schedule: tuple[float, ...]


class Failed(Exception):  # noqa: N818 - says what it is
    """It did not come. ``hopeless``: and it will not."""

    def __init__(self, reason: str, *, hopeless: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.hopeless = reason, hopeless


class Lost(Exception):  # noqa: N818 - says what it is
    """Another worker goes on with it."""


class Fetching:
    """One per worker process. ``unscanned``: what a document is before anybody scanned it; ``limit``: bytes of one;
    ``lease``: seconds, longer than a server may be silent. ``hubs``: senders whose documents come another way (``hub.edges.papers``).
    """

    def __init__(
        self,
        documents: Documents,
        sources: Mapping[str, Sources],
        *,
        limit: int,
        unscanned: Safety,
        now: Callable[[], datetime],
        lease: float = LEASE,
        hubs: frozenset[str] = frozenset(),
    ) -> None:
        self._hubs = hubs
        self._documents, self._sources, self._lease = documents, sources, lease
        self._limit, self._unscanned, self._now = limit, unscanned, now

    async def run(self) -> None:
        """Go on until it is cancelled: a sender whose server drips keeps its own documents waiting and nobody else's."""
        under_way: Counter[str] = Counter()
        async with asyncio.TaskGroup() as group:
            while True:
                what = await self._next(under_way)
                if what is None:
                    await asyncio.sleep(LOOK_EVERY)
                    continue
                under_way[what.sender] += 1
                group.create_task(self._beside(what, under_way))

    async def _next(self, under_way: Counter[str]) -> Fetch | None:
        full = [sender for sender, count in under_way.items() if count >= OF_ONE_SENDER]
        if under_way.total() >= AT_ONCE:
            return None
        try:
            return await self._documents.to_fetch(
                self._now(), lease=self._lease, without=[*full, *self._hubs]
            )
        except Exception:
            log.exception("caretaking_failed")
            return None

    async def _beside(self, what: Fetch, under_way: Counter[str]) -> None:
        try:
            await self._go_on(what)
        except Exception:
            log.exception("caretaking_failed")
        finally:
            under_way[what.sender] -= 1

    async def fetch(self) -> bool:
        """Go on with one document whose turn it is; false when there is none."""
        what = await self._documents.to_fetch(self._now(), lease=self._lease, without=self._hubs)
        if what is not None:
            await self._go_on(what)
        return what is not None

    async def _go_on(self, what: Fetch) -> None:
        sources = self._sources.get(what.sender)
        schedule = sources.schedule if sources else ()
        hold = Hold(self._documents, what, self._now, self._lease)
        try:
            done = what if what.safety is not None else await self._bring(hold, sources)
            await self._settle(done)
        except Lost:
            log.warning("fetch_lost", sender=what.sender, message=what.message)
        except Failed as failed:
            what = hold.what
            if failed.hopeless or what.tries >= len(schedule):
                log.error(  # noqa: TRY400 - what happened is said; where in our code tells nobody anything
                    "fetch_given_up", sender=what.sender, message=what.message, reason=failed.reason
                )
                await self._documents.fetch_given_up(what, HOPELESS, self._now())
            else:
                wake = self._now() + timedelta(seconds=schedule[what.tries])
                await self._documents.fetch_again(what, wake)

    async def _settle(self, what: Fetch) -> None:
        """What is here: the dossier's when it is clean, asked about again while it is being scanned."""
        if what.safety is Safety.CLEAN:
            await self._documents.fetched(what, self._now())
        elif what.safety is Safety.INFECTED:
            await self._documents.fetch_given_up(what, INFECTED, self._now())
        else:
            await self._documents.fetch_again(what, self._now() + timedelta(seconds=SCAN_WAIT))

    async def _bring(self, hold: Hold, sources: Sources | None) -> Fetch:
        what = hold.what
        parts = urlsplit(what.url)
        http = sources.hosts.get(parts.netloc) if sources else None
        if http is None:  # its partner file changed, or its dossier was forgotten
            raise Failed("host", hopeless=True)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        try:
            if (
                what.size and what.received == what.size
            ):  # whoever brought the last byte was killed before it said so
                return await self._finish(hold)
            async with http.pull(path, what.received) as pulled:
                if not (what.received and pulled.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE):
                    return await self._take(hold, pulled)
            async with http.pull(path) as pulled:  # all of it again: what is here is passed over
                return await self._take(hold, pulled)
        except Cut as cut:
            raise Failed(str(cut)) from None
        except Refusal as refusal:
            raise Failed(refusal.code, hopeless=refusal.code == "HUB-DOC-007") from None

    async def _finish(self, hold: Hold) -> Fetch:
        async with await self._documents.receive(hold.what.upload, hold.what.received) as incoming:
            done = await incoming.finish(self._unscanned, self._now())
        return msgspec.structs.replace(hold.what, sha256=done.sha256, safety=done.safety)

    async def _take(self, hold: Hold, pulled: Pulled) -> Fetch:
        """Let the bytes flow into the upload. A server that knows no ranges sends all of it again; what is here is passed over."""
        what = hold.what
        if pulled.status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
            raise Failed(f"HTTP {pulled.status}", hopeless=pulled.status in NEVER)
        begins = what.received if pulled.status == HTTPStatus.PARTIAL_CONTENT else 0
        if begins != pulled.begins or pulled.size is None:
            raise Failed("a length that is not told", hopeless=pulled.size is None)
        if pulled.size > self._limit or what.size not in {None, pulled.size}:
            raise Failed("another size than was told, or too large", hopeless=True)
        await self._documents.fetch_sized(what, pulled.size)
        async with await self._documents.receive(what.upload, what.received) as incoming:
            try:
                over = what.received - begins
                async for piece in pulled.pieces:
                    fresh = piece[over:]
                    over -= len(piece) - len(fresh)
                    await hold.keep()
                    if fresh:
                        await incoming.write(fresh)
            finally:
                await incoming.keep()
            if not incoming.whole:
                raise Failed("cut")
            done = await incoming.finish(self._unscanned, self._now())
        return msgspec.structs.replace(hold.what, sha256=done.sha256, safety=done.safety)


class Hold:
    """A document in hand. ``what``: as it is held now."""

    def __init__(self, documents: Documents, what: Fetch, now: Callable[[], datetime], lease: float) -> None:
        self.what, self._documents, self._now, self._lease = what, documents, now, lease
        self._kept = asyncio.get_running_loop().time()

    async def keep(self) -> None:
        """Renew the lease when a third of it is over. Raises ``Lost``."""
        moment = asyncio.get_running_loop().time()
        if moment < self._kept + self._lease / 3:
            return
        held = await self._documents.fetch_kept(self.what, self._now() + timedelta(seconds=self._lease))
        if held is None:
            raise Lost
        self.what, self._kept = held, moment
