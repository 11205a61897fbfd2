"""Numbered schema files. An engine's own first one, then those that every engine has, in SQLite's words for types."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


class SchemaUnknown(Exception):  # noqa: N818 - says what it is
    """The database was written by a newer version or by another program; it is left untouched."""


def numbered(folder: Traversable) -> dict[int, str]:
    """Read ``<number>_<why>.sql``."""
    return {
        int(file.name.split("_")[0]): file.read_text("utf-8")
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    }


def shared() -> dict[int, str]:
    """Return the steps after the first. Raises ``SchemaUnknown`` when a number is missing."""
    steps = numbered(resources.files("hub.store.sql") / "migrations")
    if sorted(steps) != list(range(2, len(steps) + 2)):
        raise SchemaUnknown(f"migrations are not numbered without a gap: {sorted(steps)}")
    return steps
