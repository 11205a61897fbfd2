"""What looking after a store asks of its engine. Synchronous: for commands, and for threads of a worker.

A keeper opens the store beside the hub's own processes, or, with ``alone``, only when none of them runs, on any machine.
"""

from __future__ import annotations

from contextlib import AbstractContextManager  # noqa: TC003 - part of public signatures
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hub.store.blobs import Blobs
    from hub.store.sql.archive import Table
    from hub.store.sql.check import Rules
    from hub.store.sql.db import Db


class InUse(Exception):  # noqa: N818 - says what it is
    """A hub's process has this store open, or somebody works on it alone. Nothing was changed."""


class NotEmpty(Exception):  # noqa: N818 - says what it is
    """There is a store with something in it at this place. Nothing was changed."""


class Figures(NamedTuple):
    """``log``: bytes of the engine's write-ahead log that wait to be taken in; ``None`` where the engine looks after it itself.

    ``free``: bytes inside ``size`` that new rows use again.
    """

    engine: str
    place: str
    size: int
    free: int
    log: int | None


class Keeper(Protocol):
    @property
    def place(self) -> str:
        """The file, or the address without its password."""
        ...

    @property
    def blobs(self) -> Blobs: ...

    @property
    def rules(self) -> Rules:
        """What the engine's own tables promise, for the check of conservation."""
        ...

    @property
    def misfits(self) -> tuple[type[Exception], ...]:
        """What the engine raises for rows that its schema does not take."""
        ...

    @property
    def newest(self) -> int:
        """Number of the last migration that this version knows."""
        ...

    def version(self) -> int:
        """Number of the last migration; 0 where there is no store yet."""
        ...

    def migrate(self) -> int:
        """Bring the schema up to date and return its number."""
        ...

    def tables(self, db: Db) -> Sequence[Table]: ...

    def snapshot(self) -> AbstractContextManager[Db]:
        """One moment, for as long as it takes; intake and delivery go on beside it."""
        ...

    def reading(self) -> AbstractContextManager[Db]:
        """A short look, a few queries long."""
        ...

    def writing(self) -> AbstractContextManager[Db]:
        """One transaction; undone when the block raises."""
        ...

    def alone(self) -> AbstractContextManager[None]:
        """Keep every process of a hub out, on every machine. Raises ``InUse`` when one is there."""
        ...

    def occupied(self) -> bool:
        """Whether something was ever accepted there; what cannot be read counts as full."""
        ...

    def building(self, schema: int, *, replace: bool, now: datetime) -> AbstractContextManager[Db]:
        """An empty store with the first ``schema`` migrations; ``loaded`` runs the others. When the block ends it stands in its place.

        Until then the old one stands there, whatever happens, and afterwards the new one. ``replace``: what stood
        there is moved aside. Raises ``NotEmpty``. Only inside ``alone``.
        """
        ...

    def loaded(self, db: Db) -> None:
        """Rows were put in, with their own numbers: run the migrations that the archive had not seen, and let the engine's
        counters go on behind the rows.
        """
        ...

    def figures(self) -> Figures: ...

    def ill(self, db: Db) -> Sequence[str]:
        """What the engine itself finds wrong with this snapshot's pages or indexes, in its words."""
        ...

    def tidy(self) -> None:
        """Take the write-ahead log in, as far as readers allow."""
        ...
