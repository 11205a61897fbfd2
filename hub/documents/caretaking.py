"""What happens to documents beside the way of a message: they are fetched and scanned, and what nobody needs is swept.

Any number of workers do this side by side: a check is taken under a lease in the database, and sweeps of several
processes do each other no harm.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import structlog

from hub.documents.contract import Safety
from hub.documents.scanner import Scanner, Verdict
from hub.store.blobs import Damaged
from hub.store.vault import Unreadable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from hub.documents.contract import Documents, Held
    from hub.documents.fetching import Fetching

log = structlog.get_logger(__name__)

LOOK_EVERY = 0.5
"""Seconds between two looks for a document that waits for the scanner."""
LEASE = 600.0
"""Seconds after which a check that was taken and not reported is taken by another worker."""
UNSCANNED = "unscanned"


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds. ``required``: what is too large for the scanner stays held."""

    grace: float
    sweep: float
    quarantine: float
    retry: float
    required: bool


class Caretaker:
    """One per worker process. ``scanner``: ``None`` where there is none; then nothing waits for one."""

    def __init__(
        self,
        documents: Documents,
        scanner: Scanner | None,
        rules: Rules,
        now: Callable[[], datetime],
        fetching: Fetching | None = None,
    ) -> None:
        self._documents, self._scanner, self._rules, self._now = documents, scanner, rules, now
        self._fetching = fetching

    async def run(self) -> None:
        """Go on until it is cancelled."""
        fetching = (self._fetching.run(),) if self._fetching else ()
        await asyncio.gather(self._again(self.check), self._sweeping(), *fetching)

    async def _again(self, step: Callable[[], Awaitable[bool]]) -> None:
        """Do a step as long as it finds something, then look again."""
        while True:
            try:
                while await step():
                    pass
            except Exception:
                log.exception("caretaking_failed")
            await asyncio.sleep(LOOK_EVERY)

    async def _sweeping(self) -> None:
        while True:
            await asyncio.sleep(self._rules.sweep)
            try:
                await self.sweep()
            except Exception:
                log.exception("sweep_failed")

    async def check(self) -> bool:
        """Have one document scanned whose turn it is; false when there is none."""
        held = await self._documents.to_check(self._now(), lease=LEASE)
        if held is None:
            return False
        safety, finding, again = await self._judge(held)
        now = self._now()
        wake = now + timedelta(seconds=self._rules.retry) if again else None
        await self._documents.checked(held.sha256, safety, finding=finding, again=wake, now=now)
        if safety is Safety.INFECTED:
            log.error("document_infected", digest=held.sha256, size=held.size, reason=finding)
        elif again:
            log.warning(
                "document_held", digest=held.sha256, size=held.size, reason=finding, attempt=held.tries
            )
        return True

    async def sweep(self) -> None:
        rules = self._rules
        swept = await self._documents.sweep(self._now(), grace=rules.grace, quarantine=rules.quarantine)
        if any(msgspec.structs.astuple(swept)):
            log.info("documents_swept", count=swept.documents, size=swept.files)

    async def _judge(self, held: Held) -> tuple[Safety, str, bool]:
        """Return what is known now, why, and whether to ask again. Whatever is not clear keeps it held."""
        if self._scanner is None:
            return Safety.CLEAN, UNSCANNED, False
        try:
            async with contextlib.aclosing(self._documents.content(held.sha256)) as pieces:
                answer = await self._scanner.scan(pieces)
        except (Damaged, Unreadable) as error:
            return Safety.CHECKING, type(error).__name__, True
        match answer.verdict:
            case Verdict.CLEAN:
                return Safety.CLEAN, "", False
            case Verdict.INFECTED:
                return Safety.INFECTED, answer.finding, False
            case Verdict.TOO_LARGE if not self._rules.required:
                return Safety.CLEAN, UNSCANNED, False
            case _:
                return Safety.CHECKING, answer.finding, True
