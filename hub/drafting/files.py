"""Puts drafted files where they belong: all of them or none, and never over one that is there unless that is wanted."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Occupied(Exception):  # noqa: N818 - reads as what it is
    """Files that are there already."""

    def __init__(self, files: Sequence[Path]) -> None:
        super().__init__(", ".join(map(str, files)))
        self.files = tuple(files)


def lay(files: Mapping[Path, bytes], *, replace: bool) -> None:
    """Write every file beside its place first, then give each its name. Raises ``Occupied`` or ``OSError``; then nothing was changed.

    What was replaced is kept until all have their names, and comes back when one of them does not get it.
    """
    there = [path for path in files if os.path.lexists(path)]
    if (there and not replace) or any(path.is_dir() for path in there):
        raise Occupied(there)
    with contextlib.ExitStack() as undo:
        drafts = {path: _beside(path, content, undo) for path, content in files.items()}
        with contextlib.ExitStack() as back:
            for path, draft in drafts.items():
                _named(path, draft, back, replace=replace)
            back.pop_all()
        for path in drafts:
            _kept_of(path).unlink(missing_ok=True)


def _beside(path: Path, content: bytes, undo: contextlib.ExitStack) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    draft = Path(name)
    undo.callback(draft.unlink, missing_ok=True)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.chmod(0o644)
    return draft


def _kept_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.before")


def _named(path: Path, draft: Path, back: contextlib.ExitStack, *, replace: bool) -> None:
    """``link`` fails where ``rename`` would take the place of a file that came meanwhile."""
    if replace and path.exists():
        path.replace(_kept_of(path))
        back.callback(_kept_of(path).replace, path)
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        raise Occupied([path]) from None
    back.callback(path.unlink, missing_ok=True)
