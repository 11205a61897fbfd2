"""What takes long to set up and serves several files: the hub that was told half a year."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.july.office import everything, hub, tell
from tests.july.plan import plan

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.july.office import Running
    from tests.july.plan import Plan


@pytest.fixture(scope="session")
def half_year() -> Plan:
    """One in twenty of what was; ``ONE_IN=1``: all of it."""
    return plan(int(os.environ.get("ONE_IN", "20")))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def told(half_year: Plan, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with hub(tmp_path_factory.mktemp("july")) as running:
        await tell(running, everything(half_year))
        yield running
