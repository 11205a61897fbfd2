"""``lienthong stage list|set``: how far each partner is with each procedure; promoted and rolled back by a person, with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.cli import opening, show, times
from hub.cli.acting import Yes  # noqa: TC001 - cyclopts reads the annotations at run time
from hub.cli.asking import agreed
from hub.cli.desk import At, Complaint
from hub.cli.exits import Exit
from hub.going_live import staging
from hub.going_live.stages import EVERY, Queued, Stage
from hub.going_live.staging import SIGNATURE
from hub.store.contract.stages import Promoted, Promotion, Staged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from hub.cli.desk import Desk
    from hub.cli.opening import Hub
    from hub.partners.partner import Partner


@dataclass(frozen=True)
class Row:
    """``since`` empty: the partner's file says it."""

    partner: str
    procedure: str
    stage: Stage
    since: datetime | None = None
    by: str = ""
    reason: str = ""


STAGES: tuple[show.Column[Row], ...] = (
    show.Column("partner", lambda row: row.partner, whole=True),
    show.Column(
        "procedure",
        lambda row: row.procedure or "*",
        lambda row, desk: row.procedure or desk.say("stage.others"),
    ),
    show.Column("stage", lambda row: row.stage, lambda row, desk: desk.say(f"stage.{row.stage}")),
    show.Column(
        "since",
        lambda row: row.since,
        lambda row, desk: times.local(row.since) if row.since else desk.say("stage.file"),
    ),
    show.Column("by", lambda row: row.by, room=100),
    show.Column("reason", lambda row: row.reason, room=140),
)


def rows_of(partners: Iterable[Partner], staged: Sequence[Staged]) -> Iterator[Row]:
    """For each partner what counts where nothing else is named, then the procedures that are."""
    for partner in partners:
        told = {each.procedure: each for each in staged if each.partner == partner.id}
        said = {EVERY: partner.stage.default, **partner.stage.procedures}
        for procedure in sorted({*said, *told}):
            each = told.get(procedure)
            if each is None:
                yield Row(partner.id, procedure, said[procedure])
            else:
                yield Row(partner.id, procedure, each.stage, each.at, each.by, each.reason)


async def list_(*, partner: str = "", desk: At) -> int:
    async with desk.hub() as hub:
        named = [_declared(hub, partner)] if partner else list(hub.partners.values())
        found = await hub.store.stages.stages()
    show.rows(desk, STAGES, rows_of(named, found.staged), "nothing.partners")
    return Exit.OK


async def set_(
    partner: str,
    stage: Stage,
    /,
    *,
    procedure: str = "",
    queued: Queued = "finish",
    reason: str = "",
    yes: Yes = False,
    desk: At,
) -> int:
    """Promote or roll back; in force when it returns, for whatever is accepted from then on."""
    async with desk.hub() as hub:
        known = _declared(hub, partner)
        found = await hub.store.stages.stages()
        rows = {row.procedure: row.stage for row in rows_of([known], found.staged)}
        before = rows.get(procedure, rows[EVERY])
        if procedure not in rows and not opening.published(desk.settings, procedure, desk.now()):
            raise Complaint("unknown.procedure", Exit.FAILED, code=procedure)
        if before == stage:
            desk.tell("already.stage", partner=partner, stage=desk.say(f"stage.{stage}"))
            return Exit.OK
        sentence = desk.say(
            f"consequence.stage_{stage}",
            partner=partner,
            procedure=desk.say("stage.one", code=procedure) if procedure else desk.say("stage.others"),
            before=desk.say(f"stage.{before}"),
            queued=desk.say(f"queued.{queued}"),
        )
        why = agreed(desk, [sentence], reason=reason, yes=yes)
        new = Staged(partner=partner, procedure=procedure, stage=stage, at=desk.now(), by=desk.by, reason=why)
        what = Promotion(
            staged=new, edition=found.edition, becomes=hub.means.becomes(found.staged, new), queued=queued
        )
        confirm = await opening.confirming(desk.settings, hub.store)
        signed = staging.signed(what, before, confirm)
        done = await hub.store.stages.promote(signed)
    _tell(desk, new, done, signed=SIGNATURE in signed.facts)
    return Exit.OK


def _tell(desk: Desk, new: Staged, done: Promoted, *, signed: bool) -> None:
    if not signed:
        desk.tell("told.unsigned")
    if desk.as_json:
        moved = {"held": list(done.held), "withdrawn": list(done.withdrawn)}
        show.json(desk, {"edition": done.edition, **moved, "signed": signed})
        return
    desk.tell("told.staged", partner=new.partner, stage=desk.say(f"stage.{new.stage}"))
    for word, ids in (("told.stage_held", done.held), ("told.stage_withdrawn", done.withdrawn)):
        if ids:
            desk.tell(word, number=len(ids), first=ids[0])


def _declared(hub: Hub, name: str) -> Partner:
    found = hub.partners.get(name)
    if found is None:
        raise Complaint("unknown.partner", Exit.FAILED, name=name, known=", ".join(hub.partners))
    return found
