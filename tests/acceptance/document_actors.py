"""A process that brings documents and one that sweeps, for the kill tests. Run as ``python document_actors.py <role> …``.

What a sender was told is noted in a file of its own, outside the store: ``<upload> <bytes>`` after each acknowledgement,
``<upload> whole`` at the end.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.documents.contract import NewUpload, Safety
from hub.store.blobs import Draft
from hub.store.sqlite.store import open_store
from hub.store.vault import Vault
from tests.acceptance.store_actors import note
from tests.store.samples import at, numbered_ids
from tests.store.test_documents import DAY, content, digest

if TYPE_CHECKING:
    from hub.store.sqlite.store import SqliteStore

SIZE = 700_001
STEP = 150_000
POINTS = ("written", "kept", "finished", "done")
SWEEPS = ("rows", "files")


def opened(folder: Path) -> SqliteStore:
    return open_store(folder / "hub.db", ids=numbered_ids(os.getpid()), vault=Vault(b"m" * 32, os.urandom))


def die(*_: object) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


async def bring(store: SqliteStore, folder: Path, number: int, point: str = "", when: str = "") -> None:
    """Bring document ``number``, wherever it is by now; be killed at ``point`` if one is given."""
    data = content(SIZE, number)
    told = await store.documents.announce(
        NewUpload(
            id=f"u{number}",
            sender="desk",
            sha256=digest(data),
            size=SIZE,
            media_type="x/y",
            name="",
            until=at(DAY),
        ),
        quota=1 << 40,
        now=at(0),
    )
    offset = told.received
    while told.safety is None:
        async with await store.documents.receive(told.id, offset) as incoming:
            await incoming.write(data[offset : offset + STEP])
            late = offset > SIZE // 2
            if incoming.whole:
                _arm(store, point in {"finished", "done"}, point, when)
                told = await incoming.finish(Safety.CLEAN, at(1))
            else:
                _arm(store, late and point in {"written", "kept"}, point, when)
                await incoming.keep()
                offset = incoming.received
                note(folder / "told", f"{told.id} {offset}")
    note(folder / "told", f"{told.id} whole")


def _arm(store: SqliteStore, now: bool, point: str, when: str) -> None:
    """From here on the process is killed at the point; ``when``: before or after the commit, where the point is one."""
    if not now:
        return
    if point == "written":
        setattr(Draft, "sync", die)  # noqa: B010 - written, and not yet on disk
        return
    if point == "finished":
        finish = Draft.finish
        setattr(Draft, "finish", lambda draft: (finish(draft), die()))  # noqa: B010 - whole on disk, and no row
        return
    run, skip = store._writes.run, [point == "done"]  # finishing keeps the rest first, in a commit of its own

    async def dying(write: Any) -> Any:
        if skip.pop() if skip else False:
            return await run(write)
        if when == "before":
            store._writes._db.exec_trace = lambda _cursor, sql, _bindings: sql != "COMMIT" or die()
        await run(write)
        return die()

    setattr(store._writes, "run", dying)  # noqa: B010 - the commit


async def bring_for_ever(folder: Path, seed: int) -> None:
    """Bring one document after the other, some of them again, until somebody kills this."""
    store, luck = opened(folder), random.Random(seed)  # noqa: S311 - numbers that repeat
    while True:
        await bring(store, folder, luck.randint(1, 6))


async def sweep_for_ever(folder: Path) -> None:
    store = opened(folder)
    while True:
        await store.documents.sweep(at(100), grace=0, quarantine=DAY)
        await asyncio.sleep(0.001)


async def die_sweeping(folder: Path, point: str) -> None:
    """Be killed when the rows are gone and the files are not, or when the first file is."""
    store = opened(folder)
    shelf = store.documents
    discard = shelf.blobs.discard
    removed = die if point == "rows" else lambda name: (discard(name), die())
    setattr(shelf.blobs, "discard", removed)  # noqa: B010 - between the commit and the last file
    await shelf.sweep(at(1000), grace=1, quarantine=DAY)


async def die_bringing(folder: Path, point: str, when: str) -> None:
    await bring(opened(folder), folder, 1, point, when)


def main() -> None:
    role, folder, *rest = sys.argv[1:]
    home = Path(folder)
    if role == "bring":
        asyncio.run(bring_for_ever(home, int(rest[0])))
    elif role == "sweep":
        asyncio.run(sweep_for_ever(home))
    elif role == "die":
        asyncio.run(die_bringing(home, rest[0], rest[1]))
    elif role == "die-sweeping":
        asyncio.run(die_sweeping(home, rest[0]))


if __name__ == "__main__":
    main()
