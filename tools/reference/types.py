"""Types and values of a pydantic model, in the words of the person who writes the file."""

from __future__ import annotations

from datetime import date
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import BaseModel, IPvAnyNetwork
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from schemas.dossier import Kind
from tools.reference.markdown import code

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKED_BY: dict[str, str] = {
    "hub.settings.values.seconds": '`"30s"`',
    "hub.settings.values.moment": "`2027-01-31` or `2027-01-31T08:00:00+07:00`",
    "hub.settings.values.octets": '`"1MB"` or bytes',
    "hub.settings.values.listening_or_off": '`"host:port"` or `"off"`',
    "hub.settings.values.listening": '`"host:port"`',
    "hub.partners.world._agency": "agency code",
    "hub.partners.world._mapping": "`id@version`",
    "hub.partners.world._key": "name of a key",
    "hub.partners.world._hub": "text",
    "hub.partners.world._room": "room",
    "hub.partners.world._file": "file",
    "connectors.reach._seconds": '`"30s"` or seconds',
    "connectors.reach._reachable": "`https://…`",
    "connectors.rest.settings._template": "path with places",
    "connectors.soap.settings._path": "element path",
}
"""What a validator of ours lets through, in the words of the person who writes the file."""


def default_of(value: object, kind: str) -> str:
    if value is PydanticUndefined:
        return "bắt buộc · required"
    if value is None or value in ("", (), {}):
        return "không · none"
    if isinstance(value, BaseModel):
        return "như dưới · as below"
    return code(_toml(value, kind))


def _toml(value: Any, kind: str) -> str:  # noqa: ANN401 - any default of a model
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(each, kind) for each in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_toml(each, kind)}" for name, each in value.items()) + " }"
    if "30s" in kind and isinstance(value, float):
        return f'"{_duration(value)}"'
    if "1MB" in kind and isinstance(value, int):
        return f'"{_size(value)}"'
    return (
        f'"{value}"'
        if isinstance(value, str | Path)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def _duration(seconds: float) -> str:
    for unit, size, least in (("d", 86400, 172800), ("h", 3600, 3600), ("m", 60, 60)):
        if seconds >= least and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


def _size(count: int) -> str:
    return next(
        f"{count // size}{unit}"
        for unit, size in (("MB", 1 << 20), ("KB", 1 << 10), ("B", 1))
        if count % size == 0
    )


def bare(annotation: object) -> object:
    """Strip ``Annotated`` and ``| None``."""
    if get_origin(annotation) is Annotated:
        return bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        options = [each for each in get_args(annotation) if each is not type(None)]
        return bare(options[0]) if len(options) == 1 else annotation
    return annotation


def models(annotation: object, *, many: bool = False) -> Iterator[tuple[type[BaseModel], bool]]:
    """Yield the models that a field holds, and whether as ``[[…]]``."""
    held = bare(annotation)
    if isinstance(held, type) and issubclass(held, BaseModel):
        yield held, many
        return
    for inner in get_args(held):
        if inner is not Ellipsis:
            yield from models(inner, many=many or get_origin(held) is tuple)


def kind_of(annotation: object, metadata: tuple[object, ...] = ()) -> str:  # noqa: PLR0911 - one line per form of a type
    """Return what may stand there, for the person who writes the file."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return kind_of(inside[0], (*_constraints(inside[1:]), *metadata))
    if checked := next(filter(None, map(_checked, metadata)), ""):
        return checked
    if origin in (Union, UnionType):
        kinds = [kind_of(each, metadata) for each in inside if each is not type(None)]
        return " or ".join(dict.fromkeys(kinds))
    if origin is Literal:
        return " or ".join(code(f'"{each}"') for each in inside)
    if origin is tuple:
        return "list: " + kind_of(inside[0])
    if origin is dict:
        return "table: " + kind_of(inside[1])
    return _plain(annotation) + _bounds(metadata)


def _constraints(metadata: tuple[object, ...]) -> Iterator[object]:
    for one in metadata:
        yield from one.metadata if isinstance(one, FieldInfo) else (one,)


def _plain(kind: object) -> str:
    if isinstance(kind, type):
        if issubclass(kind, BaseModel | msgspec.Struct):
            return "table"
        if issubclass(kind, Kind):
            return "kind"
        if issubclass(kind, Enum):
            return " or ".join(code(f'"{each.value}"') for each in kind)
        if kind in NAMES:
            return NAMES[kind]
    raise TypeError(f"no word for {kind}")


NAMES: dict[type, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
    date: "day: `2026-11-23`",
    IPvAnyNetwork: "network: `10.1.0.0/16`",
}


def _checked(constraint: object) -> str:
    function = getattr(constraint, "func", None)
    return CHECKED_BY.get(f"{function.__module__}.{function.__name__}", "") if function else ""


def _bounds(metadata: tuple[object, ...]) -> str:
    said = []
    for one in metadata:
        match one:
            case Ge():
                said.append(f"≥ {one.ge}")
            case Gt():
                said.append(f"> {one.gt}")
            case Le():
                said.append(f"≤ {one.le}")
            case Lt():
                said.append(f"< {one.lt}")
            case MinLen():
                continue
            case _ if getattr(one, "pattern", None):
                said.append(f"`{one.pattern}`")  # type: ignore[attr-defined] # pydantic's general metadata
    return f" ({', '.join(said)})" if said else ""
