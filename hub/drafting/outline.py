"""What a description says about a service, whatever it was written in: operations, and the fields of what each takes and answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from typing import Literal

import msgspec

from schemas.problems import Refusal, refuse

MANY = -1
DEEPEST = 24
"""Levels of elements in elements; a description that goes deeper means itself."""
MOST_FIELDS = 20_000
"""Of one description: types that hold each other several times multiply with each level."""


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Common shape: frozen, named fields."""


class Field(Value, frozen=True):
    """One element or property; ``@name``: an attribute of the element around, ``#text``: the text of one that has attributes.

    ``most``: ``MANY`` without bound. ``namespace``: of the name, ``""``: none. ``fixed``: the only value that it may have. ``notes``: what a
    person must know.
    """

    name: str
    type: str = ""
    least: int = 1
    most: int = 1
    namespace: str = ""
    fields: tuple[Field, ...] = ()
    values: tuple[str, ...] = ()
    longest: int | None = None
    nillable: bool = False
    fixed: str | int | bool | None = None
    notes: tuple[str, ...] = ()

    @property
    def many(self) -> bool:
        return self.most != 1

    @property
    def leaves(self) -> int:
        return sum(field.leaves for field in self.fields) if self.fields else 1

    def elements(self) -> Iterator[tuple[str, Field]]:
        """Every element below that holds one text, with its path; one with attributes is its text."""
        for path, field in self.paths():
            if not field.fields and not field.name.startswith("@"):
                yield path.removesuffix(".#text"), field

    def paths(self, above: str = "") -> Iterator[tuple[str, Field]]:
        """Every field below with its path, names joined by dots."""
        for field in self.fields:
            here = f"{above}.{field.name}" if above else field.name
            yield here, field
            yield from field.paths(here)


class Operation(Value, frozen=True):
    """``takes``: the element (or body) that is sent for it. ``answers``: what comes back, ``None`` for nothing or unknown. ``path``: of a REST call. ``wants``: what
    else a call must bring that is no part of the message (parts of the Header, parameters).
    """

    name: str
    takes: Field
    answers: Field | None = None
    path: str = ""
    method: str = ""
    wants: tuple[str, ...] = ()


class Outline(Value, frozen=True):
    """``files``: what goes into the library, by name. ``schema``: reference below the site's folder of what every operation's payload must
    satisfy. ``left``: operations that cannot be spoken, with the reason. ``speaks``: the protocol that a sample is a message of, where that can be told.
    """

    kind: Literal["wsdl", "xsd", "openapi", "json-schema", "sample"]
    media: Literal["json", "xml"]
    operations: tuple[Operation, ...]
    files: Mapping[str, bytes]
    left: Mapping[str, str] = {}
    address: str = ""
    service: str = ""
    port: str = ""
    ports: int = 1
    version: str = "1.1"
    speaks: Literal["", "soap", "gip", "edxml"] = ""


def unusable(place: str, rule: str, detail: str = "") -> Refusal:
    """Say why a description cannot be used."""
    return refuse("HUB-CFG-003", place, rule=rule, detail=detail)
