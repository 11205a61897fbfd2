"""Work that is killed at each of its steps: before every file operation, before and after every commit.

The steps are not listed anywhere: a child process counts them as they come (Python's audit events for files, the engines' own
``execute`` for commits) and ends itself with SIGKILL at the one it was told. When it reaches its end, all were seen.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING, Any

from hub.store.postgres.connection import Connection as PostgresConnection
from hub.store.sqlite.connection import Connection as SqliteConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FILES = frozenset({"open", "os.rename", "os.link", "os.remove", "os.truncate", "os.mkdir", "os.chmod"})


def deaths(prepare: Callable[[], Callable[[], object]], inside: Path) -> Iterator[int]:
    """Prepare, then die at step 1; prepare, die at step 2 …; yield each step's number when the child is dead.

    ``prepare`` makes everything anew and returns the work. Ends when the work was done without meeting its step.
    """
    step = 1
    while _dies(prepare(), inside, step):
        yield step
        step += 1


def _dies(work: Callable[[], object], inside: Path, step: int) -> bool:
    pid = os.fork()
    if not pid:
        _child(work, inside, step)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.waitstatus_to_exitcode(status) == 0, "the work failed before it was killed"
    return False


def _child(work: Callable[[], object], inside: Path, step: int) -> None:
    left = step

    def count() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def heard(event: str, arguments: tuple[Any, ...]) -> None:
        if event in FILES and any(
            isinstance(one, (str, os.PathLike)) and str(one).startswith(str(inside)) for one in arguments
        ):
            count()

    status = 1
    try:
        for kind in (SqliteConnection, PostgresConnection):
            _count_commits(kind, count)
        sys.addaudithook(heard)
        work()
        status = 0
    except BaseException:  # noqa: BLE001 - it must not come back into the test
        traceback.print_exc()
    finally:
        os._exit(status)


def _count_commits(kind: Any, count: Callable[[], None]) -> None:
    real = kind.execute

    def execute(self: Any, query: str, *more: Any) -> Any:
        commits = query.startswith("COMMIT")
        if commits:
            count()
        result = real(self, query, *more)
        if commits:
            count()
        return result

    kind.execute = execute
