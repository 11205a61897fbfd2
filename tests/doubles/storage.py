"""A store that fails when a message is to be kept, in front of the real one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from schemas.problems import refuse

if TYPE_CHECKING:
    from hub.intake.intake import Intake
    from hub.store.contract.intake import Acceptance, Accepted
    from hub.store.contract.store import Store

Fails = Literal["", "before", "after"]


class Storage:
    """``fails``: ``before`` anything is written, or ``after`` all of it was and nobody heard so."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.fails: Fails = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def accept(self, new: Acceptance) -> Accepted:
        accepted = None if self.fails == "before" else await self._store.accept(new)
        if accepted is None or self.fails:
            raise refuse("HUB-LIM-003", rule="the storage answers")
        return accepted


def behind(intake: Intake) -> Storage:
    """Put a store that can fail behind an intake."""
    storage = Storage(intake._store)
    intake._store = cast("Store", storage)
    return storage
