"""Conservation: nothing vanished, nothing stands twice. Asked at once, in pieces, or in its cheap part.

At once it reads everything in one snapshot (about 3 s of CPU per million transfers): for tests and the operator. In
pieces it may run for ever beside the queue: each piece is a snapshot of milliseconds. The rules are in ``rules``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from hub.store.contract.watching import Mark
from hub.store.sql import leases
from hub.store.sql.db import Db, Lane, many, one
from hub.store.sql.rules import BALANCE, PARTS, UNTICKETED, Part, Rule

Rules = tuple[tuple[str, str], ...]
"""What an engine's own tables promise, and the query that finds who breaks it."""

TOLD = 3
"""Rows that are named for each broken rule."""


class Range(NamedTuple):
    """Rows after one key up to another; an empty key is no bound."""

    clause: str
    bindings: tuple[Any, ...]


EVERYTHING = Range("1=1", ())
_STANDS = "SELECT 1 FROM item o WHERE o.subject=i.subject AND o.dest=i.dest AND o.n=?"


def conservation(db: Db, rules: Rules = ()) -> tuple[str, ...]:
    """Return each broken rule with the first that break it, from one snapshot. ``rules``: what the engine's own tables promise."""
    broken = [line for part in PARTS for line in _part(db, part, EVERYTHING)]
    return (*broken, *_leases(db), *balance(db, rules))


def balance(db: Db, rules: Rules = ()) -> tuple[str, ...]:
    """The cheap part: counters, sizes of shelves, what is under way."""
    found = [
        line for rule in (*BALANCE, *(Rule(*rule) for rule in rules)) for line in _asked(db, rule, EVERYTHING)
    ]
    return (*found, *_in_flight(db))


def survey(db: Db, mark: Mark, size: int) -> tuple[tuple[str, ...], Mark | None]:
    """Ask the next piece of the whole, ``size`` rows of one table; ``None``: that was the last one."""
    if mark.part == len(PARTS):
        return tuple(_leases(db)), None
    part = PARTS[mark.part]
    until = _until(db, part, mark.after, max(1, size // part.share))
    broken = _part(db, part, _range(part, mark.after, until))
    return tuple(broken), Mark(mark.part, until) if until else Mark(mark.part + 1)


def _until(db: Db, part: Part, after: tuple[Any, ...], size: int) -> tuple[Any, ...]:
    """Return the last key of the piece; empty when the table ends in it."""
    within = _range(part, after, ())
    row = one(
        db,
        f"SELECT {part.key} FROM {part.table} {part.alias} WHERE {within.clause} ORDER BY {part.key} LIMIT 1 OFFSET {size - 1}",  # noqa: S608 - constants
        within.bindings,
    )
    return tuple(row) if row else ()


def _range(part: Part, after: tuple[Any, ...], until: tuple[Any, ...]) -> Range:
    marks = ", ".join("?" * len(part.keys))
    clauses = [f"({part.key}) > ({marks})"] if after else []
    clauses += [f"({part.key}) <= ({marks})"] if until else []
    return Range(" AND ".join(clauses) or "1=1", (*after, *until))


def _part(db: Db, part: Part, within: Range) -> list[str]:
    broken = [line for rule in part.rules for line in _asked(db, rule, within)]
    return broken + (_unticketed(db, within) if part.table == "item" else [])


def _asked(db: Db, rule: Rule, within: Range) -> list[str]:
    query = rule.query.replace("{within}", within.clause)
    return [f"not true that {rule.says}: {row}" for row in many(db, f"{query} LIMIT {TOLD}", within.bindings)]


def _unticketed(db: Db, within: Range) -> list[str]:
    """A lane without a ticket is leased; its head may be another by now, that a person brought back where order does not matter."""
    rows = many(db, UNTICKETED.replace("{within}", within.clause), within.bindings)
    leased = {item.lane for item in leases.everything(db).values()} if rows else set()
    return [
        f"not true that a lane has a ticket: {(subject, dest, n)}"
        for subject, dest, n in rows
        if Lane(subject, dest) not in leased
    ][:TOLD]


def _leases(db: Db) -> list[str]:
    """Who is leased stands in a lane that has no ticket."""
    query = f"{UNTICKETED} AND EXISTS({_STANDS})".replace("{within}", "i.subject=? AND i.dest=?")
    return [
        f"not true that what is leased stands in a lane without a ticket: {tuple(leased)}"
        for leased in leases.everything(db).values()
        if one(db, query, (*leased.lane, leased.n)) is None
    ][:TOLD]


def _in_flight(db: Db) -> list[str]:
    """Leased transfers are booked at their destination."""
    counted: dict[int, int] = {}
    for item in leases.everything(db).values():
        counted[item.dest] = counted.get(item.dest, 0) + 1
    booked = many(db, "SELECT id, in_flight FROM dest_run")
    return [
        f"destination {dest} books {n} under way, {counted.get(dest, 0)} are leased"
        for dest, n in booked
        if n != counted.get(dest, 0)
    ]
