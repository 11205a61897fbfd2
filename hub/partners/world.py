"""What partner files may refer to, and the checks of single values against it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import msgspec
from pydantic import AfterValidator, BaseModel, BeforeValidator, ValidationInfo

from hub.partners.access import day_begins, day_ends
from hub.settings.values import Closed
from schemas.dossier import SCHEMA_ID
from schemas.problems import Problem  # noqa: TC001
from signing.trust.pins import PinFile

NO_MAPPING = "a mapping of the library, id@version"


CANONICAL = SCHEMA_ID.replace("/", "@")
"""The format of senders that speak the hub's own words."""


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What partner files may refer to. ``rooms``: kind → model of its settings; ``mappings``: ``id@version``;
    ``collecting``: kinds of rooms that pick up; ``name``: what partners call this hub; ``keys``: names from the hub's settings; ``agency``: whether a code is in the registry. ``fits``: what the room itself
    finds wrong when it is built from the table (a WSDL that is not in the library, an operation that is not in the WSDL, or that
    the mapping says and the WSDL does not take); costly, so by default nobody asks. Its last argument: what is declared of receiving.
    """

    rooms: Mapping[str, type[BaseModel]]
    mappings: frozenset[str]
    keys: frozenset[str]
    agency: Callable[[str], bool]
    name: str = ""
    collecting: frozenset[str] = frozenset()
    fits: Callable[[str, BaseModel, Any], Sequence[Problem]] = lambda *_: ()


class Reading(msgspec.Struct, frozen=True):
    """Handed to the validators below: the world, and the folder of the file being read. ``believing``: that what is named is there."""

    world: World
    folder: Path
    believing: bool = False


def _told(info: ValidationInfo) -> Reading:
    if not isinstance(info.context, Reading):
        raise TypeError("partner files are read by hub.partners.reading")
    return info.context


def _agency(code: str, info: ValidationInfo) -> str:
    told = _told(info)
    if not (told.believing or told.world.agency(code)):
        raise ValueError("an agency of the registry")
    return code


def _mapping(reference: str, info: ValidationInfo) -> str:
    told = _told(info)
    if not (told.believing or reference == CANONICAL or reference in told.world.mappings):
        raise ValueError(NO_MAPPING)
    return reference


def _key(name: str, info: ValidationInfo) -> str:
    told = _told(info)
    if not (told.believing or name in told.world.keys):
        raise ValueError("the name of a key in the hub's settings")
    return name


def _hub(name: str, info: ValidationInfo) -> str:
    return name or _told(info).world.name


def _room(kind: str, info: ValidationInfo) -> str:
    told = _told(info)
    if not (told.believing or kind in told.world.rooms):
        raise ValueError(f"one of: {', '.join(sorted(told.world.rooms))}")
    return kind


def _file(path: Path, info: ValidationInfo) -> Path:
    told = _told(info)
    found = told.folder / path
    if not (told.believing or found.is_file()):
        raise ValueError("a file that is there")
    return found


Agency = Annotated[str, AfterValidator(_agency)]


MappingRef = Annotated[str, AfterValidator(_mapping)]


KeyName = Annotated[str, AfterValidator(_key)]


Room = Annotated[str, AfterValidator(_room)]


HubName = Annotated[str, AfterValidator(_hub)]


File = Annotated[Path, AfterValidator(_file)]


class Pinned(Closed):
    """A certificate that is believed. ``since`` and ``until``: the first and the last day on which it counts, in Vietnam; without
    them its own.
    """

    file: File
    since: date | None = None
    until: date | None = None

    @property
    def pin(self) -> PinFile:
        return PinFile(file=self.file, begins=day_begins(self.since), ends=day_ends(self.until))


def _pinned(value: object, info: ValidationInfo) -> object:
    return Pinned.model_construct(file=_file(Path(value), info)) if isinstance(value, str) else value


Pin = Annotated[Pinned, BeforeValidator(_pinned)]
"""A file's name alone, or with its days."""
