"""What is declared: the settings with everything that they name, read and checked."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from connectors import catalogue
from connectors.loaded import Loaded
from hub.closed_toml import Source
from hub.health.retry import LONGEST_WAIT
from hub.partners import reading
from hub.partners.world import NO_MAPPING, World
from hub.rounds import upkeep
from hub.settings import file as settings_file
from hub.signatories import reading as signatories
from hub.signatories.reading import NOBODY, Known
from hub.wiring.governing import governed
from hub.wiring.parts import days_of, utc_now
from schemas import mapping
from schemas.agencies import Agencies
from schemas.codelists import CodeLists
from schemas.library import BUILTIN, Library
from schemas.problems import Problem, Refusal, refuse
from schemas.procedures import Procedures
from schemas.table import read_table
from signing.trust.pins import load_certificates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pydantic import BaseModel

    from connectors.contract import Codec
    from hub.partners.declaration import Collect, Receives
    from hub.partners.partner import Partner
    from hub.settings.file import Settings
    from schemas.table import Table
    from schemas.workdays import Workdays

MAPPINGS = Path(mapping.__file__).parent / "mappings"


@dataclass(frozen=True)
class Declared:
    """The settings with everything that they name, read and checked. Picklable parts only; no keys, no connections."""

    settings: Settings
    partners: tuple[Partner, ...]
    library: Library
    formats: Mapping[str, mapping.Mapping]
    agencies: Agencies
    procedures: Procedures
    days: Workdays
    signatories: Known = NOBODY

    @property
    def collected(self) -> tuple[tuple[Partner, Collect], ...]:
        """Those from whom the hub fetches what they send."""
        return tuple(
            (partner, partner.sends.collect)
            for partner in self.partners
            if partner.sends and partner.sends.collect
        )

    @property
    def receiving(self) -> tuple[tuple[Partner, Receives], ...]:
        return tuple((partner, partner.receives) for partner in self.partners if partner.receives)


def declared(path: Path, *, thorough: bool = False) -> Declared:
    """Read settings, mappings, registries and partner files. Raises ``Refusal`` HUB-CFG-* with all that is wrong.

    ``thorough``: rooms are built as well, once, for what only they can find.
    """
    return read(settings_file.load(path), thorough=thorough)


def read(settings: Settings, *, thorough: bool = False) -> Declared:
    """Read what these settings name. Raises ``Refusal`` as ``declared`` does."""
    agencies, procedures = registries_of(settings)
    try:
        library, formats = _formats(settings)
    except Refusal as refusal:
        raise Refusal(*refusal.problems, *_of_partners(settings, agencies)) from None
    world = _world(settings, formats, agencies)
    partners = reading.load(settings.partners, asked(world, library) if thorough else world)
    refuse_all(beside(settings, partners))
    load_certificates(
        settings.documents.signatures.anchors
    )  # what reads PDF files could not say that they are wrong
    return Declared(
        settings=settings,
        partners=partners,
        library=library,
        formats=governed(settings, MAPPINGS, formats, _named(partners), utc_now),
        agencies=agencies,
        procedures=procedures,
        days=days_of(settings),
        signatories=signatories.load(settings.signatories, world),
    )


def _named(read: Sequence[Partner]) -> frozenset[str]:
    """Versions of mappings that partner files name."""
    sent = {partner.sends.format for partner in read if partner.sends}
    return frozenset(sent | {partner.receives.mapping for partner in read if partner.receives})


def registries_of(settings: Settings) -> tuple[Agencies, Procedures]:
    """Return the built-in registries with this site's later versions over them. Raises ``Refusal`` HUB-CFG-002 naming what is wrong in one."""
    site = settings.registries
    try:
        agencies = Agencies.load(versions=site and site / "agencies")
        return agencies, Procedures.load(agencies, versions=site and site / "procedures")
    except (OSError, ValueError) as error:
        rule = "registries that can be read"
        raise refuse("HUB-CFG-002", "registries", rule=rule, detail=str(error)) from None


def code_lists_of(settings: Settings) -> CodeLists:
    """The same for code lists."""
    site = settings.registries
    try:
        return CodeLists.load(versions=site and site / "codelists")
    except (OSError, ValueError) as error:
        rule = "registries that can be read"
        raise refuse("HUB-CFG-002", "registries", rule=rule, detail=str(error)) from None


