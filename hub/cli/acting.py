"""``lienthong transfer retry|send-anyway|send-again|hold|release|skip|withdraw``: a person's moves.

All named transfers are found before anything changes. Each is moved from the state that was shown to the person; the
store refuses when it moved meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from hub.cli import finding, show, telling
from hub.cli.asking import agreed, agreed_by_two
from hub.cli.desk import At, Complaint
from hub.cli.exits import Exit, of_code
from hub.cli.faces import FACES, face_of, words_of
from hub.cli.transfers import states
from hub.lifecycle import APPROVED, LEAVING, Move, State
from hub.persons import persons
from schemas.problems import Problem, Refusal

if TYPE_CHECKING:
    from hub.cli.desk import Desk
    from hub.cli.opening import Hub
    from hub.store.contract.stages import Leave
    from hub.store.contract.store import Store
    from hub.store.contract.views import TransferView

Ids = Annotated[tuple[str, ...], Parameter(negative=())]
Yes = Annotated[bool, Parameter(negative=())]


@dataclass(frozen=True)
class Planned:
    """One transfer as the person saw it; ``move``: what is meant for it; ``behind``: how many wait for it; ``problem``: why
    it is left out; ``leave``: by what stages it may leave.
    """

    view: TransferView
    move: Move
    behind: int
    problem: Problem | None = None
    leave: Leave | None = None


@dataclass(frozen=True)
class Done:
    """What became of one."""

    id: str
    was: State
    now: TransferView | None
    problem: str = ""


DONE: tuple[show.Column[Done], ...] = (
    show.Column("id", lambda row: row.id, whole=True),
    show.Column("was", lambda row: row.was.value, lambda row, desk: desk.say(f"state.{row.was.value}")),
    show.Column(
        "state",
        lambda row: row.now.state.value if row.now else None,
        lambda row, desk: words_of(row.now, desk.speech, desk.now()) if row.now else "",
        lambda row, desk: FACES[face_of(row.now, desk.now())].colour if row.now else "red",
    ),
    show.Column("problem", lambda row: row.problem),
)


async def retry(transfers: Ids, /, *, reason: str = "", yes: Yes = False, expect: str = "", desk: At) -> int:
    return await _act(desk, Move.RETRY, transfers, reason=reason, yes=yes, expect=expect)


async def send_anyway(
    transfers: Ids,
    /,
    *,
    reason: str = "",
    approver: str = "",
    yes: Yes = False,
    expect: str = "",
    desk: At,
) -> int:
    return await _act(
        desk, Move.SEND_ANYWAY, transfers, reason=reason, yes=yes, expect=expect, approver=approver
    )


async def send_again(
    transfers: Ids,
    /,
    *,
    reason: str = "",
    approver: str = "",
    yes: Yes = False,
    expect: str = "",
    desk: At,
) -> int:
    return await _act(
        desk, Move.SEND_AGAIN, transfers, reason=reason, yes=yes, expect=expect, approver=approver
    )


async def hold(transfers: Ids, /, *, reason: str = "", yes: Yes = False, expect: str = "", desk: At) -> int:
    return await _act(desk, Move.HOLD, transfers, reason=reason, yes=yes, expect=expect)


async def release(
    transfers: Ids, /, *, reason: str = "", yes: Yes = False, expect: str = "", desk: At
) -> int:
    return await _act(desk, Move.RELEASE, transfers, reason=reason, yes=yes, expect=expect)


async def skip(
    transfers: Ids,
    /,
    *,
    reason: str = "",
    approver: str = "",
    yes: Yes = False,
    expect: str = "",
    desk: At,
) -> int:
    return await _act(desk, Move.SKIP, transfers, reason=reason, yes=yes, expect=expect, approver=approver)


async def withdraw(
    transfers: Ids, /, *, reason: str = "", yes: Yes = False, expect: str = "", desk: At
) -> int:
    return await _act(desk, Move.WITHDRAW, transfers, reason=reason, yes=yes, expect=expect)


async def _act(
    desk: Desk,
    move: Move,
    ids: tuple[str, ...],
    *,
    reason: str,
    yes: bool,
    expect: str,
    approver: str = "",
) -> int:
    expected = State(states((expect,))[0]) if expect else None
    if not ids:
        raise Complaint("usage.missing", Exit.USAGE, name="TRANSFER")
    async with desk.hub() as hub:
        plan = [await _planned(desk, hub, each, move, expected) for each in ids]
        left_out = [each for each in plan if each.problem]
        for each in left_out:
            telling.problems(desk, [each.problem] if each.problem else [], each.view.id)
        doable = [each for each in plan if not each.problem]
        if not doable:
            return max(of_code(each.problem.code) for each in left_out if each.problem)
        sentences = [consequence(desk, each) for each in doable]
        second = ""
        if move in APPROVED:
            why, second = agreed_by_two(desk, sentences, reason=reason, yes=yes, approver=approver)
        else:
            why = agreed(desk, sentences, reason=reason, yes=yes)
        done = [await _moved(desk, hub.store, each, why, second) for each in doable]
    show.rows(desk, DONE, done, "nothing.transfers")
    return _status(done, left_out)


async def _planned(desk: Desk, hub: Hub, prefix: str, move: Move, expected: State | None) -> Planned:
    """Only what depends on the partner's declaration reads it: one wrong partner file stops no other move."""
    view = await finding.transfer(hub.store, prefix)
    depends = move is Move.SEND_ANYWAY or (move is Move.RETRY and view.state is State.REFUSED)
    partner = hub.partners.get(view.partner) if depends else None
    receives = partner.receives if partner else None
    meant = persons.again(view, receives) if move is Move.RETRY else move
    problem, leave = persons.why_not(meant, view, receives), None
    if problem is None and meant in LEAVING:
        leave = await finding.leave(hub, view, desk.now())
        problem = await finding.kept_by_stage(hub, view, leave)
    if expected is not None and view.state is not expected:
        problem = Problem(code="HUB-LAN-003", place=view.id, rule=f"{expected} ≠ {view.state}")
    behind = 0 if problem else await finding.behind(hub.store, view)
    return Planned(view, meant, behind, problem, leave)


def consequence(desk: Desk, planned: Planned) -> str:
    """Say in one sentence what will happen; a parked transfer is sealed anew, any other is asked about first."""
    view = planned.view
    name = f"consequence.{planned.move.value}_{view.state.value}"
    if not desk.speech.knows(name):
        name = f"consequence.{planned.move.value}"
    return desk.say(
        name,
        id=view.id,
        partner=view.partner,
        state=desk.say(f"state.{view.state.value}"),
        behind=finding.many(planned.behind),
    )


async def _moved(desk: Desk, store: Store, planned: Planned, why: str, approver: str) -> Done:
    view = planned.view
    try:
        after = await store.act(
            view.id,
            planned.move,
            expected=view.state,
            reason=why,
            by=desk.by,
            now=desk.now(),
            approver=approver,
            leave=planned.leave,
        )
    except Refusal as refusal:
        telling.problems(desk, refusal.problems, view.id)
        return Done(view.id, view.state, None, refusal.code)
    return Done(view.id, view.state, after)


def _status(done: list[Done], left_out: list[Planned]) -> int:
    failed = [each for each in done if each.problem]
    if not failed and not left_out:
        return Exit.OK
    if len(failed) < len(done):
        return Exit.PARTLY
    return max(of_code(each.problem) for each in failed)
