"""A disk under SQLite that fails by order: a VFS that looks into a file before each write.

The file holds ``<kind> <chance>``, kind being ``full``, ``error`` or nothing; it may be written anew while the process
runs. A failing write has written nothing; a failing sync may have. That is what SQLite may expect of a disk.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import apsw

if TYPE_CHECKING:
    from pathlib import Path

    from tests.acceptance.watched_sqlite import Ear

_VFS = "lienthong-failing"
_kept: list[apsw.VFS] = []
"""A VFS must outlive every connection that was opened with it."""


def order(file: Path, kind: str = "", chance: float = 1.0) -> None:
    """Tell the disk how to fail from now on; without a kind: not at all."""
    draft = file.with_suffix(".new")
    draft.write_text(f"{kind} {chance}" if kind else "", "utf-8")
    draft.replace(file)


def install(file: Path, ear: Ear) -> None:
    """Put it under every writing connection that this process opens from now on."""
    _kept.append(_disk(file))
    ear.vfs = _VFS


def _disk(order_file: Path) -> apsw.VFS:
    def fail() -> None:
        said = order_file.read_text("utf-8").split() if order_file.exists() else []
        if said and random.random() < float(said[1]):  # noqa: S311 - chance, not a secret
            raise apsw.FullError("full, by order") if said[0] == "full" else apsw.IOError("broken, by order")

    class File(apsw.VFSFile):
        def __init__(self, name: Any, flags: Any) -> None:
            super().__init__("", name, flags)

        def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - apsw's
            fail()
            super().xWrite(data, offset)

        def xSync(self, flags: int) -> None:  # noqa: N802 - apsw's
            super().xSync(flags)
            fail()

    class Disk(apsw.VFS):
        def __init__(self) -> None:
            super().__init__(_VFS, "")

        def xOpen(self, name: Any, flags: Any) -> Any:  # noqa: N802 - apsw's
            return File(name, flags)

    return Disk()
