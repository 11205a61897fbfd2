"""How often a process looks for what nobody can reach any more."""

from __future__ import annotations

import gc

YOUNG = 20_000
"""New containers between two looks: what one batch of messages makes and drops again by itself is not looked at."""


def hold() -> None:
    """Call it where a process begins to be built: what is made from here on stays, so that nobody looks through it again and again."""
    gc.disable()
    gc.freeze()


def settle() -> None:
    """Call it when a process is built: what there is now lasts as long as the process and is never looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
    gc.enable()
