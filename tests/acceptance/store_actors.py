"""Processes for the kill tests: one that hands messages in, one that delivers them. Run as ``python store_actors.py <role> …``.

The partner is a file that only grows: a line is what it received. It can be asked, so it must never get a second copy.
Acknowledgements are written to a file of their own, outside the store.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.ids import Ids
from hub.lifecycle import Move
from hub.store.contract.delivery import Settlement
from hub.store.contract.store import Stale, Store
from hub.store.postgres import store as postgres
from hub.store.postgres.connection import Connection as PostgresConnection
from hub.store.sqlite import store as sqlite
from hub.store.sqlite.connection import Connection as SqliteConnection
from hub.store.sqlite.store import blobs_beside
from tests.store.samples import AUTHORITY, acceptance, roomy, sealed

if TYPE_CHECKING:
    from hub.store.contract.delivery import Work
    from hub.store.sql.store import SqlStore

LEASE = 1.0
PARTNERS = ("so-tnmt", "dvcqg")


def now() -> datetime:
    return datetime.now(UTC)


WHERE = "database"
"""The file that says how the database is reached, where there is a server; it needs its server as long as the actors live."""


def opened(folder: Path) -> SqlStore:
    ids, path = Ids(time.time, os.urandom), folder / "hub.db"
    if (folder / WHERE).exists():
        return postgres.open_store((folder / WHERE).read_text("utf-8"), blobs=blobs_beside(path), ids=ids)
    return sqlite.open_store(path, ids=ids)


def note(path: Path, line: str) -> None:
    """One line, whole or not at all."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, f"{line}\n".encode())
    finally:
        os.close(handle)


def lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines() if path.exists() else []


async def produce(folder: Path, name: str, dossiers: int, each: int) -> None:
    """Hand in ``each`` messages per dossier in order, every third one twice; begin again from the first after a crash."""
    store = opened(folder)
    await store.capacities(roomy(*PARTNERS))
    await asyncio.gather(*(_tell(store, folder, f"{name}{n}", each) for n in range(dossiers)))
    await store.close()


async def _tell(store: Store, folder: Path, dossier: str, each: int) -> None:
    for step in range(each):
        for _ in range(2 if step % 3 == 0 else 1):
            await _accept(store, dossier, step)
        note(folder / "acknowledged", f"{dossier}-{step:04}")


async def _accept(store: Store, dossier: str, step: int) -> None:
    while True:
        known = await store.known(AUTHORITY, f"code-{dossier}")
        version = known.version if known else 0
        new = acceptance(
            f"{dossier}-{step:04}", dossier=dossier, version=version, partners=PARTNERS, when=now()
        )
        try:
            await store.accept(new)
        except Stale:
            continue
        return


async def deliver(folder: Path, name: str) -> None:
    store = opened(folder)
    while not (folder / "stop").exists():
        await store.tick(now())
        works = await store.claim(name, now(), 10, LEASE)
        if not works:
            await store.wait_for_work(0.05)
            continue
        unsealed = {work.transfer: sealed(work.transfer) for work in works if work.sealed is None}
        if unsealed and not await store.seal(works[0].token, unsealed):
            continue
        for work in works:
            await _send(store, folder, work)
    await store.close()


async def _send(store: Store, folder: Path, work: Work) -> None:
    """Ask first where something may have left; now and then put off, as partners do. A lease is renewed before it is used."""
    if not await store.renew(work.token, now(), LEASE):
        return
    partner = folder / f"partner-{work.partner}"
    if work.doubt and work.key in lines(partner):
        note(folder / "asked", work.key)
        move = Move.DELIVER
    elif random.random() < 0.05:  # noqa: S311 - a partner's mood
        move = Move.DEFER
    else:
        note(partner, work.key)
        move = Move.DELIVER
        await asyncio.sleep(0.002)
    await store.settle(work.token, [Settlement(transfer=work.transfer, move=move, wake_at=now())], now())


# --- one worker that ends itself at a given point

POINTS = ("claim", "seal", "send", "settle")


async def die(folder: Path, point: str, when: str) -> None:
    """Deliver one head and be killed ``before`` or ``after`` the commit of ``point``."""
    store = opened(folder)
    (work,) = await _dying(point == "claim", when, store.claim("w", now(), 1, LEASE))
    await _dying(point == "seal", when, store.seal(work.token, {work.transfer: sealed(work.transfer)}))
    note(folder / f"partner-{work.partner}", work.key)
    if point == "send":
        _die()
    settle = store.settle(work.token, [Settlement(transfer=work.transfer, move=Move.DELIVER)], now())
    await _dying(point == "settle", when, settle)


async def _dying(here: bool, when: str, work: object) -> tuple[Work, ...]:
    if here and when == "before":
        for kind in (SqliteConnection, PostgresConnection):
            _die_before_commits(kind)
    result = await work  # type: ignore[misc]
    if here:
        _die()
    return result  # type: ignore[no-any-return]


def _die_before_commits(kind: Any) -> None:
    real = kind.execute

    def execute(self: Any, query: str, *more: Any) -> Any:
        return _die() if query == "COMMIT" else real(self, query, *more)

    kind.execute = execute


def _die() -> bool:
    os.kill(os.getpid(), signal.SIGKILL)
    return True


async def die_accepting(folder: Path, when: str) -> None:
    store = opened(folder)
    await store.capacities(roomy(*PARTNERS))
    await _dying(True, when, store.accept(acceptance("m1", dossier="d1", when=now())))


def main() -> None:
    role, folder, *rest = sys.argv[1:]
    home = Path(folder)
    if role == "produce":
        asyncio.run(produce(home, rest[0], int(rest[1]), int(rest[2])))
    elif role == "deliver":
        asyncio.run(deliver(home, rest[0]))
    elif role == "die":
        asyncio.run(die(home, *rest))
    elif role == "die-accepting":
        asyncio.run(die_accepting(home, *rest))


if __name__ == "__main__":
    main()
