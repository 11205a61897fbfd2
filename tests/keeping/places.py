"""Stores for the keepers' tests: every engine that is listed here is kept by the whole suite."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

from hub.store.contract.delivery import Settlement
from hub.store.keeping import backup
from hub.store.postgres.keeper import PostgresKeeper
from hub.store.postgres.store import open_store as open_postgres
from hub.store.sql.bodies import Bodies
from hub.store.sqlite.keeper import SqliteKeeper
from hub.store.sqlite.store import blobs_beside, open_store
from hub.store.vault import Vault
from tests.store.samples import acceptance, at, delivered, numbered_ids, roomy, sealed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hub.store.contract.store import Store
    from hub.store.keeper import Keeper
    from hub.store.keeping.archive import Written

MASTER = b"m" * 32
LATER = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)


@dataclass
class Place:
    """Where one hub's store is. ``clock`` goes on by a second each time somebody looks. ``tidy``: what the engine itself does with time."""

    keeper: Keeper
    opened: Callable[[int], Store]
    ids: Callable[[], str] = field(default_factory=lambda: numbered_ids(99))
    clock: count[int] = field(default_factory=count)
    sessions: count[int] = field(default_factory=lambda: count(1))
    tidy: Callable[[], object] = field(default=lambda: None)

    def now(self) -> datetime:
        return LATER + timedelta(seconds=next(self.clock))

    def open(self) -> Store:
        return self.opened(next(self.sessions))

    def bodies(self, master: bytes = MASTER) -> Bodies:
        return Bodies(self.keeper.blobs, Vault(master, os.urandom))

    def back_up(self, to: Path, keep: int = 0) -> Written:
        order = backup.Order(to=to, keep=keep, by="an")
        return backup.back_up(self.keeper, order, now=self.now, new_id=self.ids)


def sqlite(folder: Path, _database: str) -> Place:
    path = folder / "hub.db"

    def opened(session: int) -> Store:
        return open_store(path, ids=numbered_ids(session), vault=Vault(MASTER, os.urandom))

    return Place(SqliteKeeper(path), opened)


def postgres(folder: Path, database: str) -> Place:
    blobs = blobs_beside(folder / "hub.db")

    def opened(session: int) -> Store:
        return open_postgres(
            database, blobs=blobs, ids=numbered_ids(session), vault=Vault(MASTER, os.urandom)
        )

    return Place(PostgresKeeper(database, blobs), opened)


PLACES: dict[str, Callable[[Path, str], Place]] = {"sqlite": sqlite, "postgres": postgres}

PARTNERS = ("so-tnmt", "dvcqg", "thue")
LARGE = b"x" * 200_000


async def busy(store: Store) -> None:
    """One of everything: delivered, waiting, blocked, in doubt, parked, in a worker's hand, large, for later."""
    await store.capacities(roomy(*PARTNERS))
    await store.accept(acceptance("m0", dossier="d0", partners=PARTNERS))
    works = await store.claim("w", at(1), 10, 30)
    await store.seal(works[0].token, {work.transfer: sealed() for work in works})
    await store.settle(
        works[0].token, [delivered(work.transfer, reference="r", facts={"so": "1"}) for work in works], at(2)
    )
    await store.accept(acceptance("m1", dossier="d0", version=1, partners=PARTNERS, when=at(3), raw=LARGE))
    await store.accept(acceptance("m2", dossier="d0", version=2, partners=PARTNERS, when=at(4)))
    (unsure, *_) = works = await store.claim("w", at(5), 1, 30)
    await store.seal(unsure.token, {unsure.transfer: sealed()})
    await store.settle(
        unsure.token, [Settlement(transfer=unsure.transfer, move=None, wake_at=at(500))], at(6)
    )
    await store.accept(acceptance("m3", dossier="d3", problem="HUB-MAP-001", when=at(7)))
    await store.accept(acceptance("m4", dossier="d4", partners=PARTNERS, when=at(8)))
    await store.accept(acceptance("m5", when=at(9)))
    held = await store.claim("dying", at(10), 2, 30)
    await store.seal(held[0].token, {held[0].transfer: sealed()})
    await store.pause("dvcqg", paused=True, reason="r", by="an", now=at(11))
