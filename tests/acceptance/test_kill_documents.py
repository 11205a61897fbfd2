"""Processes are killed with SIGKILL while they bring documents and sweep. What was acknowledged is there, nothing is half-visible."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hub.store.sql.db import many
from tests.acceptance.document_actors import POINTS, SIZE, SWEEPS, bring, opened
from tests.acceptance.store_actors import lines
from tests.store.samples import at
from tests.store.test_documents import DAY, content, digest, whole

if TYPE_CHECKING:
    from hub.store.sqlite.store import SqliteStore

ROOT = Path(__file__).parents[2]
ACTORS = Path(__file__).with_name("document_actors.py")


def start(*words: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(ACTORS), *map(str, words)], env={**os.environ, "PYTHONPATH": str(ROOT)}
    )


def files(folder: Path) -> set[str]:
    return {path.name for path in (folder / "hub.db.blobs").rglob("*") if path.is_file()}


def progress(folder: Path) -> None:
    """Wait until something more was acknowledged, however busy the machine is."""
    before, end = len(lines(folder / "told")), time.monotonic() + 30
    while len(lines(folder / "told")) == before and time.monotonic() < end:
        time.sleep(0.02)


async def sound(store: SqliteStore, folder: Path) -> None:
    """Everything that rows promise is there and whole; references are counted right; all else goes with the next sweep."""
    rows = await store._reads.run(
        lambda db: many(
            db,
            "SELECT sha256, file, refs, (SELECT count(*) FROM hold h WHERE h.sha256=d.sha256) FROM document d",
        )
    )
    assert all(refs == held for _, _, refs, held in rows)
    for sha256, file, refs, _ in rows:
        assert file in files(folder)
        if refs:
            assert digest(await whole(store.documents.content(sha256))) == sha256
    for path in (folder / "hub.db.blobs").rglob("*"):
        if path.is_file():
            os.utime(path, (1000, 1000))
    await store.documents.sweep(at(2), grace=1e6, quarantine=DAY)
    drafts = await store._reads.run(
        lambda db: many(db, "SELECT file FROM upload WHERE done=0 AND received>0")
    )
    kept = {file for _, file, _, _ in rows} | {file for (file,) in drafts}
    assert kept <= files(folder)


async def kept_what_it_told(store: SqliteStore, folder: Path) -> None:
    for line in lines(folder / "told"):
        id_, told = line.split()
        upload = await store.documents.upload(id_)
        assert upload is not None
        assert upload.received >= (SIZE if told == "whole" else int(told))
        assert told != "whole" or upload.safety is not None


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("point", POINTS)
async def test_an_upload_killed_at_any_step_goes_on_from_what_was_acknowledged(
    tmp_path: Path, point: str, when: str
) -> None:
    assert start("die", tmp_path, point, when).wait(60) == -signal.SIGKILL
    store = opened(tmp_path)
    await kept_what_it_told(store, tmp_path)
    await sound(store, tmp_path)
    told = await store.documents.upload("u1")
    assert told is not None
    assert (told.safety is not None) is ((point, when) == ("done", "after"))
    await bring(store, tmp_path, 1)
    assert await whole(store.documents.content(digest(content(SIZE, 1)))) == content(SIZE, 1)
    assert len(files(tmp_path)) == 1
    await store.close()


@pytest.mark.parametrize("point", SWEEPS)
async def test_a_sweep_killed_in_the_middle_leaves_only_what_the_next_one_takes(
    tmp_path: Path, point: str
) -> None:
    store = opened(tmp_path)
    for number in (1, 2):
        await bring(store, tmp_path, number)
        await store.documents.cancel(f"u{number}", at(3))
    await bring(store, tmp_path, 3)
    assert start("die-sweeping", tmp_path, point).wait(60) == -signal.SIGKILL
    await sound(store, tmp_path)
    assert len(files(tmp_path)) == 1
    assert await whole(store.documents.content(digest(content(SIZE, 3)))) == content(SIZE, 3)
    await store.close()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", range(2))
async def test_bringing_and_sweeping_survive_random_kills(tmp_path: Path, seed: int) -> None:
    luck = random.Random(seed)  # noqa: S311 - numbers that repeat
    await opened(tmp_path).close()
    actors = {"bring": ("bring", tmp_path, seed), "sweep": ("sweep", tmp_path)}
    running = {name: start(*words) for name, words in actors.items()}
    try:
        for _ in range(5):
            progress(tmp_path)
            time.sleep(luck.uniform(0.0, 0.5))  # noqa: ASYNC251 - others work meanwhile
            name = luck.choice(["bring", "bring", "sweep"])
            running[name].kill()
            assert running[name].wait(10) == -signal.SIGKILL
            running[name] = start(*actors[name])
    finally:
        for process in running.values():
            process.kill()
            process.wait(10)
    store = opened(tmp_path)
    assert lines(tmp_path / "told"), f"seed {seed}: nothing was brought"
    await kept_what_it_told(store, tmp_path)
    await sound(store, tmp_path)
    await store.close()
