"""The rules, read from ``routes.toml`` and checked: kind × procedure × agency tree × level → roles."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hub.routing.parties import Value
from hub.routing.recipients import Role  # noqa: TC001 - msgspec reads the annotations at run time
from schemas.agencies import Level
from schemas.dossier import Kind, State

if TYPE_CHECKING:
    from schemas.agencies import Agencies


FILE = Path(__file__).parent / "routes.toml"


ANY = "*"


class Rule(Value, frozen=True):
    id: str
    kinds: tuple[str, ...]
    to: tuple[Role, ...]
    procedures: tuple[str, ...] = (ANY,)
    trees: tuple[str, ...] = (ANY,)
    levels: tuple[str, ...] = (ANY,)
    states: tuple[str, ...] = (ANY,)

    @property
    def always(self) -> bool:
        """Whether nothing but the kind is asked."""
        return all(ANY in names for names in (self.procedures, self.trees, self.levels, self.states))


class Confirmed(Value, frozen=True):
    """Kinds that the origin tells in its own right."""

    origin: tuple[Kind, ...]


class Table(Value, frozen=True):
    confirmed: Confirmed
    rule: tuple[Rule, ...]


def load(agencies: Agencies, path: Path = FILE) -> Table:
    """Read the rules. Raises ``ValueError`` naming the file: unknown key, role, kind or agency, double id, a kind without a last rule."""
    try:
        table = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Table)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ValueError(f"{path.name}: {error}") from error
    ids = [rule.id for rule in table.rule]
    if len(set(ids)) != len(ids):
        raise ValueError(f"{path.name}: a rule's id stands twice")
    for rule in table.rule:
        _check_names(f"{path.name}: rule {rule.id}", rule, agencies)
    for kind in Kind:
        if not any(rule.always and (kind in rule.kinds or ANY in rule.kinds) for rule in table.rule):
            raise ValueError(f"{path.name}: {kind} has no rule that always fits")
    return table


def _check_names(place: str, rule: Rule, agencies: Agencies) -> None:
    for kind in rule.kinds:
        if kind not in {*Kind, ANY}:
            raise ValueError(f"{place}: {kind} is no kind of message")
    for level in rule.levels:
        if level not in {*Level, ANY}:
            raise ValueError(f"{place}: {level} is no level")
    for state in rule.states:
        if state not in {*State, ANY}:
            raise ValueError(f"{place}: {state} is no state of a dossier")
    for tree in rule.trees:
        if tree != ANY and agencies.known(tree) is None:
            raise ValueError(f"{place}: agency {tree} is missing")
