from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.keeping.places import PLACES, Place

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.doubles.postgres import Cluster


@pytest.fixture(params=PLACES)
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Place]:
    """Makes one more empty place for a store of this engine."""
    made: list[Place] = []

    def make() -> Place:
        folder = tmp_path / f"place-{len(made)}"
        folder.mkdir()
        database = "" if request.param == "sqlite" else fresh_database(request)
        made.append(PLACES[request.param](folder, database))
        return made[-1]

    return make


def fresh_database(request: pytest.FixtureRequest) -> str:
    """A database of its own, without a schema: the keepers make and move whole schemas."""
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.conninfo(cluster.database())


@pytest.fixture
def place(elsewhere: Callable[[], Place]) -> Place:
    return elsewhere()