def _of_partners(settings: Settings, agencies: Agencies) -> Sequence[Problem]:
    """What is wrong with partner files while the site's own mappings are, too: nobody mends twice what one round can tell."""
    try:
        reading.load(settings.partners, _world(settings, mapping.Shelf(MAPPINGS), agencies))
    except Refusal as refusal:
        return [problem for problem in refusal.problems if problem.rule != NO_MAPPING]
    return ()


def beside(settings: Settings, read: Sequence[Partner]) -> Iterator[Problem]:
    """What partners' files want of the settings: signatories, whose time-stamps are believed, keys remembered for long enough."""
    yield from _somebody_signs(settings, read)
    yield from _stamps_are_believed(settings, read)
    yield from _remembers_long_enough(settings, read)


def _wrong(place: str, rule: str) -> Problem:
    return Problem(code="HUB-CFG-002", place=place, rule=rule)


def _somebody_signs(settings: Settings, read: Sequence[Partner]) -> Iterator[Problem]:
    wanting = [one.id for one in read if one.sends and one.sends.signature and one.sends.signature.authority]
    if wanting and settings.signatories is None:
        yield _wrong("signatories", f"a folder: sends.signature.authority of {wanting[0]}")


def _stamps_are_believed(settings: Settings, read: Sequence[Partner]) -> Iterator[Problem]:
    """A partner must bring time-stamps and nobody's are believed, or nobody can be asked."""
    wanting = [one.id for one in read if one.sends and one.sends.signature and one.sends.signature.timestamp]
    asking = [
        one.id for one in read if one.receives and one.receives.signature and one.receives.signature.timestamp
    ]
    if asking and not settings.timestamps.url:
        rule = f"whom the hub asks: receives.signature.timestamp of {asking[0]}"
        yield _wrong("timestamps.url", rule)
    if wanting and not settings.timestamps.certificates:
        rule = f"whose time-stamps are believed: sends.signature.timestamp of {wanting[0]}"
        yield _wrong("timestamps.certificates", rule)


MARGIN = 7 * 86_400.0
"""Seconds that a sender's key is remembered beyond the longest time in which the hub itself may still be trying."""


def _remembers_long_enough(settings: Settings, read: Sequence[Partner]) -> Iterator[Problem]:
    """A key could be forgotten while its message is still being sent."""
    tries = {partner.id: _horizon(partner.receives) for partner in read if partner.receives}
    longest = max(tries, key=tries.__getitem__, default="")
    least = tries.get(longest, 0.0) + MARGIN
    for partner in read:
        proof = partner.sends.signature if partner.sends else None
        if proof and proof.max_age and settings.retention.keys < proof.max_age + MARGIN:
            days = ceil((proof.max_age + MARGIN) / 86_400)
            yield _wrong("retention.keys", f"at least {days}d: sends.signature.max_age of {partner.id}")
    if settings.retention.keys < least:
        rule = f"at least {ceil(least / 86_400)}d: {longest} may be tried for {ceil(tries[longest] / 86_400)} days"
        yield _wrong("retention.keys", rule)


def _horizon(receives: Receives) -> float:
    return upkeep.horizon(receives.schedule, receives.jitter, LONGEST_WAIT)


def formats_of(settings: Settings) -> Mapping[str, mapping.Mapping]:
    return _formats(settings)[1]


def tables_of(settings: Settings) -> Mapping[str, Table]:
    """Every mapping's file as it stands, finished or not, by its reference."""
    folders = (MAPPINGS, settings.mappings) if settings.mappings else (MAPPINGS,)
    found = (read_table(path) for folder in folders for path in sorted(folder.glob("*.toml")))
    return {each.ref: each for each in found}


def library_of(settings: Settings) -> Library:
    return Library((settings.mappings.parent, BUILTIN) if settings.mappings else (BUILTIN,))


def _formats(settings: Settings) -> tuple[Library, Mapping[str, mapping.Mapping]]:
    """The built-in mappings and schemas with the site's own; those stand in the folder that holds ``mappings``."""
    library = library_of(settings)
    if settings.mappings is None:
        return library, mapping.Shelf(MAPPINGS, library)
    return library, mapping.Shelf(MAPPINGS, library, over=mapping.mappings(settings.mappings, library))


