"""What is wrong with partner files before a hub reads them: each by itself, with its mappings and keys, with each other and with the settings."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hub.closed_toml import Source
from hub.drafting.faults import faults
from hub.partners import across, reading
from hub.settings import file as settings_file
from hub.wiring import declared
from hub.wiring.governing import file_of, unapproved
from hub.wiring.parts import utc_now
from hub.wiring.tools import keys_of
from schemas.problems import Refusal
from schemas.table import read_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from hub.partners.declaration import Receives
    from hub.partners.partner import Partner
    from hub.partners.reading import Looked
    from hub.settings.file import Settings
    from schemas.problems import Problem
    from schemas.table import Table


def check_partners(path: Path, files: Sequence[Path]) -> Sequence[tuple[Path, Problem]]:
    """Say everything that is wrong with these files, as they stand beside the settings and the other partners; each with its file.

    One that lies elsewhere takes the place of the partner that has its id. Drafts may name mappings
    that are unfinished, and are no other file's affair.
    """
    settings = settings_file.load(path)
    own = [_look(path, settings, file) for file in files]
    others = _others(path, settings, own)
    found = [(file, problem) for each in own for file, problem in each.faults()]
    found += _elsewhere(settings, path, own)
    found += _together(settings, path, [each for each in others if not each.draft], own)
    found += [*_unsaid(settings, own), *_keys(settings, own)]
    order = {file: number for number, file in enumerate(files)}
    return sorted(dict.fromkeys(found), key=lambda each: (order.get(each[0], len(files)), each[1].line))


def check_partner(path: Path, file: Path) -> Sequence[Problem]:
    """Say what is wrong with one partner file."""
    return tuple(problem for _, problem in check_partners(path, (file,)))


def mapping_faults(path: Path, file: Path) -> Sequence[tuple[Path, Problem]]:
    """Say what is wrong with, or still open in, the site's own mappings that a partner's file names."""
    settings = settings_file.load(path)
    library = declared.library_of(settings)
    named = declared.named_mappings(settings, file)
    used = frozenset("@".join(each.stem.rsplit("-", 1)) for each in named)
    wrong = [(each, problem) for each in named for problem in faults(each, library)]
    waits = [(file, problem) for problem in unapproved(settings, declared.MAPPINGS, used, utc_now())]
    return [*wrong, *waits]


class _Seen(NamedTuple):
    """One file: as it was read, or why it cannot be. ``elsewhere``: what is wrong with mappings that it does not name."""

    file: Path
    looked: Looked | None
    unread: Sequence[Problem] = ()
    elsewhere: Sequence[Problem] = ()

    @property
    def draft(self) -> bool:
        return self.looked is not None and self.looked.source.values.get("draft") is True

    @property
    def partner(self) -> Partner | None:
        return self.looked.partner if self.looked else None

    def faults(self) -> Iterator[tuple[Path, Problem]]:
        for problem in (*self.unread, *(self.looked.problems if self.looked else ())):
            yield self.file, problem


def _others(path: Path, settings: Settings, own: Sequence[_Seen]) -> list[_Seen]:
    """The partners' folder without these files, and without those that a file from elsewhere would replace."""
    folder, files = settings.partners.resolve(), {each.file.resolve() for each in own}
    replaced = {each.partner.id for each in own if each.partner and each.file.resolve().parent != folder}
    found = [_look(path, settings, file) for file in sorted(folder.glob("*.toml")) if file not in files]
    return [each for each in found if each.partner is None or each.partner.id not in replaced]


def _look(path: Path, settings: Settings, file: Path) -> _Seen:
    try:
        source = Source(file, reading.CODE)
    except Refusal as refusal:
        return _Seen(file, None, refusal.problems)
    world, library, _, wrong = declared.around(path, file)
    world = msgspec.structs.replace(world, mappings=world.mappings | declared.refs(settings))
    asked = declared.asked(world, library, partial(_said, settings))
    return _Seen(file, reading.look(source, asked), (), wrong)


def _table(settings: Settings, receives: Receives) -> Table | None:
    """A mapping as its file stands, finished or not; what is wrong with it is told of that file."""
    try:
        return read_table(file_of(settings, declared.MAPPINGS, receives.mapping)[0])
    except Refusal:
        return None


def _said(settings: Settings, receives: Receives) -> Mapping[str, str]:
    """What a partner's mapping writes for the kinds that it takes: each operation with its root element; none in JSON."""
    table = _table(settings, receives)
    if table is None:
        return {}
    names = {name for kind in receives.kinds for name in table.operations.get(kind, ())}
    told = {name: table.operation[name] for name in sorted(names) if name in table.operation}
    return {name: f"{{{table.namespace}}}{each.root}" if each.root else "" for name, each in told.items()}


def _unsaid(settings: Settings, own: Sequence[_Seen]) -> Iterator[tuple[Path, Problem]]:
    """Kinds that a partner would be sent and its mapping has neither an operation nor a reason for."""
    for each in own:
        receives = each.partner.receives if each.partner else None
        table = _table(settings, receives) if receives else None
        if each.looked is None or receives is None or table is None or table.kinds.untold_others:
            continue
        known = {*table.operations, *table.kinds.untold}
        unknown = [str(kind) for kind in receives.kinds if kind not in known]
        place = ("receives", "kinds")
        source = each.looked.source
        problem = source.problem(place, "kinds that the mapping says", ", ".join(unknown))
        if table.operations and unknown and not problem.place.startswith(each.looked.doubtful):
            yield each.file, problem


def _elsewhere(settings: Settings, path: Path, own: Sequence[_Seen]) -> Iterator[tuple[Path, Problem]]:
    """Mappings that none of these files need name: a hub reads all of them."""
    library = declared.library_of(settings)
    for problem in dict.fromkeys(problem for each in own for problem in each.elsewhere):
        file = settings.mappings / problem.place.partition(" ")[0] if settings.mappings else path
        placed = faults(file, library) if file.is_file() and file != path else ()
        yield from ((file, each) for each in placed or (problem,))


def _together(
    settings: Settings, path: Path, others: Sequence[_Seen], own: Sequence[_Seen]
) -> Iterator[tuple[Path, Problem]]:
    """What does not go together is told of the files that were asked about, and of the settings for their sake."""
    files = {id(each.looked.source): each.file for each in own if each.looked}
    seen = [each.looked for each in (*others, *own) if each.looked]
    for source, problem in reading.together(seen):
        if id(source) in files:
            yield files[id(source)], problem
    agencies = declared.registries_of(settings)[0]
    pairs = [(each.source, each.partner) for each in seen if each.partner]

    def code(told: str) -> str:
        known = agencies.known(told)
        return known.code if known else told

    for source, problem in across.owners(pairs, code):
        if id(source) in files:
            yield files[id(source)], problem
    before = set(declared.beside(settings, [each.partner for each in others if each.partner]))
    for problem in declared.beside(settings, [partner for _, partner in pairs]):
        if problem not in before:
            yield path, problem


def _keys(settings: Settings, own: Sequence[_Seen]) -> Iterator[tuple[Path, Problem]]:
    """Keys that these partners name and that lie in files: tokens are the doctor's to open."""
    for each in own:
        receives = each.partner.receives if each.partner else None
        seal = receives.signature if receives else None
        place = settings.keys.get(seal.key) if seal else None
        if seal is None or place is None or any(one.module for one in place.places):
            continue
        try:
            keys_of(settings, seal.key)
        except Refusal as refusal:
            yield from ((each.file, problem) for problem in refusal.problems)
