"""``lienthong registry refresh``: what a partner publishes against what the hub knows, and a dated version of it when that is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, get_args

from cyclopts import Parameter

from connectors.catalogues import Dictionary
from connectors.contract import Missed
from hub.cli import opening, show
from hub.cli.desk import At, Complaint
from hub.cli.exits import Exit
from hub.deadlines.calendar import VIETNAM
from hub.registries import comparing, records, versions
from hub.registries.comparing import Change
from schemas.problems import refuse

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from connectors.catalogues import Procedure
    from hub.cli.desk import Desk
    from hub.registries.publisher import Publisher

Lists = Literal["procedures", "agencies", "fields"]
ALL: tuple[Lists, ...] = get_args(Lists)
DICTIONARIES = "dictionaries"
"""Every shared dictionary that the partner has; one of them by its own name."""


class Heard(NamedTuple):
    """What one list came to. ``whole``: its procedures, with the partner's own records."""

    changes: tuple[Change, ...]
    whole: tuple[Procedure, ...] = ()


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
    only: Annotated[tuple[str, ...], Parameter(negative=())] = (),
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
    asked = _asked(found, only)
    today = desk.now().astimezone(VIETNAM).date()
    try:
        heard = [await _heard(found, each, today) for each in asked]
    finally:
        await found.catalogues.close()
    changes = [change for each in heard for change in each.changes]
    show.rows(desk, CHANGES, changes, "registry.alike")
    storable = sum(change.row is not None for change in changes)
    whole = [procedure for each in heard for procedure in each.whole]
    fresh = records.fresh(found.site, whole) if apply and found.site is not None else {}
    if apply and found.site is not None and (storable or fresh):
        files, kept = await _stored(desk, found, found.site, partner, changes, fresh)
        if files:
            desk.tell("registry.stored", number=storable, files=", ".join(map(str, files)))
        if kept:
            desk.tell("registry.kept", number=len(kept), folder=str(kept[0].parent))
        changes = [change for change in changes if change.row is None]
    elif storable:
        desk.tell("registry.differs", number=storable)
    return Exit.FOUND if changes else Exit.OK


async def _stored(
    desk: Desk, found: Publisher, site: Path, partner: str, changes: list[Change], fresh: dict[str, bytes]
) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The journal is there before anything is written, and says what was: versions, and records kept whole."""
    today = desk.now().astimezone(VIETNAM).date()
    async with desk.hub() as hub:
        files = versions.store(site, partner, today, changes, found.lists)
        kept = records.keep(site, partner, today, fresh)
        facts = versions.told(site, partner, files, changes) | records.told(kept)
        await hub.store.catalogues.refreshed({**facts, "by": desk.by}, desk.now())
    return files, kept


def _asked(found: Publisher, only: tuple[str, ...]) -> list[Lists | Dictionary]:
    """Without a word the registries, or the dictionaries of a partner that has only those. A name that is none of the partner's lists is a wrong use."""
    named = {each.id: each for each in found.catalogues.dictionaries}
    asked: list[Lists | Dictionary] = []
    registries = ALL if found.catalogues.registers else ()
    for word in only or registries or (DICTIONARIES,):
        listed = next((each for each in registries if each == word), None)
        if listed is not None:
            asked.append(listed)
        elif word == DICTIONARIES and named:
            asked.extend(named.values())
        elif word in named:
            asked.append(named[word])
        else:
            known = ", ".join([*registries, *([DICTIONARIES] if named else []), *named])
            raise Complaint("registry.list", Exit.USAGE, value=word, known=known)
    return asked


async def _heard(found: Publisher, what: Lists | Dictionary, on: date) -> Heard:
    """A dictionary that did not come whole is told as that, beside those that did: a portal need not have every one."""
    if not isinstance(what, Dictionary):
        return await _differences(found, what, on)
    items = await found.catalogues.items(what)
    if isinstance(items, Missed):
        reason = f"{items.reason.code} {items.reason.detail}".strip()
        return Heard((Change(kind="unfit", of="code", code=what.id, after=reason, why="list"),))
    return Heard(tuple(comparing.codes(found.lists.lists.get(what.id), items, what, on)))


async def _differences(found: Publisher, what: Lists, on: date) -> Heard:
    """Raise ``Refusal`` for a list that did not come whole: nothing is concluded from it."""
    match what:
        case "procedures":
            listed = await found.catalogues.procedures()
            if not isinstance(listed, Missed):
                differing = comparing.procedures(found.procedures, found.agencies, listed, on)
                return Heard(tuple(differing), listed)
        case "agencies":
            units = await found.catalogues.agencies()
            if not isinstance(units, Missed):
                return Heard(tuple(comparing.agencies(found.agencies, units, found.root, on)))
            listed = units
        case "fields":
            fields = await found.catalogues.fields()
            if not isinstance(fields, Missed):
                return Heard(tuple(comparing.fields(found.procedures, fields, on)))
            listed = fields
    raise refuse(listed.reason.code, what, detail=listed.reason.detail)
