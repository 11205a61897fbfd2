"""Backup and pruning take turns in the whole cluster, so that a file which a snapshot names is not removed under it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hub.store.sql import chores
from hub.store.sql.times import micros
from hub.store.upkeep import CHORE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from hub.store.keeper import Keeper

SECONDS = 60.0
"""A turn is kept by saying so again; who was killed loses it after this."""
PATIENCE = 90.0


class TurnLost(Exception):  # noqa: N818 - says what it is
    """It took so long to say so again (a stopped process) that another may have begun."""


@contextmanager
def turn(
    keeper: Keeper, *, now: Callable[[], datetime], holder: str, patience: float = PATIENCE
) -> Iterator[Callable[[], None]]:
    """Wait for the turn, hold it, give it back. Call what it yields now and then; it raises ``TurnLost``."""
    waited = time.monotonic() + patience
    while not _take(keeper, holder, now()):
        if time.monotonic() > waited:
            raise TurnLost("another backup or pruning did not end")
        time.sleep(0.2)
    taken = time.monotonic()

    def again() -> None:
        nonlocal taken
        if time.monotonic() - taken < SECONDS / 4:
            return
        if time.monotonic() - taken > SECONDS or not _take(keeper, holder, now()):
            raise TurnLost("the turn was lost")
        taken = time.monotonic()

    try:
        yield again
    finally:
        with keeper.writing() as db:
            chores.end(db, CHORE, holder)


def _take(keeper: Keeper, holder: str, now: datetime) -> bool:
    with keeper.writing() as db:
        return chores.take(db, CHORE, holder, micros(now), SECONDS)
