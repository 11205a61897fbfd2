"""Which canonical field a partner's field may be: by name, as ``names.toml`` and the shipped mappings have them, and by type."""

from __future__ import annotations

import tomllib
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from schemas import convert
from schemas.table import CANONICAL, Shape, Table, covers, leaves, step_into

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hub.drafting.outline import Field

FILE = Path(__file__).with_name("names.toml")
KEY = "transfer.key"

_XML: dict[str, dict[str, str]] = {
    "moment": {"xs:dateTime": "xs:dateTime", "xs:date": "xs:date", "xs:yyyyMMddHHmmss": "yyyyMMddHHmmss"},
    "integer": dict.fromkeys(
        (
            "xs:int",
            "xs:integer",
            "xs:long",
            "xs:short",
            "xs:nonNegativeInteger",
            "xs:positiveInteger",
            "xs:unsignedInt",
        ),
        "digits",
    ),
    "boolean": {"xs:boolean": "xs:boolean"},
}
_JSON: dict[str, dict[str, str]] = {
    "moment": {"string:date-time": "iso", "string:date": "xs:date", "yyyyMMddHHmmss": "yyyyMMddHHmmss"},
    "integer": {"integer": "integer", "integer:int32": "integer", "integer:int64": "integer"},
    "boolean": {"boolean": "boolean"},
}
_LOOSE = {
    "xml": {"moment": "xs:dateTime", "integer": "digits"},
    "json": {"moment": "iso", "integer": "digits"},
}
"""Where the type says no more than text."""
_TEXT = frozenset(
    {
        "xs:string",
        "xs:token",
        "xs:normalizedString",
        "xs:anySimpleType",
        "xs:anyURI",
        "xs:ID",
        "xs:NMTOKEN",
        "string",
        "string:uuid",
        "string:uri",
        "string:email",
    }
)
_NUMBERS = frozenset({"integer", "integer:int32", "integer:int64", "number"})


class Guess(NamedTuple):
    """``at``: relative to the record. ``converter``: ``as``, empty: none is needed. ``codes``: its values are canonical words."""

    at: str
    leaf: str
    converter: str = ""
    codes: bool = False


class Names(NamedTuple):
    """By plain name, the canonical places that it may mean, the likelier first."""

    places: dict[str, tuple[str, ...]]

    def of(self, name: str) -> tuple[str, ...]:
        return self.places.get(plain(name), ())


def plain(name: str) -> str:
    """``Ngày_Hẹn-Trả`` → ``ngayhentra``."""
    letters = unicodedata.normalize("NFD", name.replace("đ", "d").replace("Đ", "D"))
    return "".join(letter for letter in letters.lower() if letter.isascii() and letter.isalnum())


def names(tables: Iterable[Table]) -> Names:
    """Collect what names mean: first the list, then what shipped mappings call things."""
    found: dict[str, dict[str, None]] = {}
    for place, listed in tomllib.loads(FILE.read_text("utf-8")).items():
        for name in listed:
            found.setdefault(name, {})[place] = None
    for table in tables:
        for operation in table.operation.values():
            for name, place in _shipped(table, operation.record, CANONICAL, ""):
                found.setdefault(plain(name), {}).setdefault(place)
    return Names({name: tuple(places) for name, places in found.items()})


def _shipped(table: Table, record: str, shape: Shape, above: str) -> Iterator[tuple[str, str]]:
    for row in table.records[record]:
        if row.source is not None:
            yield row.wire, KEY
            continue
        if row.keep or row.derived or row.fixed is not None or (row.at is None and row.record is None):
            continue
        target, spelled = step_into(shape, row.at) if row.at else (shape, "")
        place = ".".join(step for step in (above, spelled) if step)
        if row.at:
            yield row.wire, place
        if row.record:
            many = row.many and target.item is not None
            inside = target.item if many and target.item is not None else target
            yield from _shipped(table, row.record, inside, f"{place}[]" if many else place)


LEAVES = frozenset(leaves())


def leaf(field: Field, known: Names, inside: str, media: str, taken: set[str]) -> Guess | None:
    """Propose a canonical leaf below ``inside`` for a field that holds one value; ``None``: nobody can guess."""
    for place in known.of(field.name):
        relative = _below(place, inside)
        if place in taken or relative is None or place not in LEAVES or "[]" in relative:
            continue
        shape = step_into(CANONICAL, place.replace("[]", ".0"))[0]
        fits = _fitting(field, shape, media)
        if fits is not None:
            return Guess(relative, place, fits, codes=bool(shape.values))
    return None


def several(field: Field, known: Names, inside: str, taken: set[str]) -> Guess | None:
    """Propose a canonical list for a field that holds records and may come several times."""
    for place in known.of(field.name):
        relative = _below(place, inside)
        if relative is not None and place not in taken and any(covers(f"{place}[]", each) for each in LEAVES):
            return Guess(relative, place)
    return None


def is_key(field: Field, known: Names) -> bool:
    return KEY in known.of(field.name)


def _below(place: str, inside: str) -> str | None:
    if not inside:
        return place
    return place[len(inside) + 1 :] if place.startswith(f"{inside}.") else None


def _fitting(field: Field, shape: Shape, media: str) -> str | None:
    """Return the converter, ``""`` where none is needed, ``None`` where the types do not fit."""
    told, gives = field.type, shape.gives
    if not gives:
        return None
    if gives == "text":
        if media == "json" and told in _NUMBERS:
            return "number" if not shape.values else None
        return "" if media == "xml" or told in _TEXT or told == "any" else None
    exact = (_XML if media == "xml" else _JSON)[gives].get(told)
    if exact is None and told in _TEXT:
        exact = _LOOSE[media].get(gives)
    return exact if exact in convert.CONVERTERS else None
