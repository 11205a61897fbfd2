"""What a room needs of whoever shows a partner who the hub is."""

from __future__ import annotations

from collections.abc import Callable  # noqa: TC003 - the annotations are read at run time
from datetime import datetime  # noqa: TC003
from typing import NamedTuple, Protocol

from connectors.contract import Exchange  # noqa: TC001
from connectors.credentials.sessions import NotIn  # noqa: TC001
from connectors.transport import Answer, Request  # noqa: TC001


class Clocks(NamedTuple):
    """``now``: wall clock, aware; ``seconds``: one that never goes back."""

    now: Callable[[], datetime]
    seconds: Callable[[], float]


class Shown(NamedTuple):
    """A request that shows who we are, its secrets named with it; or why nothing can be shown now. ``exchanges``: of the login that it took."""

    result: Request | NotIn
    exchanges: tuple[Exchange, ...] = ()


class Credentials(Protocol):
    async def show(self, request: Request) -> Shown:
        """Put what shows who we are onto ``request``. Nothing of it has left when that cannot be done."""
        ...

    def lapsed(self, shown: Request, answer: Answer) -> bool:
        """Whether the partner says that what was shown counts no more. Then it did nothing, and the next ``show`` fetches another."""
        ...

    async def close(self) -> None: ...
