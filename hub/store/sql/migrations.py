"""Numbered schema files that every engine has, in SQLite's words for types; what is an engine's own comes after them."""

from __future__ import annotations

from importlib import resources


class SchemaUnknown(Exception):  # noqa: N818 - says what it is
    """The database was written by a newer version or by another program; it is left untouched."""


def migrations() -> dict[int, str]:
    """Read ``<number>_<why>.sql``. Raises ``SchemaUnknown`` when a number is missing or stands twice."""
    folder = resources.files("hub.store.sql") / "migrations"
    files = sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))
    numbers = [int(name.split("_")[0]) for name in files]
    if numbers != list(range(1, len(files) + 1)):
        raise SchemaUnknown(f"migrations are not numbered without a gap, each once: {numbers}")
    return {number: (folder / name).read_text("utf-8") for number, name in zip(numbers, files, strict=True)}
