"""A partner that answers a question answers with a message of its own: it is taken in before the question counts as answered.

The way is intake's, as for what is picked up: the same judgement, rights, refusals and counts. A process that dies between the
answer and the settlement asks again, and intake knows what it has. What is refused for good is told to whoever asked.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec
import structlog

from connectors.contract import Delivered, Reason, Refused, Unsure
from hub.store.contract.intake import RefusedMessage
from schemas.problems import Refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from connectors.contract import Outcome, Picked
    from hub.metrics.counts import Counts
    from hub.rounds.collecting import Take
    from hub.store.contract.store import Store
    from schemas.errors import Catalogue

log = structlog.get_logger(__name__)


class Hearing:
    """One per worker process."""

    def __init__(
        self, store: Store, take: Take, *, now: Callable[[], datetime], catalogue: Catalogue, counts: Counts
    ) -> None:
        self._store, self._take, self._now = store, take, now
        self._catalogue, self._counts = catalogue, counts

    async def __call__(self, partner: str, call: Awaitable[Outcome]) -> Outcome:
        """Return what came of a call once the answer that came with it is durable."""
        outcome = await call
        if not isinstance(outcome, Delivered) or outcome.answer is None:
            return outcome
        try:
            accepted = await self._take(partner, outcome.answer)
        except Refusal as refusal:
            return await self._refused(partner, outcome.answer, refusal, outcome)
        self._counts.add("intake", partner, "replayed" if accepted.replayed else "accepted")
        return msgspec.structs.replace(outcome, answer=None)

    async def _refused(
        self, partner: str, answer: Picked, refusal: Refusal, outcome: Delivered
    ) -> Refused | Unsure:
        """What may be taken later as it is leaves the question open; what never will be ends it."""
        self._counts.add("intake", partner, refusal.code)
        reason = Reason(code=refusal.code, detail=refusal.problems[0].place)
        if self._catalogue[refusal.code].retry == "yes":
            return Unsure(reason=reason, exchanges=outcome.exchanges)
        digest = hashlib.sha256(answer.body).hexdigest()
        log.info("refused", code=reason.code, sender=partner, digest=digest, size=len(answer.body))
        told = RefusedMessage(
            at=self._now(),
            sender=partner,
            code=reason.code,
            digest=digest,
            size=len(answer.body),
            request=f"answer {answer.id}",
        )
        await self._store.note_refused([told])
        return Refused(reason=reason, exchanges=outcome.exchanges)
