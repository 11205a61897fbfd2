"""What of a store is archived, and how its queue comes back: tables out in one order, tables in, lanes drawn anew.

Every table is archived unless it is named here as derived, so that one which somebody adds is never forgotten. What
is derived differs between engines; it follows from the transfers' states.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hub.lifecycle import DONE, State
from hub.store.sql import leases
from hub.store.sql.db import many
from hub.store.sql.lanes import SLACK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hub.store.sql.db import Db, Row

DERIVED = frozenset(
    {
        "item",
        "ready",
        "wait",
        "stopped",
        "lease",
        "due",
        "cnt",
        "cnt_delta",
        "dest_run",
        "lane",
        "chore",
        "clock",
        "process",
        "verdict",
        "access_token",
        "officer_session",
    }
)
"""Tickets, leases and counters: drawn anew from the transfers; and what only says who is at work just now."""

PAGE = 200
"""Rows per query: what reading a table costs in memory."""
_PARAMETERS = 8000


class Table(NamedTuple):
    """``key``: how the engine writes an order by the primary key that is the same on every engine (bytes, not language)."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    key_columns: tuple[str, ...]


class UnknownColumns(Exception):  # noqa: N818 - says what it is
    """The archive has a table or a column that this store does not have."""


def archived(tables: Iterable[Table]) -> list[Table]:
    """In the order in which they are written."""
    return sorted(table for table in tables if table.name not in DERIVED)


def rows(db: Db, table: Table) -> Iterator[Row]:
    """Every row in the order of the key, a page at a time."""
    columns, key = ", ".join(table.columns), ", ".join(table.key)
    places = [table.columns.index(column) for column in table.key_columns]
    marks = ", ".join("?" * len(places))
    first = f"SELECT {columns} FROM {table.name} ORDER BY {key} LIMIT {PAGE}"  # noqa: S608 - constants
    following = f"SELECT {columns} FROM {table.name} WHERE ({key}) > ({marks}) ORDER BY {key} LIMIT {PAGE}"  # noqa: S608 - constants
    page = many(db, first)
    while page:
        yield from page
        if len(page) < PAGE:
            return
        page = many(db, following, [page[-1][place] for place in places])


