from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.keeping.places import PLACES, Place

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(params=PLACES)
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Place]:
    """Makes one more empty place for a store of this engine."""
    made: list[Place] = []

    def make() -> Place:
        folder = tmp_path / f"place-{len(made)}"
        folder.mkdir()
        made.append(PLACES[request.param](folder))
        return made[-1]

    return make


@pytest.fixture
def place(elsewhere: Callable[[], Place]) -> Place:
    return elsewhere()
