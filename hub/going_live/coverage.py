"""The board of coverage: for every agency and procedure whether it is only published, connected, silent or broken, and since when.
Pure. An agency with nothing stands there with 0, silent; it is never absent.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import msgspec

from hub.deadlines.calendar import VIETNAM, works_on
from hub.going_live.stages import EVERY, Stage, of
from hub.routing.parties import Party, Roster  # noqa: TC001
from hub.routing.recipients import NOBODY
from schemas.agencies import Agencies, Agency, Level
from schemas.procedures import Procedure, Procedures, decider_unit
from schemas.workdays import Workdays  # noqa: TC001

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hub.store.contract.coverage import Moved, Stuck

SILENT_AFTER = 5
"""Working days without a message after which something that is connected counts as silent."""
State = Literal["broken", "silent", "published", "connected"]
STATES: tuple[State, ...] = ("broken", "silent", "published", "connected")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One agency and procedure (empty: it has none). ``partners``: the systems that cover it, with their stages.

    ``since``: of a broken one when that began, otherwise when the last message came; ``None``: none ever did. ``why``: what is
    broken, with a code of the error catalogue where there is one.
    """

    agency: str
    name: dict[str, str]
    level: str
    procedure: str
    title: dict[str, str]
    partners: Mapping[str, Stage]
    state: State
    messages: int
    since: datetime | None
    why: tuple[str, ...] = ()


class World(msgspec.Struct, frozen=True, kw_only=True):
    """The registries, who is declared, and the calendar."""

    agencies: Agencies
    procedures: Procedures
    parties: Roster
    days: Workdays


def board(
    world: World,
    moved: Sequence[Moved],
    stuck: Sequence[Stuck],
    now: datetime,
    silent_after: int = SILENT_AFTER,
) -> tuple[Line, ...]:
    """Return every line, what is broken first."""
    on = now.date()
    quiet = _since(world.days, now, silent_after)
    lines = [
        _line(world, agency, procedure, _Found(moved, stuck), quiet, on)
        for agency in _listed(world, on)
        for procedure in (_published(world, agency, on) or (None,))
    ]
    return tuple(sorted(lines, key=lambda line: (STATES.index(line.state), line.agency, line.procedure)))


class _Found(msgspec.Struct, frozen=True):
    moved: Sequence[Moved]
    stuck: Sequence[Stuck]


def _since(days: Workdays, now: datetime, count: int) -> datetime:
    """Return the beginning of the last so many working days, today among them."""
    day = now.astimezone(VIETNAM).date()
    left = count
    while True:
        left -= works_on(days, day)
        if left <= 0:
            return datetime(day.year, day.month, day.day, tzinfo=VIETNAM)
        day -= timedelta(days=1)


def _listed(world: World, on: date) -> Iterator[Agency]:
    """Every agency that stands in a province that has a partner, and every partner's own."""
    own = {world.agencies.successor(code, on).code for code in world.parties.serving}
    roots = {_root(world.agencies, code) for code in own if world.agencies.level(code) != Level.NATIONAL}
    for agency in world.agencies.rows.values():
        if agency.stands(on) and (agency.code in own or _root(world.agencies, agency.code) in roots):
            yield agency


def _root(agencies: Agencies, code: str) -> str:
    *_, root = agencies.above(code)
    return root.code


def _published(world: World, agency: Agency, on: date) -> tuple[Procedure, ...]:
    """What the registry gives this agency to decide today."""
    return tuple(
        entry
        for entry in world.procedures.entries.values()
        if entry.counts(on) and _decides(world.agencies, entry, agency, on)
    )


def _decides(agencies: Agencies, entry: Procedure, agency: Agency, on: date) -> bool:
    if entry.decider in set(Level):
        return agency.level == entry.decider
    return agencies.successor(entry.decider, on).code == agency.code


def _line(
    world: World, agency: Agency, procedure: Procedure | None, found: _Found, quiet: datetime, on: date
) -> Line:
    codes = _codes(procedure)
    systems = {
        party.partner_id: stage
        for party in _systems(world, agency, on)
        if (stage := of(codes, party.stage, party.stages)) != "retired"
    }

    def its(each: Moved | Stuck) -> bool:
        if procedure is not None and each.procedure not in codes:
            return False
        return each.partner in systems or _decided(world, procedure, each.unit, on) == agency.code

    moved = [each for each in found.moved if its(each)]
    broken = [
        each
        for each in found.stuck
        if (each.what == "circuit" and each.partner in systems)
        or (each.what != "circuit" and (each.partner in systems or each.partner == NOBODY) and its(each))
    ]
    last = max((each.last_at for each in moved), default=None)
    return Line(
        agency=agency.code,
        name={"vi": agency.vi, "en": agency.en},
        level=agency.level,
        procedure=codes[0] if codes else EVERY,
        title={"vi": procedure.name.vi, "en": procedure.name.en} if procedure else {},
        partners=systems,
        state=_state(bool(broken), bool(systems), procedure is not None, last, quiet),
        messages=_messages(moved),
        since=min(each.since for each in broken) if broken else last,
        why=tuple(dict.fromkeys(f"{each.what} {each.partner} {each.code}".strip() for each in broken)),
    )


def _messages(moved: Sequence[Moved]) -> int:
    """Each message once: of those about the dossiers of one unit the partner counts that had most to do with them."""
    units: dict[str, int] = {}
    for each in moved:
        units[each.unit] = max(units.get(each.unit, 0), each.messages)
    return sum(units.values())


def _state(
    broken: bool,  # noqa: FBT001 - one row of a table
    connected: bool,  # noqa: FBT001 - the same
    published: bool,  # noqa: FBT001 - the same
    last: datetime | None,
    quiet: datetime,
) -> State:
    if broken:
        return "broken"
    if last is not None and last >= quiet:
        return "connected"
    return "published" if published and not connected and last is None else "silent"


def _codes(procedure: Procedure | None) -> tuple[str, ...]:
    if procedure is None:
        return ()
    named = [procedure.national] if procedure.national else []
    return (*named, *(local.code for local in procedure.local))


def _systems(world: World, agency: Agency, on: date) -> Iterator[Party]:
    for code, parties in world.parties.serving.items():
        if world.agencies.successor(code, on).code == agency.code:
            yield from parties


def _decided(world: World, procedure: Procedure | None, received_by: str, on: date) -> str | None:
    """Return who decides a dossier that was received there, today; without a procedure the unit itself."""
    if world.agencies.known(received_by) is None:
        return None
    code = decider_unit(procedure, received_by, world.agencies) if procedure else received_by
    return world.agencies.successor(code, on).code if code is not None else None
