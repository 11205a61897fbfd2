"""Partner files: one closed TOML file per system that the hub talks to. Adding a partner changes no Python.

Every mistake of every file is found in one reading: unknown key, wrong type, plain ``http://`` that leaves the machine,
a schema, mapping, key or file that is not there, an id or an API key that stands twice. Each is HUB-CFG-001 with file,
line and path. What a room wants to know stands under ``[receives.<room>]`` and is read by the room's own model, so that
nothing here names a room. Relative file names are relative to the folder of the partner's file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from pydantic import BaseModel

from hub.closed_toml import Source
from hub.partners import across, between, tolerant
from hub.partners.declaration import Declaration
from hub.partners.partner import Partner
from hub.partners.world import Reading
from hub.settings.values import is_loopback
from schemas.problems import Problem, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hub.closed_toml import Steps
    from hub.partners.world import World

CODE = "HUB-CFG-001"


class Looked(NamedTuple):
    """A file as it was read. ``partner``: as far as it can be told, where anything is wrong: for what is looked at beside it, never for
    use. ``doubtful``: places of which nothing more is said.
    """

    source: Source
    partner: Partner | None
    problems: tuple[Problem, ...]
    doubtful: tuple[str, ...] = ()


def load(folder: Path, world: World) -> tuple[Partner, ...]:
    """Read every ``*.toml`` of the folder that is no draft, in the order of their names. Raises ``Refusal`` with the problems of all."""
    if not folder.is_dir():
        raise Refusal(Problem(code=CODE, place=folder.name, rule="a folder that is there"))
    seen: list[Looked] = []
    problems: list[Problem] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            source = Source(path, CODE)
        except Refusal as refusal:
            problems.extend(refusal.problems)
            continue
        if source.values.get("draft") is not True:
            seen.append(look(source, world))
            problems.extend(seen[-1].problems)
    problems.extend(problem for _, problem in together(seen))
    if problems:
        raise Refusal(*problems)
    return tuple(each.partner for each in seen if each.partner)


def together(seen: Sequence[Looked]) -> Iterator[tuple[Source, Problem]]:
    """Say what does not go together in these files; each problem at the later of two."""
    doubtful = tuple(place for each in seen for place in each.doubtful)
    for source, problem in across.faults([(each.source, each.partner) for each in seen if each.partner]):
        if not problem.place.startswith(doubtful):
            yield source, problem


def read(path: Path, world: World) -> Partner:
    """Read one partner's file. Raises ``Refusal`` with every problem of it."""
    return _read(Source(path, CODE), world)


def _read(source: Source, world: World) -> Partner:
    seen = look(source, world)
    if seen.problems or seen.partner is None:
        raise Refusal(*seen.problems)
    return seen.partner


def look(source: Source, world: World) -> Looked:
    """Find every problem of one file: what is wrong is left out (``hub.partners.tolerant``), and the rest is looked at all the same."""
    values, room, table = _without_room(source.values, world)
    under: Steps = ("receives" if "receives" in source.values else "sends", room)
    home = source.path.parent
    believing = Reading(world, home, believing=True)
    told = tolerant.read(source, Declaration, values, contexts=(Reading(world, home), believing))
    problems, left, settings = told.problems, told.left, None
    if room != source.values.get("room") in world.rooms:
        problems = [source.problem(("room",), f"the room whose table is there: {room}"), *problems]
    if table is not None:
        found = _room_settings(source, world.rooms[room], table, under)
        settings, left = found.value, [*left, *found.left]
        known = {problem.line for problem in (*problems, *found.problems)}
        problems += found.problems
        problems += [problem for problem in _open_http(source, table, under) if problem.line not in known]
    if settings is not None:
        said = world.fits(room, settings, told.value.receives if told.value else None)
        files = dict(_files(settings, under))
        at = [files.get(problem.place) or _room_place(problem, table or {}, under) for problem in said]
        problems += [
            _placed(source, problem, steps)
            for problem, steps in zip(said, at, strict=True)
            if not any(tolerant.related(steps, path) for path in found.left)
        ]
    if told.value is None:
        return Looked(source, None, _in_order(problems))
    doubtful = _doubtful(source, told.left, left)
    problems += [
        problem
        for problem in between.faults(source, told.value, settings, world, under)
        if not problem.place.startswith(doubtful)
    ]
    partner = Partner(file=source.path, settings=settings, **dict(told.value))
    return Looked(source, partner, _in_order(problems), doubtful)


def _in_order(problems: list[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: problem.line))


