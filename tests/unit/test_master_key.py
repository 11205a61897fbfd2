"""The master key's file outlives whatever happens to the processes that make it."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from hub.wiring.master import MasterKey

if TYPE_CHECKING:
    from pathlib import Path


def test_what_a_killed_process_of_the_same_number_left_behind_stops_nobody(tmp_path: Path) -> None:
    """In a container every process that starts anew has the number of the one that was killed."""
    (tmp_path / f"master.key.{os.getpid()}").write_bytes(b"half")
    MasterKey(tmp_path).make(os.urandom)
    assert len(MasterKey(tmp_path).current()) == 32
    assert [path.name for path in tmp_path.iterdir()] == ["master.key"]
    assert stat.S_IMODE((tmp_path / "master.key").stat().st_mode) == 0o400
