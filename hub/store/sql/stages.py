"""Stages of partners on any engine: the last word counts, and what is queued goes by it in the same transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hub.delivery.failure import HUB
from hub.going_live.stages import fate
from hub.lifecycle import DONE, Move, State
from hub.receipts.receipts import signer_of
from hub.store.contract.stages import Promoted, Staged, Stages
from hub.store.contract.store import Stale
from hub.store.sql import actions, journal, leases
from hub.store.sql.db import Lane, many
from hub.store.sql.leaving import STORY, edition
from hub.store.sql.times import micros, moment
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from hub.going_live.stages import Fate, Stage
    from hub.store.contract.stages import Promotion
    from hub.store.sql.db import Db
    from hub.store.sql.engine import Reads, Writes

_LAST = """
SELECT partner, procedure, stage, at, set_by, reason FROM stage
WHERE n IN (SELECT max(n) FROM stage GROUP BY partner, procedure) ORDER BY partner, procedure
"""
_SET = "INSERT INTO stage(partner, procedure, stage, at, set_by, reason) VALUES(?,?,?,?,?,?)"
_DONE = ", ".join(f"'{state}'" for state in sorted(DONE))
_OPEN = f"""
SELECT t.n, t.id, t.stage, t.state, t.subject, t.dest, coalesce({STORY}, ?)
FROM transfer t JOIN message m ON m.n=t.message JOIN dest x ON x.id=t.dest
WHERE x.partner=? AND t.state NOT IN ({_DONE})
"""  # noqa: S608 - constants
_QUEUED, _TRIED = f"{_OPEN} ORDER BY t.n", f"{_OPEN} AND t.stage='trial' ORDER BY t.n"
_ON_TRIAL = f"""
SELECT DISTINCT x.partner FROM dest x JOIN transfer t ON t.dest=x.id WHERE t.stage='trial' AND t.state NOT IN ({_DONE})
ORDER BY x.partner
"""  # noqa: S608 - constants
BY_FILE = "[stage]"
"""Stands as the reason where a partner's file changed."""


class _Queued(NamedTuple):
    n: int
    id: str
    stage: Stage
    state: str
    subject: str
    dest: int
    story: bytes


def stages(db: Db) -> Stages:
    return Stages(
        edition=edition(db),
        staged=tuple(
            Staged(partner=partner, procedure=procedure, stage=stage, at=moment(at), by=by, reason=reason)
            for partner, procedure, stage, at, by, reason in many(db, _LAST)
        ),
    )


def promote(db: Db, what: Promotion) -> Promoted:
    db.hold_stages(alone=True)
    if edition(db) != what.edition:
        raise refuse("HUB-STG-002", "stage")
    new = what.staged
    at = micros(new.at)
    db.execute(_SET, (new.partner, new.procedure, new.stage, at, new.by, new.reason))
    moved = _queued(db, what, at)
    held = tuple(id_ for id_, move in moved if move is Move.HOLD)
    gone = tuple(id_ for id_, move in moved if move is not Move.HOLD)
    counts = {"held": str(len(held)), "withdrawn": str(len(gone))}
    ours = journal.by(signer_of(what.facts.get("signature", "")))
    journal.write(db, at, "stage_changed", facts={**what.facts, **counts, **ours})
    return Promoted(edition=edition(db), held=held, withdrawn=gone)


def clear(db: Db, known: int, stage: Callable[[str, bytes], Stage], at: int) -> tuple[str, ...]:
    db.hold_stages(alone=True)
    if edition(db) != known:
        raise Stale
    gone = []
    for (partner,) in many(db, _ON_TRIAL):
        tried = [_Queued(*row) for row in many(db, _TRIED, (b"", partner))]
        db.hold({Lane(each.subject, each.dest) for each in tried})
        leased = leases.everything(db)
        for each in tried:
            after = stage(partner, bytes(each.story))
            move = _move(each, fate("trial", after))
            if move is not None and each.n not in leased:
                actions.act(
                    db, actions.Order(each.id, move, State(each.state), f"{BY_FILE}: {after}", HUB), at
                )
                gone.append(each.id)
    return tuple(gone)


def _queued(db: Db, what: Promotion, at: int) -> list[tuple[str, Move]]:
    """Stop what may not reach the partner any more. Raises ``Refusal`` HUB-STG-002 for a trial that is being sent."""
    found = [_Queued(*row) for row in many(db, _QUEUED, (b"", what.staged.partner))]
    db.hold({Lane(each.subject, each.dest) for each in found})
    leased = leases.everything(db)
    moved = []
    for each in found:
        before, after = what.becomes(bytes(each.story))
        move = _move(each, fate(each.stage, after, what.queued)) if before != after else None
        if move is None:
            continue
        if each.n in leased:
            if each.stage == "trial":
                raise refuse("HUB-STG-002", each.id)
            continue
        reason = f"{what.staged.stage}: {what.staged.reason}"
        order = actions.Order(each.id, move, State(each.state), reason, what.staged.by)
        actions.act(db, order, at)
        moved.append((each.id, move))
    return moved


def _move(each: _Queued, its: Fate) -> Move | None:
    """What may have left already is finished; on trial it is passed over, because nothing of it may be sent again."""
    if its == "keep":
        return None
    if each.state == State.IN_DOUBT:
        return Move.SKIP if each.stage == "trial" else None
    if its == "withdraw":
        return Move.WITHDRAW
    return Move.HOLD if each.state == State.WAITING else None


class SqlStages:
    def __init__(self, reads: Reads, writes: Writes) -> None:
        self._reads, self._writes = reads, writes

    async def stages(self) -> Stages:
        return await self._reads.run(stages)

    async def promote(self, what: Promotion) -> Promoted:
        return await self._writes.run(lambda db: promote(db, what))

    async def clear(
        self, edition: int, stage: Callable[[str, bytes], Stage], now: datetime
    ) -> tuple[str, ...]:
        return await self._writes.run(lambda db: clear(db, edition, stage, micros(now)))
