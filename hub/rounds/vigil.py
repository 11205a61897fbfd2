"""What time alone brings about and somebody must hear of: a deadline that passed, a receipt that did not come.

Every worker keeps watch; the store hands each case to one of them. A look costs two seeks while nothing is due.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from hub.delivery.failure import LATE, LATE_CODE, failed
from hub.delivery.tries import parcel_of, tried
from hub.lifecycle import DONE
from hub.receipts.receipts import unsigned

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from connectors.contract import Codec
    from hub.delivery.delivery import Route
    from hub.receipts.receipts import Confirm
    from hub.store.contract.delivery import Work
    from hub.store.contract.store import Store

log = structlog.get_logger(__name__)


class Vigil:
    """``every``: seconds between two looks; ``limit``: cases per look; ``ask_limit``: seconds that one question may take."""

    def __init__(  # noqa: PLR0913 - the composition root hands in every part
        self,
        *,
        store: Store,
        routes: Mapping[str, Route],
        codec_of: Callable[[str], Codec | None],
        now: Callable[[], datetime],
        every: float = 1.0,
        limit: int = 20,
        ask_limit: float = 60.0,
        confirm: Confirm = unsigned,
    ) -> None:
        self._confirm = confirm
        self._store, self._routes, self._codec_of = store, routes, codec_of
        self._now = now
        self._every, self._limit, self._ask_limit = every, limit, ask_limit

    async def run(self) -> None:
        """Look until it is cancelled; what it had in hand then comes again."""
        while True:
            busy = False
            try:
                busy = await self.look()
            except Exception:
                log.exception("vigil_failed")
            await asyncio.sleep(0.01 if busy else self._every)

    async def look(self) -> bool:
        """Deal with what is due; true when there may be more."""
        late = await self._store.late(self._now(), self._limit)
        for work in late:
            await self._tell(work)
        overdue = await self._store.overdue(self._now(), self._limit, 2 * self._ask_limit)
        await asyncio.gather(*(self._ask(work) for work in overdue))
        return bool(late) or len(overdue) >= self._limit

    async def _tell(self, work: Work) -> None:
        """The sender hears once that the dossier is late; who sends only, or is the hub itself, hears nothing."""
        view = await self._store.transfer(work.transfer)
        if view is None or view.state in DONE:
            return
        told = failed(
            work,
            code=LATE_CODE,
            state=view.state,
            now=self._now(),
            codec_of=self._codec_of,
            word=LATE,
            confirm=self._confirm,
        )
        if told is not None:
            await self._store.tell(told, work.transfer, self._now())

    async def _ask(self, work: Work) -> None:
        """Ask once whether the partner has what it took; where it cannot be asked, only the mark stands."""
        route = self._routes.get(work.partner)
        if route is None or work.sealed is None or not route.policy.can_be_asked:
            await self._store.asked(work.transfer, None, self._now())
            return
        question = route.connector.find(parcel_of(work, work.sealed, work.facts))
        _, attempt = await tried("find", question, self._now, self._ask_limit)
        await self._store.asked(work.transfer, attempt, self._now())
