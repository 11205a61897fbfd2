"""A service as it is described now, against the description that the library holds: by what it means, not by its bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.drafting.outline import MANY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.drafting.outline import Field, Operation, Outline

_MOST = 10


def differences(held: Outline, found: Outline) -> tuple[str, ...]:
    """What changed for operations that the library knows: ``nhanHoSo/hoSo.maTTHC: gone``. New operations change nothing for us."""
    theirs = {each.name: each for each in found.operations}
    return tuple(
        difference
        for operation in held.operations
        for difference in _operation(operation, theirs.get(operation.name))
    )


def new(held: Outline, found: Outline) -> tuple[str, ...]:
    known = {each.name for each in held.operations}
    return tuple(each.name for each in found.operations if each.name not in known)


def told(changes: tuple[str, ...]) -> str:
    more = f", … {len(changes) - _MOST}" if len(changes) > _MOST else ""
    return ", ".join(changes[:_MOST]) + more


def _operation(held: Operation, found: Operation | None) -> Iterator[str]:
    if found is None:
        yield f"{held.name}: gone"
        return
    yield from _fields(f"{held.name}/", held.takes, found.takes)
    if held.answers is not None and found.answers is not None:
        yield from _fields(f"{held.name}=", held.answers, found.answers)
    elif held.answers is not found.answers:
        yield f"{held.name}=: {'gone' if found.answers is None else 'added'}"


def _fields(place: str, held: Field, found: Field) -> Iterator[str]:
    ours, theirs = dict(held.paths()), dict(found.paths())
    if _shape(held) != _shape(found):
        yield f"{place}: {_shape(held)} → {_shape(found)}"
    for path, field in ours.items():
        if path not in theirs:
            yield f"{place}{path}: gone"
        elif _shape(field) != _shape(theirs[path]):
            yield f"{place}{path}: {_shape(field)} → {_shape(theirs[path])}"
    yield from (f"{place}{path}: added {_shape(theirs[path])}" for path in theirs if path not in ours)


def _shape(field: Field) -> str:
    """Type, how often, bounds, namespace; a type's own name means nothing where its fields are told."""
    most = "n" if field.most == MANY else str(field.most)
    parts = ["record" if field.fields else field.type, f"{field.least}..{most}", field.namespace]
    parts.extend(
        ([f"max {field.longest}"] if field.longest else [])
        + ([" ".join(field.values)] if field.values else [])
    )
    return " ".join(filter(None, parts))
