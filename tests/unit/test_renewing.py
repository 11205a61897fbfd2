"""Processes begin anew when what stands in files is not what they read."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hub.replicating import renewing

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)


async def test_a_process_waits_until_it_is_asked_and_what_was_asked_before_it_began_is_nothing_new(
    tmp_path: Path,
) -> None:
    renewing.ask(tmp_path, NOW)
    waits = asyncio.create_task(renewing.until_asked(tmp_path, 0.01))
    await asyncio.sleep(0.05)
    assert not waits.done()
    renewing.ask(tmp_path, NOW + timedelta(seconds=1))
    await asyncio.wait_for(waits, 5)


async def test_nobody_was_ever_asked_in_a_new_folder(tmp_path: Path) -> None:
    assert renewing.asked(tmp_path / "replica") == b""
