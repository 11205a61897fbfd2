"""The same tests see the same examples each time; `HYPOTHESIS_PROFILE=wild` looks for new ones."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

import pytest
from _pytest.nodeid import NodeId
from hypothesis import settings

from hub.store.postgres.connection import connect
from hub.store.postgres.schema import migrate
from tests.doubles import postgres
from tests.foreign import forms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _pytest.terminal import TerminalReporter

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


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep each ``xdist_group`` in one process: xdist 3.8 writes it into a name that pytest 9.2 does not read any more."""
    if not config.getoption("loadgroup", default=False):
        return
    for item in items:
        mark = item.get_closest_marker("xdist_group")
        if mark is not None and not item.nodeid.endswith(f"@{mark.args[0]}"):
            item._id = NodeId.parse(f"{item.nodeid}@{mark.args[0]}")


def pytest_collection_finish() -> None:
    """Thousands of collected tests stay until the end: nothing that runs looks through them again and again."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Print which foreign software agreed with our signatures, as this run saw it."""
    passed = terminalreporter.stats.get("passed", [])
    seen = [str(value) for report in passed for name, value in report.user_properties if name == "foreign"]
    if seen:
        terminalreporter.section("foreign verifiers")
        for line in forms.seen(seen):
            terminalreporter.write_line(line)
