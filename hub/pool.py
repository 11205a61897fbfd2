"""Processes for work that holds the interpreter's lock: verify, parse, translate, sign.

A pool process is pure: it has no store and no network. It builds its tools once, from the settings file, and keeps
them for as long as it lives; that one value is the only module state of the hub, because the standard library's pool
calls plain functions. Pool processes end with the process that made them, even when that one was killed.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

from hub import intake, sealing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from connectors.contract import Sealed
    from hub.judge import Desk, Inbound
    from hub.sealing import Order, Workbench
    from schemas.problems import Problem

    Build = Callable[[str], tuple[Desk, Workbench]]

_tools: list[tuple[Desk, Workbench]] = []


def executor(build: Build, settings: str, processes: int) -> ProcessPoolExecutor:
    """Make a pool whose processes call ``build(settings)`` when they start. Spawned: nothing is inherited by accident."""
    return ProcessPoolExecutor(
        processes, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(build, settings)
    )


def judge(batch: Sequence[Inbound]) -> list[intake.Verdict]:
    return intake.judge_all(_tools[0][0], batch)


def seal(orders: Sequence[Order]) -> list[Sealed | Problem]:
    return [sealing.seal(_tools[0][1], order) for order in orders]


def _begin(build: Build, settings: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the parent's business
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _tools.append(build(settings))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
