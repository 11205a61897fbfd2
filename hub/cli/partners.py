"""``lienthong partner list|show|check|validate|pause|resume``. API keys are never shown, not even their digests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from hub import rules
from hub.cli import columns, finding, opening, show, times
from hub.cli.acting import Yes  # noqa: TC001 - cyclopts reads the annotations at run time
from hub.cli.asking import agreed
from hub.cli.desk import At, Complaint
from hub.cli.exits import Exit
from hub.cli.screen import clean
from hub.cli.stages import rows_of
from hub.going_live.stages import EVERY
from hub.health.circuit import Circuit
from hub.store.contract.views import QueueRow

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from hub.cli.desk import Desk
    from hub.cli.opening import Hub
    from hub.going_live.stages import Stage
    from hub.partners.declaration import Receives, Sends
    from hub.partners.partner import Partner
    from hub.store.contract.stages import Staged
    from schemas.problems import Problem

Files = Annotated[tuple[Path, ...], Parameter(negative=())]


@dataclass(frozen=True)
class Seen:
    """A partner as declared, and what stands in its queue now. ``worked``: a worker is alive that acts on its times.
    ``staged``: what persons said of everybody's stages.
    """

    partner: Partner
    queue: QueueRow
    worked: bool = True
    staged: tuple[Staged, ...] = ()

    @property
    def stages(self) -> dict[str, Stage]:
        """By procedure; under the empty one what counts elsewhere."""
        return {row.procedure: row.stage for row in rows_of([self.partner], self.staged)}


def _name(row: Seen, desk: Desk) -> str:
    return row.partner.name.en if desk.speech.language == "en" else row.partner.name.vi


def _sends(read: Callable[[Sends], object]) -> Callable[[Seen], object]:
    return lambda row: read(row.partner.sends) if row.partner.sends else None


def _receives(read: Callable[[Receives], object]) -> Callable[[Seen], object]:
    return lambda row: read(row.partner.receives) if row.partner.receives else None


def _role(row: Seen, desk: Desk) -> str:
    return desk.say(f"role.{row.partner.receives.role}") if row.partner.receives else ""


def _schedule(row: Seen, desk: Desk) -> str:
    told = row.partner.receives
    return ", ".join(times.wait(desk.speech, each) for each in told.schedule) if told else ""


def _receipt_within(row: Seen, desk: Desk) -> str:
    told = row.partner.receives
    return times.wait(desk.speech, told.receipt_within) if told and told.acknowledges else ""


def _hours(told: Receives) -> list[str]:
    office = ["office"] if told.calendar == "office" else []
    return [*office, *told.hours]


def _of_queue(column: show.Column[QueueRow]) -> show.Column[Seen]:
    return show.Column(column.key, lambda row: column.value(row.queue), room=column.room)


def _counter(state: str) -> Callable[[Seen], int]:
    return lambda row: row.queue.counts.get(state, 0)


def _unfinished(row: Seen) -> int:
    return sum(row.queue.counts.get(state, 0) for state in columns.COUNTED)


_DOOR = columns.DOOR
DOOR: show.Column[Seen] = show.Column(
    "door",
    lambda row: _DOOR.value(row.queue),
    lambda row, desk: columns.door_words(row.queue, desk, worked=row.worked),
    lambda row, desk: _DOOR.colour(row.queue, desk) if _DOOR.colour else "",
)

PARTNERS: tuple[show.Column[Seen], ...] = (
    show.Column("id", lambda row: row.partner.id, whole=True),
    show.Column(
        "name",
        lambda row: {"vi": row.partner.name.vi, "en": row.partner.name.en},
        _name,
        room=140,
        said=True,
    ),
    show.Column("agency", lambda row: row.partner.agency, room=100),
    show.Column("room", lambda row: row.partner.room),
    show.Column(
        "stage",
        lambda row: row.stages[EVERY],
        lambda row, desk: desk.say(f"stage.{row.stages[EVERY]}"),
    ),
    show.Column("may_send", lambda row: row.partner.sends is not None),
    show.Column("may_receive", lambda row: row.partner.receives is not None),
    DOOR,
    show.Column("unfinished", _unfinished),
)

PARTNER: tuple[show.Column[Seen], ...] = (
    *(column for column in PARTNERS if column.key not in ("may_send", "may_receive", "unfinished")),
    show.Column("stages", lambda row: {code: stage for code, stage in row.stages.items() if code != EVERY}),
    show.Column("send_format", _sends(lambda told: told.format)),
    show.Column("send_kinds", _sends(lambda told: [str(kind) for kind in told.kinds])),
    show.Column("send_codes", _sends(lambda told: list(told.codes))),
    show.Column("send_signature", _sends(lambda told: told.signature.binding if told.signature else None)),
    show.Column("receive_mapping", _receives(lambda told: told.mapping)),
    show.Column("receive_kinds", _receives(lambda told: [str(kind) for kind in told.kinds])),
    show.Column("role", _receives(lambda told: told.role), _role),
    show.Column(
        "receive_signature", _receives(lambda told: told.signature.binding if told.signature else None)
    ),
    show.Column("schedule", _receives(lambda told: list(told.schedule)), _schedule),
    show.Column("can_be_asked", _receives(lambda told: told.can_be_asked)),
    show.Column("keeps_keys", _receives(lambda told: told.keeps_keys)),
    show.Column("order_sensitive", _receives(lambda told: told.order_sensitive)),
    show.Column("acknowledges", _receives(lambda told: told.acknowledges)),
    show.Column(
        "receipt_within",
        _receives(lambda told: told.receipt_within if told.acknowledges else None),
        _receipt_within,
    ),
    show.Column("concurrency", _receives(lambda told: told.concurrency)),
    show.Column("rate", _receives(lambda told: told.rate)),
    show.Column("hours", _receives(_hours)),
    show.Column("circuit", _receives(lambda told: told.circuit.after)),
    *(_of_queue(column) for column in columns.HEALTH),
    *(show.Column(state, _counter(state)) for state in columns.COUNTED),
    show.Column("blocked", lambda row: row.queue.blocked),
    show.Column("overdue", lambda row: row.queue.overdue),
    show.Column("oldest", lambda row: row.queue.oldest),
)


async def list_(*, desk: At) -> int:
    async with desk.hub() as hub:
        queues = {row.partner: row for row in await hub.store.queue()}
        worked = await finding.worked(hub.store, desk.now())
        staged = (await hub.store.stages.stages()).staged
        found = [
            Seen(each, queues.get(each.id, _empty(each.id)), worked, staged) for each in hub.partners.values()
        ]
    show.rows(desk, PARTNERS, found, "nothing.partners")
    return Exit.OK


async def show_(partner: str, /, *, desk: At) -> int:
    async with desk.hub() as hub:
        found = await _seen(hub, partner, desk.now())
    show.card(desk, PARTNER, found)
    if not desk.as_json:
        verb = "resume" if found.queue.paused or found.queue.circuit == Circuit.OPEN else "pause"
        desk.screen.tell(
            f"{desk.say('told.next_commands')}\n"
            f"  lienthong transfer list --partner {partner}\n  lienthong partner {verb} {partner}"
        )
    return Exit.OK


def _empty(partner: str) -> QueueRow:
    return QueueRow(partner=partner, counts={}, blocked=0, oldest=None, paused=False, circuit="closed")


async def _seen(hub: Hub, name: str, now: datetime) -> Seen:
    """Return the partner with its queue; a name that nobody declared is told together with those that are."""
    partner = hub.partners.get(name)
    if partner is None:
        raise Complaint("unknown.partner", Exit.FAILED, name=name, known=", ".join(hub.partners))
    queue = next((row for row in await hub.store.queue() if row.partner == name), _empty(name))
    staged = (await hub.store.stages.stages()).staged
    return Seen(partner, queue, await finding.worked(hub.store, now), staged)


def check(files: Files, /, *, desk: At) -> int:
    if not files:
        raise Complaint("usage.missing", Exit.USAGE, name="FILE")
    found = desk.check(desk.settings, files)
    if desk.as_json:
        show.json(desk, [_checked(file, problem) for file, problem in found])
    for file, problem in () if desk.as_json else found:
        desk.screen.write(_line(desk, file, problem))
    if found:
        desk.tell("check.found", number=len(found), code=found[0][1].code)
        return Exit.FOUND
    desk.tell("check.fine", number=len(files))
    for file in files:
        if opening.is_draft(file):
            desk.tell("check.draft", file=file)
    return Exit.OK


def _checked(file: Path, problem: Problem) -> dict[str, object]:
    return {
        "file": str(file),
        "line": problem.line,
        "code": problem.code,
        "place": problem.place,
        "rule": problem.rule,
        "detail": problem.detail,
    }


def _line(desk: Desk, file: Path, problem: Problem) -> str:
    """``so-tnmt.toml:14  ✕ HUB-CFG-001  receives.replies[0].outcome  unknown key``; a tab between in a pipe."""
    place = problem.place.removeprefix(f"{file.name}: ").removeprefix(file.name).strip()
    language = desk.speech.language if desk.screen.terminal else "en"  # in a pipe as the code says it
    told = (rules.said(problem.rule, language), rules.said(problem.detail, language))
    rule = " ".join(part for part in told if part)
    at = f"{file}:{problem.line}" if problem.line else str(file)
    mark = f"✕ {problem.code}" if desk.screen.terminal else problem.code
    between = "  " if desk.screen.terminal else "\t"
    return between.join(clean(part) for part in (at, mark, place, rule))


async def pause(partner: str, /, *, reason: str = "", yes: Yes = False, desk: At) -> int:
    return await _turn(desk, partner, paused=True, reason=reason, yes=yes)


async def resume(partner: str, /, *, reason: str = "", yes: Yes = False, desk: At) -> int:
    return await _turn(desk, partner, paused=False, reason=reason, yes=yes)


async def _turn(desk: Desk, name: str, *, paused: bool, reason: str, yes: bool) -> int:
    """Resuming a partner that nobody paused, but that the hub has stopped sending to, tries it now."""
    async with desk.hub() as hub:
        seen = await _seen(hub, name, desk.now())
        stopped = seen.queue.circuit == Circuit.OPEN
        verb = "pause" if paused else "resume" if seen.queue.paused or not stopped else "try"
        if seen.queue.paused == paused and verb != "try":
            desk.tell(f"already.{verb}", partner=name)
            return Exit.OK
        told = "resume_stopped" if verb == "resume" and stopped else verb
        sentence = desk.say(f"consequence.{told}", partner=name, number=_unfinished(seen))
        why = agreed(desk, [sentence], reason=reason, yes=yes)
        if verb == "try":
            await hub.store.circuit(name, Circuit.HALF_OPEN, None, desk.now(), reason=why, by=desk.by)
        else:
            await hub.store.pause(name, paused=paused, reason=why, by=desk.by, now=desk.now())
        after = await _seen(hub, name, desk.now())
    show.rows(desk, PARTNERS, [after], "nothing.partners")
    return Exit.OK
