"""Work that comes again every few seconds while a process runs, and never ends it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

log = structlog.get_logger(__name__)


@asynccontextmanager
async def beside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Do ``work`` while the context lasts."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def again(seconds: float, work: Callable[[], Awaitable[None]], name: str) -> None:
    """Do ``work`` now and every ``seconds``; what goes wrong is logged and done again."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("round_failed", kind=name)
        await asyncio.sleep(seconds)
