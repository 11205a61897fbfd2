"""One of each foreign peer for all the tests of a process."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.doubles.pki import Pki
from tests.foreign.peers import Peers

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def peers() -> Iterator[Peers]:
    started = Peers()
    yield started
    started.close()


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("foreign"), datetime.now(UTC))
