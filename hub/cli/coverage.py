"""``lienthong coverage``: which agency and procedure is published, connected, silent or broken, and since when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.cli import opening, show, times
from hub.cli.desk import At, Complaint
from hub.cli.exits import Exit
from hub.going_live.coverage import SILENT_AFTER, State

if TYPE_CHECKING:
    from hub.cli.desk import Desk
    from hub.going_live.coverage import Line

LONGEST = 250
"""Working days that a board may look back: about a year."""
COLOURS: dict[State, str] = {
    "broken": "red",
    "silent": "yellow",
    "published": "blue",
    "connected": "green",
}


def _since(line: Line, _desk: Desk) -> str:
    return times.local(line.since) if line.since else ""


def _language(told: dict[str, str], desk: Desk) -> str:
    return told.get(desk.speech.language, "")


COVERAGE: tuple[show.Column[Line], ...] = (
    show.Column(
        "coverage",
        lambda row: row.state,
        lambda row, desk: desk.say(f"coverage.{row.state}"),
        lambda row, _: COLOURS[row.state],
    ),
    show.Column("agency", lambda row: row.agency, whole=True),
    show.Column("name", lambda row: row.name, lambda row, desk: _language(row.name, desk), said=True),
    show.Column("procedure", lambda row: row.procedure, whole=True),
    show.Column(
        "title", lambda row: row.title, lambda row, desk: _language(row.title, desk), room=170, said=True
    ),
    show.Column("partners", lambda row: dict(row.partners), lambda row, _: ", ".join(row.partners)),
    show.Column("messages", lambda row: row.messages),
    show.Column("since", lambda row: row.since, _since),
    show.Column("why", lambda row: list(row.why), lambda row, _: "; ".join(row.why)),
)


async def coverage(*, agency: str = "", silent: int = SILENT_AFTER, desk: At) -> int:
    """Say who is where; status 3 when something is broken. ``agency``: an old code is that of whoever took it over."""
    if not 1 <= silent <= LONGEST:
        raise Complaint("usage.silent", Exit.USAGE, limit=LONGEST)
    async with desk.hub() as hub:
        lines = await opening.covered(desk.settings, hub.store, desk.now(), silent)
        stands = opening.successor(desk.settings, agency, desk.now()) if agency else ""
    named = [line for line in lines if stands in ("", line.agency)]
    show.rows(desk, COVERAGE, named, "nothing.coverage")
    return Exit.FOUND if any(line.state == "broken" for line in named) else Exit.OK
