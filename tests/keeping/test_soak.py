"""What a store takes on disk stops growing when as much goes as comes in; `make soak` does it for longer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bench.soak import place_for, soak
from tests.keeping.places import PLACES

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS, SETTLED = 16, 8
"""Nothing is kept longer than four rounds, so after eight all that comes in finds room that was used before."""


@pytest.mark.parametrize("engine", PLACES)
def test_the_size_stays_where_it_is_once_as_much_goes_as_comes(engine: str, tmp_path: Path) -> None:
    with place_for(engine, tmp_path) as place:
        sizes = asyncio.run(soak(place, 60, ROUNDS, 0))
        before, after = sizes[SETTLED - 1], sizes[-1]
        assert after.database <= before.database * 1.2 + 0.5, sizes
        assert after.files <= before.files + 0.5, sizes
        assert after.log <= 50, sizes
        assert before.database > 1
        if engine == "sqlite":  # whoever closes last takes the log in
            assert place.keeper.figures().log == 0
            assert not list(tmp_path.glob("*-wal"))