def _doubtful(source: Source, declared: Iterable[Steps], left: Iterable[Steps]) -> tuple[str, ...]:
    """Places about which nothing more is said, because it may only follow from what was left out: a table of the declaration as a
    whole, of the room's own what was left out itself. Ways in count for every table.
    """
    tables = {path[0] for path in declared}
    if "access" in tables:
        return (source.name,)
    whole = [source.problem((table,), "").place for table in tables if table in {"sends", "receives"}]
    return (*whole, *(source.problem(path, "").place for path in left))


def _files(value: Any, at: Steps) -> Iterator[tuple[str, Steps]]:  # noqa: ANN401 - whatever a room's settings hold
    """Every file that a room's settings name, and where: a room says of a secret only which file it is."""
    match value:
        case Path():
            yield str(value), at
        case BaseModel():
            for name in type(value).model_fields:
                yield from _files(getattr(value, name), (*at, name))
        case dict():
            for key, each in value.items():
                yield from _files(each, (*at, key))


def _room_place(problem: Problem, table: dict[str, Any], under: Steps) -> Steps:
    """Lead what a room says (``operations.X``, ``wsdl:nope@1``) back to its table."""
    steps = tuple(re.split(r"[.:]", problem.place))
    if steps[0] not in table:
        return under
    return (*under, *(steps if "." in problem.place else steps[:1]))


def _placed(source: Source, problem: Problem, at: Steps) -> Problem:
    detail = problem.detail or problem.place.partition(":")[2]
    return source.problem(at, problem.rule or "a schema of the library", detail)


def _without_room(values: dict[str, Any], world: World) -> tuple[dict[str, Any], str, dict[str, Any] | None]:
    """Part the room's own table from the rest; no table is an empty one for a partner that receives or that is picked up from. Where
    ``room`` names none, the one whose table is there is meant, so that what is wrong in it is told at once.
    """
    way = "receives" if "receives" in values else "sends"
    around, sends = values.get(way), values.get("sends")
    room = _meant(values.get("room"), around, world)
    if not isinstance(room, str) or room not in world.rooms or not isinstance(around, dict):
        return values, room if isinstance(room, str) else "", None
    if way == "sends" and not (isinstance(sends, dict) and "collect" in sends):
        return values, room, None
    rest = {key: value for key, value in around.items() if key != room}
    table = around.get(room, {})
    return {**values, way: rest}, room, table if isinstance(table, dict) else {}


def _meant(room: object, around: object, world: World) -> object:
    if not isinstance(around, dict) or (isinstance(room, str) and room in world.rooms and room in around):
        return room
    there = [each for each in world.rooms if isinstance(around.get(each), dict)]
    return there[0] if len(there) == 1 else room


def _room_settings(
    source: Source, model: type[BaseModel], table: dict[str, Any], under: Steps
) -> tolerant.Read[BaseModel]:
    """A key whose file is not there is left out, as one that is wrong."""
    found = tolerant.read(source, model, table, under)
    if found.value is None:
        return found
    missing: list[Steps] = []
    value: BaseModel | None = _anchored(source, found.value, under, missing)
    for path in missing:
        field = model.model_fields[str(path[len(under)])]
        value = None if value is None or field.is_required() else value
        value = value and value.model_copy(update={str(path[len(under)]): field.get_default()})
    told = [source.problem(path, "a file that is there") for path in missing]
    return tolerant.Read(value, [*found.problems, *told], [*found.left, *missing])


def _anchored(source: Source, model: BaseModel, under: Steps, missing: list[Steps]) -> BaseModel:
    """Make every file name of a room's settings absolute, and note those that are not there."""
    changed = {
        name: _at_home(source, getattr(model, name), (*under, name), missing)
        for name in type(model).model_fields
    }
    return model.model_copy(update=changed)


def _at_home(source: Source, value: Any, place: Steps, missing: list[Steps]) -> Any:  # noqa: ANN401 - whatever a room's settings hold
    match value:
        case Path():
            found = source.path.parent / value
            if not found.exists():
                missing.append(place)
            return found
        case BaseModel():
            return _anchored(source, value, place, missing)
        case dict():
            return {key: _at_home(source, each, (*place, key), missing) for key, each in value.items()}
        case _:
            return value


def _open_http(source: Source, value: object, at: Steps) -> Iterator[Problem]:
    """Name every address that would leave this machine unencrypted, whatever the room calls it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _open_http(source, inner, (*at, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _open_http(source, inner, (*at, number))
    elif isinstance(value, str) and value.lower().startswith("http://") and not _stays_here(value):
        yield source.problem(at, "only https:// leaves this machine")


def _stays_here(url: str) -> bool:
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False
