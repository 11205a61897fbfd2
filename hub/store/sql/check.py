"""Conservation: nothing vanished, nothing stands twice. Each rule is a query that finds those who break it.

This reads everything once (about 3 s of CPU per million transfers) and runs on a reader; it is for tests and the
operator, not for every minute.
"""

from __future__ import annotations

from hub.lifecycle import DONE, State
from hub.store.sql import leases
from hub.store.sql.db import Db, many, one


def _list(states: frozenset[State]) -> str:
    return ", ".join(f"'{state}'" for state in sorted(states))


_STOPPED = _list(frozenset({State.REFUSED, State.PARKED, State.DEAD, State.HELD}))
_DONE = _list(DONE)

Rules = tuple[tuple[str, str], ...]
"""What must hold, and the query that finds who breaks it."""

RULES: Rules = (
    (
        "a message has the transfers it was accepted with",
        "SELECT id FROM message m WHERE parts<>(SELECT count(*) FROM transfer t WHERE t.message=m.n AND t.supersedes='')",
    ),
    (
        "an accepted key has its message",
        "SELECT message FROM seen s WHERE NOT EXISTS(SELECT 1 FROM message m WHERE m.id=s.message)",
    ),
    (
        "the counters are right",
        (
            "SELECT dest, what, sum(n) FROM ("
            " SELECT dest, what, n FROM cnt"
            " UNION ALL SELECT dest, state, -1 FROM transfer UNION ALL SELECT dest, 'accepted', -1 FROM transfer"
            " UNION ALL SELECT dest, 'overdue', -1 FROM transfer WHERE overdue=1"
            " UNION ALL SELECT dest, 'items', -1 FROM item"
            " UNION ALL SELECT dest, 'lanes', -1 FROM (SELECT DISTINCT subject, dest FROM item) l"
            ") c GROUP BY dest, what HAVING sum(n)<>0"
        ),
    ),
    (
        "what will be sent has its place in a lane",
        (
            "SELECT id FROM transfer t WHERE state IN ('waiting', 'in_doubt') AND NOT (state='in_doubt' AND wake_at IS NULL)"
            " AND NOT EXISTS(SELECT 1 FROM item i WHERE i.subject=t.subject AND i.dest=t.dest AND i.n=t.n)"
        ),
    ),
    (
        "what stopped holds its place where order matters",
        (
            f"SELECT t.id FROM transfer t JOIN dest d ON d.id=t.dest WHERE t.state IN ({_STOPPED}) AND d.order_sensitive=1"  # noqa: S608 - constants
            " AND NOT EXISTS(SELECT 1 FROM item i WHERE i.subject=t.subject AND i.dest=t.dest AND i.n=t.n)"
        ),
    ),
    (
        "what is done has left its lane",
        f"SELECT t.id FROM item i JOIN transfer t ON t.n=i.n WHERE t.state IN ({_DONE})",  # noqa: S608 - constants
    ),
    (
        "a place in a lane is a transfer's own",
        "SELECT i.n FROM item i LEFT JOIN transfer t ON t.n=i.n AND t.subject=i.subject AND t.dest=i.dest WHERE t.n IS NULL",
    ),
    (
        "what was acknowledged has its receipt, and nobody awaits it",
        (
            "SELECT t.id FROM transfer t WHERE t.state='acknowledged'"
            " AND (t.receipt_by IS NOT NULL OR t.overdue=1 OR NOT EXISTS(SELECT 1 FROM receipt r WHERE r.transfer=t.id))"
        ),
    ),
    (
        "a successor's predecessor is withdrawn, and one of the same message",
        (
            "SELECT t.id FROM transfer t LEFT JOIN transfer o ON o.id=t.supersedes AND o.message=t.message AND o.state='withdrawn'"
            " WHERE t.supersedes<>'' AND o.n IS NULL"
        ),
    ),
    (
        "a head that sleeps has a time or a turn",
        (
            "SELECT t.id FROM transfer t JOIN item i ON i.n=t.n AND i.subject=t.subject AND i.dest=t.dest"
            " WHERE i.shelf='stopped' AND t.state='waiting'"
        ),
    ),
)


_HEADS = """
SELECT subject, dest, shelf, class, at FROM item i
WHERE NOT EXISTS(SELECT 1 FROM item b WHERE b.subject=i.subject AND b.dest=i.dest AND b.n<i.n)
"""


def conservation(db: Db, rules: Rules = ()) -> tuple[str, ...]:
    """Return each broken rule with the first that breaks it. ``rules``: what the engine's own tables promise."""
    broken = []
    for rule, query in (*RULES, *rules):
        row = one(db, query + " LIMIT 1")
        if row is not None:
            broken.append(f"not true that {rule}: {row}")
    return (*broken, *_tickets(db), *_in_flight(db))


def _tickets(db: Db) -> list[str]:
    """Every active lane has one ticket, on the shelf its head names; every ticket has a lane."""
    leased = {item.lane for item in leases.everything(db).values()}
    shelves = (
        ("ready", "SELECT subject, dest, class, since FROM ready"),
        ("wait", "SELECT subject, dest, NULL, wake FROM wait"),
        ("stopped", "SELECT subject, dest, NULL, NULL FROM stopped"),
    )
    tickets: dict[tuple[str, int], tuple[object, ...]] = dict.fromkeys(leased, ("lease",))
    broken = []
    for shelf, query in shelves:
        for subject, dest, class_, at in db.execute(query):
            if (subject, dest) in tickets:
                broken.append(f"lane {subject}/{dest} has two tickets")
            tickets[subject, dest] = (shelf, class_, at)
    for subject, dest, shelf, class_, at in db.execute(_HEADS):
        ticket = tickets.pop((subject, dest), None)
        if ticket is None or ticket not in {("lease",), (shelf, class_, at)}:
            broken.append(
                f"lane {subject}/{dest} has its ticket at {ticket}, its head says {(shelf, class_, at)}"
            )
    return broken + [f"lane {subject}/{dest} has a ticket and no item" for subject, dest in tickets]


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
