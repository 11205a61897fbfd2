"""Shared dictionaries (danh mục dùng chung) as partners list them: records with a code and a name, read into plain items. Pure.

What the columns are called is seldom written down. Where a partner's file does not say it, the one column that every record has and that begins with MA is
the code (what names a parent is not it), the one that begins with TEN the name; where there are none or two such, nothing is guessed.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from connectors.catalogues import MOST, Item

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LONGEST = 1_000
LONGEST_CODE = 200
Column = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$", max_length=100)]
Query = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Columns(BaseModel):
    """Where a record of one dictionary says what. ``parent``: code of what it belongs to; ``query``: what is asked besides the service."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    code: Column | None = None
    name: Column | None = None
    parent: Column | None = None
    query: dict[Column, Query] = Field(default_factory=dict)


def read(records: Sequence[Mapping[str, Any]], columns: Columns | None = None) -> tuple[Item, ...] | None:
    """Read a whole list; ``None``: its columns are not known, a record lacks code or name, or one code has two names."""
    told = columns or Columns()
    code = told.code or _only(records, "MA", told.parent)
    name = told.name or _only(records, "TEN")
    if not code or not name or not 0 < len(records) <= MOST:
        return None
    found: dict[str, Item] = {}
    for record in records:
        item = Item(
            code=text(record, code),
            name=text(record, name),
            parent=text(record, told.parent) if told.parent else "",
        )
        if not item.code or not item.name or len(item.code) > LONGEST_CODE:
            return None
        if found.setdefault(item.code, item) != item:
            return None
    return tuple(found.values())


def _only(records: Sequence[Mapping[str, Any]], begins: str, other: str | None = None) -> str | None:
    names = set.intersection(*(set(record) for record in records)) if records else set()
    found = [name for name in names - {other} if name.upper().startswith(begins)]
    return found[0] if len(found) == 1 else None


def text(record: Mapping[str, Any], name: str) -> str:
    """Return a text or whole number in NFC, its spaces one each; empty for everything else."""
    value = record.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return " ".join(unicodedata.normalize("NFC", str(value)).split())[:LONGEST]
