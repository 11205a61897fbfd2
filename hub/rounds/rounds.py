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


@asynccontextmanager
async def counting(seconds: float, work: Callable[[], Awaitable[None]], name: str) -> AsyncIterator[None]:
    """Do ``work`` as ``again`` while the context lasts, and once more at its end, for what was counted since."""
    try:
        async with beside(again(seconds, work, name)):
            yield
    finally:
        await _tried(work, name)


async def again(seconds: float, work: Callable[[], Awaitable[None]], name: str) -> None:
    """Do ``work`` now and every ``seconds``; what goes wrong is logged and done again."""
    while True:
        await _tried(work, name)
        await asyncio.sleep(seconds)


async def _tried(work: Callable[[], Awaitable[None]], name: str) -> None:
    try:
        await work()
    except Exception:
        log.exception("round_failed", kind=name)
