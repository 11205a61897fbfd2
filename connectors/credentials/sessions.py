"""One session or token per process, fetched by one login at a time.

It is kept for as long as it is said to live (the national portal names no lifetime: docs/explanation/national-portal.md §2), dropped as
soon as an answer looks like a lapsed one, and whoever needs a new one while a login is under way waits for that login and shares what
came of it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from connectors.contract import Exchange, Reason  # noqa: TC001 - msgspec reads the annotations at run time

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Session(msgspec.Struct, frozen=True):
    """``until``: on the clock that was passed in, seconds."""

    value: str
    until: float


class NotIn(msgspec.Struct, frozen=True, kw_only=True):
    """No session: why, and the wait that was asked for."""

    reason: Reason
    wait: float | None = None
    counts: bool = True


class Login(msgspec.Struct, frozen=True):
    """What came of one login."""

    result: Session | NotIn
    exchanges: tuple[Exchange, ...] = ()


class Sessions:
    """``login`` is called by at most one at a time; ``clock`` counts seconds and never goes back."""

    def __init__(self, login: Callable[[], Awaitable[Login]], clock: Callable[[], float]) -> None:
        self._login, self._clock = login, clock
        self._held: Session | None = None
        self._flight: asyncio.Task[Login] | None = None

    async def get(self) -> Login:
        if self._held is not None and self._held.until > self._clock():
            return Login(self._held)
        if self._flight is None:
            self._flight = asyncio.create_task(self._fly())
        return await asyncio.shield(self._flight)  # whoever gives up waiting does not end it for the others

    def drop(self, value: str) -> None:
        """Forget this session; another that was fetched meanwhile stays."""
        if self._held is not None and self._held.value == value:
            self._held = None

    async def close(self) -> None:
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.gather(self._flight, return_exceptions=True)

    async def _fly(self) -> Login:
        try:
            login = await self._login()
            self._held = login.result if isinstance(login.result, Session) else None
            return login
        finally:
            self._flight = None
