"""What a partner publishes: procedures, agencies, fields, shared dictionaries. A room that can reads its partner's lists into these values.

A list is whole or it is not there: an answer that is an error, a page, cut short or empty is ``Missed``, never an empty list.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from connectors.contract import Missed  # noqa: TC001 - part of the public signatures

MOST = 20_000
"""Entries of one list; a province has about two thousand procedures."""


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Common shape: frozen, named fields."""


class Field(Value, frozen=True):
    """Lĩnh vực."""

    code: str
    name: str


class Procedure(Value, frozen=True):
    """Thủ tục hành chính. ``hours``: working hours, the longest of those published; ``None``: in no unit that is known.

    ``agencies``: who carries it out, as the partner codes them. ``public``: false when it is listed and no longer in force.
    ``record``: all that the partner says of it, in JSON; empty where that is no more than stands here.
    """

    code: str
    name: str
    field: Field | None = None
    hours: int | None = None
    agencies: tuple[str, ...] = ()
    public: bool = True
    record: bytes = b""


class Agency(Value, frozen=True):
    """Cơ quan. ``level``: in the registry's words; empty where nobody declared what the partner's code means."""

    code: str
    name: str
    level: str = ""


class Item(Value, frozen=True):
    """An entry of a dictionary. ``parent``: code of what it belongs to; empty where that is not said."""

    code: str
    name: str
    parent: str = ""


class Dictionary(Value, frozen=True):
    """Danh mục dùng chung. ``id``: of the code list that it is here; ``source``: its service or path there; ``field``: its name there."""

    id: str
    source: str
    field: str
    vi: str
    en: str


class Catalogues(Protocol):
    """One partner's lists. It never raises for something that a partner or a network did."""

    @property
    def registers(self) -> bool:
        """Whether it lists procedures, agencies and fields."""
        ...

    @property
    def dictionaries(self) -> tuple[Dictionary, ...]: ...
    async def items(self, of: Dictionary) -> tuple[Item, ...] | Missed:
        """``Missed`` also where the columns of a list are not known: the partner's file says them."""
        ...

    async def procedures(self) -> tuple[Procedure, ...] | Missed: ...
    async def agencies(self) -> tuple[Agency, ...] | Missed: ...
    async def fields(self) -> tuple[Field, ...] | Missed: ...
    async def close(self) -> None: ...
