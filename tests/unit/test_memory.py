"""What a process was built of is never looked at again; what it drops later is still found."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref

from hub.processes import memory


class Ring:
    """Reachable from itself only."""

    def __init__(self) -> None:
        self.me = self


def test_a_ring_that_is_dropped_later_is_still_found() -> None:
    before = gc.get_threshold()
    try:
        memory.settle()
        ring = weakref.ref(Ring())
        rows = [[number] for number in range(2 * memory.YOUNG)]
        assert len(rows) > 0
        assert ring() is None
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def test_what_was_there_is_not_looked_at_again() -> None:
    asked = "import gc; from hub.processes import memory; kept = [[] for _ in range(1000)]; memory.settle(); print(gc.get_freeze_count())"
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert int(said) >= 1000


def test_a_process_that_is_being_built_is_not_looked_through() -> None:
    asked = "import gc; from hub.processes import memory; kept = [[] for _ in range(1000)]; memory.hold(); print(gc.isenabled(), gc.get_freeze_count()); memory.settle(); print(gc.isenabled())"
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    building, frozen, built = said.split()
    assert (building, built) == ("False", "True")
    assert int(frozen) >= 1000
