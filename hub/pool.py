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
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import structlog

from hub import intake, logs, sealing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from connectors.contract import Sealed
    from hub.judge import Desk, Inbound
    from hub.sealing import Order, Workbench
    from schemas.problems import Problem

    Build = Callable[[str], tuple[Desk, Workbench]]

P = ParamSpec("P")
R = TypeVar("R")

log = structlog.get_logger(__name__)

_tools: list[tuple[Desk, Workbench]] = []


class Lasting(Executor):
    """A pool that outlives its processes: one that was killed breaks what is under way there, not what comes after.

    Calls that were under way fail with ``BrokenProcessPool``. Use it from one thread.
    """

    def __init__(self, make: Callable[[], ProcessPoolExecutor]) -> None:
        self._make, self._pool = make, make()

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        try:
            return self._pool.submit(fn, *args, **kwargs)
        except BrokenProcessPool:
            log.warning("pool_made_anew")
            self._pool.shutdown(wait=False)
            self._pool = self._make()
            return self._pool.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - the standard library's signature
        self._pool.shutdown(wait, cancel_futures=cancel_futures)


def executor(build: Build, settings: str, processes: int) -> Lasting:
    """Make a pool whose processes call ``build(settings)`` when they start. Spawned: nothing is inherited by accident."""
    spawn = multiprocessing.get_context("spawn")
    return Lasting(
        lambda: ProcessPoolExecutor(processes, spawn, initializer=_begin, initargs=(build, settings))
    )


def judge(batch: Sequence[Inbound]) -> list[intake.Verdict]:
    return intake.judge_all(_tools[0][0], batch)


def seal(orders: Sequence[Order]) -> list[Sealed | Problem]:
    return [sealing.seal(_tools[0][1], order) for order in orders]


def _begin(build: Build, settings: str) -> None:
    logs.configure(
        process="pool"
    )  # before anything can go wrong: a default logger would print what it was handed
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the parent's business
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _tools.append(build(settings))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
