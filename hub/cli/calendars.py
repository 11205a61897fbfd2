"""``lienthong calendar due|show``: when something is due, and which days of a year differ from the plain week. Offline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from hub.cli import opening, show, times
from hub.cli.desk import At, Complaint
from hub.cli.exits import Exit
from hub.deadlines.calendar import VIETNAM, due, due_in_days

if TYPE_CHECKING:
    from hub.cli.desk import Desk
    from hub.deadlines.calendar import Due
    from schemas.workdays import Day

SHOWN = "2026-11-23 16:00"


@dataclass(frozen=True)
class Counted:
    since: datetime
    due: Due


def _provisional(row: Counted, desk: Desk) -> str:
    years = ", ".join(map(str, row.due.provisional))
    return desk.say("calendar.provisional", years=years) if years else ""


DUE: tuple[show.Column[Counted], ...] = (
    show.Column("counted_from", lambda row: row.since, lambda row, _: times.local(row.since)),
    show.Column("due_at", lambda row: row.due.at, lambda row, _: times.local(row.due.at)),
    show.Column(
        "provisional",
        lambda row: list(row.due.provisional),
        _provisional,
        lambda row, _: "yellow" if row.due.provisional else "",
    ),
    show.Column("calendar", lambda row: row.due.calendar),
)

DAYS: tuple[show.Column[Day], ...] = (
    show.Column("date", lambda row: row.date.isoformat(), lambda row, _: f"{row.date:%d/%m/%Y}", whole=True),
    show.Column(
        "weekday",
        lambda row: row.date.isoweekday(),
        lambda row, desk: desk.say(f"weekday.{row.date.isoweekday()}"),
    ),
    show.Column(
        "works",
        lambda row: row.works,
        lambda row, desk: desk.say(f"works.{'yes' if row.works else 'no'}"),
        lambda row, _: "green" if row.works else "",
    ),
    show.Column(
        "reason",
        lambda row: {"vi": row.reason.vi, "en": row.reason.en},
        lambda row, desk: row.reason.en if desk.speech.language == "en" else row.reason.vi,
        said=True,
    ),
)


def due_(
    *,
    from_: Annotated[str, Parameter("--from")],
    hours: float | None = None,
    days: int | None = None,
    skip_holidays: Annotated[bool, Parameter(negative=())] = False,
    desk: At,
) -> int:
    """Working hours, or calendar days with ``--days``."""
    calendar, since = opening.workdays(desk.settings), _moment(from_)
    if (hours is None) == (days is None):
        raise Complaint("usage.missing", Exit.USAGE, name="--hours | --days")
    try:
        if days is not None:
            found = due_in_days(calendar, since, days, holidays_count=not skip_holidays)
        else:
            found = due(calendar, since, hours or 0)
    except (ValueError, OverflowError):
        raise _no_year(str(since.year)) from None
    show.card(desk, DUE, Counted(since, found))
    return Exit.OK


def show_(year: int, /, *, desk: At) -> int:
    calendar = opening.workdays(desk.settings)
    try:
        found = calendar.year(year)
    except ValueError:
        raise _no_year(str(year)) from None
    show.rows(desk, DAYS, found.days.values(), "nothing.days")
    desk.tell(
        "calendar.published" if found.published else "calendar.unpublished",
        year=year,
        version=calendar.version,
    )
    return Exit.OK


def _moment(said: str) -> datetime:
    """``2026-11-23 16:00`` in Vietnam time, unless it names another zone."""
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        raise Complaint("usage.value", Exit.USAGE, name="--from", value=said, known=SHOWN) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=VIETNAM)


def _no_year(said: str) -> Complaint:
    from schemas.workdays import FIRST, LAST  # noqa: PLC0415 - only where it is told

    return Complaint("usage.value", Exit.USAGE, name="YEAR", value=said, known=f"{FIRST} … {LAST}")
