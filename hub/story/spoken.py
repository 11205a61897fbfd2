"""How a partner's format says where a dossier stands and what happened: read off its mapping table, both ways. Pure.

A format has a word of its own for a state (``TrangThaiHoSo = 4``), or says what happened and the state follows by the table of
moves. What it has no word for is declared in the mapping (``[states.untold]``, ``[kinds.unheard]`` …) with the reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from hub.story.moves import MOVES, OPENING
from schemas.dossier import Kind, State
from schemas.table import CANONICAL, Row, Shape, Table, step_into

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

STATES = frozenset({"event.state", "dossier.state"})
KIND = "event.kind"
Word = TypeVar("Word", State, Kind)


class Spoken(NamedTuple):
    """One state or kind in one format. ``told``, ``heard``: its words in what is sent and in what comes. ``untold``, ``unheard``:
    why there is none; empty as well where the format does not go that way.
    """

    what: State | Kind
    told: tuple[str, ...]
    heard: tuple[str, ...]
    untold: str = ""
    unheard: str = ""


def tells(table: Table) -> bool:
    """Whether anything is sent in this format."""
    return bool(table.operations)


def hears(table: Table) -> bool:
    """Whether anything comes in this format."""
    return table.canonical or any(True for _ in _kinds_heard(table))


def states(table: Table) -> tuple[Spoken, ...]:
    """Return every state as this format says it."""
    if table.canonical:
        return tuple(Spoken(state, (state,), (state,)) for state in State)
    told, heard = _gathered(_states_told(table)), _gathered(_states_heard(table))
    why = table.states
    return tuple(
        Spoken(
            state,
            told.get(state, ()),
            (why.concluded[state],) if state in why.concluded else heard.get(state, ()),
            why.untold.get(state, ""),
            why.unheard.get(state, ""),
        )
        for state in State
    )


def kinds(table: Table) -> tuple[Spoken, ...]:
    """Return every kind as this format says it."""
    if table.canonical:
        return tuple(Spoken(kind, (kind,), (kind,)) for kind in Kind)
    told, heard = _gathered(_kinds_told(table)), _gathered(_kinds_heard(table))
    why = table.kinds
    return tuple(
        Spoken(
            kind,
            told.get(kind, ()),
            heard.get(kind, ()),
            why.untold.get(kind, "" if kind in told or not tells(table) else why.untold_others),
            why.unheard.get(kind, "" if kind in heard or not hears(table) else why.unheard_others),
        )
        for kind in Kind
    )


def faults(table: Table) -> tuple[str, ...]:
    """What is wrong with a format's account of states and kinds: silent without a reason, or said and declared silent."""
    found = []
    for spoken in (*states(table), *kinds(table)):
        for way, used, words, why in (
            ("told", tells(table), spoken.told, spoken.untold),
            ("heard", hears(table), spoken.heard, spoken.unheard),
        ):
            if used and not words and not why.strip():
                found.append(f"{spoken.what}: not {way}, and no reason why")
            if words and why:
                found.append(f"{spoken.what}: {way}, and declared that it is not")
            if why and not used:
                found.append(f"{spoken.what}: nothing is {way} in this format; no reason is needed")
    return tuple(found)


def _usual_ends() -> Mapping[Kind, frozenset[State]]:
    ends: dict[Kind, set[State]] = {}
    for kind, targets in OPENING.items():
        ends.setdefault(kind, set()).add(targets[0])
    for (before, kind), targets in MOVES.items():
        if targets[0] is not before:
            ends.setdefault(kind, set()).add(targets[0])
    return {kind: frozenset(found) for kind, found in ends.items()}


LEADS = _usual_ends()
"""Where a kind usually leads, from another state: what a format says of states that only says what happened."""


def _states_told(table: Table) -> Iterator[tuple[State, str]]:
    for name, kinds_ in _written(table).items():
        rows = [row for path, row in _leaves(table, name) if path in STATES and row.only != "read"]
        yield from _coded(table, rows, State)
        if not rows:
            words = list(_kind_words(table, name, kinds_))
            yield from ((state, word) for kind, word in words for state in LEADS.get(kind, ()))


def _kinds_told(table: Table) -> Iterator[tuple[Kind, str]]:
    for name, kinds_ in _written(table).items():
        yield from _kind_words(table, name, kinds_)


def _kind_words(table: Table, name: str, kinds_: Iterable[Kind]) -> Iterator[tuple[Kind, str]]:
    """How an operation says each of the kinds that it is written for: by a code, or by being this operation."""
    rows = [row for path, row in _leaves(table, name) if path == KIND and row.only != "read" and row.codes]
    coded = _gathered(_coded(table, rows, Kind))
    for kind in kinds_:
        yield from ((kind, word) for word in coded.get(kind, (name,)))


def _states_heard(table: Table) -> Iterator[tuple[State, str]]:
    for name in _read(table):
        rows = [row for path, row in _leaves(table, name) if path in STATES and row.only != "write"]
        yield from _coded(table, rows, State)
        if not rows:
            heard = _kinds_in(table, name)
            yield from ((state, word) for kind, word in heard for state in LEADS.get(kind, ()))


def _kinds_heard(table: Table) -> Iterator[tuple[Kind, str]]:
    for name in _read(table):
        yield from _kinds_in(table, name)


def _kinds_in(table: Table, name: str) -> Iterator[tuple[Kind, str]]:
    """The kinds that are read from an operation: from a code, or by being this operation."""
    rows = [row for path, row in _leaves(table, name) if path == KIND and row.only != "write"]
    yield from _coded(table, [row for row in rows if row.codes], Kind)
    yield from ((Kind(row.fixed), name) for row in rows if row.fixed)


def _written(table: Table) -> Mapping[str, tuple[Kind, ...]]:
    """The operations that are sent, and for which kinds."""
    found: dict[str, list[Kind]] = {}
    for kind, names in table.operations.items():
        for name in names:
            found.setdefault(name, []).append(kind)
    return {name: tuple(kinds_) for name, kinds_ in found.items()}


def _read(table: Table) -> tuple[str, ...]:
    return tuple(name for name, operation in table.operation.items() if not operation.only)


def _coded(table: Table, rows: Iterable[Row], words: type[Word]) -> Iterator[tuple[Word, str]]:
    for row in rows:
        for external, canonical in table.codes.get(row.codes or "", {}).items():
            yield words(canonical), f"{row.wire} = {external}"


def _gathered(found: Iterable[tuple[Word, str]]) -> dict[Word, tuple[str, ...]]:
    """Each with its words, every word once."""
    every: dict[Word, dict[str, None]] = {}
    for what, word in found:
        every.setdefault(what, {})[word] = None
    return {what: tuple(words) for what, words in every.items()}


def _leaves(table: Table, operation: str) -> Iterator[tuple[str, Row]]:
    return _below(table, table.operation[operation].record, CANONICAL, "")


def _below(table: Table, record: str, shape: Shape, place: str) -> Iterator[tuple[str, Row]]:
    """Every row below a record that speaks about a canonical value, with its path as ``schemas.table.leaves`` spells it."""
    for row in table.records[record]:
        if row.keep or row.source or (row.at is None and row.record is None):
            continue
        target, spelled = step_into(shape, row.at) if row.at is not None else (shape, "")
        path = f"{place}.{spelled}" if place and spelled else place or spelled
        if row.many and target.item is not None:
            target, path = target.item, f"{path}[]"
        if row.record is None:
            yield path, row
        else:
            yield from _below(table, row.record, target, path)
