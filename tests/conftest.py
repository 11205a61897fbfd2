"""The same tests see the same examples each time; `HYPOTHESIS_PROFILE=wild` looks for new ones."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from hub.store.postgres.connection import connect
from hub.store.postgres.schema import migrate
from tests.doubles import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.doubles.postgres import Cluster

settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("wild", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Start a private PostgreSQL, once for each process that runs tests, when the first one asks for it."""
    with postgres.cluster() as running:
        yield running


@pytest.fixture(scope="session")
def migrated(cluster: Cluster) -> str:
    """Return the name of a database with the newest schema."""
    name = cluster.database()
    db = connect(cluster.conninfo(name), None)
    migrate(db)
    db.close()
    return name


@pytest.fixture
def database(cluster: Cluster, migrated: str) -> Iterator[str]:
    """Return how to reach a database in which nothing is. Emptied after the test: much quicker than a new one."""
    yield cluster.conninfo(migrated)
    cluster.empty(migrated)
