"""The board of edges: one line for each hub below, from what the store knows of the line and what the hub told last. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from hub.replicating import reports
from hub.replicating.reports import Report  # noqa: TC001
from hub.store.contract.edges import Link, Waiting
from schemas.problems import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.store.contract.replicas import Succession, Told

NO_SENDER = "HUB-EDG-025"
"""What comes back to a hub waits for the partner file of the system that had sent it."""
SILENT_AFTER = timedelta(hours=1)
"""How long a hub below may not be heard before somebody is told: it works on without a line, but somebody should know."""
SKEW = 60.0
"""Seconds by which its clock may differ before it is told."""
ENDS_SOON = timedelta(days=30)


class State(StrEnum):
    STANDS = "stands"
    SILENT = "silent"
    NEVER = "never"
    LINKED = "linked"
    SUCCEEDED = "succeeded"


ORDER = tuple(State)
"""What needs a person comes first."""


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """A hub below as its partner file declares it. ``serves``: agencies, or trees of them, whose systems are there."""

    partner: str
    name: Mapping[str, str]
    agency: str
    serves: tuple[str, ...] = ()


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """``down``: what waits for it here, ``up``: what waited there for us when it told last; each with the oldest. ``version``: what stands there,
    ``newest``: what there is. ``ahead``: seconds that its clock is ahead of ours. ``through``: the hub below by which one further down is heard.
    """

    partner: str
    state: State
    name: Mapping[str, str]
    agency: str
    heard_at: datetime | None = None
    down: int = 0
    down_since: datetime | None = None
    up: int = 0
    up_since: datetime | None = None
    version: int = 0
    newest: int = 0
    software: str = ""
    ahead: float = 0.0
    disk_free: int = 0
    ends: datetime | None = None
    broken: tuple[str, ...] = ()
    problem: str = ""
    heir: str = ""
    through: str = ""
    queue: Mapping[str, int] = {}
    told_at: datetime | None = None


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What the board is made from. ``newest``: number of the newest version here."""

    edges: Sequence[Edge]
    links: Sequence[Link]
    waiting: Mapping[str, Waiting]
    told: Sequence[Told]
    successions: Sequence[Succession]
    newest: int
    now: datetime
    today: date


def board(world: World) -> tuple[Line, ...]:
    links = {each.partner: each for each in world.links}
    told = {each.partner: (each.heard_at, _read(each)) for each in world.told}
    gone = {each.partner: each for each in world.successions if each.begins <= world.today}
    lines: list[Line] = []
    for edge in world.edges:
        heard_at, report = told.get(edge.partner, (None, None))
        link = links.get(edge.partner, Link(partner=edge.partner))
        line = _line(world, edge, link, report, gone.get(edge.partner))
        heard = max((each for each in (link.met_at, heard_at) if each), default=None)
        lines.append(_judged(line, heard, heard_at, world.now))
        lines += _further(world, edge.partner, report)
    return tuple(sorted(lines, key=lambda each: (ORDER.index(each.state), each.partner)))


def _read(told: Told) -> Report | None:
    try:
        return reports.read(told.body)
    except Refusal:  # of a later software, kept as it came
        return None


def _line(world: World, edge: Edge, link: Link, report: Report | None, succession: Succession | None) -> Line:
    waits = world.waiting.get(edge.partner, Waiting(unsealed=0, offered=0, under_way=0))
    line = Line(
        partner=edge.partner,
        state=State.LINKED,
        name=edge.name,
        agency=edge.agency,
        down=waits.unsealed + waits.offered + waits.under_way,
        down_since=waits.oldest,
        newest=world.newest,
        software=link.software,
        ahead=link.ahead,
        problem=link.stands or link.error,
        heir=succession.heir if succession else "",
    )
    if link.stands:
        line = msgspec.structs.replace(line, state=State.STANDS)
    elif succession:
        line = msgspec.structs.replace(line, state=State.SUCCEEDED)
    return line if report is None else _with(line, report)


def _with(line: Line, report: Report) -> Line:
    return msgspec.structs.replace(
        line,
        up=report.up,
        up_since=report.up_since,
        version=report.stands,
        software=report.software or line.software,
        disk_free=report.disk_free,
        ends=report.ends,
        broken=report.broken,
        problem=line.problem or report.problem,
        queue=report.queue,
    )


def _judged(line: Line, heard: datetime | None, told_at: datetime | None, now: datetime) -> Line:
    line = msgspec.structs.replace(line, heard_at=heard, told_at=told_at)
    if line.state is not State.LINKED:
        return line
    if heard is None:
        return msgspec.structs.replace(line, state=State.NEVER)
    return msgspec.structs.replace(line, state=State.SILENT) if now - heard > SILENT_AFTER else line


def _further(world: World, through: str, report: Report | None) -> Iterator[Line]:
    """Hubs further down, as the one between told of them."""
    for each in report.below if report else ():
        line = Line(
            partner=each.partner or each.hub,
            state=State.LINKED,
            name={},
            agency=each.hub,
            newest=report.stands if report else 0,
            ahead=each.ahead,
            through=through,
        )
        yield _judged(_with(line, each), each.at, each.at, world.now)
        yield from _further(world, f"{through}/{each.partner or each.hub}", each)


class Worry(msgspec.Struct, frozen=True, kw_only=True):
    """Something about a hub below that a person should know. ``what``: the end of a finding's name."""

    what: str
    partner: str
    values: Mapping[str, str]


def worries(lines: Sequence[Line], now: datetime) -> Iterator[Worry]:
    for line in lines:
        if line.state is State.STANDS:
            yield Worry(what="stands", partner=line.partner, values={"code": line.problem})
        if line.state is State.SILENT and line.heard_at:
            hours = str(int((now - line.heard_at).total_seconds() // 3600))
            yield Worry(what="silent", partner=line.partner, values={"hours": hours, "down": str(line.down)})
        if line.state in (State.SUCCEEDED, State.NEVER):
            continue
        if abs(line.ahead) > SKEW:
            yield Worry(what="clock", partner=line.partner, values={"seconds": f"{line.ahead:.0f}"})
        if line.ends and line.ends - now < ENDS_SOON:
            yield Worry(what="ends", partner=line.partner, values={"days": str((line.ends - now).days)})
        if line.broken:
            yield Worry(what="broken", partner=line.partner, values={"rule": line.broken[0]})
        if line.told_at and line.version < line.newest and line.problem:
            values = {"version": str(line.version), "newest": str(line.newest), "code": line.problem}
            yield Worry(what="behind", partner=line.partner, values=values)


def halted(link: Link) -> Iterator[Worry]:
    """Say where giving back waits for a person."""
    if link.error == NO_SENDER:
        values = {"code": link.error, "detail": link.error_detail}
        yield Worry(what="halted", partner=link.partner, values=values)
