"""What must be true of the rows of a store, each as a query that finds those who break it.

Every rule speaks about the rows of one table and what belongs to them, so it can be asked of a range of keys. All
transactions keep all rules, so any snapshot keeps them, and so does any range of it: asking range after range, each in a
snapshot of its own, beside a running queue raises no false alarm. ``{within}`` stands for the range.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hub.lifecycle import DONE, State

if TYPE_CHECKING:
    from collections.abc import Collection


def _list(states: Collection[State]) -> str:
    return ", ".join(f"'{state}'" for state in sorted(states))


_STOPPED = _list((State.REFUSED, State.PARKED, State.DEAD, State.HELD))
_DONE = _list(DONE)
_ALL = _list(tuple(State))


class Rule(NamedTuple):
    says: str
    query: str


class Part(NamedTuple):
    """Rules about one table. ``alias`` and ``keys``: by which its rows are gone through; ``share``: rows for one of the others'."""

    table: str
    alias: str
    keys: tuple[str, ...]
    rules: tuple[Rule, ...]
    share: int = 1

    @property
    def key(self) -> str:
        return ", ".join(f"{self.alias}.{key}" for key in self.keys)


_NO_PLACE = "NOT EXISTS(SELECT 1 FROM item i WHERE i.subject=t.subject AND i.dest=t.dest AND i.n=t.n)"
_HEAD = "NOT EXISTS(SELECT 1 FROM item b WHERE b.subject=i.subject AND b.dest=i.dest AND b.n<i.n)"
_NAMES_IT = (
    "SELECT 1 FROM item i WHERE i.subject={0}.subject AND i.dest={0}.dest AND i.shelf='{1}'{2} AND " + _HEAD  # noqa: S608 - constants
)
_TICKET = (
    "(i.shelf='ready' AND EXISTS(SELECT 1 FROM ready r WHERE r.dest=i.dest AND r.class=i.class AND r.since=i.at AND r.subject=i.subject)"
    " OR i.shelf='wait' AND EXISTS(SELECT 1 FROM wait w WHERE w.wake=i.at AND w.dest=i.dest AND w.subject=i.subject)"
    " OR i.shelf='stopped' AND EXISTS(SELECT 1 FROM stopped s WHERE s.dest=i.dest AND s.subject=i.subject))"
)


def _shelf(name: str, alias: str, keys: tuple[str, ...], at: str) -> Part:
    head = _NAMES_IT.format(alias, name, at)
    query = (
        f"SELECT {alias}.dest, {alias}.subject FROM {name} {alias} WHERE {{within}} AND NOT EXISTS({head})"  # noqa: S608 - constants
    )
    return Part(name, alias, keys, (Rule(f"a lane on the shelf {name} has a head that names it", query),))


