"""A hub says that it is ready only when something can be committed."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

import apsw
import pytest

from hub.ids import Ids
from hub.store.sqlite.store import open_store

if TYPE_CHECKING:
    from pathlib import Path


async def test_an_open_store_is_ready_and_a_closed_one_is_not(tmp_path: Path) -> None:
    store = open_store(tmp_path / "hub.db", ids=Ids(time.time, os.urandom))
    assert await store.ready()
    await store.close()
    assert not await store.ready()


async def test_to_be_ready_takes_a_real_commit(tmp_path: Path) -> None:
    store = open_store(tmp_path / "hub.db", ids=Ids(time.time, os.urandom))
    other = apsw.Connection(str(tmp_path / "hub.db"))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await store.ready()
    other.execute("ROLLBACK")
    other.close()
    assert await store.ready()
    await store.close()
