"""Every ``room_*.py`` beside this file is a room under test."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.doubles.pki import Pki

if TYPE_CHECKING:
    from tests.contract.room import RoomUnderTest


def rooms() -> list[RoomUnderTest]:
    found: list[RoomUnderTest] = []
    for file in sorted(Path(__file__).parent.glob("room_*.py")):
        module = import_module(f"tests.contract.{file.stem}")
        found.extend(getattr(module, "ROOMS", None) or (module.ROOM,))
    return found


@pytest.fixture(params=rooms(), ids=lambda room: room.name)
def room(request: pytest.FixtureRequest) -> RoomUnderTest:
    under_test: RoomUnderTest = request.param
    return under_test


@pytest.fixture(params=[room for room in rooms() if room.keeps_keys], ids=lambda room: room.name)
def keeping_room(request: pytest.FixtureRequest) -> RoomUnderTest:
    """A room whose partner drops a second copy; of the others the hub asks before it sends again."""
    under_test: RoomUnderTest = request.param
    return under_test


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), datetime.now(UTC))