PARTS: tuple[Part, ...] = (
    Part(
        "message",
        "m",
        ("n",),
        (
            Rule(
                "a message has the transfers it was accepted with",
                "SELECT m.id FROM message m WHERE {within} AND m.parts<>(SELECT count(*) FROM transfer t WHERE t.message=m.n AND t.supersedes='')",
            ),
        ),
    ),
    Part(
        "seen",
        "s",
        ("sender", "key"),
        (
            Rule(
                "an accepted key has its message",
                "SELECT s.message FROM seen s WHERE {within} AND NOT EXISTS(SELECT 1 FROM message m WHERE m.id=s.message)",
            ),
        ),
    ),
    Part(
        "transfer",
        "t",
        ("n",),
        (
            Rule(
                "a transfer is in one of the states that there are",
                f"SELECT t.id FROM transfer t WHERE {{within}} AND t.state NOT IN ({_ALL})",  # noqa: S608 - constants
            ),
            Rule(
                "what will be sent has its place in a lane",
                (
                    "SELECT t.id FROM transfer t WHERE {within} AND t.state IN ('waiting', 'in_doubt')"  # noqa: S608 - constants
                    f" AND NOT (t.state='in_doubt' AND t.wake_at IS NULL) AND {_NO_PLACE}"
                    " AND NOT (t.offered_at IS NOT NULL AND EXISTS(SELECT 1 FROM dest d WHERE d.id=t.dest AND d.order_sensitive=0))"
                ),
            ),
            Rule(
                "what stopped holds its place where order matters",
                (
                    "SELECT t.id FROM transfer t JOIN dest d ON d.id=t.dest WHERE {within}"  # noqa: S608 - constants
                    f" AND t.state IN ({_STOPPED}) AND d.order_sensitive=1 AND {_NO_PLACE}"
                ),
            ),
            Rule(
                "what was acknowledged has its receipt, and nobody awaits it",
                (
                    "SELECT t.id FROM transfer t WHERE {within} AND t.state='acknowledged' AND (t.receipt_by IS NOT NULL"
                    " OR t.overdue=1 OR NOT EXISTS(SELECT 1 FROM receipt r WHERE r.transfer=t.id))"
                ),
            ),
            Rule(
                "what can be fetched holds its lane where order matters: it is the head, and nothing is under way",
                (
                    "SELECT t.id FROM transfer t WHERE {within} AND t.offered_at IS NOT NULL AND (t.state NOT IN ('waiting', 'in_doubt')"
                    " OR NOT EXISTS(SELECT 1 FROM item i WHERE i.subject=t.subject AND i.dest=t.dest AND i.n=t.n AND i.shelf='stopped')"
                    " AND EXISTS(SELECT 1 FROM dest d WHERE d.id=t.dest AND d.order_sensitive=1))"
                ),
            ),
            Rule(
                "a successor's predecessor is withdrawn, and one of the same message",
                (
                    "SELECT t.id FROM transfer t WHERE {within} AND t.supersedes<>'' AND NOT EXISTS(SELECT 1 FROM transfer o"
                    " WHERE o.id=t.supersedes AND o.message=t.message AND o.state='withdrawn')"
                ),
            ),
        ),
    ),
    Part(
        "item",
        "i",
        ("subject", "dest", "n"),
        (
            Rule(
                "what is done has left its lane",
                f"SELECT t.id FROM item i JOIN transfer t ON t.n=i.n WHERE {{within}} AND t.state IN ({_DONE})",  # noqa: S608 - constants
            ),
            Rule(
                "a place in a lane is a transfer's own",
                (
                    "SELECT i.n FROM item i LEFT JOIN transfer t ON t.n=i.n AND t.subject=i.subject AND t.dest=i.dest"
                    " WHERE {within} AND t.n IS NULL"
                ),
            ),
            Rule(
                "a head that sleeps has a time or a turn",
                (
                    "SELECT t.id FROM item i JOIN transfer t ON t.n=i.n AND i.subject=t.subject AND i.dest=t.dest"
                    " WHERE {within} AND i.shelf='stopped' AND t.state='waiting' AND t.offered_at IS NULL"
                ),
            ),
        ),
    ),
    _shelf("ready", "r", ("dest", "class", "since", "subject"), " AND i.class=r.class AND i.at=r.since"),
    _shelf("wait", "w", ("wake", "dest", "subject"), " AND i.at=w.wake"),
    _shelf("stopped", "s", ("dest", "subject"), ""),
    Part(
        "dest",
        "d",
        ("id",),
        (
            Rule(
                "the counters are right",
                (
                    "SELECT c.dest, c.what, sum(c.n) FROM dest d JOIN ("
                    " SELECT dest, what, n FROM counts WHERE what<>'expired'"
                    " UNION ALL SELECT dest, state, -1 FROM transfer UNION ALL SELECT dest, 'accepted', -1 FROM transfer"
                    " UNION ALL SELECT dest, 'overdue', -1 FROM transfer WHERE overdue=1"
                    " UNION ALL SELECT dest, 'items', -1 FROM item"
                    " UNION ALL SELECT dest, 'lanes', -1 FROM (SELECT DISTINCT subject, dest FROM item) l"
                    ") c ON c.dest=d.id WHERE {within} GROUP BY c.dest, c.what HAVING sum(c.n)<>0"
                ),
            ),
        ),
        share=1000,
    ),
)

UNTICKETED = f"SELECT i.subject, i.dest, i.n FROM item i WHERE {{within}} AND {_HEAD} AND NOT {_TICKET}"  # noqa: S608 - constants
"""Heads without the ticket that they name: those of leased lanes, and no others."""

BALANCE: tuple[Rule, ...] = (
    Rule(
        "the states of a partner's transfers add up to what was accepted for it",
        (
            "SELECT dest FROM counts GROUP BY dest HAVING"  # noqa: S608 - constants
            f" sum(CASE WHEN what='accepted' THEN -n WHEN what IN ({_ALL}) THEN n ELSE 0 END)<>0"
        ),
    ),
    Rule("nothing is counted below nought", "SELECT dest, what FROM counts WHERE n<0"),
    Rule(
        "what is under way is under a lease",
        "SELECT id, in_flight FROM dest_run WHERE in_flight>0 AND NOT EXISTS(SELECT 1 FROM lease)",
    ),
    Rule(
        "a partner has as many tickets as lanes",
        (
            "SELECT dest, sum(n) FROM (SELECT dest, n FROM counts WHERE what='lanes'"
            " UNION ALL SELECT dest, -count(*) FROM ready GROUP BY dest"
            " UNION ALL SELECT dest, -count(*) FROM wait GROUP BY dest"
            " UNION ALL SELECT dest, -count(*) FROM stopped GROUP BY dest"
            " UNION ALL SELECT id, -in_flight FROM dest_run) c GROUP BY dest HAVING sum(n)<>0"
        ),
    ),
)
"""From counters and the shelves' sizes alone."""


def one_query() -> str:
    """Return every rule as a single statement: no row means that all is well. Takes as long as the store is large.

    Who is leased is only counted here: a partner has as many heads without a ticket as transfers under way.
    """
    asked = [(rule.says, rule.query.format(within="1=1")) for part in PARTS for rule in part.rules]
    asked += [(rule.says, rule.query) for rule in BALANCE]
    leased = UNTICKETED.format(within="1=1")
    asked.append(
        (
            "only what is under way has no ticket",
            (
                "SELECT dest, sum(n) FROM (SELECT dest, count(*) AS n FROM ("  # noqa: S608 - constants
                + leased
                + ") u GROUP BY dest UNION ALL SELECT id, -in_flight FROM dest_run) c GROUP BY dest HAVING sum(n)<>0"
            ),
        )
    )
    return "\nUNION ALL\n".join(
        f"SELECT '{says.replace(chr(39), chr(39) * 2)}' AS broken, count(*) AS times FROM ({query}) x HAVING count(*)>0"  # noqa: S608 - constants
        for says, query in asked
    )
