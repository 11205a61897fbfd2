"""``lienthong registry refresh``: what a partner publishes against what the hub knows, and a dated version of it when that is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from connectors.contract import Missed
from hub.cli import opening, show
from hub.cli.desk import At, Complaint
from hub.cli.exits import Exit
from hub.deadlines.calendar import VIETNAM
from hub.registries import comparing, versions
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from hub.registries.comparing import Change
    from hub.registries.publisher import Publisher

Lists = Literal["procedures", "agencies", "fields"]
ALL: tuple[Lists, ...] = ("procedures", "agencies", "fields")

CHANGES: tuple[show.Column[Change], ...] = (
    show.Column("change", lambda row: row.kind, lambda row, desk: desk.say(f"published.{row.kind}")),
    show.Column("list", lambda row: row.of, lambda row, desk: desk.say(f"published.{row.of}")),
    show.Column("code", lambda row: row.code, whole=True),
    show.Column("before", lambda row: row.before),
    show.Column("after", lambda row: row.after),
    show.Column(
        "lacks",
        lambda row: row.why or None,
        lambda row, desk: desk.say(f"lacks.{row.why}") if row.why else "",
    ),
)


async def refresh(
    partner: str,
    /,
    *,
    only: Annotated[tuple[Lists, ...], Parameter(negative=())] = (),
    apply: Annotated[bool, Parameter(negative=())] = False,
    desk: At,
) -> int:
    """The exit status says whether anything differs; with ``--apply`` what could not be stored still does."""
    found = opening.publisher(desk.settings, partner)
    if isinstance(found, tuple):
        known = ", ".join(found) or desk.say("registry.nobody")
        raise Complaint("registry.silent", Exit.FAILED, name=partner, known=known)
    if apply and found.site is None:
        raise Complaint("registry.nowhere", Exit.USAGE)
    today = desk.now().astimezone(VIETNAM).date()
    try:
        changes = [change for each in only or ALL for change in await _differences(found, each, today)]
    finally:
        await found.catalogues.close()
    show.rows(desk, CHANGES, changes, "registry.alike")
    storable = sum(change.row is not None for change in changes)
    if apply and found.site is not None and storable:
        files = versions.store(found.site, partner, today, changes)
        desk.tell("registry.stored", number=storable, files=", ".join(map(str, files)))
        changes = [change for change in changes if change.row is None]
    elif storable:
        desk.tell("registry.differs", number=storable)
    return Exit.FOUND if changes else Exit.OK


async def _differences(found: Publisher, what: Lists, on: date) -> Iterator[Change]:
    """Raise ``Refusal`` for a list that did not come whole: nothing is concluded from it."""
    match what:
        case "procedures":
            listed = await found.catalogues.procedures()
            if not isinstance(listed, Missed):
                return comparing.procedures(found.procedures, found.agencies, listed, on)
        case "agencies":
            units = await found.catalogues.agencies()
            if not isinstance(units, Missed):
                return comparing.agencies(found.agencies, units, found.root, on)
            listed = units
        case "fields":
            fields = await found.catalogues.fields()
            if not isinstance(fields, Missed):
                return comparing.fields(found.procedures, fields, on)
            listed = fields
    raise refuse(listed.reason.code, what, detail=listed.reason.detail)
