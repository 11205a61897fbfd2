"""Numbered schema files that every engine has, in SQLite's words for types; what is an engine's own comes after them."""

from __future__ import annotations

from importlib import resources


class SchemaUnknown(Exception):  # noqa: N818 - says what it is
    """The database was written by a newer version or by another program; it is left untouched."""


def migrations() -> dict[int, str]:
    """Read ``<number>_<why>.sql``. Raises ``SchemaUnknown`` when a number is missing."""
    folder = resources.files("hub.store.sql") / "migrations"
    steps = {
        int(file.name.split("_")[0]): file.read_text("utf-8")
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    }
    if sorted(steps) != list(range(1, len(steps) + 1)):
        raise SchemaUnknown(f"migrations are not numbered without a gap: {sorted(steps)}")
    return steps
