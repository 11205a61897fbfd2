from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.store.engines import ENGINES, ON_POSTGRES, Place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from hub.store.contract.store import Store
    from tests.store.engines import Open


@pytest_asyncio.fixture(params=ENGINES)
async def another(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    """Opens sessions; after the test nothing may have vanished or stand twice."""
    opened: list[Store] = []
    place = Place(tmp_path, request.getfixturevalue("database") if request.param in ON_POSTGRES else "")

    def session() -> Store:
        store = ENGINES[request.param](place, len(opened))
        opened.append(store)
        return store

    yield session
    broken = await opened[0].conservation() if opened else ()
    for store in opened:
        await store.close()
    assert not broken


@pytest.fixture
def store(another: Open) -> Store:
    return another()
