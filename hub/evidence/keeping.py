"""The journal is chained, and digests over it are made and stamped: by one worker of the whole cluster, beside every message's way.

One stamp for each interval, whatever the load. While the authority does not answer nothing waits for it: the next root
covers what was to be covered before, so catching up is one question, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable  # noqa: TC003 - part of a public value
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import structlog

from hub.evidence import merkle
from hub.evidence.contract import Root
from schemas.problems import Refusal

if TYPE_CHECKING:
    from hub.evidence.contract import Unrooted
    from hub.store.contract.store import Store

log = structlog.get_logger(__name__)

CHORE = "evidence"
TURN = 30.0
"""Seconds that a turn lasts unless it is taken again."""
EVERY = 1.0
"""Seconds between two looks for new rows."""
MOST = 1000
"""Rows in one segment."""
LARGEST = 500_000
"""Entries under one root: 16 MB of hashes while it is made."""
REST = 4
"""While there is more: as many times as long a rest as the work took."""


class Stamping(NamedTuple):
    """A time-stamping authority. ``stamp`` returns a token over a SHA-256 digest (RFC 3161), ``read`` the time that one proves.

    Both raise ``Refusal``.
    """

    stamp: Callable[[bytes], Awaitable[bytes]]
    read: Callable[[bytes, bytes], datetime]


class EvidenceKeeper:
    """One per worker process; the one that has the turn works. ``interval``: seconds between two roots."""

    def __init__(
        self,
        store: Store,
        stamping: Stamping | None,
        *,
        now: Callable[[], datetime],
        holder: str,
        interval: float,
        every: float = EVERY,
    ) -> None:
        self._store, self._stamping, self._now = store, stamping, now
        self._holder, self._interval, self._every = holder, interval, every
        self._turn_until = 0.0
        self._next_root: datetime | None = None
        self.failing = ""

    async def run(self) -> None:
        """Until cancelled; what goes wrong is done again."""
        while True:
            try:
                if await self._has_turn():
                    await self.round()
            except Exception:
                log.exception("evidence_failed", worker=self._holder)
            await asyncio.sleep(self._every)

    async def end(self) -> None:
        with contextlib.suppress(Exception):  # it runs out by itself
            await self._store.end_turn(CHORE, self._holder)

    async def _has_turn(self) -> bool:
        if self._turn_until - time.monotonic() > TURN / 2:
            return True
        asked = time.monotonic()
        has = await self._store.turn(CHORE, self._holder, self._now(), TURN)
        self._turn_until = asked + TURN if has else 0.0
        return has

    async def round(self) -> None:
        """Chain what is new; make a root when its time has come."""
        await self.chain()
        now = self._now()
        ahead = timedelta(seconds=self._interval)  # a clock that was put back does not put off the next root
        if self._next_root is None or not self._next_root - ahead <= now < self._next_root:
            self._next_root = now + timedelta(seconds=self._interval)
            await self.root()

    async def chain(self) -> int:
        chained = 0
        while await self._has_turn():
            began = time.perf_counter()
            done = await self._store.evidence.chain(self._now(), MOST)
            chained += done
            if done < MOST:
                break
            await asyncio.sleep(REST * (time.perf_counter() - began))
        return chained

    async def root(self) -> int:
        """Cover everything that no root covers; return how many roots that took."""
        made = 0
        while (what := await self._store.evidence.unrooted(LARGEST)) is not None:
            root = await self._rooted(what)
            if root is None or not await self._store.evidence.keep_root(root):
                break
            made += 1
        return made

    async def _rooted(self, what: Unrooted) -> Root | None:
        """``None``: the authority gave nothing; later."""
        digest = await asyncio.get_running_loop().run_in_executor(None, merkle.root, what.leaves)
        token, stamped_at = b"", None
        if self._stamping is not None:
            try:
                token = await self._stamping.stamp(digest)
                stamped_at = self._stamping.read(token, digest)
            except Refusal as refusal:
                self._complain(refusal)
                return None
            self.failing = ""
        return Root(
            first=what.first,
            last=what.last,
            leaves=len(what.leaves),
            digest=digest,
            at=self._now(),
            token=token,
            stamped_at=stamped_at,
        )

    def _complain(self, refusal: Refusal) -> None:
        if self.failing != refusal.code:
            log.error("not_stamped", code=refusal.code, rule=refusal.problems[0].rule)
        self.failing = refusal.code
