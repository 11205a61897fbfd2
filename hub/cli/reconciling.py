"""``lienthong reconcile run``: a day with a partner, as both sides know it, held against each other."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from hub.cli import opening, reading, show
from hub.cli.desk import At, Complaint
from hub.cli.exits import Exit
from hub.deadlines.calendar import VIETNAM
from hub.reconciling import days, lists, results, summary
from hub.reconciling.comparing import Finding, What, counts, findings

if TYPE_CHECKING:
    from hub.cli.desk import Desk
    from hub.cli.opening import Hub
    from hub.reconciling.items import Item, Side

Day = Annotated[date | None, Parameter(name="--day", negative=())]
File = Annotated[Path | None, Parameter(name="--list", negative=())]


def _side(item: Item | None) -> str:
    return f"{item.standing} {item.digest}".strip() if item else ""


def _shown(item: Item | None, desk: Desk) -> str:
    return f"{desk.say(f'held_as.{item.standing}')} {item.digest[:12]}".strip() if item else ""


DIFFERENCES: tuple[show.Column[Finding], ...] = (
    show.Column("direction", lambda row: row.way, lambda row, desk: desk.say(f"direction.{row.way}")),
    show.Column(
        "difference",
        lambda row: row.what,
        lambda row, desk: desk.say(f"difference.{row.what}"),
        lambda row, _: "red" if row.what is What.MISSING else "yellow",
    ),
    show.Column("key", lambda row: row.id, whole=True),
    show.Column("dossier", lambda row: row.ours.code if row.ours else ""),
    show.Column("kind", lambda row: row.ours.kind if row.ours else "", room=160),
    show.Column("here", lambda row: _side(row.ours), lambda row, desk: _shown(row.ours, desk)),
    show.Column("there", lambda row: _side(row.theirs), lambda row, desk: _shown(row.theirs, desk)),
    show.Column(
        "mending",
        lambda row: [str(each) for each in row.fixes],
        lambda row, desk: desk.say(f"mending.{row.fixes[0]}"),
    ),
)


def yesterday(desk: Desk) -> date:
    return desk.now().astimezone(VIETNAM).date() - timedelta(days=1)


async def _sides(desk: Desk, hub: Hub, partner: str, day: date, told: Side | None) -> tuple[str, Side, Side]:
    """Return where the other side's word comes from, our side and theirs, both in our words for the ways."""
    of, store = hub.partners[partner], hub.store
    if told is not None:
        return "list", await days.ours(store.days, partner, day), told.mirrored
    if of.room == "edge":
        ours = await days.crossed(store.days, partner, day)
        here, there = await opening.differing(desk.settings, partner, day, ours)
        return "hub", ours, summary.whole(ours, here, there)
    if not (of.receives and of.receives.acknowledges):
        raise Complaint("unknown.other_side", Exit.FAILED, partner=partner)
    sent = (await days.ours(store.days, partner, day))._replace(received=())
    return "receipts", sent, (await days.receipted(store.days, partner, day)).mirrored


async def run(partner: str, /, *, day: Day = None, file: File = None, desk: At) -> int:
    """Compare with the partner's list; without one a hub with what it says, others with their receipts. What is found is kept. Status 3 when something differs."""
    on = day or yesterday(desk)
    told = lists.read(reading.piped(desk, file), str(file)) if file else None
    async with desk.hub() as hub:
        if partner not in hub.partners:
            raise Complaint("unknown.partner", Exit.FAILED, name=partner, known=", ".join(hub.partners))
        source, ours, theirs = await _sides(desk, hub, partner, on, told)
        made = results.document(partner, on, source, ours, theirs)
        kept = await hub.store.reconciled.keep(results.kept(made, desk.by, desk.now()))
    for way, counted in counts(ours, theirs).items():
        desk.tell(
            "told.reconciled",
            partner=partner,
            day=f"{on:%d/%m/%Y}",
            direction=desk.say(f"direction.{way}"),
            ours=counted.ours,
            theirs=counted.theirs,
            open=counted.open,
        )
    desk.tell("told.kept_as", version=kept.version, digest=kept.digest[:12])
    found = findings(ours, theirs)
    show.rows(desk, DIFFERENCES, found, "nothing.differences_of_day")
    return Exit.FOUND if found else Exit.OK