def _world(settings: Settings, formats: Mapping[str, mapping.Mapping], agencies: Agencies) -> World:
    return World(
        rooms=Loaded({kind: partial(_settings_of, kind) for kind in catalogue.ROOMS}),
        mappings=frozenset(formats),
        keys=frozenset(settings.keys),
        agency=lambda code: agencies.known(code) is not None,
        collecting=catalogue.COLLECTING,
        name=settings.name or settings.public_url.rstrip("/"),
    )


def _settings_of(kind: str) -> type[BaseModel]:
    return catalogue.ROOMS[kind].settings


def asked(
    world: World, library: Library, said: Callable[[Receives], Mapping[str, str]] = lambda _: {}
) -> World:
    """The same with every room built, for what only it can find. ``said``: what a partner's mapping writes, operation → root element."""
    outfit = catalogue.Outfit(library=library, now=utc_now, seconds=time.monotonic)

    def fits(room: str, told: BaseModel, receives: Receives | None) -> Sequence[Problem]:
        here = catalogue.ROOMS[room]
        steps: list[Callable[[], object]] = [
            lambda: here.connect(told, receives.replies if receives else (), outfit)
        ]
        if receives and receives.reply_signature:
            steps.append(lambda: here.check_signed(told))
        if receives:
            wanted = said(receives)
            steps.append(lambda: refuse_all(here.untaken(told, wanted, outfit)))
        return tuple(dict.fromkeys(problem for step in steps for problem in _problems(step)))

    return msgspec.structs.replace(world, fits=fits)


def _problems(step: Callable[[], object]) -> Sequence[Problem]:
    try:
        step()
    except Refusal as refusal:
        return refusal.problems
    return ()


def refuse_all(found: Iterable[Problem]) -> None:
    """Raise ``Refusal`` with all that was found, if anything was."""
    problems = tuple(found)
    if problems:
        raise Refusal(*problems)


def world_of(path: Path, file: Path) -> tuple[World, Library, Mapping[str, mapping.Mapping]]:
    """Return what a partner's file, which may be a draft, is read with. Raises ``Refusal``."""
    world, library, formats, wrong = around(path, file)
    if wrong:
        raise Refusal(*wrong)
    return world, library, formats


def around(
    path: Path, file: Path
) -> tuple[World, Library, Mapping[str, mapping.Mapping], tuple[Problem, ...]]:
    """Return the same with what is wrong with mappings that this file does not name."""
    settings = settings_file.load(path)
    wrong: tuple[Problem, ...] = ()
    try:
        library, formats = _formats(settings)
    except Refusal as refusal:
        own = {each.name for each in named_mappings(settings, file)}
        wrong = tuple(each for each in refusal.problems if each.place.partition(" ")[0] not in own)
        library = library_of(settings)
        formats = mapping.Shelf(MAPPINGS, Library((BUILTIN,)))
    world = _world(settings, formats, registries_of(settings)[0])
    if wrong or is_draft(file):
        world = msgspec.structs.replace(world, mappings=world.mappings | refs(settings))
    return world, library, formats, wrong


def is_draft(file: Path) -> bool:
    try:
        return Source(file, reading.CODE).values.get("draft") is True
    except Refusal:
        return False


def refs(settings: Settings) -> frozenset[str]:
    """Return what the site's own mappings are called, whatever state they are in."""
    found = settings.mappings.glob("*.toml") if settings.mappings else ()
    return frozenset("@".join(each.stem.rsplit("-", 1)) for each in found)


def named_mappings(settings: Settings, file: Path) -> Sequence[Path]:
    """Find the site's own mapping files that a partner's file names."""
    try:
        values = Source(file, reading.CODE).values
    except Refusal:
        return ()
    tables = [values.get(way) for way in ("sends", "receives")]
    refs = [table.get(key) for table in tables if isinstance(table, dict) for key in ("format", "mapping")]
    names = [f"{ref.replace('@', '-')}.toml" for ref in refs if isinstance(ref, str) and "/" not in ref]
    here = [settings.mappings / name for name in dict.fromkeys(names)] if settings.mappings else []
    return [each for each in here if each.is_file()]


def codecs(what: Declared) -> dict[str, Codec]:
    return {
        partner.id: catalogue.ROOMS[partner.room].build(partner.settings, what.formats[receives.mapping])
        for partner, receives in what.receiving
    }
