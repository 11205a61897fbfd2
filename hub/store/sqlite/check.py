"""Conservation: nothing vanished, nothing stands twice. Each rule is a query that finds those who break it.

This reads everything once (about 3 s of CPU per million transfers) and runs on a reader; it is for tests and the
operator, not for every minute.
"""

from __future__ import annotations

import apsw  # noqa: TC002 - part of a public signature

from hub.lifecycle import DONE, State
from hub.store.sqlite import leases
from hub.store.sqlite.rows import many, one


def _list(states: frozenset[State]) -> str:
    return ", ".join(f"'{state}'" for state in sorted(states))


_STOPPED = _list(frozenset({State.REFUSED, State.PARKED, State.DEAD, State.HELD}))
_DONE = _list(DONE)

RULES: tuple[tuple[str, str], ...] = (
    (
        "a message has the transfers it was accepted with",
        "SELECT id FROM message m WHERE parts<>(SELECT count(*) FROM transfer t WHERE t.n>=m.first AND t.n<m.first+m.parts AND t.message=m.n)",
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
            " UNION ALL SELECT dest, 'items', -1 FROM item"
            " UNION ALL SELECT dest, 'lanes', -1 FROM (SELECT DISTINCT subject, dest FROM item)"
            ") GROUP BY dest, what HAVING sum(n)<>0"
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
            f"SELECT t.id FROM transfer t JOIN dest d ON d.id=t.dest WHERE t.state IN ({_STOPPED}) AND d.order_sensitive"  # noqa: S608 - constants
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
        "a head that sleeps has a time or a turn",
        (
            "SELECT t.id FROM transfer t JOIN item i ON i.n=t.n AND i.subject=t.subject AND i.dest=t.dest"
            " WHERE i.shelf='stopped' AND t.state='waiting'"
        ),
    ),
)


def conservation(db: apsw.Connection) -> tuple[str, ...]:
    """Return each broken rule with the first that breaks it."""
    broken = []
    for rule, query in RULES:
        row = one(db, query + " LIMIT 1")
        if row is not None:
            broken.append(f"not true that {rule}: {row}")
    return (*broken, *_tickets(db), *_in_flight(db))


def _tickets(db: apsw.Connection) -> list[str]:
    """Every active lane has one ticket, on the shelf its head names; every ticket has a lane."""
    leased = {(item.subject, item.dest) for item in leases.everything(db).values()}
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
    heads = db.execute("SELECT subject, dest, shelf, class, at, min(n) FROM item GROUP BY subject, dest")
    for subject, dest, shelf, class_, at, _ in heads:
        ticket = tickets.pop((subject, dest), None)
        if ticket is None or ticket not in {("lease",), (shelf, class_, at)}:
            broken.append(
                f"lane {subject}/{dest} has its ticket at {ticket}, its head says {(shelf, class_, at)}"
            )
    return broken + [f"lane {subject}/{dest} has a ticket and no item" for subject, dest in tickets]


def _in_flight(db: apsw.Connection) -> list[str]:
    """Leased transfers are booked at their destination; a ready destination that is open is due."""
    counted: dict[int, int] = {}
    for item in leases.everything(db).values():
        counted[item.dest] = counted.get(item.dest, 0) + 1
    booked = many(db, "SELECT id, in_flight FROM dest")
    broken = [
        f"destination {dest} books {n} under way, {counted.get(dest, 0)} are leased"
        for dest, n in booked
        if n != counted.get(dest, 0)
    ]
    asleep = many(
        db,
        "SELECT d.partner FROM dest d WHERE NOT d.paused AND d.circuit='closed' AND d.in_flight<d.concurrency"
        " AND d.id NOT IN (SELECT dest FROM due) AND EXISTS(SELECT 1 FROM ready r WHERE r.dest=d.id)",
    )
    return broken + [f"{partner} has ready lanes and nobody looks there" for (partner,) in asleep]
