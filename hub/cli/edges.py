"""``lienthong edges list|show|readmit|versions|publish-version|succeed``: the hubs below, what they are given, and whose unit was taken over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from hub.cli import opening, show, times
from hub.cli.acting import Yes  # noqa: TC001 - cyclopts reads the annotations at run time
from hub.cli.asking import agreed
from hub.cli.desk import At, Complaint
from hub.cli.exits import Exit
from hub.deadlines.calendar import VIETNAM
from hub.replicating import renewing, succession
from hub.replicating.board import Line, State
from hub.store.contract.replicas import Succession
from schemas.problems import refuse

if TYPE_CHECKING:
    from datetime import datetime

    from hub.cli.desk import Desk
    from hub.store.contract.replicas import Kept

From = Annotated[str, Parameter(name="--from")]
COLOURS = {
    State.STANDS: "red",
    State.SILENT: "yellow",
    State.NEVER: "blue",
    State.LINKED: "green",
    State.SUCCEEDED: "blue",
}
BEHIND = 60.0
"""Seconds by which a clock may differ before it is shown in colour."""


@dataclass(frozen=True)
class Taken:
    """What ``succeed`` wrote for one hub below."""

    partner: str
    agency: str
    heir: str
    begins: date
    drains: date


def _ago(moment: datetime | None, desk: Desk) -> str:
    return times.span(desk.speech, (desk.now() - moment).total_seconds()) if moment else ""


def _room(free: int) -> str:
    return f"{free / (1 << 30):.1f} GB" if free else ""


def _state(row: Line, desk: Desk) -> str:
    return desk.say(f"edge.{row.state}", ago=_ago(row.heard_at, desk), heir=row.heir)


LINES: tuple[show.Column[Line], ...] = (
    show.Column("partner", lambda row: row.partner, whole=True),
    show.Column("state", lambda row: str(row.state), _state, lambda row, _: COLOURS[row.state]),
    show.Column("heard_at", lambda row: row.heard_at, lambda row, desk: _ago(row.heard_at, desk)),
    show.Column("waits_down", lambda row: row.down, colour=lambda row, _: "yellow" if row.down else ""),
    show.Column("waits_up", lambda row: row.up, colour=lambda row, _: "yellow" if row.up else ""),
    show.Column(
        "stands_version",
        lambda row: row.version,
        lambda row, _: f"{row.version}/{row.newest}",
        lambda row, _: "yellow" if row.version < row.newest else "",
    ),
    show.Column("newest_version", lambda row: row.newest, room=400),
    show.Column("software", lambda row: row.software, room=110),
    show.Column(
        "ahead",
        lambda row: round(row.ahead, 1),
        lambda row, _: f"{row.ahead:+.0f} s",
        lambda row, _: "red" if abs(row.ahead) > BEHIND else "",
        room=120,
    ),
    show.Column("disk_free", lambda row: row.disk_free, lambda row, _: _room(row.disk_free), room=130),
    show.Column(
        "certificate_ends",
        lambda row: row.ends,
        lambda row, _: times.local(row.ends) if row.ends else "",
        room=150,
    ),
    show.Column("problem", lambda row: row.problem, room=90),
    show.Column("through", lambda row: row.through, room=160),
)
LINE: tuple[show.Column[Line], ...] = (
    *LINES[:3],
    show.Column(
        "name",
        lambda row: dict(row.name),
        lambda row, desk: row.name.get(desk.speech.language, ""),
        said=True,
    ),
    show.Column("agency", lambda row: row.agency),
    *LINES[3:],
    show.Column("down_since", lambda row: row.down_since, lambda row, desk: _ago(row.down_since, desk)),
    show.Column("up_since", lambda row: row.up_since, lambda row, desk: _ago(row.up_since, desk)),
    show.Column("told_at", lambda row: row.told_at, lambda row, desk: _ago(row.told_at, desk)),
    show.Column(
        "edge_queue",
        lambda row: dict(row.queue),
        lambda row, desk: ", ".join(
            f"{desk.say(f'state.{state}')}: {number}" for state, number in row.queue.items()
        ),
    ),
    show.Column("broken", lambda row: list(row.broken), lambda row, _: "; ".join(row.broken)),
    show.Column("heir", lambda row: row.heir),
)
VERSIONS: tuple[show.Column[Kept], ...] = (
    show.Column("publisher", lambda row: row.hub, whole=True),
    show.Column("version", lambda row: row.number),
    show.Column("effective", lambda row: row.from_day.isoformat()),
    show.Column(
        "stands_at",
        lambda row: row.stands_at,
        lambda row, _: times.local(row.stands_at) if row.stands_at else "",
    ),
    show.Column("at", lambda row: row.made_at, lambda row, _: times.local(row.made_at), room=120),
    show.Column("is_signed", lambda row: bool(row.signature)),
    show.Column("digest", lambda row: row.digest, room=180),
    show.Column("by", lambda row: row.by, room=140),
    show.Column("reason", lambda row: row.reason, room=160),
)
TAKEN: tuple[show.Column[Taken], ...] = (
    show.Column("partner", lambda row: row.partner, whole=True),
    show.Column("agency", lambda row: row.agency, whole=True),
    show.Column("heir", lambda row: row.heir, whole=True),
    show.Column("effective", lambda row: row.begins.isoformat()),
    show.Column("drains", lambda row: row.drains.isoformat()),
)


async def list_(*, desk: At) -> int:
    """Show every hub below; status 3 when one stands or is silent."""
    async with desk.hub() as hub:
        lines = await opening.edges(desk.settings, hub.store, desk.now())
    show.rows(desk, LINES, lines, "nothing.edges")
    return Exit.FOUND if any(line.state in (State.STANDS, State.SILENT) for line in lines) else Exit.OK


async def show_(partner: str, /, *, desk: At) -> int:
    """Show all that is known of one."""
    async with desk.hub() as hub:
        lines = await opening.edges(desk.settings, hub.store, desk.now())
    found = next((line for line in lines if line.partner == partner), None)
    if found is None:
        raise _unknown(partner, lines)
    show.card(desk, LINE, found)
    return Exit.OK


def _unknown(partner: str, lines: tuple[Line, ...]) -> Complaint:
    known = ", ".join(line.partner for line in lines) or "–"
    return Complaint("usage.edge", Exit.FAILED, name=partner, known=known)


async def readmit(partner: str, /, *, reason: str = "", yes: Yes = False, desk: At) -> int:
    """Believe a hub again that said other than before: both ways begin a new epoch of numbers, and it fetches back what it had sent."""
    async with desk.hub() as hub:
        lines = await opening.edges(desk.settings, hub.store, desk.now())
        if partner not in {line.partner for line in lines}:
            raise _unknown(partner, lines)
        link = await hub.store.edges.link(partner)
        if not link.stands:
            raise refuse("HUB-EDG-021", partner)
        told = desk.say("consequence.readmit", partner=partner, code=link.stands, detail=link.detail)
        why = agreed(desk, [told], reason=reason, yes=yes)
        await hub.store.edges.readmit(partner, reason=why, by=desk.by, now=desk.now())
        lines = await opening.edges(desk.settings, hub.store, desk.now())
    show.card(desk, LINE, next(line for line in lines if line.partner == partner))
    return Exit.OK


async def versions(*, desk: At) -> int:
    """Show every version that this hub made, and those that came from the hub above."""
    async with desk.hub() as hub:
        found = await hub.store.replicas.versions()
    show.rows(desk, VERSIONS, found, "nothing.versions")
    return Exit.OK


async def publish_version(*, begins: From = "", reason: str = "", yes: Yes = False, desk: At) -> int:
    """Make the next version of what there is now; by itself the hub does so when it stood still for a minute."""
    today = desk.now().astimezone(VIETNAM).date()
    day = _day(begins, today)
    async with desk.hub() as hub:
        why = agreed(
            desk, [desk.say("consequence.version", effective=day.isoformat())], reason=reason, yes=yes
        )
        kept = await opening.publish_version(desk.settings, hub.store, by=desk.by, reason=why, from_day=day)
        if kept is None:
            desk.tell("already.version")
            return Exit.OK
    show.rows(desk, VERSIONS, [kept], "nothing.versions")
    return Exit.OK


def _day(told: str, least: date) -> date:
    try:
        day = date.fromisoformat(told) if told else least
    except ValueError:
        raise Complaint("usage.effective", Exit.USAGE, value=told) from None
    if day < least:
        raise Complaint("usage.day_over", Exit.USAGE, value=told, least=least.isoformat())
    return day


async def succeed(
    *edges: str,
    by: str,
    begins: From = "",
    drain: int = succession.DRAINS,
    reason: str = "",
    yes: Yes = False,
    desk: At,
) -> int:
    """Let an agency take over those of hubs below. Nothing is written when one of them cannot be taken over."""
    if not edges:
        raise Complaint("usage.edges", Exit.USAGE)
    if not 0 <= drain <= 365:  # noqa: PLR2004 - a year
        raise Complaint("usage.drain", Exit.USAGE)
    now = desk.now()
    day = _day(begins, now.astimezone(VIETNAM).date())
    async with desk.hub() as hub:
        lines = {line.partner: line for line in await opening.edges(desk.settings, hub.store, now)}
        unknown = next((each for each in edges if each not in lines or lines[each].through), None)
        if unknown is not None:
            raise _unknown(unknown, tuple(lines.values()))
        succession.free(edges, await hub.store.replicas.successions())
        planned = opening.successors(desk.settings, [lines[each].agency for each in edges], by, day)
        last = succession.drained(day, drain)
        told = [
            desk.say(
                "consequence.succeed",
                partner=each,
                agency=row.code,
                heir=planned.heir,
                begins=day.isoformat(),
                drains=last.isoformat(),
            )
            for each, row in zip(edges, planned.rows, strict=True)
        ]
        why = agreed(desk, told, reason=reason, yes=yes)
        planned.store(now)
        found = [
            Taken(each, row.code, planned.heir, day, last)
            for each, row in zip(edges, planned.rows, strict=True)
        ]
        for each in found:
            what = Succession(
                partner=each.partner,
                agency=each.agency,
                heir=each.heir,
                begins=day,
                drains=last,
                at=now,
                by=desk.by,
                reason=why,
            )
            await hub.store.replicas.succeed(what)
        renewing.ask(planned.folder, now)
    show.rows(desk, TAKEN, found, "nothing.edges")
    return Exit.OK
