"""Our own class in the place of ``apsw.Connection``, put there before the hub is imported: the hub's class is made from it.

Until somebody listens it does nothing. ``Ear.vfs``: the VFS under every writing connection opened from now on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import apsw

if TYPE_CHECKING:
    from collections.abc import Callable


class Ear:
    """``statement``: before each one; ``before``, ``after``: around each commit, with what ``statement`` gave for it."""

    def __init__(self) -> None:
        self.vfs = ""
        self.statement: Callable[[str], str] | None = None
        self.before: Callable[[set[str]], None] = lambda _: None
        self.after: Callable[[set[str]], None] = lambda _: None


def install() -> Ear:  # noqa: C901 - a class that is made from what is there
    """Once per process. The ear is for everything that the process opens afterwards."""
    ear, plain = Ear(), apsw.Connection

    class Watched(plain):  # type: ignore[misc,valid-type]
        """Knows what wrote in the open transaction, and when it is committed."""

        def __init__(self, filename: str, *args: Any, **options: Any) -> None:
            if ear.vfs and not options.get("flags", 0) & apsw.SQLITE_OPEN_READONLY:
                options["vfs"] = ear.vfs
            super().__init__(filename, *args, **options)
            self._wrote: set[str] = set()
            self._committing = False
            if ear.statement is not None:
                self.exec_trace = self._statement
                self.set_commit_hook(self._commit)

        def _statement(self, _: object, sql: str, __: object) -> bool:
            if ear.statement is not None and (where := ear.statement(sql)):
                self._wrote.add(where)
            return True

        def _commit(self) -> bool:
            ear.before(self._wrote)
            self._committing = True
            return False

        def execute(self, *args: Any, **options: Any) -> Any:
            cursor = super().execute(*args, **options)
            self._look()
            return cursor

        def executemany(self, *args: Any, **options: Any) -> Any:
            cursor = super().executemany(*args, **options)
            self._look()
            return cursor

        def _look(self) -> None:
            """Outside a transaction nothing is open: what was written has been committed, or undone."""
            if not self.in_transaction:
                if self._committing:
                    ear.after(self._wrote)
                self._committing = False
                self._wrote.clear()

    apsw.Connection = Watched  # type: ignore[misc]  # that is what it is for
    return ear