def put(db: Db, table: Table, columns: Sequence[str], found: Sequence[Sequence[object]]) -> None:
    """Insert rows that have these columns. Raises ``UnknownColumns``."""
    if unknown := sorted(set(columns) - set(table.columns)):
        raise UnknownColumns(f"{table.name}: {', '.join(unknown)}")
    group = max(1, _PARAMETERS // len(columns))
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    for start in range(0, len(found), group):
        some = found[start : start + group]
        values = ", ".join([f"({marks})"] * len(some))
        db.execute(
            f"INSERT INTO {table.name}({names}) VALUES {values}",  # noqa: S608 - constants
            [value for row in some for value in row],
        )


# --- what is in doubt -----------------------------------------------------------------------------------------------


def leased(db: Db) -> list[int]:
    """Transfers that a worker has in hand: their rows do not say so."""
    return sorted(leases.everything(db))


def interrupted(db: Db, held: Iterable[int], at: int) -> None:
    """What a worker had in hand when the store stopped: as when its lease runs out, in doubt if anything was sealed."""
    for n in held:
        db.execute(
            "UPDATE transfer SET wake_at=?, state=CASE WHEN EXISTS(SELECT 1 FROM sealed s WHERE s.n=transfer.n)"
            " THEN 'in_doubt' ELSE state END WHERE n=?",
            (at, n),
        )


_DUE = "state='waiting' OR (state='in_doubt' AND wake_at IS NOT NULL)"
_FOR_A_PERSON = "state IN ('parked', 'held', 'refused')"


def doubt(db: Db, held: Iterable[int], at: int, code: str) -> int:
    """After a restore nobody knows what was sent since: return how many transfers are in doubt from here on.

    What would be sent asks first, from ``at`` on. What was parked, held or refused may have been let go since: it waits
    for a person, whose retry asks first. Dead does that already; what is done is done.
    """
    for n in held:
        db.execute("UPDATE transfer SET state='in_doubt', wake_at=? WHERE n=?", (at, n))
    db.execute(  # one that was offered is offered anew, in doubt
        f"UPDATE transfer SET state='in_doubt', wake_at=?, offered_at=NULL, problem=? WHERE {_DUE}",  # noqa: S608 - constants
        (at, code),
    )
    due = db.changes()
    db.execute(
        f"UPDATE transfer SET state='in_doubt', wake_at=NULL, settled_at=NULL, problem=? WHERE {_FOR_A_PERSON}",  # noqa: S608 - constants
        (code,),
    )
    return due + db.changes()


# --- lanes drawn anew -----------------------------------------------------------------------------------------------

_DONE = ", ".join(f"'{state}'" for state in sorted(DONE))
_SLEEPS = "t.state='waiting' OR (t.state='in_doubt' AND t.wake_at IS NOT NULL)"
_ITEMS = f"""
INSERT INTO item(subject, dest, n) SELECT t.subject, t.dest, t.n FROM transfer t JOIN dest d ON d.id=t.dest
WHERE (({_SLEEPS}) AND NOT (t.offered_at IS NOT NULL AND d.order_sensitive=0)) OR (t.state NOT IN ({_DONE}) AND d.order_sensitive<>0)
"""  # noqa: S608 - constants
_HEAD = "NOT EXISTS(SELECT 1 FROM item b WHERE b.subject=item.subject AND b.dest=item.dest AND b.n<item.n)"
_SHELF = f"""
UPDATE item SET shelf=(SELECT CASE WHEN t.offered_at IS NOT NULL OR NOT ({_SLEEPS}) THEN 'stopped' WHEN t.wake_at>? THEN 'wait' ELSE 'ready' END
  FROM transfer t WHERE t.n=item.n) WHERE {_HEAD}
"""  # noqa: S608 - constants
_READY = f"""
UPDATE item SET
  at=(SELECT m.accepted_at FROM transfer t JOIN message m ON m.n=t.message WHERE t.n=item.n),
  class=(SELECT CASE WHEN t.deadline IS NULL THEN {len(SLACK)} WHEN t.deadline-?<{SLACK[0]} THEN 0
    WHEN t.deadline-?<{SLACK[1]} THEN 1 WHEN t.deadline-?<{SLACK[2]} THEN 2 ELSE {len(SLACK)} END
    FROM transfer t WHERE t.n=item.n)
WHERE shelf='ready'
"""  # noqa: S608 - constants
_WAIT = "UPDATE item SET at=(SELECT t.wake_at FROM transfer t WHERE t.n=item.n) WHERE shelf='wait'"
_TICKETS = (
    "INSERT INTO ready(dest, class, since, subject) SELECT dest, class, at, subject FROM item WHERE shelf='ready'",
    "INSERT INTO wait(wake, dest, subject) SELECT at, dest, subject FROM item WHERE shelf='wait'",
    "INSERT INTO stopped(dest, subject) SELECT dest, subject FROM item WHERE shelf='stopped'",
)
_COUNTS = """
SELECT dest, state, count(*) FROM transfer GROUP BY dest, state
UNION ALL SELECT dest, 'accepted', count(*) FROM transfer GROUP BY dest
UNION ALL SELECT dest, 'overdue', count(*) FROM transfer WHERE overdue=1 GROUP BY dest
UNION ALL SELECT dest, 'items', count(*) FROM item GROUP BY dest
UNION ALL SELECT dest, 'lanes', count(*) FROM item WHERE shelf IS NOT NULL GROUP BY dest
"""


def draw_lanes(db: Db, now: int) -> None:
    """Places, tickets, counters and bookings of a store whose derived tables are empty.

    A ticket's turn is that of its head's acceptance: the order in which things came in is kept, and what came in
    before an outage stays with the backlog.
    """
    db.execute(
        "INSERT INTO dest_run(id, tokens) SELECT id, burst FROM dest WHERE id NOT IN (SELECT id FROM dest_run)"
    )
    db.execute(_ITEMS)
    db.execute(_SHELF, (now,))
    db.execute(_READY, (now, now, now))
    db.execute(_WAIT)
    for tickets in _TICKETS:
        db.execute(tickets)
    db.count(many(db, _COUNTS))
    for (dest,) in many(db, "SELECT DISTINCT dest FROM ready ORDER BY dest"):
        db.due(dest)


UNFINISHED = tuple(str(state) for state in State if state not in DONE)
