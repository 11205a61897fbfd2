"""Rows to the screen: a table in a terminal, TSV in a pipe, JSON when asked. Columns are tables, given by the commands.

A column's ``value`` goes to JSON and TSV (stable words, UTC, ids in full); its ``cell`` is what a person reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from hub.cli import times
from hub.cli.screen import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from hub.cli.desk import Desk

Row = TypeVar("Row")
NOTHING = "–"
EMPTY: tuple[Any, ...] = (None, "", [], {})
"""Left out of a card on a terminal; programs get every key."""


@dataclass(frozen=True)
class Column(Generic[Row]):
    """``room``: characters a screen must have for this to be a column of its table. ``whole``: never broken over lines.
    ``said``: TSV too shows the cell, a text in the person's language.
    """

    key: str
    value: Callable[[Row], Any]
    cell: Callable[[Row, Desk], str] | None = None
    colour: Callable[[Row, Desk], str] | None = None
    room: int = 0
    whole: bool = False
    said: bool = False

    def plain(self, row: Row, desk: Desk) -> str:
        """Return the TSV cell."""
        return self.read(row, desk) if self.said else _plain(self.value(row))

    def read(self, row: Row, desk: Desk) -> str:
        """Return what a person reads."""
        if self.cell:
            return clean(self.cell(row, desk)) or NOTHING
        return clean(_readable(self.value(row), desk)) or NOTHING


@dataclass(frozen=True)
class Part:
    """A table under a card: its key in JSON, its title is the word ``part.<key>``."""

    key: str
    columns: Sequence[Column[Any]]
    rows: Sequence[Any]


def rows(desk: Desk, columns: Sequence[Column[Row]], found: Iterable[Row], nothing: str) -> None:
    """Show a list; ``nothing`` names the sentence that is said when it is empty."""
    listed = list(found)
    if desk.as_json:
        json(desk, [_object(columns, row) for row in listed])
    elif not listed:
        desk.tell(nothing)
    elif desk.screen.terminal:
        _table(desk, columns, listed)
    else:
        for row in listed:
            desk.screen.write("\t".join(column.plain(row, desk) for column in columns))


def card(desk: Desk, columns: Sequence[Column[Row]], row: Row, parts: Sequence[Part] = ()) -> None:
    """Show one thing: its fields below each other, then its parts."""
    if desk.as_json:
        lists = {part.key: [_object(part.columns, each) for each in part.rows] for part in parts}
        json(desk, {**_object(columns, row), **lists})
    elif desk.screen.terminal:
        _card(desk, columns, row)
        for part in parts:
            _part(desk, part)
    else:
        for column in columns:
            desk.screen.write(f"{column.key}\t{column.plain(row, desk)}")
        for part in parts:
            for each in part.rows:
                cells = (column.plain(each, desk) for column in part.columns)
                desk.screen.write("\t".join((part.key, *cells)))


def json(desk: Desk, value: object) -> None:
    desk.screen.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def _object(columns: Sequence[Column[Row]], row: Row) -> Mapping[str, Any]:
    return {column.key: _value(column.value(row)) for column in columns}


def _value(value: object) -> object:
    return times.iso(value) if isinstance(value, datetime) else value


def _plain(value: object) -> str:
    """One TSV cell: no tab, no line end."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return times.iso(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        return ",".join(_plain(each) for each in value)
    if isinstance(value, dict):
        return ",".join(f"{key}={_plain(each)}" for key, each in value.items())
    return clean(str(value))


def _readable(value: object, desk: Desk) -> str:
    if isinstance(value, datetime):
        return times.full(desk.speech, value, desk.now())
    if isinstance(value, bool):
        return desk.say("yes" if value else "no")
    if isinstance(value, (tuple, list)):
        return ", ".join(_plain(each) for each in value)
    return _plain(value)


def _table(desk: Desk, columns: Sequence[Column[Row]], listed: Sequence[Row]) -> None:
    from rich.table import Table  # noqa: PLC0415 - only tables in a terminal need it
    from rich.text import Text  # noqa: PLC0415

    shown = [column for column in columns if desk.screen.width >= column.room]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for column in shown:
        table.add_column(desk.say(f"column.{column.key}"), no_wrap=column.whole, overflow="fold")
    for row in listed:
        table.add_row(*(Text(column.read(row, desk), style=_style(column, row, desk)) for column in shown))
    desk.screen.console().print(table)


def _card(desk: Desk, columns: Sequence[Column[Row]], row: Row) -> None:
    from rich.table import Table  # noqa: PLC0415 - only tables in a terminal need it
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for column in columns:
        if column.value(row) in EMPTY:
            continue
        table.add_row(
            desk.say(f"column.{column.key}"), Text(column.read(row, desk), style=_style(column, row, desk))
        )
    desk.screen.console().print(table)


def _part(desk: Desk, part: Part) -> None:
    desk.screen.write("")
    desk.screen.write(desk.say(f"part.{part.key}"))
    if part.rows:
        _table(desk, part.columns, part.rows)
    else:
        desk.screen.write(NOTHING)


def _style(column: Column[Row], row: Row, desk: Desk) -> str:
    return column.colour(row, desk) if column.colour else ""
