"""What was let in of each sender: told by every web process, heard by all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.lifecycle import DONE, State
from hub.store.contract.intake import Usage
from hub.store.sql.db import many

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.store.contract.intake import Use
    from hub.store.sql.db import Db

_TELL = """
INSERT INTO sender_use(sender, day, requests, messages, octets, transfers) VALUES(?,?,?,?,?,?)
ON CONFLICT(sender) DO UPDATE SET
  requests = excluded.requests + CASE WHEN sender_use.day=excluded.day THEN sender_use.requests ELSE 0 END,
  messages = excluded.messages + CASE WHEN sender_use.day=excluded.day THEN sender_use.messages ELSE 0 END,
  octets = excluded.octets + CASE WHEN sender_use.day=excluded.day THEN sender_use.octets ELSE 0 END,
  transfers = excluded.transfers + sender_use.transfers,
  day = excluded.day
"""

_HEAR = """
SELECT sender, CASE WHEN day=? THEN requests ELSE 0 END, CASE WHEN day=? THEN messages ELSE 0 END,
  CASE WHEN day=? THEN octets ELSE 0 END, unfinished + transfers - counted_with FROM sender_use
"""

_UNFINISHED = """
SELECT m.sender, count(*) FROM dest d JOIN transfer t ON t.dest=d.id AND t.state=? JOIN message m ON m.n=t.message
GROUP BY m.sender
"""


def tell(db: Db, day: str, uses: Sequence[Use]) -> None:
    for use in sorted(uses, key=lambda one: one.sender):  # one order for all: no two wait for each other
        db.execute(_TELL, (use.sender, day, use.requests, use.messages, use.octets, use.transfers))


def hear(db: Db, day: str) -> tuple[Usage, ...]:
    return tuple(
        Usage(sender=sender, requests=requests, messages=messages, octets=octets, open=max(0, open_))
        for sender, requests, messages, octets, open_ in many(db, _HEAR, (day, day, day))
    )


def unfinished(db: Db) -> dict[str, tuple[int, int]]:
    """Count unfinished transfers of each sender that is known here; return what differs from what is written down:
    how many, and what ``transfers`` was in the same snapshot. Costs a look at each of them.
    """
    rows = many(db, "SELECT sender, transfers, unfinished, counted_with FROM sender_use")
    if not rows:
        return {}
    counts: dict[str, int] = {}
    for state in State:
        if state in DONE:
            continue
        for sender, n in db.execute(_UNFINISHED, (str(state),)):
            counts[sender] = counts.get(sender, 0) + n
    return {
        sender: (counts.get(sender, 0), transfers)
        for sender, transfers, *before in rows
        if before != [counts.get(sender, 0), transfers]
    }


def book(db: Db, counted: dict[str, tuple[int, int]]) -> None:
    for sender, (count, transfers) in sorted(counted.items()):
        db.execute(
            "UPDATE sender_use SET unfinished=?, counted_with=? WHERE sender=?", (count, transfers, sender)
        )
