"""Every mistake of a file in one reading: what is wrong is left out, and the rest is looked at again.

A model stops at its fields: what holds between them is asked only when each is right. So that a person mends once, a wrong value is
told and then taken for one that is right (``STAND_INS``) or for nothing, and what was left out that way (``left``) is not judged again.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from schemas.dossier import SCHEMA_ID, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.closed_toml import Source, Steps
    from schemas.problems import Problem

Model = TypeVar("Model", bound=BaseModel)
ROUNDS = 6
"""As deep as keys stand in one another; whoever is still wrong then is not read at all."""
_WORDS = SCHEMA_ID.replace("/", "@")
STAND_INS: dict[str, Any] = {
    "id": "x",
    "agency": "x",
    "authority": "x",
    "name": {"vi": "x", "en": "x"},
    "kinds": [Kind.RECEIVED],
    "format": _WORDS,
    "mapping": _WORDS,
    "base_url": "https://localhost",
}
"""What a required key is taken for when it is missing or wrong."""


class Read(NamedTuple, Generic[Model]):
    """``value``: ``None`` when too much is wrong to go on. ``left``: paths of values that are not as the file says."""

    value: Model | None
    problems: list[Problem]
    left: list[Steps]


def read(
    source: Source,
    model: type[Model],
    values: dict[str, Any],
    under: Steps = (),
    contexts: Sequence[Any] = (),
) -> Read[Model]:
    """``contexts``: for the first reading, and for those after it, which believe what names something elsewhere."""
    problems: list[Problem] = []
    left: list[Steps] = []
    rest, strict = deepcopy(values), True
    for _ in range(ROUNDS):
        context = contexts[0 if strict else -1] if contexts else None
        try:
            return Read(model.model_validate(rest, context=context), problems, left)
        except ValidationError as error:
            found = error.errors(include_input=False, include_url=False, include_context=False)
            for each in found:
                problem = source.wrong(under + each["loc"], each["type"], each["msg"])
                if problem not in problems and not any(related(under + each["loc"], path) for path in left):
                    problems.append(problem)
            believed = strict and bool(contexts)
            gone = _leave_out(rest, found, believed=believed)
            if gone is None:
                return Read(None, problems, left)
            left += [under + path for path in gone]
        strict = False
    return Read(None, problems, left)


def related(one: Steps, other: Steps) -> bool:
    """Whether one stands in the other."""
    most = min(len(one), len(other))
    return one[:most] == other[:most]


def _leave_out(values: dict[str, Any], found: Sequence[Any], *, believed: bool) -> list[Steps] | None:
    """Take out what one reading found. ``believed``: what a validator of ours did not find elsewhere may be right in itself."""
    gone: list[Steps] = []
    left: list[Steps] = []
    for each in found:
        if (believed and each["type"] == "value_error") or any(
            each["loc"][: len(one)] == one for one in gone
        ):
            continue
        path = _leave(values, each["loc"], each["type"])
        if path is None:
            return None
        gone.append(path)
        left += [path] if each["type"] != "extra_forbidden" else []
    return left


def _leave(values: dict[str, Any], at: Steps, kind: str) -> Steps | None:
    """Take out what is wrong: the key, or the whole list it stands in; or the table that lacks one. ``None``: nothing can be taken out."""
    path = _there(values, at)
    lacks = at[-1] if at and kind == "missing" else None
    if lacks is not None:
        table = _at(values, path)
        if lacks in STAND_INS and isinstance(table, dict):
            table[str(lacks)] = deepcopy(STAND_INS[str(lacks)])
            return (*path, lacks)
    if not path:
        return None
    del _at(values, path[:-1])[path[-1]]
    return path


def _there(values: dict[str, Any], at: Steps) -> Steps:
    """Return the keys of a place that the file has, up to a list: a place in a union names its kinds, too."""
    path: Steps = ()
    node: Any = values
    for step in at:
        if not isinstance(node, dict):
            break
        if step in node:
            path, node = (*path, step), node[step]
    return path


def _at(values: Any, path: Steps) -> Any:  # noqa: ANN401 - whatever a file holds
    for step in path:
        values = values[step]
    return values
