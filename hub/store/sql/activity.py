"""What moved, caught up in pages behind intake; and what is stuck, the oldest of each partner."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hub.lifecycle import State
from hub.store.contract.coverage import Moved, Stuck
from hub.store.sql.db import many, one
from hub.store.sql.times import SECOND, micros, moment

if TYPE_CHECKING:
    from datetime import datetime

    from hub.store.sql.db import Db
    from hub.store.sql.engine import Reads, Writes

PAGE = 1000
BEHIND = 10 * SECOND
"""How far behind the clock it stays: numbers are drawn before they can be seen."""
MOST_STUCK = 1000
"""Of each partner and state."""
_MARK = "activity"

_MESSAGES = """
SELECT m.n, m.sender, m.accepted_at,
  (SELECT d.story FROM dossier d WHERE d.id=coalesce((SELECT g.dossier FROM merged g WHERE g.id=m.dossier), m.dossier))
FROM message m WHERE m.n>? ORDER BY m.n LIMIT ?
"""
_TO = "SELECT DISTINCT x.partner, t.stage FROM transfer t JOIN dest x ON x.id=t.dest WHERE t.message=?"
_ADD = """
INSERT INTO activity(partner, unit, procedure, first_at, last_at, messages) VALUES(?,?,?,?,?,?)
ON CONFLICT(partner, unit, procedure) DO UPDATE SET messages=activity.messages+excluded.messages,
  last_at=CASE WHEN excluded.last_at>activity.last_at THEN excluded.last_at ELSE activity.last_at END
"""
_SET_MARK = """
INSERT INTO keeping(name, value, at) VALUES(?,?,?) ON CONFLICT(name) DO UPDATE SET value=excluded.value, at=excluded.at
"""
_ALL = "SELECT partner, unit, procedure, first_at, last_at, messages FROM activity ORDER BY partner, unit, procedure"
_OPEN = "SELECT partner, circuit_since, circuit_code FROM dest WHERE circuit<>'closed' ORDER BY partner"
_STUCK = """
SELECT t.problem, t.settled_at, m.accepted_at,
  (SELECT d.story FROM dossier d WHERE d.id=coalesce((SELECT g.dossier FROM merged g WHERE g.id=m.dossier), m.dossier))
FROM transfer t JOIN message m ON m.n=t.message WHERE t.dest=? AND t.state=? AND t.stage='live' ORDER BY t.n LIMIT ?
"""
_ILLEGAL = "HUB-DOS-"
"""Parked because its dossier's story does not allow it: nobody's configuration."""


class _Story(msgspec.Struct):
    """What is looked at of a dossier's story (``hub.story.record``)."""

    received_by: str = ""
    national: str | None = None
    local: str | None = None
    stage: str = "live"


class _Key(NamedTuple):
    partner: str
    unit: str
    procedure: str


def catch_up(db: Db, now: int) -> bool:
    """Take the next page; false: there was less than one."""
    row = one(db, "SELECT value FROM keeping WHERE name=?", (_MARK,))
    rows = many(db, _MESSAGES, (int(row[0]) if row else 0, PAGE))
    ready = [each for each in rows if each[2] <= now - BEHIND]
    found: dict[_Key, tuple[int, int, int]] = {}
    for n, sender, at, raw in ready:
        story = _story(raw)
        if story.stage == "trial":
            continue
        to = {partner for partner, stage in many(db, _TO, (n,)) if stage != "trial"}
        for partner in {sender, *to}:
            key = _Key(partner, story.received_by, story.national or story.local or "")
            first, last, count = found.get(key, (at, at, 0))
            found[key] = (min(first, at), max(last, at), count + 1)
    for key, counted in sorted(found.items()):
        db.execute(_ADD, (*key, *counted))
    if ready:
        db.execute(_SET_MARK, (_MARK, str(ready[-1][0]), now))
    return len(ready) == PAGE


def moved(db: Db) -> tuple[Moved, ...]:
    return tuple(
        Moved(
            partner=partner,
            unit=unit,
            procedure=procedure,
            first_at=moment(first),
            last_at=moment(last),
            messages=count,
        )
        for partner, unit, procedure, first, last, count in many(db, _ALL)
    )


def stuck(db: Db) -> tuple[Stuck, ...]:
    found: dict[tuple[str, str, str, str, str], tuple[int, int]] = {}
    for dest, partner in many(db, "SELECT id, partner FROM dest ORDER BY partner"):
        for state in (State.DEAD, State.PARKED):
            for problem, settled, accepted, raw in many(db, _STUCK, (dest, str(state), MOST_STUCK)):
                if state is State.PARKED and problem.startswith(_ILLEGAL):
                    continue
                story = _story(raw)
                procedure = story.national or story.local or ""
                key = (partner, str(state), story.received_by, procedure, problem)
                since, count = found.get(key, (settled or accepted, 0))
                found[key] = (min(since, settled or accepted), count + 1)
    broken = [
        Stuck(partner=partner, what="circuit", since=moment(since), code=code)
        for partner, since, code in many(db, _OPEN)
        if since is not None
    ]
    return (
        *broken,
        *(
            Stuck(
                partner=partner,
                what="dead" if what == State.DEAD else "parked",
                since=moment(since),
                unit=unit,
                procedure=procedure,
                code=code,
                count=count,
            )
            for (partner, what, unit, procedure, code), (since, count) in sorted(found.items())
        ),
    )


def _story(raw: bytes | None) -> _Story:
    return msgspec.json.decode(bytes(raw), type=_Story) if raw else _Story()


class SqlCoverage:
    def __init__(self, reads: Reads, writes: Writes) -> None:
        self._reads, self._writes = reads, writes

    async def moved(self, now: datetime) -> tuple[Moved, ...]:
        while await self._writes.run(lambda db: catch_up(db, micros(now))):
            pass
        return await self._reads.run(moved)

    async def stuck(self) -> tuple[Stuck, ...]:
        return await self._reads.run(stuck)
