"""What every process of a hub has: what is declared, the store, and whoever judges and seals."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import msgspec

from hub.processes import pool
from hub.processes.crew import Crew
from hub.wiring.declared import declared
from hub.wiring.parts import store_of
from hub.wiring.tools import pool_tools

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hub.processes.crew import Works
    from hub.settings.file import Settings
    from hub.store.contract.store import Store
    from hub.wiring.declared import Declared


class Having(msgspec.Struct, frozen=True, kw_only=True):
    """``hands``: how many frames ``crew`` does at once."""

    what: Declared
    store: Store
    crew: Works
    hands: int

    async def close(self) -> None:
        await self.crew.close()
        await self.store.close()


def having(path: Path, store_of: Callable[[Settings], Store] = store_of) -> Having:
    """Open it for a process with a pool of its own. Raises ``Refusal`` HUB-CFG-*, HUB-STO-*."""
    what = declared(path)
    hands = what.settings.workers.pool
    store = store_of(what.settings)
    crew = Crew(partial(pool.begin, pool_tools), str(path), hands)
    return Having(what=what, store=store, crew=crew, hands=hands)
