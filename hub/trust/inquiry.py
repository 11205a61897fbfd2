"""Asks authorities about certificates, in one worker of the cluster, and writes down what they say.

Nothing here is on a message's way. Who does not answer is asked again soon and for ever: neither an outage nor an odd answer
ends the asking. What came once is asked anew long before it is over, so that an authority may be away for a while.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

import msgspec
import structlog

from hub.trust.contract import Said, Standing
from schemas.problems import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from cryptography import x509

    from hub.store.contract.store import Store

log = structlog.get_logger(__name__)

CHORE = "trust"
TURN = 120.0
LOOK = 10.0
"""Seconds between two looks at what is due."""
AGAIN = 60.0
"""Seconds until who did not answer is asked again."""
AT_ONCE = 4
GROUP = 32
"""Certificates that are asked about under one turn."""


class Source(msgspec.Struct, frozen=True):
    """One way to ask: ``ocsp`` or ``crl``, and where."""

    kind: str
    url: str


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate to ask about. ``sources``: in the order in which they are asked; none: nobody may be."""

    fingerprint: str
    certificate: x509.Certificate
    issuer: x509.Certificate | None
    sources: tuple[Source, ...]


class Ask(Protocol):
    async def __call__(self, source: Source, subject: Subject, now: datetime) -> Standing:
        """Return what the source says. Raises ``Refusal``."""
        ...


def due_at(standing: Standing | None, every: float, now: datetime) -> datetime | None:
    """Return when a certificate is to be asked about; ``None``: at once. A clock that was ahead and was put right is no
    reason to wait for the day that it had shown.
    """
    if standing is None or standing.tried_at is None or standing.tried_at > now:
        return None
    if standing.problem or standing.heard_at is None or standing.valid_until is None:
        return standing.tried_at + timedelta(seconds=AGAIN)
    half = (standing.valid_until - standing.heard_at) / 2
    return standing.heard_at + min(timedelta(seconds=every), max(half, timedelta(seconds=AGAIN)))


class Inquiry:
    """One per worker process; the one that has the turn asks. ``every``: seconds between two answers about a certificate."""

    def __init__(
        self,
        store: Store,
        subjects: Sequence[Subject],
        ask: Ask,
        *,
        now: Callable[[], datetime],
        holder: str,
        every: float,
        look: float = LOOK,
    ) -> None:
        self._store, self._subjects, self._ask = store, subjects, ask
        self._now, self._holder, self._every, self._look = now, holder, every, look
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def run(self) -> None:
        """Until cancelled; what goes wrong is logged and done again."""
        while True:
            try:
                await self.round()
            except Exception:
                log.exception("inquiry_failed", worker=self._holder)
            await asyncio.sleep(self._look)

    async def end(self) -> None:
        await self._store.end_turn(CHORE, self._holder)

    async def round(self) -> int | None:
        """Ask about what is due; return how many. ``None``: another process has the turn."""
        if not await self._store.turn(CHORE, self._holder, self._now(), TURN):
            return None
        await self._store.trust.forget([one.fingerprint for one in self._subjects])
        known = {one.fingerprint: one for one in await self._store.trust.standings()}
        due = [one for one in self._subjects if self._is_due(known.get(one.fingerprint))]
        for start in range(0, len(due), GROUP):
            if start and not await self._store.turn(CHORE, self._holder, self._now(), TURN):
                break
            heard = await asyncio.gather(*(self._about(one) for one in due[start : start + GROUP]))
            await self._store.trust.hear(heard, self._now())
        return len(due)

    def _is_due(self, standing: Standing | None) -> bool:
        now = self._now()
        at = due_at(standing, self._every, now)
        return at is None or at <= now

    async def _about(self, subject: Subject) -> Standing:
        """Return the first answer of its sources, or why there is none."""
        problem = "HUB-CRT-006" if subject.issuer is None or not subject.sources else ""
        for source in subject.sources if subject.issuer else ():
            try:
                async with self._slots:
                    return await self._ask(source, subject, self._now())
            except Refusal as refusal:
                said = refusal.problems[0]
                problem = " ".join(part for part in (said.code, said.detail or said.rule) if part)
            except Exception as error:
                log.exception("asking_failed", kind=source.kind)
                problem = f"HUB-INT-001 {type(error).__name__}"
        return Standing(
            fingerprint=subject.fingerprint, state=Said.UNKNOWN, tried_at=self._now(), problem=problem
        )
