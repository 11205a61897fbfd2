"""``lienthong mapping states``: how each format says where a dossier stands and what happened, and why it does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from hub.cli import opening, show
from hub.cli.columns import NEVER
from hub.cli.desk import At, Complaint
from hub.cli.exits import Exit
from hub.story import spoken
from schemas.dossier import State

if TYPE_CHECKING:
    from hub.cli.desk import Desk
    from hub.story.spoken import Spoken
    from schemas.table import Table


@dataclass(frozen=True)
class Line:
    """One state or kind in one format."""

    table: Table
    said: Spoken


def _named(row: Line, desk: Desk) -> str:
    what = row.said.what
    return desk.say(f"dossier_state.{what}") if isinstance(what, State) else what


def _said(words: tuple[str, ...], why: str, used: bool, desk: Desk) -> str:  # noqa: FBT001 - whether the format goes that way
    """The words, or the reason why there are none, or that nobody gave one."""
    silent = why or (desk.say("states.undeclared") if used else "")
    return ", ".join(words) or (f"({silent})" if silent else "")


SPOKEN: tuple[show.Column[Line], ...] = (
    show.Column("mapping", lambda row: row.table.ref, whole=True),
    show.Column("says_of", lambda row: row.said.what, _named),
    show.Column(
        "told_as",
        lambda row: list(row.said.told),
        lambda row, desk: _said(row.said.told, row.said.untold, spoken.tells(row.table), desk),
    ),
    show.Column(
        "heard_as",
        lambda row: list(row.said.heard),
        lambda row, desk: _said(row.said.heard, row.said.unheard, spoken.hears(row.table), desk),
    ),
    show.Column("untold", lambda row: row.said.untold or None, room=NEVER),
    show.Column("unheard", lambda row: row.said.unheard or None, room=NEVER),
)


def states(mapping: str = "", /, *, kinds: Annotated[bool, Parameter(negative=())] = False, desk: At) -> int:
    """Of one mapping, or of every one."""
    tables = opening.tables(desk.settings)
    if mapping and mapping not in tables:
        raise Complaint("unknown.mapping", Exit.FAILED, name=mapping, known=", ".join(sorted(tables)))
    of = spoken.kinds if kinds else spoken.states
    wanted = [tables[ref] for ref in ([mapping] if mapping else sorted(tables))]
    show.rows(desk, SPOKEN, [Line(table, said) for table in wanted for said in of(table)], "nothing.mappings")
    return Exit.OK
