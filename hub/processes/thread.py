"""The same work in a thread of this process: a frame of bytes goes in, a frame comes back (``hub.processes.crew``).

For a hub that must be small: no second interpreter, no second copy of the registries. What a process of its own would give is
given up knowingly: a frame that takes too long cannot be killed, so its thread is left to end by itself and another goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar

import structlog

from hub.processes.crew import Died, TooLong

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.processes.crew import Answer

T = TypeVar("T")
log = structlog.get_logger(__name__)


class Thread:
    """Use it from one event loop. One frame at a time, in the order in which they were asked."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._left: set[threading.Thread] = set()
        self._thread = self._begun()

    async def ask(self, frame: bytes, seconds: float | None = None) -> bytes:
        """Return the answer. ``seconds`` count from when the thread begins. Raises ``Died`` or ``TooLong``."""
        job = _Job(frame)
        self._jobs.put(job)
        await job.began
        try:
            async with asyncio.timeout(seconds):
                return await job.answer
        except TimeoutError:
            log.warning("thread_too_slow", seconds=seconds)
            self._left.add(self._thread)
            self._thread = self._begun()
            raise TooLong from None

    async def close(self) -> None:
        """Finish what was asked; what takes too long is not waited for."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join, 10.0)

    def _begun(self) -> threading.Thread:
        thread = threading.Thread(target=self._serve, name="judge", daemon=True)
        thread.start()
        return thread

    def _serve(self) -> None:
        while threading.current_thread() not in self._left:
            job = self._jobs.get()
            if job is None:
                return
            job.tell(job.began, None)
            try:
                told = self._answer(job.frame)
            except Exception:
                log.exception("thread_failed")
                job.fail()
            else:
                job.tell(job.answer, told)


class _Job:
    """One frame and who waits for it; told from the thread, heard in the event loop."""

    def __init__(self, frame: bytes) -> None:
        self.frame = frame
        self._loop = asyncio.get_running_loop()
        self.began: asyncio.Future[None] = self._loop.create_future()
        self.answer: asyncio.Future[bytes] = self._loop.create_future()

    def tell(self, future: asyncio.Future[T], value: T) -> None:
        self._call(lambda: None if future.done() else future.set_result(value))

    def fail(self) -> None:
        self._call(lambda: None if self.answer.done() else self.answer.set_exception(Died()))

    def _call(self, what: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody is left to be told
            self._loop.call_soon_threadsafe(what)
