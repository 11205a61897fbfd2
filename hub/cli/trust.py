"""``lienthong trust``: what ends or goes stale when, and who stops then."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from hub.cli import opening, show, times
from hub.cli.desk import At  # noqa: TC001 - cyclopts reads the annotations at run time
from hub.cli.exits import Exit
from hub.doctor.rules import finding_of
from hub.doctor.words import Told, words

if TYPE_CHECKING:
    from hub.cli.desk import Desk
    from hub.trust.forecast import Event

SOON = timedelta(days=7)


def _told(row: Event, language: str) -> Told:
    return words(finding_of(row, row.at), language)


def _stops(row: Event, desk: Desk) -> str:
    return times.full(desk.speech, row.stops, desk.now()) if row.stops else ""


def _colour(row: Event, desk: Desk) -> str:
    if row.stops is None:
        return ""
    return "red" if row.stopped(desk.now()) else "yellow" if row.stops - desk.now() < SOON else ""


FORESEEN: tuple[show.Column[Event], ...] = (
    show.Column(
        "happens", lambda row: row.at, lambda row, _: f"{row.at.astimezone(times.HO_CHI_MINH):%d/%m/%Y}"
    ),
    show.Column("kind", lambda row: row.kind, room=160),
    show.Column("what", lambda row: row.name, room=200),
    show.Column(
        "says",
        lambda row: _told(row, "en").says,
        lambda row, desk: _told(row, desk.speech.language).says,
        _colour,
        said=True,
    ),
    show.Column("partners", lambda row: list(row.partners)),
    show.Column("stops", lambda row: row.stops, _stops, _colour),
    show.Column(
        "do",
        lambda row: _told(row, "en").do,
        lambda row, desk: _told(row, desk.speech.language).do,
        room=140,
        said=True,
    ),
)


async def trust(*, ahead: Annotated[int, Parameter("--days")] = 90, desk: At) -> int:
    """Say what is foreseen; 3 when somebody has stopped for it."""
    async with desk.hub() as hub:
        found = await opening.foreseen(desk.settings, hub.store, desk.now(), ahead)
    show.rows(desk, FORESEEN, found, "nothing.foreseen")
    return Exit.FOUND if any(one.stopped(desk.now()) for one in found) else Exit.OK
